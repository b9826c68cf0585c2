/* The list of an account's traces: it renews itself when it has changed, and rows are chosen with mouse and keys.

   The server writes all markup. The page is fetched as a document, which runs nothing, and rows are moved into this
   one; those that are the same stay where they are, and with them what has the focus. */

const mine = document.querySelector(".mine");
const news = mine.querySelector(".mine-news");
const list = () => mine.querySelector(".mine-list");
const rows = () => [...mine.querySelectorAll(".mine-row")];
const boxes = () => [...mine.querySelectorAll(".mine-choice input")];
const chosen = () => boxes().filter((box) => box.checked);
const isFirst = "isFirst" in mine.dataset;

const AGAIN_MS = 1_000; // at most so often, and a tenth of the time, however much arrives
const MINUTE_MS = 60_000; // what is told as "5 min ago" is told anew
const LATER_MS = 30_000;

/* -- choosing ---------------------------------------------------------------------------------- */

function count() {
  const all = mine.querySelector(".choose-all");
  if (!all) return;
  const number = chosen().length;
  const button = mine.querySelector(".mine-tools button");
  const told = mine.querySelector(".mine-count");
  all.checked = number > 0 && number === boxes().length;
  all.indeterminate = number > 0 && !all.checked;
  button.disabled = !number;
  button.textContent = number ? `Delete ${number}…` : "Delete selected…";
  told.textContent = number ? `${number} selected` : told.dataset.count;
  list().classList.toggle("is-choosing", number > 0);
}

let last = null;

/** With Shift, all from the one that was chosen last. */
function choose(event) {
  if (event.target.matches(".choose-all")) for (const box of boxes()) box.checked = event.target.checked;
  else if (event.target.matches(".mine-choice input")) {
    const all = boxes();
    if (shift && last?.isConnected) {
      const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((a, b) => a - b);
      for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = event.target;
  }
  count();
}

let shift = false;

/* -- news -------------------------------------------------------------------------------------- */

/** @returns {Promise<Document>} this page as it is now */
function got() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.onload = () =>
      request.status === 200 && request.response ? resolve(request.response) : reject(new Error(request.status));
    request.onerror = () => reject(new Error("no answer"));
    request.send();
  });
}

let isLooking = false;
let isDue = false;
let isHeld = false; // until what was chosen is no longer

async function look() {
  if (isLooking || document.hidden) {
    isDue = true;
    return;
  }
  isLooking = true;
  isDue = false;
  const began = performance.now();
  try {
    const next = (await got()).querySelector(".mine");
    if (next) show(next);
  } catch (error) {
    console.error(error); // again with the next change, or minute
  }
  setTimeout(() => {
    isLooking = false;
    if (isDue) look();
  }, Math.max(AGAIN_MS, 10 * (performance.now() - began)));
}

/** The ids of rows that came in: what moved up from below the end of the page is not new. */
function arrived(next) {
  const known = new Set(rows().map((row) => row.id));
  const ids = [...next.querySelectorAll(".mine-row")].map((row) => row.id);
  const end = known.size ? ids.findLastIndex((id) => known.has(id)) : ids.length;
  return new Set(ids.slice(0, Math.max(end, 0)).filter((id) => !known.has(id)));
}

function show(next) {
  const added = arrived(next);
  const words = added.size === 1 ? "1 new trace" : `${added.size} new traces`;
  isHeld = chosen().length > 0;
  if (isHeld) {
    if (added.size) tell(`${words}.`);
    return;
  }
  news.hidden = true;
  mine.dataset.edition = next.dataset.edition;
  if (!filters() && next.querySelector("search")) news.before(document.adoptNode(next.querySelector("search")));
  renew(document.adoptNode(next.querySelector(".mine-list")), added);
  if (added.size) live.textContent = words;
  count();
}

function tell(words) {
  news.hidden = false;
  news.querySelector("span").textContent = words;
}

