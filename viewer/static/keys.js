/* The timeline as a tree that is worked with keys, and for a screen reader one (ARIA Authoring Practices, Tree View):
   one row can be tabbed to, arrows move, Left and Right fold what hangs under a row, Enter unfolds what it did. */

const trace = document.querySelector(".trace");
const steps = () => trace.querySelector(".timeline .steps");
const rows = () => [...steps().querySelectorAll(".line[id]")].filter((row) => row.offsetHeight);
const levelOf = (row) => Number(row.dataset.level);

/** Numbers of the steps under which all is folded away, with how many those are. */
const folded = new Map();

const numberOf = (row) => Number(row.id.slice(4));

function isCovered(number) {
  for (const [at, size] of folded) if (at < number && number <= at + size) return true;
  return false;
}

/* -- a tree ------------------------------------------------------------------------------------ */

function dress(block) {
  block.role = "none";
  for (const row of block.children) {
    if (!row.id) {
      row.role = "none";
      continue;
    }
    row.role = "treeitem";
    row.tabIndex = -1;
    row.ariaLevel = row.dataset.level;
    const summary = row.querySelector("summary");
    summary.tabIndex = -1;
    summary.id = `name-${row.id.slice(4)}`;
    row.setAttribute("aria-labelledby", summary.id);
    if (row.dataset.size) addTwist(row);
    row.hidden = isCovered(numberOf(row));
  }
}

function addTwist(row) {
  const size = Number(row.dataset.size);
  const isOpen = !folded.has(numberOf(row));
  const twist = document.createElement("button");
  twist.className = "twist";
  twist.type = "button";
  twist.tabIndex = -1;
  twist.textContent = isOpen ? "−" : "+";
  if (isOpen) row.querySelector(".row-inside")?.remove();
  else row.querySelector(".row-words").append(Object.assign(document.createElement("span"), { className: "row-inside", textContent: `+ ${size} inside` }));
  twist.ariaLabel = `${isOpen ? "Fold" : "Show"} the ${size === 1 ? "step" : `${size} steps`} inside`;
  row.querySelector(".row-name").prepend(twist);
  row.ariaExpanded = `${isOpen}`;
}

function fold(row, isFolded) {
  const number = numberOf(row);
  if (!row.dataset.size || folded.has(number) === isFolded) return false;
  if (isFolded) folded.set(number, Number(row.dataset.size));
  else folded.delete(number);
  row.querySelector(".twist").remove();
  addTwist(row);
  for (const other of steps().querySelectorAll(".line[id]")) other.hidden = isCovered(numberOf(other));
  coverBlocks();
  return true;
}

/** Blocks that wait are as high as the rows in them that are not folded away. */
function coverBlocks() {
  for (const block of steps().querySelectorAll(".block[data-rows^='/']")) {
    const asked = new URLSearchParams(block.dataset.rows.split("?")[1]);
    block.hidden = isCovered(Number(asked.get("from"))) && isCovered(Number(asked.get("to")));
  }
}

/** Unfold whatever a row is folded away under. */
function uncover(row) {
  const number = numberOf(row);
  for (const [at, size] of [...folded]) {
    if (at < number && number <= at + size) {
      const above = document.getElementById(`row-${at}`);
      if (above) fold(above, false);
      else folded.delete(at);
    }
  }
  for (const other of steps().querySelectorAll(".line[id]")) other.hidden = isCovered(numberOf(other));
  coverBlocks();
}

let current = null;

/** Make one row the one that Tab leads to. */
function settle(row, { focus = true } = {}) {
  if (current) current.tabIndex = -1;
  current = row;
  row.tabIndex = 0;
  if (!focus) return;
  row.focus({ preventScroll: true });
  row.querySelector(".row").scrollIntoView({ block: "nearest" });
}

function plant() {
  const tree = steps();
  if (!tree || !tree.querySelector(".line[id]")) return;
  tree.role = "tree";
  current = current?.isConnected ? current : tree.querySelector(".line[id]");
  current.tabIndex = 0;
}

/* -- keys -------------------------------------------------------------------------------------- */

const at = () => document.activeElement?.closest?.(".line[id]") ?? current;

function step(by) {
  const all = rows();
  const index = all.indexOf(at());
  const next = all[Math.min(Math.max(index + by, 0), all.length - 1)];
  if (document.activeElement?.closest?.(".line[id]")) settle(next ?? all[0]);
  else settle(inSight(all) ?? all[0]);
}

const inSight = (all) => all.find((row) => row.getBoundingClientRect().bottom > 120);

function left(row) {
  if (fold(row, true)) return;
  const all = rows();
  const above = all.slice(0, all.indexOf(row)).reverse().find((other) => levelOf(other) < levelOf(row));
  if (above) settle(above);
}

function right(row) {
  if (!fold(row, false) && row.dataset.size) step(1);
}

function toggle(row) {
  const details = row.querySelector(".step");
  details.open = !details.open;
}

function nextFailure() {
  const failures = (trace.querySelector(".timeline").dataset.failures || "").split(" ").map(Number).filter(Boolean);
  if (!failures.length) return;
  const number = document.activeElement?.closest?.(".line[id]") ? numberOf(at()) : 0;
  const next = failures.find((failure) => failure > number) ?? failures[0];
  trace.dispatchEvent(new CustomEvent("tracen:reveal", { detail: { number: next, focus: true } }));
}

const ANYWHERE = {
  j: () => step(1),
  k: () => step(-1),
  e: nextFailure,
  "/": () => trace.querySelector(".search input")?.focus(),
  "?": () => help(),
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
  const action = ANYWHERE[event.key] ?? (event.target.matches(".line") ? IN_TREE[event.key] : undefined);
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

function help() {
  const shown = document.querySelector("dialog.help");
  if (shown) return shown.close();
  const dialog = document.createElement("dialog");
  dialog.className = "help";
  dialog.setAttribute("aria-labelledby", "help");
  const title = document.createElement("h2");
  title.id = "help";
  title.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [keys, words] of KEYS) {
    const line = document.createElement("div");
    const name = document.createElement("dt");
    for (const key of keys.split("  ")) name.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    line.append(name, Object.assign(document.createElement("dd"), { textContent: words }));
    list.append(line);
  }
  const form = document.createElement("form");
  form.method = "dialog";
  form.append(Object.assign(document.createElement("button"), { textContent: "Close" }));
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

if (trace?.querySelector(".timeline")) {
  trace.addEventListener("tracen:rows", (event) => dress(event.detail));
  trace.addEventListener("tracen:shown", plant);
  trace.addEventListener("tracen:uncover", (event) => uncover(event.detail));
  trace.addEventListener("focusin", (event) => {
    const row = event.target.closest(".line[id]");
    if (row && row !== current) settle(row, { focus: false });
  });
  trace.addEventListener("click", (event) => {
    if (!event.target.matches(".twist")) return;
    event.preventDefault();
    const row = event.target.closest(".line");
    fold(row, !folded.has(numberOf(row)));
  });
  document.addEventListener("keydown", press);
}
