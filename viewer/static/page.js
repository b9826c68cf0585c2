/* What goes with a page: copying, news of a run that goes on, and the stretch of time that is shown. */

const trace = document.querySelector(".trace");

/* -- copying ----------------------------------------------------------------------------------- */

const live = Object.assign(document.createElement("p"), { className: "visually-hidden", role: "status" });

/** See copy.js. */
const copy = (text, button) => document.dispatchEvent(new CustomEvent("tracen:copy", { detail: { text, button } }));

function copyButton(label, text) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" });
  button.ariaLabel = label;
  button.addEventListener("click", () => copy(text(), button));
  return button;
}

/** Every quote can be copied as it was sent. */
function addCopies(region) {
  for (const quote of region.querySelectorAll(".quote:not(:has(> .copy))")) {
    quote.prepend(copyButton("Copy this text", () => quote.querySelector(".text").textContent));
  }
}

function addLinkCopies(body) {
  const links = body.querySelector(".step-links");
  if (!links || links.querySelector(".copy")) return;
  const link = links.querySelector("a");
  links.prepend(copyButton("Copy the link to this step", () => link.href), " ");
  links.querySelector(".copy").textContent = "Copy link";
}

function share(event) {
  const link = event.target.closest("a[data-copy]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.copy === "url") copy(link.dataset.text, link);
  else
    fetch(link.href)
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(answer.status))))
      .then((text) => copy(text, link))
      .catch(() => (live.textContent = "It could not be fetched"));
}

/* -- news -------------------------------------------------------------------------------------- */

let isLooking = false;
let isDue = false;

function look() {
  if (isLooking || document.hidden) {
    isDue = true;
    return;
  }
  isLooking = true;
  isDue = false;
  trace.dispatchEvent(new CustomEvent("tracen:visit", { detail: { url: location.href, replace: true } }));
  setTimeout(() => {
    isLooking = false;
    if (isDue) look();
  }, 1000);
}

function listen() {
  const source = new EventSource(trace.dataset.events);
  source.addEventListener("change", (event) => event.data !== trace.dataset.version && look());
  source.addEventListener("gone", () => location.reload());
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return; // the browser asks again
    const answer = await fetch(trace.dataset.path, { method: "HEAD" });
    if (answer.status === 410 || answer.status === 404) location.reload();
  });
  document.addEventListener("visibilitychange", () => isDue && look());
  addEventListener("pagehide", () => source.close());
}

/* -- zoom -------------------------------------------------------------------------------------- */

let drag = null;

/** The stretch of time, in microseconds, that a strip across the timeline stands for. */
function stretchOf(strip) {
  const whole = Number(trace.querySelector(".timeline").dataset.spanUs);
  const zoom = /^(\d+)-(\d+)$/.exec(new URL(location.href).searchParams.get("zoom") ?? "");
  return strip.matches(".minimap") || !zoom ? [0, whole] : [Number(zoom[1]), Math.min(Number(zoom[2]), whole)];
}

function press(event) {
  const strip = event.target.closest(".minimap, .axis");
  if (!strip || event.button !== 0) return;
  event.preventDefault();
  const box = strip.getBoundingClientRect();
  const mark = Object.assign(document.createElement("div"), { className: "zoom-mark" });
  document.body.append(mark);
  drag = { strip, box, mark, start: event.clientX };
  strip.setPointerCapture(event.pointerId);
  draw(event);
}

function draw(event) {
  if (!drag) return;
  const { box, mark, start } = drag;
  const [from, to] = [start, Math.min(Math.max(event.clientX, box.left), box.right)].sort((a, b) => a - b);
  mark.style.cssText = `left:${from + scrollX}px;top:${box.top + scrollY}px;width:${to - from}px;height:${box.height}px`;
}

function release(event) {
  if (!drag) return;
  const { strip, box, mark, start } = drag;
  drag = null;
  mark.remove();
  const [first, last] = stretchOf(strip);
  const time = (x) => Math.round(first + (Math.min(Math.max((x - box.left) / box.width, 0), 1)) * (last - first));
  const [from, to] = [time(start), time(event.clientX)].sort((a, b) => a - b);
  if (Math.abs(event.clientX - start) >= 5 && to > from) zoom(`${from}-${to}`);
  else if (strip.matches(".minimap")) goTo((event.clientY - box.top) / box.height);
}

function zoom(stretch) {
  const url = new URL(location.href);
  url.searchParams.set("zoom", stretch);
  url.searchParams.delete("step");
  url.hash = "";
  trace.dispatchEvent(new CustomEvent("tracen:visit", { detail: { url: `${url}` } }));
}

/** Show the step at a share of the whole list. */
function goTo(share) {
  const count = Number(trace.querySelector(".timeline").dataset.steps);
  const number = Math.min(Math.max(Math.ceil(share * count), 1), count);
  trace.dispatchEvent(new CustomEvent("tracen:reveal", { detail: { number, open: false } }));
}

/* -- where the reader is --------------------------------------------------------------------- */

let isDrawn = true;

/** Mark on the minimap which steps are in sight. */
function mark() {
  isDrawn = true;
  const strip = trace.querySelector(".minimap");
  if (!strip) return;
  const lanes = strip.viewBox.baseVal.height;
  const count = Number(trace.querySelector(".timeline").dataset.steps);
  const top = strip.getBoundingClientRect().bottom + 40;
  const [first, last] = [numberAt(top), numberAt(innerHeight - 8) ?? numberAt(innerHeight / 2)];
  const shown = strip.querySelector(".lane-window") ?? strip.appendChild(document.createElementNS(strip.namespaceURI, "rect"));
  const height = first && last ? Math.max(((last - first + 1) / count) * lanes, 1) : 0;
  const place = { class: "lane-window", x: 0, width: 100, y: (((first ?? 1) - 1) / count) * lanes, height };
  for (const [name, value] of Object.entries(place)) shown.setAttribute(name, value);
}

function numberAt(y) {
  const found = document.elementFromPoint(innerWidth / 2, y)?.closest(".line, .block[data-from]");
  return found ? Number(found.dataset.from ?? found.id.split("-")[1]) : undefined;
}

function follow() {
  if (isDrawn) setTimeout(mark, 150); // it asks where things are, which a frame has no time for
  isDrawn = false;
}

/** What opens over the page closes when the reader turns to something else. */
function closeOthers(event) {
  if (event.type === "keydown" && event.key !== "Escape") return;
  for (const open of document.querySelectorAll(".menu[open], .why[open]")) {
    if (event.type === "keydown" || !open.contains(event.target)) open.open = false;
  }
}

document.addEventListener("click", closeOthers);
document.addEventListener("keydown", closeOthers);
document.body.append(live);
if (trace) {
  addCopies(document);
  for (const body of trace.querySelectorAll(".step-body")) addLinkCopies(body);
  const dress = (event) => {
    addCopies(event.detail);
    for (const body of event.detail.querySelectorAll(".step-body:not(.is-waiting)")) addLinkCopies(body);
  };
  trace.addEventListener("tracen:rows", dress);
  trace.addEventListener("tracen:shown", () => addCopies(trace));
  trace.addEventListener("tracen:body", (event) => {
    addCopies(event.detail);
    addLinkCopies(event.detail);
  });
  document.addEventListener("click", share);
  trace.addEventListener("pointerdown", press);
  trace.addEventListener("pointermove", draw);
  trace.addEventListener("pointerup", release);
  trace.addEventListener("pointercancel", () => {
    drag?.mark.remove();
    drag = null;
  });
  addEventListener("scroll", follow, { passive: true });
  if (trace.dataset.events) listen();
} else addCopies(document);
