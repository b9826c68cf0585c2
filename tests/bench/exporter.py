"""`make bench-exporter`: what TracenSpanExporter costs the program it lives in, beside OTLP's own HTTP exporter.

Both export the same spans to the same sink, in turns, each run a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench.agent import SHAPES, Cost, Task
from tests.bench.imports import import_times_ms, server_modules
from tests.bench.sink import Sink, running_sink
from tests.tracen_otel.scripted_server import closed_port
from tracen_otel.pending import Bounds

ROUNDS, IMPORT_ROUNDS, SPANS = 3, 7, 2_400
MEMORY_SPANS, MEMORY_SHAPE = 24_000, "agent of 100"
"""More than the exporter may hold, so that its buffer is full."""
PACKED_SHAPE, SHORT_SHAPE = "agent of 30", "agent of 10"
SLOW_SHAPES, SLOW_SPANS, SLOW_PAUSE_S = ("1 model call", "agent of 10"), 100, 0.02
"""A span each 2 s, and a batch each 5 s, both in a hundredth of the time."""
_RUN_TIMEOUT_S = 120

Runs = dict[str, list[Cost]]
"""Costs by exporter, one a round."""


class _Program:
    """Runs the measured program against a sink."""

    def __init__(self, sink: Sink, advance: Callable[[str], None]) -> None:
        self._sink = sink
        self._advance = advance

    def run(self, task: Task) -> Cost:
        """One run. Raises RuntimeError where not every span arrived."""
        self._advance(f"{task.shape}: {task.exporter}")
        self._sink.forget()
        if not task.endpoint:
            task = replace(task, endpoint=self._sink.endpoint, counters=str(self._sink.file))
        command = [sys.executable, "-m", "tests.bench.agent", json.dumps(asdict(task))]
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("OTEL_", "TRACEN_"))}
        told = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_RUN_TIMEOUT_S
        )
        if told.returncode:
            raise RuntimeError(f"{task.exporter}, {task.shape}: {told.stderr.strip().splitlines()[-1]}")
        cost = Cost(**json.loads(told.stdout))
        if task.gzip and cost.sent.get("gzipped") != cost.sent.get("posts"):
            raise RuntimeError(f"{task.exporter}: bodies were to be packed with gzip, and are not")
        return cost

    def rounds(self, task: Task, rounds: int) -> Runs:
        """Runs in turns: without an exporter, ours, theirs; every other round the other way round."""
        runs: Runs = {"none": [], "tracen": [], "otlp": []}
        for number in range(rounds):
            for exporter in runs if number % 2 == 0 else reversed(runs):
                runs[exporter].append(self.run(replace(task, exporter=exporter)))
        return runs


# -- figures ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure over all rounds, with the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


def worker_us(cost: Cost) -> float:
    """CPU of every thread but the program's own, for a span."""
    return cost.worker_s / cost.spans * 1e6


def own_us(cost: Cost) -> float:
    """CPU of the program's own thread while it makes spans, for a span."""
    return cost.own_s / cost.spans * 1e6


def own_wall_us(cost: Cost) -> float:
    return cost.own_wall_s / cost.spans * 1e6


def ratio(runs: Runs, figure: Callable[[Cost], float]) -> Spread:
    """Ours by theirs, round by round."""
    pairs = zip(runs["tracen"], runs["otlp"], strict=True)
    return Spread.of([figure(ours) / figure(theirs) for ours, theirs in pairs])


def added(runs: Runs, exporter: str, figure: Callable[[Cost], float]) -> float:
    """What an exporter adds to a run without one; the median of the rounds."""
    pairs = zip(runs[exporter], runs["none"], strict=True)
    return statistics.median([figure(cost) - figure(without) for cost, without in pairs])


def verdict(is_met: bool) -> str:
    return "[green]met[/]" if is_met else "[red]missed[/]"


# -- tables -------------------------------------------------------------------------------------------


def shape_table() -> Table:
    columns = (
        "traces of",
        "workers' CPU, µs",
        "ratio (range)",
        "",
        "own CPU, µs",
        "own wall, µs",
        "bytes",
        "posts",
    )
    return Table(
        *columns, title="tracen : otlp, for a span; own: what is added to the thread that makes spans"
    )