/** Put what has changed in the place of what was there. */
function renew(next, added) {
  const [old, now] = [mine.querySelector(".mine-rows"), next.querySelector(".mine-rows")];
  if (!old || !now) {
    list().replaceWith(next);
    for (const row of rows()) note(row);
    return;
  }
  for (const part of [".mine-count", ".mine-pages", ".mine-backlog"]) {
    const [was, is] = [list().querySelector(part), next.querySelector(part)];
    if (was && is && was.isEqualNode(is)) continue;
    if (was && is) was.replaceWith(is);
    else if (was) was.remove();
    else if (is) mine.querySelector(".mine-tools").before(is);
  }
  merge(old, now, added);
}

const sent = new WeakMap(); // each row as it came, whatever was done to it since
const note = (row) => sent.set(row, row.innerHTML);

function merge(old, now, added) {
  const fresh = new Map([...now.children].map((row) => [row.id, row]));
  for (const row of [...old.children]) if (!fresh.has(row.id)) leave(row);
  let at = old.firstElementChild;
  for (const [id, row] of fresh) {
    const known = document.getElementById(id);
    if (known && sent.get(known) === row.innerHTML) {
      if (known === at) at = at.nextElementSibling;
      else old.insertBefore(known, at);
      continue;
    }
    note(row);
    if (added.has(id)) row.classList.add("is-new");
    const focused = known?.contains(document.activeElement) ? document.activeElement : null;
    if (known && known === at) at = at.nextElementSibling; // at the end neither is there
    old.insertBefore(row, at);
    known?.remove();
    if (focused) [...row.querySelectorAll(focused.localName)].find((one) => one.className === focused.className)?.focus();
  }
}

/** A row goes; the focus in it passes on to the next one. */
function leave(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const hadFocus = row.contains(document.activeElement);
  row.remove();
  if (hadFocus) next?.querySelector(".mine-title")?.focus();
}

function changed(event) {
  if (event.data === mine.dataset.edition) return;
  if (isFirst) look();
  else tell("The list has changed since.");
}

let source = null; // browsers have few connections to a server: what nobody sees gives its own back

function listen() {
  if (source || document.hidden) return;
  source = new EventSource(mine.dataset.events);
  source.addEventListener("change", changed);
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return; // the browser asks again
    source = null; // logged out, or too many lists are open
    setTimeout(listen, LATER_MS);
  });
}

function rest() {
  source?.close();
  source = null;
}

/* -- keys -------------------------------------------------------------------------------------- */

/* Letters can be switched off, with the same switch as on the page of a trace (WCAG 2.1.4). */
const letters = () => localStorage.getItem("tracen-letters") !== "off";

function step(by) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const row = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  row?.querySelector(".mine-title").focus();
  row?.scrollIntoView({ block: "nearest" });
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  x: () => document.activeElement.closest(".mine-row")?.querySelector("input").click(),
  "/": () => mine.querySelector(".filter-words")?.focus(),
};

function press(event) {
  shift = event.shiftKey;
  if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing || !letters()) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  if (!Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
}

/* -- filters ----------------------------------------------------------------------------------- */

/** What does not filter is not in the address. */
function submit(event) {
  for (const field of event.target.elements) if (!field.value && field.name) field.disabled = true;
}

const live = Object.assign(document.createElement("p"), { className: "visually-hidden", role: "status" });
document.body.append(live);
document.documentElement.classList.add("has-script");

const filters = () => mine.querySelector(".filters"); // not there where nothing is to be filtered
mine.addEventListener("submit", (event) => event.target === filters() && submit(event));
addEventListener("pageshow", (event) => {
  for (const field of filters()?.elements ?? []) field.disabled = false;
  count();
  if (event.persisted) listen(); // back again, as it was left
});

mine.addEventListener("change", choose);
mine.addEventListener("change", () => isHeld && !chosen().length && look());
mine.addEventListener("pointerdown", (event) => (shift = event.shiftKey));
document.addEventListener("keydown", press);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return rest();
  if (isDue) look();
  return listen();
});
addEventListener("pagehide", rest);

const here = new URL(location.href); // what was just deleted is told once
if (here.searchParams.has("deleted")) {
  for (const name of ["deleted", "missed"]) here.searchParams.delete(name);
  history.replaceState(history.state, "", here);
}

for (const row of rows()) note(row);
count();
listen();
if (isFirst) setInterval(() => document.hidden || chosen().length || look(), MINUTE_MS);
