"""The Perfetto form of a trace page: Chrome Trace Event JSON, for https://ui.perfetto.dev.

After "Trace Event Format" (Google, 2016) and what Perfetto's importer makes of it (`json_trace_tokenizer.cc`,
`slice_tracker.cc`): complete events of one track must nest, times are microseconds that it cuts to nanoseconds.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracen_otel.model import Step, Trace
from tracen_otel.timestamps import format_timestamp
from viewer import wording
from viewer.labels import provider_label
from viewer.legible import one_line
from viewer.summary import heading
from viewer.timeline.waterfall import Row, arrange

_PROCESS = 1
_NAME = 120
_TEXT = 500
"""Characters of an input or output: Perfetto shows arguments in a narrow table."""
_LATEST_NS = 2**62
"""After the start. Perfetto holds 63 bits; beyond, no end was ever told."""
_EXACT_NS = 2**52
"""Up to 52 days a double of microseconds tells nanoseconds apart; longer traces get whole microseconds."""


def render(trace: Trace) -> bytes:
    """Write the trace with one event a step; steps that overlap without nesting lie on tracks of their own.

    Times count from the first start, which `otherData` tells: doubles can not hold nanoseconds since 1970.
    """
    rows = arrange(trace.steps)
    clock = _clock(trace)
    placed = list(_placed(rows, clock))
    track_count = max((place.track for place in placed), default=1)
    events = [*_metadata(trace, track_count), *(_event(place) for place in placed)]
    told = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": _about(trace, clock)}
    # What no UTF-8 can hold becomes a question mark.
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


# -- time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clock:
    """Times from the start of the trace on, in a unit that doubles can tell apart."""

    start_ns: int
    unit_ns: int

    def at(self, time_ns: int) -> int:
        """Nanoseconds after the start. Rounding down keeps what nests nested."""
        after_ns = min(max(time_ns - self.start_ns, 0), _LATEST_NS)
        return after_ns // self.unit_ns * self.unit_ns


def _clock(trace: Trace) -> _Clock:
    timed = [step for step in trace.steps if step.start_ns]
    if not timed:
        return _Clock(trace.started_ns, 1)
    start_ns = min(step.start_ns for step in timed)
    end_ns = max(step.start_ns + (step.latency_ns or 0) for step in timed)
    return _Clock(start_ns, 1 if end_ns - start_ns < _EXACT_NS else 1000)


def _microseconds(ns: int) -> int | float:
    """A number that, times 1000 and cut off as the importer does, is `ns` again."""
    if ns % 1000 == 0:
        return ns // 1000
    value = ns / 1000
    return value if int(value * 1000) == ns else math.nextafter(value, math.inf)


# -- tracks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A step on its track. `end` is None for an instant."""

    number: int
    step: Step
    start: int
    end: int | None
    track: int


@dataclass(slots=True)
class _Tracks:
    """Which track is free when. A track's open steps nest, so the first one opened ends last."""

    open_steps: list[list[tuple[int, int]]] = field(default_factory=list)
    """Of each track (end, number) of the steps that are open."""
    idle: list[tuple[int, int]] = field(default_factory=list)
    """A heap of (end of the first open step, track); entries that are no longer true are skipped."""

    def take(self, start: int, end: int, number: int, parent: tuple[int, int] | None) -> int:
        """The track for a step: that of its parent (track, number) if it nests there, else an idle or a new one.

        On top of any other step it would look like a part of that.
        """
        if parent is not None and self._fits(parent, start, end):
            return self._put(parent[0], end, number)
        while self.idle and self.idle[0][0] <= start:
            told_end, track = heapq.heappop(self.idle)
            steps = self.open_steps[track]
            if not steps or steps[0][0] == told_end:
                steps.clear()
                return self._put(track, end, number)
        self.open_steps.append([])
        return self._put(len(self.open_steps) - 1, end, number)

    def _fits(self, parent: tuple[int, int], start: int, end: int) -> bool:
        track, number = parent
        steps = self.open_steps[track]
        while steps and steps[-1][0] <= start:
            steps.pop()
        return not steps or (steps[-1][1] == number and end <= steps[-1][0])

    def _put(self, track: int, end: int, number: int) -> int:
        steps = self.open_steps[track]
        if not steps:
            heapq.heappush(self.idle, (end, track))
        steps.append((end, number))
        return track


