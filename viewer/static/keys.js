/* The timeline as a tree that is worked with keys, and for a screen reader one (ARIA Authoring Practices, Tree View):
   one row can be tabbed to, arrows move, Left and Right fold what hangs under a row, Enter unfolds what it did. */

const trace = document.querySelector(".trace");
const steps = () => trace.querySelector(".timeline .steps");
const rows = () => [...steps().querySelectorAll(".line")].filter((row) => row.offsetHeight);
const levelOf = (row) => Number(row.dataset.level);
const numberOf = (row) => Number(row.id.split("-")[1]);
const isFold = (row) => row.classList.contains("is-fold");
const detailsOf = (row) => row.querySelector(":scope > details");

/* -- a tree ------------------------------------------------------------------------------------ */

/** Numbers of the steps under which all is folded away, with how many those are. */
const folded = new Map();

function isCovered(number) {
  for (const [at, size] of folded) if (at < number && number <= at + size) return true;
  return false;
}

function dress(block) {
  block.role = block.closest(".folded") ? "group" : "none";
  for (const row of block.children) {
    row.role = "treeitem";
    row.tabIndex = -1;
    row.ariaLevel = row.dataset.level;
    const summary = detailsOf(row).querySelector("summary");
    summary.tabIndex = -1;
    summary.id = `name-${row.id}`;
    row.setAttribute("aria-labelledby", summary.id);
    if (isFold(row)) row.ariaExpanded = `${detailsOf(row).open}`;
    if (row.dataset.size) addTwist(row);
    row.hidden = isCovered(numberOf(row));
  }
}

function dressWaiting(block) {
  block.role = "treeitem";
  block.tabIndex = -1;
  block.ariaLevel = "1";
  block.querySelector("a").tabIndex = -1;
}

function addTwist(row) {
  const size = Number(row.dataset.size);
  const isOpen = !folded.has(numberOf(row));
  const twist = Object.assign(document.createElement("button"), { className: "twist", type: "button", tabIndex: -1 });
  twist.textContent = isOpen ? "−" : "+";
  twist.ariaLabel = `${isOpen ? "Fold" : "Show"} the ${size === 1 ? "step" : `${size} steps`} inside`;
  row.querySelector(":scope > .twist")?.remove();
  row.prepend(twist);
  row.querySelector(".row-inside")?.remove();
  if (!isOpen) {
    const words = { className: "row-inside", textContent: `+ ${size} inside` };
    row.querySelector(".row-words").append(Object.assign(document.createElement("span"), words));
  }
  row.ariaExpanded = `${isOpen}`;
}

/** Fold away, or show, what hangs under a row; whether that changed anything. */
function fold(row, isFolded) {
  if (isFold(row)) {
    const details = detailsOf(row);
    if (details.open !== isFolded) return false;
    details.open = !isFolded;
    return true;
  }
  const number = numberOf(row);
  if (!row.dataset.size || folded.has(number) === isFolded) return false;
  if (isFolded) folded.set(number, Number(row.dataset.size));
  else folded.delete(number);
  addTwist(row);
  cover();
  return true;
}

/** Hide what is folded away, blocks that have not come among it. */
function cover() {
  for (const row of steps().querySelectorAll(".line")) row.hidden = isCovered(numberOf(row));
  for (const block of steps().querySelectorAll(".block[data-from]")) {
    block.hidden = isCovered(Number(block.dataset.from)) && isCovered(Number(block.dataset.to));
  }
}

/** Unfold whatever a row is folded away under. */
function uncover(row) {
  const number = numberOf(row);
  for (const [at, size] of [...folded]) {
    if (!(at < number && number <= at + size)) continue;
    folded.delete(at);
    const above = document.getElementById(`row-${at}`);
    if (above) addTwist(above);
  }
  cover();
}

let current = null;

/** Make one row the one that Tab leads to. */
function settle(row, { focus = true } = {}) {
  if (!row) return;
  if (current) current.tabIndex = -1;
  current = row;
  row.tabIndex = 0;
  if (!focus) return;
  row.focus({ preventScroll: true });
  row.querySelector("summary").scrollIntoView({ block: "nearest" });
}

function plant() {
  const tree = steps();
  const first = tree?.querySelector(".line");
  if (!first) return;
  tree.role = "tree";
  const tools = trace.querySelector(".timeline-tools");
  if (!tools.querySelector(".keys")) {
    const button = made("button", { className: "keys", type: "button" }, "Shortcuts");
    button.addEventListener("click", help);
    tools.append(button);
  }
  current = current?.isConnected ? current : first;
  current.tabIndex = 0;
}

