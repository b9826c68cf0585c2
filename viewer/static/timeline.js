/* The timeline of a trace: blocks of rows that come when they are scrolled to, bodies that come when they are
   unfolded, and visits: another view of the same page, put in the place of what changes.

   The server writes all markup. It is fetched as a document, which runs nothing, and moved into this one.
   Other scripts ask with events: `tracen:visit` {url, replace}, `tracen:reveal` {number, focus}. */

const trace = document.querySelector(".trace");
const KEPT_BLOCKS = 40;
const NEAR_PX = 1200;
const SETTLED_MS = 90; // a block that is only scrolled past is not fetched
const AT_ONCE = 2;
const BUNDLED = 10;

/** @returns {Promise<Document>} the document at a URL of this server */
function got(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.onload = () =>
      request.status === 200 && request.response ? resolve(request.response) : reject(new Error(request.status));
    request.onerror = () => reject(new Error("no answer"));
    request.send();
  });
}

const timeline = () => trace.querySelector(".timeline");
const isWaiting = (block) => block.classList.contains("is-waiting");

const rangeOf = (block) => [Number(block.dataset.from), Number(block.dataset.to)];

/** Where the rows of a block are got; those of a fold that is open are all shown. */
function rowsUrl(block) {
  const asked = new URLSearchParams(block.closest(".timeline").dataset.query);
  asked.set("from", block.dataset.from);
  asked.set("to", block.dataset.to);
  if (block.closest(".folded")) asked.set("all", "1");
  return `${trace.dataset.path}/rows?${asked}`;
}

const rowsAt = async (url) => document.adoptNode((await got(url)).querySelector("ol.block"));

/* -- blocks ------------------------------------------------------------------------------------ */

let lineHeight = 0;
const nearSince = new Map();
const loading = new Map();
const scene = new IntersectionObserver(see, { rootMargin: `${NEAR_PX}px 0px` });

function see(entries) {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) nearSince.set(target, performance.now());
    else nearSince.delete(target);
  }
  if (nearSince.size) setTimeout(loadNear, SETTLED_MS + 5);
}

/** Fetch what has been near for a moment, the nearest first. */
function loadNear() {
  const due = [...nearSince]
    .filter(([block, since]) => isWaiting(block) && !loading.has(block) && performance.now() - since >= SETTLED_MS)
    .map(([block]) => [block, distance(block)])
    .sort(([, a], [, b]) => a - b);
  for (const [block] of due.slice(0, AT_ONCE - loading.size)) {
    load(block)
      .then(() => requestAnimationFrame(loadNear))
      .catch(() => nearSince.delete(block));
  }
  if (!due.length) forgetFar();
}

/** How far a block is from the middle of the window, in pixels. */
function distance(block) {
  const { top, bottom } = block.getBoundingClientRect();
  const middle = innerHeight / 2;
  return top > middle ? top - middle : bottom < middle ? middle - bottom : 0;
}

/** Fetch the rows of a waiting block and put them in its place. */
function load(block) {
  if (isBundle(block)) {
    unbundle(block);
    return Promise.resolve();
  }
  if (!loading.has(block)) {
    const done = rowsAt(rowsUrl(block))
      .then((rows) => replaceBlock(block, rows))
      .finally(() => loading.delete(block));
    loading.set(block, done);
  }
  return loading.get(block);
}

function replaceBlock(old, block) {
  scene.unobserve(old);
  nearSince.delete(old);
  old.replaceWith(block);
  prepareBlock(block);
}

/** Give memory back: blocks far away wait again, but for those in which something is unfolded. */
function forgetFar() {
  const loaded = [...timeline().querySelectorAll("ol.block[data-from]")]
    .filter((block) => !block.querySelector("details[open]") && !block.contains(document.activeElement))
    .map((block) => [block, distance(block)])
    .filter(([, away]) => away > 3 * NEAR_PX)
    .sort(([, a], [, b]) => b - a);
  for (const [block] of loaded.slice(0, Math.max(0, loaded.length - KEPT_BLOCKS))) forget(block);
}

function forget(block) {
  const height = block.offsetHeight;
  const waiting = waitingBlock(block.dataset);
  replaceBlock(block, waiting);
  waiting.style.height = `${height}px`;
}

function waitingBlock({ from, to, lines }) {
  const block = Object.assign(document.createElement("p"), { className: "block is-waiting" });
  Object.assign(block.dataset, { from, to, lines });
  const asked = new URLSearchParams(timeline().dataset.query);
  asked.set("from", from);
  block.append(Object.assign(document.createElement("a"), { href: `?${asked}#timeline`, textContent: `Steps ${from} to ${to}` }));
  return block;
}

function prepareBlock(block) {
  if (isWaiting(block)) {
    block.style.height = `${block.dataset.lines * lineHeight}px`;
    trace.dispatchEvent(new CustomEvent("tracen:waiting", { detail: block }));
  } else trace.dispatchEvent(new CustomEvent("tracen:rows", { detail: block }));
  if (block.dataset.from) scene.observe(block);
}