def _placed(rows: Sequence[Row], clock: _Clock) -> Iterator[_Place]:
    """Every step on its track, in the order the importer wants: by start, of those at one time the longest first."""
    tracks = _Tracks()
    place_by_row: dict[int, tuple[int, int]] = {}
    for start, _, number, end in sorted(_times(rows, clock)):
        row = rows[number - 1]
        parent = place_by_row.get(id(row.parent))
        if end is None:
            track = parent[0] if parent else 0
        else:
            track = tracks.take(start, end, number, parent)
            place_by_row[id(row)] = track, number
        yield _Place(number, row.step, start, end, track + 1)


def _times(rows: Sequence[Row], clock: _Clock) -> Iterator[tuple[int, int, int, int | None]]:
    """Sort key, number and end of each step. One whose start was not told is an instant at its parent's start."""
    start_by_row: dict[int, int] = {}
    for number, row in enumerate(rows, start=1):
        step = row.step
        if not step.start_ns or step.latency_ns is None:
            at = clock.at(step.start_ns) if step.start_ns else start_by_row.get(id(row.parent), 0)
            start_by_row[id(row)] = at
            yield at, 1, number, None
        else:
            at, end = clock.at(step.start_ns), clock.at(step.start_ns + step.latency_ns)
            start_by_row[id(row)] = at
            yield at, -end, number, end


# -- events -------------------------------------------------------------------------------------------


def _metadata(trace: Trace, track_count: int) -> Iterator[dict[str, Any]]:
    process = one_line(trace.service_name or "", _NAME) or one_line(heading(trace), _NAME)
    yield {"ph": "M", "pid": _PROCESS, "name": "process_name", "args": {"name": process}}
    for track in range(1, track_count + 1):
        name = "steps" if track == 1 else f"in parallel {track}"
        yield {"ph": "M", "pid": _PROCESS, "tid": track, "name": "thread_name", "args": {"name": name}}
        order = {"sort_index": track}
        yield {"ph": "M", "pid": _PROCESS, "tid": track, "name": "thread_sort_index", "args": order}


def _event(place: _Place) -> dict[str, Any]:
    step = place.step
    event = {
        "ph": "X" if place.end is not None else "i",
        "pid": _PROCESS,
        "tid": place.track,
        "ts": _microseconds(place.start),
        "name": one_line(step.name, _NAME) or "(no name)",
        "cat": step.kind.value,
        "args": _arguments(place),
    }
    if place.end is None:
        return event | {"s": "t"}  # an instant of its track
    return event | {"dur": _microseconds(place.end - place.start)}


def _arguments(place: _Place) -> dict[str, Any]:
    """What Perfetto shows of a step that is selected; what was not told is left out."""
    step, usage = place.step, place.step.usage
    told = {
        "step": place.number,
        "kind": step.kind.value,
        "status": step.status.value,
        "error": _shortened(step.error_message),
        "model": one_line(step.model or "", _NAME),
        "provider": one_line(provider_label(step.provider, step.provider_name), _NAME),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "input": _shortened(step.input),
        "output": _shortened(step.output),
        "start": "" if step.start_ns else "not told",
        "duration": wording.duration(step.latency_ns) if place.end is None else "",
    }
    return {name: value for name, value in told.items() if value is not None and value != ""}


def _shortened(text: str | None) -> str:
    return one_line(text or "", _TEXT)


def _about(trace: Trace, clock: _Clock) -> Mapping[str, Any]:
    return {
        "title": one_line(heading(trace), _NAME),
        "status": trace.status.value,
        "start": format_timestamp(clock.start_ns),
    }