/* -- keys -------------------------------------------------------------------------------------- */

const focused = () => document.activeElement?.closest?.(".line");
const at = () => focused() ?? current;

function step(by) {
  const all = rows();
  if (!focused()) return settle(all.find((row) => row.getBoundingClientRect().bottom > 100) ?? all[0]);
  return settle(all[Math.min(Math.max(all.indexOf(at()) + by, 0), all.length - 1)]);
}

function left(row) {
  if (fold(row, true)) return;
  const all = rows();
  const before = all.slice(0, all.indexOf(row)).reverse();
  settle(before.find((other) => levelOf(other) < levelOf(row)));
}

function right(row) {
  if (!fold(row, false) && (row.dataset.size || isFold(row))) step(1);
}

function toggle(row) {
  detailsOf(row).open = !detailsOf(row).open;
}

function nextFailure() {
  const failures = (trace.querySelector(".timeline").dataset.failures || "").split(" ").map(Number).filter(Boolean);
  if (!failures.length) return;
  const number = focused() ? numberOf(focused()) : 0;
  const next = failures.find((failure) => failure > number) ?? failures[0];
  trace.dispatchEvent(new CustomEvent("tracen:reveal", { detail: { number: next, focus: true } }));
}

/* Letters that work anywhere can be switched off: who speaks to a computer types them by accident (WCAG 2.1.4). */

const SWITCH = "tracen-letters";
const letters = () => localStorage.getItem(SWITCH) !== "off";

const ANYWHERE = {
  j: () => step(1),
  k: () => step(-1),
  e: nextFailure,
  "/": () => trace.querySelector(".search input")?.focus(),
  "?": help,
};
const IN_TREE = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  Home: () => settle(rows()[0]),
  End: () => settle(rows().at(-1)),
  ArrowLeft: left,
  ArrowRight: right,
  Enter: toggle,
  " ": toggle,
};

function press(event) {
  if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = (letters() ? ANYWHERE[event.key] : undefined) ?? (event.target.matches(".line") ? IN_TREE[event.key] : undefined);
  if (!action) return;
  event.preventDefault();
  action(at());
}

/* -- help -------------------------------------------------------------------------------------- */

const KEYS = [
  ["j  k", "next and previous step"],
  ["↑  ↓", "the same, once a step has the focus"],
  ["→  ←", "show and fold what is inside a step"],
  ["Enter", "unfold what a step did"],
  ["e", "next step that failed"],
  ["/", "search"],
  ["?", "this help"],
];
const made = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

function help() {
  const shown = document.querySelector("dialog.help");
  if (shown) return shown.close();
  const lines = KEYS.map(([keys, words]) => {
    const names = keys.split("  ").flatMap((key) => [made("kbd", {}, key), " "]);
    return made("div", {}, made("dt", {}, ...names), made("dd", {}, words));
  });
  const box = made("input", { type: "checkbox", checked: letters() });
  box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
  const choice = made("p", {}, made("label", {}, box, " Letters work anywhere on the page"));
  const form = made("form", { method: "dialog" }, choice, made("button", {}, "Close"));
  const dialog = made("dialog", { className: "help" }, made("h2", { id: "help" }, "Shortcuts"), made("dl", {}, ...lines), form);
  dialog.setAttribute("aria-labelledby", "help");
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  return dialog.showModal();
}

if (trace?.querySelector(".timeline")) {
  trace.addEventListener("tracen:rows", (event) => dress(event.detail));
  trace.addEventListener("tracen:waiting", (event) => dressWaiting(event.detail));
  trace.addEventListener("tracen:shown", plant);
  trace.addEventListener("tracen:uncover", (event) => uncover(event.detail));
  trace.addEventListener("focusin", (event) => {
    const row = event.target.closest(".line");
    if (row && row !== current) settle(row, { focus: false });
  });
  trace.addEventListener("click", (event) => {
    if (event.target.matches(".twist")) fold(event.target.closest(".line"), !folded.has(numberOf(event.target.closest(".line"))));
  });
  trace.addEventListener("toggle", (event) => {
    if (event.target.matches(".folded")) event.target.closest(".line").ariaExpanded = `${event.target.open}`;
  }, true);
  document.addEventListener("keydown", press);
}