/** Make the blocks of a timeline, or of a part of it, ready. */
function prepare(region) {
  const first = region.querySelector("ol.block");
  if (!first) return;
  lineHeight = first.offsetHeight / Number(first.dataset.lines) || lineHeight || 41;
  bundle(region.querySelectorAll(".steps > .block"));
  for (const block of region.querySelectorAll(".block")) prepareBlock(block);
}

/* Thousands of elements cost every frame, though they are empty: far from the reader, many blocks are one. */

function bundle(blocks) {
  let run = [];
  const close = () => {
    if (run.length > 1) join(run);
    run = [];
  };
  for (const block of blocks) {
    if (isWaiting(block)) run.push(block);
    if (!isWaiting(block) || run.length === BUNDLED) close();
  }
  close();
}

function join([first, ...others]) {
  const { dataset } = first;
  for (const other of others) {
    dataset.starts += ` ${other.dataset.starts}`;
    dataset.lines = Number(dataset.lines) + Number(other.dataset.lines);
    dataset.to = other.dataset.to;
    other.remove();
  }
}

const isBundle = (block) => isWaiting(block) && block.dataset.starts?.includes(" ");

/** Put each of its blocks in the place of a bundle. */
function unbundle(bundled) {
  const { starts, lines, to } = bundled.dataset;
  const firsts = starts.split(" ").map(Number);
  const each = Math.ceil(lines / firsts.length);
  const blocks = firsts.map((from, at) =>
    waitingBlock({ from, to: (firsts[at + 1] ?? Number(to) + 1) - 1, lines: Math.min(each, lines - at * each) }),
  );
  scene.unobserve(bundled);
  nearSince.delete(bundled);
  bundled.replaceWith(...blocks);
  blocks.forEach(prepareBlock);
}

/* -- bodies ------------------------------------------------------------------------------------ */

async function unfold(step) {
  const body = step.querySelector(":scope > .step-body.is-waiting");
  if (!body || body.ariaBusy) return;
  body.ariaBusy = "true";
  try {
    const answer = await got(body.dataset.body);
    const came = document.adoptNode(answer.querySelector(".step-body"));
    body.replaceWith(came);
    trace.dispatchEvent(new CustomEvent("tracen:body", { detail: came }));
  } catch {
    body.ariaBusy = null;
    body.classList.add("has-failed");
  }
}

/* -- one step ---------------------------------------------------------------------------------- */

/** Show the row of a step, wherever it is; unfold the step where that is asked for. */
async function reveal(number, { open = true, focus = false, fragment = "" } = {}) {
  let row = document.getElementById(`row-${number}`);
  if (!row) {
    const block = [...timeline().querySelectorAll(".block.is-waiting")].find((waiting) => {
      const [from, to] = rangeOf(waiting);
      return from <= number && number <= to;
    });
    if (!block) return false;
    if (isBundle(block)) {
      unbundle(block);
      return reveal(number, { open, focus, fragment });
    }
    for (let at = block.parentElement; at !== trace; at = at.parentElement) if (at.matches("details")) at.open = true;
    await load(block);
    row = document.getElementById(`row-${number}`);
    if (!row) return false;
  }
  for (let at = row.parentElement; at !== trace; at = at.parentElement) if (at.matches("details")) at.open = true;
  trace.dispatchEvent(new CustomEvent("tracen:uncover", { detail: row }));
  const step = row.querySelector(".step");
  if (open) {
    step.open = true;
    await unfold(step);
  }
  const target = (fragment && document.getElementById(fragment)) || row;
  const fold = target.closest("details.fold");
  if (fold) fold.open = true;
  for (const lit of trace.querySelectorAll(".is-target")) lit.classList.remove("is-target");
  row.classList.add("is-target");
  target.scrollIntoView({ block: target === row && !open ? "nearest" : "start" });
  if (focus) row.focus({ preventScroll: true });
  return true;
}

