"""What a trace page costs its reader: paint, first click, scrolling and memory of one Chromium tab."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, CDPSession, Page

TIMEOUT_MS = 180_000
ROW = 2
"""The step whose row is clicked first; the root's may stand open."""
LONG_MS = 50

_WATCH = """
window.bench = {usable: null, longTasks: [], longFrames: []};
for (const [type, kept] of [['longtask', 'longTasks'], ['long-animation-frame', 'longFrames']])
    new PerformanceObserver(list => bench[kept].push(...list.getEntries().map(one => one.duration)))
        .observe({type, buffered: true});
let clicked = -Infinity;
const click = () => {
    const row = document.querySelectorAll('.timeline summary.row')[ROW - 1];
    const body = document.getElementById('step-ROW');
    if (body && body.checkVisibility() && body.textContent.trim())
        return requestAnimationFrame(now => bench.usable = performance.now());
    if (row && performance.now() - clicked > 250) { clicked = performance.now(); row.click(); }
    requestAnimationFrame(click);
};
if (WILL_CLICK) requestAnimationFrame(click);
"""
_PAINT = """
() => new Promise(done => new PerformanceObserver(list => {
    for (const one of list.getEntriesByName('first-contentful-paint')) done(one.startTime);
}).observe({type: 'paint', buffered: true}))
"""
_USABLE = """
limit_ms => new Promise((done, fail) => {
    const look = () => bench.usable !== null ? done(bench.usable)
        : performance.now() > limit_ms ? fail(new Error('no click unfolded a step'))
        : setTimeout(look, 20);
    look();
})
"""
_SCROLL = """
async ([frames, back]) => {
    const timeline = document.querySelector('.timeline');
    let box = timeline;
    while (box && !(box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY)))
        box = box.parentElement;
    box ??= document.scrollingElement;
    const frame = () => new Promise(requestAnimationFrame);
    const shows = () => {
        const bounds = timeline.getBoundingClientRect();
        const at = [bounds.left + bounds.width / 2, innerHeight / 2];
        if (bounds.top > at[1] || bounds.bottom < at[1]) return true;
        return !!document.elementFromPoint(...at)?.closest('.timeline li, .timeline .row, .timeline details');
    };
    bench.longTasks.length = bench.longFrames.length = 0;
    const deltas = [];
    let blank = 0, last = await frame();
    for (let n = 1; n <= frames; n++) {
        const part = back ? 1 - n / frames : n / frames;
        box.scrollTo(0, part * (box.scrollHeight - box.clientHeight));
        const now = await frame();
        deltas.push(now - last);
        last = now;
        blank += !shows();
    }
    await new Promise(done => setTimeout(done, 500));
    return {deltas, blank, longTasks: bench.longTasks, longFrames: bench.longFrames, height: box.scrollHeight};
}
"""


@dataclass(frozen=True, slots=True)
class Opening:
    """Milliseconds from the start of the navigation. `usable_ms`: a click on a row has unfolded its body."""

    paint_ms: float
    usable_ms: float | None


@dataclass(frozen=True, slots=True)
class Scrolling:
    """The frames of one way through the timeline. `blank`: frames whose middle showed no row."""

    deltas_ms: tuple[float, ...]
    long_frames_ms: tuple[float, ...]
    long_tasks_ms: tuple[float, ...]
    blank: int
    height: int

    @property
    def worst_ms(self) -> float:
        return max((*self.deltas_ms, *self.long_frames_ms), default=0.0)

    @property
    def long(self) -> int:
        """Frames that took over LONG_MS, by the distance of the callbacks or by the browser's own account."""
        return max(sum(delta > LONG_MS for delta in self.deltas_ms), len(self.long_frames_ms))


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a tab, in MB. `pss` and `rss` are the renderer process's (proc(5), smaps_rollup)."""

    js_heap: float
    pss: float
    rss: float
    nodes: int
    listeners: int


@contextlib.contextmanager
def fresh_tab(browser: Browser, width: int = 1440) -> Iterator[Page]:
    """A tab with an empty cache; its process ends with it."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        yield page
    finally:
        context.close()


def opening(page: Page, url: str, *, click: bool = True) -> Opening:
    """Open an address; tell when something could be read, and when the first click had its effect."""
    script = _WATCH.replace("ROW", str(ROW)).replace("WILL_CLICK", "true" if click else "false")
    page.add_init_script(f"if (location.protocol !== 'about:') {{ {script} }}")
    page.goto(url, wait_until="commit")
    paint: float = page.evaluate(_PAINT)
    usable: float | None = page.evaluate(_USABLE, TIMEOUT_MS) if click else None
    return Opening(paint, usable)


def scrolling(page: Page, frames: int, *, back: bool = False) -> Scrolling:
    """Go through the whole timeline by `scrollTo`, a step in every frame."""
    told = page.evaluate(_SCROLL, [frames, back])
    return Scrolling(
        tuple(told["deltas"]),
        tuple(told["longFrames"]),
        tuple(told["longTasks"]),
        told["blank"],
        told["height"],
    )


def wheeling(page: Page, turns: int = 150, by: int = 120) -> Scrolling:
    """Turn the wheel notch by notch, as fast as each is answered: some 3,500 pixels a second, four screens.

    Frames by the browser's account alone.
    """
    page.evaluate("bench.longTasks.length = bench.longFrames.length = 0")
    page.mouse.move(700, 500)
    for _ in range(turns):
        page.mouse.wheel(0, by)
    page.wait_for_timeout(500)
    told = page.evaluate("({frames: bench.longFrames, tasks: bench.longTasks})")
    return Scrolling((), tuple(told["frames"]), tuple(told["tasks"]), 0, turns * by)


def memory(browser: Browser, page: Page) -> Memory:
    """What the tab holds, after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    counters = session.send("Memory.getDOMCounters")
    session.detach()
    pss, rss = max(_renderers(browser.new_browser_cdp_session()))
    return Memory(metrics["JSHeapUsedSize"] / 1e6, pss, rss, counters["nodes"], counters["jsEventListeners"])


def _renderers(session: CDPSession) -> Iterator[tuple[float, float]]:
    """PSS and RSS of every renderer; the page's is the largest, the others are spare."""
    info: dict[str, Any] = session.send("SystemInfo.getProcessInfo")
    for process in info["processInfo"]:
        if process["type"] == "renderer":
            told = Path(f"/proc/{process['id']}/smaps_rollup").read_text()
            yield _kb(told, "Pss:") / 1000, _kb(told, "Rss:") / 1000
    session.detach()


def _kb(told: str, label: str) -> int:
    return int(told.split(f"\n{label}")[1].split()[0])


def asset_bytes(page: Page) -> int:
    """Scripts and style sheets that the page has loaded so far, each gzipped."""
    urls: list[str] = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    wanted = {url for url in urls if urlsplit(url).path.endswith((".js", ".css", ".mjs"))}
    with httpx2.Client(trust_env=False) as client:
        return sum(len(gzip.compress(client.get(url).raise_for_status().content, 9)) for url in wanted)
