"""`make bench-page`: what a trace page costs the server that makes it and the tab that shows it."""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Error
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench.tab import (
    LONG_MS,
    Memory,
    Scrolling,
    asset_bytes,
    fresh_tab,
    memory,
    opening,
    scrolling,
    wheeling,
)
from tests.browsers import running_browser
from tests.processes import TracenProcess, running_tracen
from tests.shots import traces
from tests.shots.sources import SERVE_FLAGS, Posted, Sent
from tests.shots.spans import many_steps

CPU_TICKS = os.sysconf("SC_CLK_TCK")
SMALL, LARGE, HUGE = 100, 1_000, 100_000
OPENINGS_BY_STEPS = {SMALL: 50, LARGE: 15}
"""Pages that are opened for the first time; each is then opened again from the cache."""
SCROLL_FRAMES = 900
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `is_met` is None where there is no target."""

    name: str
    value: str
    target: str = ""
    is_met: bool | None = None


def below(name: str, value: float, limit: float, unit: str, *, digits: int = 0) -> Figure:
    """A figure that is to stay under a limit."""
    return Figure(name, f"{value:,.{digits}f} {unit}", f"under {limit:,.{digits}f} {unit}", value < limit)


# -- server -------------------------------------------------------------------------------------------


def cpu_ns(pid: int) -> int:
    """Time on a CPU of all threads of a process, and of its children, those that have ended included.

    Nanoseconds; of the ended ones to the tick (proc(5): task/*/schedstat; stat, cutime and cstime).
    """
    ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]
    used = sum(map(int, ended)) * 1_000_000_000 // CPU_TICKS
    for task in Path(f"/proc/{pid}/task").iterdir():
        used += int((task / "schedstat").read_text().split()[0])
        used += sum(cpu_ns(int(child)) for child in (task / "children").read_text().split())
    return used


def cpu_per_page(tracen: TracenProcess, client: httpx2.Client, steps: int) -> Iterator[Figure]:
    """Server CPU of a page of LLM steps of 2 kB that nobody opened yet, and then of the same page."""
    source = Sent(partial(many_steps, steps, text_bytes=2_000))
    urls = [tracen.http + source.publish(tracen) for _ in range(OPENINGS_BY_STEPS[steps])]
    took_ms: list[list[float]] = []
    for _ in range(2):
        took_ms.append([])
        for url in urls:
            before = cpu_ns(tracen.pid)
            client.get(url).raise_for_status()
            took_ms[-1].append((cpu_ns(tracen.pid) - before) / 1e6)
    first, cached = map(statistics.median, took_ms)
    name = f"page of {steps:,} LLM steps, server CPU, median of {len(urls)}"
    if steps == SMALL:
        yield below(f"{name}: assembled", first, 30, "ms", digits=1)
        yield below(f"{name}: cached", cached, 10, "ms", digits=1)
    else:
        yield Figure(f"{name}: assembled", f"{first:,.1f} ms")
        yield Figure(f"{name}: cached", f"{cached:,.1f} ms")


def first_opening(client: httpx2.Client, url: str, name: str) -> Iterator[Figure]:
    """By HTTP, to the last byte; the size of what came."""
    for time_name in ("first opening", "second opening"):
        started = time.perf_counter()
        html = client.get(url).raise_for_status().content
        yield Figure(f"{name}: {time_name} by HTTP", f"{time.perf_counter() - started:,.2f} s")
    size = f"{len(html) / 1000:,.0f} kB, {len(gzip.compress(html)) / 1000:,.0f} kB gzipped"
    yield Figure(f"{name}: HTML", size)


# -- tab ----------------------------------------------------------------------------------------------


def in_tab(browser: Browser, url: str, name: str) -> Iterator[Figure]:
    """Open, click, scroll to the end and back, and ask what the tab holds."""
    with fresh_tab(browser) as page:
        opened = opening(page, url)
        yield below(f"{name}: first contentful paint", opened.paint_ms, 500, "ms")
        yield below(f"{name}: first click has unfolded a step", opened.usable_ms or 0, 1_000, "ms")
        at_first = memory(browser, page)
        yield _smooth(f"{name}: wheel", wheeling(page))
        down = scrolling(page, SCROLL_FRAMES)
        yield _smooth(f"{name}: scrolled through {down.height:,} px", down)
        yield Figure(f"{name}: frames that showed no row", f"{down.blank} of {len(down.deltas_ms)}")
        yield _smooth(f"{name}: scrolled back", scrolling(page, SCROLL_FRAMES, back=True))
        yield Figure(f"{name}: tab when opened", _shown(at_first))
        at_last = memory(browser, page)
        yield Figure(f"{name}: tab after scrolling", _shown(at_last), "PSS under 200 MB", at_last.pss < 200)
        yield Figure(f"{name}: DOM", f"{at_last.nodes:,} nodes, {at_last.listeners:,} listeners")
        size = asset_bytes(page)
        yield Figure("scripts and styles, gzipped", f"{size / 1000:.1f} kB", "at most 60 kB", size <= 60_000)


def painted(browser: Browser, url: str, name: str) -> Iterator[Figure]:
    """The first contentful paint of a page that is in the server's cache."""
    with fresh_tab(browser) as page:
        yield below(f"{name}: first contentful paint", opening(page, url, click=False).paint_ms, 500, "ms")


def _smooth(name: str, seen: Scrolling) -> Figure:
    value = f"{seen.long} frames over {LONG_MS} ms, worst {seen.worst_ms:,.0f} ms"
    return Figure(name, value, f"no frame over {LONG_MS} ms", seen.long == 0)


def _shown(held: Memory) -> str:
    return f"{held.pss:,.0f} MB PSS, {held.rss:,.0f} MB RSS, JS heap {held.js_heap:,.1f} MB"


# -- all ----------------------------------------------------------------------------------------------

Measure = Callable[[], Iterator[Figure]]


def measurements(
    tracen: TracenProcess, client: httpx2.Client, browser: Browser, options: argparse.Namespace
) -> Iterator[tuple[str, Measure]]:
    """What is measured, in order, each with its name."""
    for steps in OPENINGS_BY_STEPS:
        yield f"{steps:,} steps", partial(cpu_per_page, tracen, client, steps)
    huge = {"1 of 11 an LLM's": partial(many_steps, options.steps, llm_every=11)}
    if options.heavy:
        huge["all LLM, 2 kB"] = partial(many_steps, options.steps, text_bytes=2_000)
    for told, make in huge.items():
        name = f"{options.steps:,} steps, {told}"
        url = tracen.http + Sent(make).publish(tracen)
        yield name, partial(first_opening, client, url, name)
        yield name, partial(in_tab, browser, url, name)
    for name, trace in (("a prompt of 1 MB of [", traces.brackets), ("a line of 10 MB", traces.one_line)):
        url = tracen.http + Posted(trace).publish(tracen)
        yield name, partial(first_opening, client, url, name)
        yield name, partial(painted, browser, url, name)


def measured(name: str, measure: Measure) -> list[Figure]:
    """The figures of one measurement; where the browser gives up, that is one."""
    figures: list[Figure] = []
    try:
        figures += measure()
    except Error as error:
        figures.append(Figure(f"{name}: gave up", str(error).splitlines()[0][:80], "an answer", False))
    return figures


def table_of(figures: list[Figure]) -> Table:
    table = Table("measured", "figure", "target", "")
    for figure in figures:
        met = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.is_met]
        table.add_row(figure.name.replace("[", "\\["), figure.value, figure.target, met)
    return table


@contextmanager
def stage(folder: Path) -> Iterator[tuple[TracenProcess, httpx2.Client, Browser]]:
    """A server, a client that keeps one connection and no cache, and a browser."""
    headers = {"accept": "text/html", "accept-encoding": "identity"}
    with (
        running_tracen(folder / "page.db", *SERVE_FLAGS) as tracen,
        httpx2.Client(trust_env=False, timeout=_TIMEOUT_S, headers=headers) as client,
        running_browser() as browser,
    ):
        yield tracen, client, browser


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("--steps", type=int, default=HUGE, help=f"of the huge trace ({HUGE:,})")
    parser.add_argument("--heavy", action="store_true", help="also a huge trace of LLM steps alone")
    options = parser.parse_args()
    figures: list[Figure] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as (tracen, client, browser), bar:
        task = bar.add_task("publishing", total=None)
        for told, measure in measurements(tracen, client, browser, options):
            bar.update(task, description=f"measuring {told}".replace("[", "\\["))
            for figure in measured(told, measure):
                bar.console.print(f"{figure.name}: {figure.value}", markup=False, highlight=False)
                figures.append(figure)
        chromium = browser.version
    out = Console(width=None if sys.stdout.isatty() else 140)
    cores = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    out.print(
        f"make bench-page · {cores}, Chromium {chromium} (headless, drawn without a GPU)", highlight=False
    )
    out.print(table_of(list(dict.fromkeys(figures))))


if __name__ == "__main__":
    main()
