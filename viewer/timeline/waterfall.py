"""The geometry of the timeline: which step hangs under which, and where its bar lies on the time axis.

Integers throughout; knows nothing of texts or HTML.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracen_otel.model import Step, Trace
from viewer.contexts import Tick
from viewer.wording import duration

MAX_LEVEL = 32
"""Deeper steps are listed at this level: browsers flatten what nests far deeper, and nobody can read it."""

_AXIS = 10_000
"""Units of the time axis: hundredths of a percent."""
_MIN_WIDTH = 50
"""Of a bar: enough to be seen on a phone."""
_MAX_TICKS = 5

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Row:
    """A step in its place. `number` counts from 1, in reading order; `level` is 0 for a root."""

    number: int
    step: Step
    level: int
    parent: Row | None


def arrange(steps: Sequence[Step]) -> list[Row]:
    """Put steps in reading order under their parents, in linear time.

    A parent that is not there, or that hangs under its own child, leaves a step at the root level.
    """
    children, roots = _families(steps)
    rows: list[Row] = []
    placed = [False] * len(steps)
    for start in [*roots, *range(len(steps))]:  # after the roots only members of cycles are left
        pending: list[tuple[int, Row | None]] = [(start, None)]
        while pending:
            index, parent = pending.pop()
            if placed[index]:
                continue
            placed[index] = True
            level = 0 if parent is None else min(parent.level + 1, MAX_LEVEL)
            row = Row(len(rows) + 1, steps[index], level, parent)
            rows.append(row)
            pending.extend((child, row) for child in reversed(children[index]))
    return rows


def _families(steps: Sequence[Step]) -> tuple[list[list[int]], list[int]]:
    """For each step the indexes of its children; and the indexes of those without a parent."""
    index_by_id: dict[str, int] = {}
    for index, step in enumerate(steps):
        if step.id:
            index_by_id.setdefault(step.id, index)
    children: list[list[int]] = [[] for _ in steps]
    roots = []
    for index, step in enumerate(steps):
        parent = index_by_id.get(step.parent_id) if step.parent_id else None
        if parent is None or parent == index:
            roots.append(index)
        else:
            children[parent].append(index)
    return children, roots


def sizes_of(rows: Sequence[Row]) -> list[int]:
    """For each row how many hang under it, at any depth."""
    sizes = [0] * len(rows)
    for row in reversed(rows):
        if row.parent:
            sizes[row.parent.number - 1] += sizes[row.number - 1] + 1
    return sizes


def leaves(wanted: Sequence[Row]) -> Iterator[Row]:
    """Those of `wanted` that have no other of `wanted` below them."""
    ancestors = set()
    for row in wanted:
        parent = row.parent
        while parent is not None and parent.number not in ancestors:
            ancestors.add(parent.number)
            parent = parent.parent
    return (row for row in wanted if row.number not in ancestors)


def gaps_of(rows: Sequence[Row], least_ns: int) -> dict[int, int]:
    """Nanoseconds in which none of the earlier siblings of a row ran before it began, by its number.

    Of `least_ns` and more: time that nothing of the trace accounts for.
    """
    siblings: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row.step.start_ns:
            siblings[row.parent.number if row.parent else 0].append(row)
    gaps: dict[int, int] = {}
    for family in siblings.values():
        family.sort(key=lambda row: row.step.start_ns)
        end_ns = family[0].step.start_ns
        for row in family:
            if row.step.start_ns - end_ns >= least_ns:
                gaps[row.number] = row.step.start_ns - end_ns
            end_ns = max(end_ns, row.step.start_ns + (row.step.latency_ns or 0))
    return gaps


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the time axis, in percent of it."""

    x: str
    width: str
    is_point: bool = False
    """The start is known, the duration is not."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The stretch of time that the timeline shows, which begins `offset_ns` after the trace."""

    start_ns: int
    span_ns: int
    offset_ns: int = 0

    def zoomed(self, offset_ns: int, span_ns: int) -> Axis:
        """A part of the axis: what the timeline shows is no more than that."""
        return Axis(self.start_ns, span_ns, offset_ns)

    def bar(self, offset_ns: int | None, latency_ns: int | None) -> Bar | None:
        """Where a step lies; None where its start is not told, nothing took any time, or it is out of sight."""
        if offset_ns is None or self.span_ns <= 0:
            return None
        start = (offset_ns - self.offset_ns) * _AXIS // self.span_ns
        end = start if latency_ns is None else start + latency_ns * _AXIS // self.span_ns
        if end < 0 or start > _AXIS:
            return None
        x = min(max(start, 0), _AXIS - _MIN_WIDTH)
        width = max(min(end, _AXIS) - x, _MIN_WIDTH)
        return Bar(_percent(x), _percent(width), is_point=latency_ns is None)

    def stretch(self, offset_ns: int, length_ns: int) -> Bar | None:
        """A stretch to the point, which may be too short to be seen; None where it is out of sight."""
        start = (offset_ns - self.offset_ns) * _AXIS // self.span_ns
        end = start + length_ns * _AXIS // self.span_ns
        start, end = max(start, 0), min(end, _AXIS)
        return Bar(_percent(start), _percent(end - start)) if end > start else None

    def ticks(self) -> tuple[Tick, ...]:
        """Round times along the axis, the start included."""
        if self.span_ns <= 0:
            return ()
        every_ns = _round_interval(self.span_ns)
        first_ns = -(-self.offset_ns // every_ns) * every_ns
        return tuple(self._tick(at) for at in range(first_ns, self.offset_ns + self.span_ns + 1, every_ns))

    def _tick(self, at_ns: int) -> Tick:
        x = (at_ns - self.offset_ns) * _AXIS // self.span_ns
        anchor = "start" if x < _AXIS * 3 // 100 else "end" if x > _AXIS * 97 // 100 else "middle"
        span_ns = max(self.span_ns, at_ns) if self.offset_ns else self.span_ns
        return Tick(_percent(x), "0" if at_ns == 0 else tick_label(at_ns, span_ns), anchor)


def axis_of(trace: Trace) -> Axis:
    """The time from the first start to the last end that was told."""
    timed = [step for step in trace.steps if step.start_ns]
    starts = [step.start_ns for step in timed]
    ends = [step.start_ns + (step.latency_ns or 0) for step in timed]
    if trace.started_ns:
        starts.append(trace.started_ns)
        ends.append(trace.started_ns + (trace.latency_ns or 0))
    if not starts:
        return Axis(0, 0)
    return Axis(min(starts), max(ends) - min(starts))


def tick_label(at_ns: int, span_ns: int) -> str:
    """A round time without the zeros that `duration` would show: 200 ms, 0.5 s, 2 s, 3 min."""
    if at_ns % 1_000_000 == 0 and span_ns < _SECOND:
        return f"{at_ns // 1_000_000} ms"
    if at_ns % 100_000_000 == 0 and at_ns < _MINUTE:
        tenths = at_ns // 100_000_000
        return f"{tenths // 10} s" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10} s"
    if at_ns % _MINUTE == 0 and at_ns < _HOUR:
        return f"{at_ns // _MINUTE} min"
    if at_ns % _HOUR == 0 and at_ns < _DAY:
        return f"{at_ns // _HOUR} h"
    return duration(at_ns)


_LONG_INTERVALS = tuple(
    _SECOND * s for s in (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)
)


def _round_interval(span_ns: int) -> int:
    """The smallest round interval that divides the axis into at most _MAX_TICKS parts."""
    least = -(-span_ns // _MAX_TICKS)
    if 10 * _SECOND < least <= _LONG_INTERVALS[-1]:
        return next(interval for interval in _LONG_INTERVALS if interval >= least)
    unit = _DAY if least > _DAY else 1
    power: int = 10 ** (len(str(-(-least // unit))) - 1)
    return next(unit * power * digit for digit in (1, 2, 5, 10) if unit * power * digit >= least)


def _percent(units: int) -> str:
    return f"{units // 100}.{units % 100:02d}%"
