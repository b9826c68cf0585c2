"""The traces of a run in lines for people (stderr), and as JSON. Values in, text out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.cells import cell_len, set_cell_size

from bridge.console import linked
from viewer import wording
from viewer.logs import one_line

SHOWN = 20
"""Traces; of more the last ones are listed."""
_MAX_NAME = 40
_COLOURS = {"error": "red", "success": "green", "unfinished": "yellow"}
_STATUS_WIDTH = max(map(len, _COLOURS))


@dataclass(frozen=True, slots=True)
class Line:
    """One trace, as text that a terminal can be trusted with."""

    name: str
    status: str
    facts: str
    url: str

    @classmethod
    def of(cls, trace: Mapping[str, Any]) -> Line:
        """Read `GET /api/traces`."""
        latency_ms = trace.get("total_latency_ms")
        facts = [
            duration_told(latency_ms) if isinstance(latency_ms, int) else "",
            _tokens(trace),
        ]
        name = one_line(str(trace.get("title") or trace.get("otel_trace_id") or "unnamed"))
        url = one_line(str(trace.get("url") or ""))
        return cls(name, status_of(trace), " · ".join(filter(None, facts)), url)


def status_of(trace: Mapping[str, Any]) -> str:
    """How a trace ended, or that it has not."""
    status = str(trace.get("status") or "arrived")
    return "unfinished" if trace.get("lacks_root") and status != "error" else one_line(status)


def status_told(status: str, width: int = 0) -> str:
    """A status in its colour, padded so that what follows is aligned."""
    return click.style(f"{status:{width or _STATUS_WIDTH}}", fg=_COLOURS.get(status))


def duration_told(latency_ms: int) -> str:
    """As on the page, as far as the API tells it, which is in whole milliseconds: 0.13 ms there are < 1 ms here."""
    if latency_ms < 10:
        return f"{latency_ms} ms" if latency_ms else "< 1 ms"
    return wording.duration(latency_ms * 1_000_000)


def _tokens(trace: Mapping[str, Any]) -> str:
    told = ((trace.get("input_tokens"), "in"), (trace.get("output_tokens"), "out"))
    return " · ".join(f"{number:,} {word}" for number, word in told if isinstance(number, int))


def lines(traces: Sequence[Mapping[str, Any]], total: int) -> Iterator[str]:
    """A headline and the last traces, aligned; in two lines each where one is too long for the terminal."""
    shown = [Line.of(trace) for trace in traces[-SHOWN:]]
    yield f"tracen: {wording.plural(total, 'trace')}" + (
        f", the last {len(shown)}:" if total > len(shown) else ""
    )
    name_size = min(_MAX_NAME, max(cell_len(line.name) for line in shown)) if shown else 0
    status_size = max(len(line.status) for line in shown) if shown else 0
    facts_size = max(cell_len(line.facts) for line in shown) if shown else 0
    size = (
        2 + status_size + 2 + name_size + 2 + facts_size + 2 + max(len(line.url) for line in shown)
        if shown
        else 0
    )
    is_narrow = sys.stderr.isatty() and size > shutil.get_terminal_size().columns
    for line in shown:
        status = status_told(line.status, status_size)
        name = set_cell_size(line.name, name_size)
        facts = line.facts + " " * (facts_size - cell_len(line.facts))
        url = linked(line.url, err=True)
        yield f"  {status}  {name}  {facts}".rstrip() + (f"\n    {url}" if is_narrow else f"  {url}")


def as_json(traces: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One object a line, as the API tells it."""
    for trace in traces:
        yield json.dumps(trace, ensure_ascii=False)