def shape_row(name: str, runs: Runs, *, is_busy: bool = True) -> tuple[str, ...]:
    """One line. `is_busy`: the program does not sleep, so that its time by the clock tells something."""
    of_worker = ratio(runs, worker_us)
    ours, theirs = runs["tracen"][-1], runs["otlp"][-1]
    reserved = f" + {ours.sent['reservations']}" if ours.sent["reservations"] else ""
    return (
        name,
        _pair(*(statistics.median(map(worker_us, runs[one])) for one in ("tracen", "otlp"))),
        f"{of_worker.median:.2f} ({of_worker.least:.2f}–{of_worker.most:.2f})",
        verdict(of_worker.median <= 1) if not name.startswith("mixed") else "",
        _pair(*(added(runs, one, own_us) for one in ("tracen", "otlp"))),
        _pair(*(added(runs, one, own_wall_us) for one in ("tracen", "otlp"))) if is_busy else "",
        _pair(*(cost.sent["bytes"] / cost.spans for cost in (ours, theirs))),
        f"{ours.sent['posts']}{reserved} : {theirs.sent['posts']}",
    )


def _pair(ours: float, theirs: float) -> str:
    return f"{ours:,.0f} : {theirs:,.0f}"


Row = tuple[str, str, str, str]


def own_thread_row(runs_by_shape: dict[str, Runs]) -> Row:
    """All shapes and rounds together, as one shape's difference is smaller than the noise."""
    pairs = [
        pair for runs in runs_by_shape.values() for pair in zip(runs["tracen"], runs["otlp"], strict=True)
    ]
    more = sum(own_us(ours) > own_us(theirs) for ours, theirs in pairs)
    ours, theirs = (
        statistics.median([added(runs, one, own_us) for runs in runs_by_shape.values()])
        for one in ("tracen", "otlp")
    )
    told = f"{_pair(ours, theirs)} µs of CPU a span; more than theirs in {more} of {len(pairs)} rounds"
    is_told_apart = ours <= theirs or is_beyond_chance(more, len(pairs))
    outcome = verdict(ours <= theirs) if is_told_apart else "no difference seen"
    return ("own thread, median of the shapes", told, "at most theirs", outcome)


def is_beyond_chance(more: int, pairs: int) -> bool:
    """Tell whether one of two that are equal would be the greater one so often in less than 1 of 20 cases."""
    return sum(math.comb(pairs, number) for number in range(more, pairs + 1)) / (1 << pairs) < 0.05


def shutdown_row(runs_by_shape: dict[str, Runs]) -> Row:
    """What `shutdown` takes of the program's thread with hundreds of spans on their way."""
    ours, theirs = (
        statistics.median([cost.shutdown_s * 1000 for runs in runs_by_shape.values() for cost in runs[one]])
        for one in ("tracen", "otlp")
    )
    return ("own thread, in shutdown", f"{ours:.1f} : {theirs:.1f} ms of CPU", "", "")


def memory_rows(program: _Program) -> Iterator[Row]:
    """The most that was resident, beyond the program without an exporter; what a full buffer alone takes.

    Ours once more where nobody listens: that is when its buffer fills.
    """
    bounds = Bounds()
    held_spans = min(bounds.spans, bounds.traces * SHAPES[MEMORY_SHAPE].spans)
    task = Task(MEMORY_SHAPE, MEMORY_SPANS, held_spans=held_spans, held_text_chars=bounds.text_chars)
    tasks = {exporter: replace(task, exporter=exporter) for exporter in ("none", "tracen", "otlp", "held")}
    nowhere = f"http://127.0.0.1:{closed_port()}"
    tasks["down"] = replace(task, exporter="tracen", endpoint=nowhere, warm_up=False, pause_s=0.0001)
    peak_mb = {name: program.run(one).peak_kb / 1000 for name, one in tasks.items()}
    ours, theirs, buffer, down = (
        peak_mb[name] - peak_mb["none"] for name in ("tracen", "otlp", "held", "down")
    )
    limit = f"theirs + the buffer ({buffer:.0f} MB)"
    told = f"{ours:.1f} : {theirs:.1f} MB beyond {peak_mb['none']:.0f}"
    yield (f"peak memory, {MEMORY_SPANS:,} spans", told, limit, verdict(ours <= theirs + buffer))
    yield (
        "peak memory, no server",
        f"{down:.0f} MB beyond {peak_mb['none']:.0f}",
        limit,
        verdict(down <= theirs + buffer),
    )