const stepOf = (hash) => Number(/^#(?:step|row)-(\d+)/.exec(hash)?.[1] ?? 0);

/* -- visits ------------------------------------------------------------------------------------ */

/** The first row in sight, and where it is. */
function anchor() {
  for (const block of timeline().querySelectorAll("ol.block")) {
    if (block.getBoundingClientRect().bottom < 0) continue;
    for (const row of block.querySelectorAll(".line")) {
      const { top, bottom, height } = row.getBoundingClientRect();
      if (height && bottom > 0) return top < innerHeight ? { row, top } : null;
    }
  }
  return null;
}

const sameRow = (region, row) =>
  (row.dataset.key && region.querySelector(`.line[data-key="${row.dataset.key}"]`)) ||
  region.querySelector(`.line[id="${row.id}"]`);

let visiting = 0;
let shownView = trace && viewOf(location.href);

/** Put another view of this page in the place of this one. The reader's place, and what is unfolded, stay. */
async function visit(url, { replace = false } = {}) {
  const own = ++visiting;
  trace.ariaBusy = "true";
  try {
    const target = new URL(url, location.href);
    const answer = await got(target.pathname + target.search);
    if (own !== visiting) return;
    const place = anchor();
    const next = document.adoptNode(answer.querySelector(".timeline"));
    if (place) await loadAround(next, Number(place.row.id.split("-")[1]));
    if (own !== visiting) return;
    swap(answer, next, place);
    document.title = answer.title;
    shownView = viewOf(target);
    if (replace) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
    const number = stepOf(target.hash) || Number(target.searchParams.get("step"));
    if (number && !replace) await reveal(number, { fragment: target.hash.slice(1) });
  } catch {
    if (!replace) location.assign(url);
  } finally {
    trace.ariaBusy = null;
  }
}

/** Fetch the blocks of a timeline that is not shown yet, as far as they will be in sight. */
async function loadAround(region, number) {
  for (const block of region.querySelectorAll(".block.is-waiting")) {
    const [from, to] = rangeOf(block);
    if (from - 60 <= number && number <= to && isBundle(block)) unbundle(block);
  }
  const wanted = [...region.querySelectorAll(".block.is-waiting")].filter((block) => {
    const [from, to] = rangeOf(block);
    return from - 60 <= number && number <= to;
  });
  await Promise.all(wanted.map(async (block) => block.replaceWith(await rowsAt(rowsUrl(block)))));
}

function swap(answer, next, place) {
  const old = timeline();
  for (const step of old.querySelectorAll(".step[open]")) {
    const row = sameRow(next, step.closest(".line"));
    if (row) row.querySelector(".step").open = true;
  }
  const input = document.activeElement?.matches(".search input") ? document.activeElement : null;
  if (input) next.querySelector(".search input")?.replaceWith(input);
  const focused = document.activeElement?.closest?.(".line");
  for (const region of trace.querySelectorAll("[data-region]:not(.timeline)")) {
    const came = answer.querySelector(`[data-region="${region.dataset.region}"]`);
    if (came && came.outerHTML !== region.outerHTML) region.replaceWith(document.adoptNode(came));
  }
  if (answer.querySelector(".trace").dataset.version) trace.dataset.version = answer.querySelector(".trace").dataset.version;
  nearSince.clear();
  scene.disconnect();
  old.replaceWith(next);
  input?.focus();
  prepare(next);
  trace.dispatchEvent(new CustomEvent("tracen:shown"));
  if (focused) sameRow(next, focused)?.focus({ preventScroll: true });
  for (const step of next.querySelectorAll(".step[open]")) unfold(step);
  const row = place && sameRow(next, place.row);
  if (row) scrollBy({ top: row.getBoundingClientRect().top - place.top, behavior: "instant" });
}

/* -- what readers do --------------------------------------------------------------------------- */

/** What an address asks of the page, apart from the place in it; of a search, `from` is another page. */
function viewOf(url) {
  const { searchParams } = new URL(url);
  searchParams.delete("step");
  if (!searchParams.has("q")) searchParams.delete("from");
  return `${searchParams}`;
}

function follow(event) {
  const link = event.target.closest?.("a");
  if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || url.pathname !== location.pathname) return;
  const number = stepOf(url.hash);
  if (number && viewOf(url) === viewOf(location.href) && !link.hasAttribute("data-visit")) {
    event.preventDefault();
    if (`${url}` !== location.href) history.pushState(null, "", url);
    reveal(number, { fragment: url.hash.slice(1) }).then((found) => found || visit(url, { replace: true }));
  } else if (link.closest(".block.is-waiting")) {
    event.preventDefault();
    load(link.closest(".block"));
  } else if (number || link.hasAttribute("data-visit")) {
    event.preventDefault();
    visit(url);
  }
}

function search(event) {
  if (!event.target.matches(".search")) return;
  event.preventDefault();
  const url = new URL(location.href);
  const words = event.target.elements.q.value.trim();
  for (const name of ["q", "from", "step"]) url.searchParams.delete(name);
  if (words) url.searchParams.set("q", words);
  url.hash = "";
  visit(url);
}

if (trace && timeline()) {
  trace.addEventListener("click", follow);
  trace.addEventListener("submit", search);
  trace.addEventListener("toggle", (event) => event.target.matches(".step") && event.target.open && unfold(event.target), true);
  trace.addEventListener("tracen:visit", (event) => visit(event.detail.url, event.detail));
  trace.addEventListener("tracen:reveal", (event) => reveal(event.detail.number, event.detail));
  addEventListener("popstate", async () => {
    if (viewOf(location.href) !== shownView) await visit(location.href, { replace: true });
    const number = stepOf(location.hash);
    if (number) reveal(number, { fragment: location.hash.slice(1) });
  });
  document.documentElement.classList.add("has-script");
  // The other scripts listen by now: modules run in order, one after the other.
  addEventListener("DOMContentLoaded", () => {
    prepare(timeline());
    trace.dispatchEvent(new CustomEvent("tracen:shown"));
    const number = stepOf(location.hash) || Number(new URL(location.href).searchParams.get("step"));
    if (number) reveal(number, { fragment: location.hash.slice(1) }).then((found) => found || visit(`?step=${number}${location.hash}`, { replace: true }));
    for (const step of trace.querySelectorAll(".step[open]")) unfold(step);
  });
}