def short_row(program: _Program, rounds: int) -> Row:
    """A program that makes one trace and ends, imports and all."""
    runs = program.rounds(Task(SHORT_SHAPE, 1, warm_up=False), rounds)
    ours, theirs = (added(runs, one, lambda cost: cost.whole_s * 1000) for one in ("tracen", "otlp"))
    return ("a program of one trace, start to end", f"{ours:.0f} : {theirs:.0f} ms of CPU added", "", "")


def import_rows(rounds: int) -> Iterator[Row]:
    ms = import_times_ms(rounds)
    told = f"{ms['and tracen_otel']:.0f} ms of CPU beyond the SDK's {ms['the SDK']:.0f}"
    yield ("import tracen_otel", told, "at most 30 ms", verdict(ms["and tracen_otel"] <= 30))
    both = f"{ms['and one is made']:.0f} : {ms['and OTLPSpanExporter, made']:.0f} ms of CPU"
    yield ("import and make an exporter", both, "", "")
    brought = server_modules()
    yield ("modules of the server's dependencies", ", ".join(brought) or "none", "none", verdict(not brought))


# -- all ----------------------------------------------------------------------------------------------


def measured_shapes(program: _Program, options: argparse.Namespace) -> tuple[Table, dict[str, Runs]]:
    """The table of all shapes, and the costs of those that are exported as fast as they are made."""
    table, runs_by_shape = shape_table(), {}
    for shape in options.shape or SHAPES:
        runs = program.rounds(Task(shape, options.spans), options.rounds)
        table.add_row(*shape_row(shape, runs))
        runs_by_shape[shape] = runs
    if not options.shape:
        others = {f"{PACKED_SHAPE}, gzip": Task(PACKED_SHAPE, options.spans, gzip=True)}
        for shape in SLOW_SHAPES:
            others[f"{shape}, slow"] = Task(shape, SLOW_SPANS, pause_s=SLOW_PAUSE_S)
        for name, task in others.items():
            table.add_row(*shape_row(name, program.rounds(task, options.rounds), is_busy=not task.pause_s))
    return table, runs_by_shape


def whole_table(program: _Program, runs_by_shape: dict[str, Runs], options: argparse.Namespace) -> Table:
    rows = [own_thread_row(runs_by_shape), shutdown_row(runs_by_shape)]
    if not options.shape:
        rows += [*memory_rows(program), short_row(program, options.rounds), *import_rows(IMPORT_ROUNDS)]
    table = Table("measured", "figure", "target", "", title="tracen : otlp")
    for row in rows:
        table.add_row(*row)
    return table


def parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exporter", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each measurement ({ROUNDS})")
    parser.add_argument("--spans", type=int, default=SPANS, help=f"of each run ({SPANS:,})")
    parser.add_argument(
        "--shape", action="append", choices=SHAPES, help="these shapes alone, and little else"
    )
    return parser.parse_args()


def main() -> None:
    options = parsed_options()
    shapes = len(options.shape) if options.shape else len(SHAPES) + len(SLOW_SHAPES) + 2
    runs = shapes * options.rounds * 3 + (0 if options.shape else 5)
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
    with running_sink() as sink, bar:
        task = bar.add_task("", total=runs)
        program = _Program(sink, lambda told: bar.update(task, advance=1, description=told))
        tables = measured_shapes(program, options)
        whole = whole_table(program, tables[1], options)
    out = Console(width=None if sys.stdout.isatty() else 150)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    libraries = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "protobuf", "urllib3")
    told = ", ".join(f"{name} {version(name)}" for name in libraries)
    out.print(f"make bench-exporter · {machine}, {told}", highlight=False)
    out.print(
        f"{options.rounds} rounds in turns, {options.spans:,} spans a run; medians; ratio: of a round, ours / theirs",
        highlight=False,
    )
    out.print(tables[0])
    out.print(whole)


if __name__ == "__main__":
    main()
