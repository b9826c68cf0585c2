"""The critical path of a run: the stretches of time that would have to shrink for the whole to take less.

From the end backwards: the child that ended last is what its parent waited for, then the one that ended last before
that child began, and so on; what no child fills is the parent's own. Known from Jaeger's trace view. Integers
throughout, nothing recurses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from viewer.timeline.waterfall import Row

MAX_STRETCHES = 16
"""Of one row, the longest; more can not be told apart on a bar."""

Stretch = tuple[int, int]
"""Start and end, in nanoseconds since the epoch."""


def critical_path(rows: Sequence[Row]) -> Mapping[int, list[Stretch]]:
    """The stretches of each row that is on the path, in order of time, by the row's number."""
    children: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row.step.start_ns:
            children[row.parent.number if row.parent else 0].append(row)
    for siblings in children.values():
        siblings.sort(key=_end_ns, reverse=True)
    tops = children[0]
    stretches: dict[int, list[Stretch]] = {}
    if tops:
        whole = min(row.step.start_ns for row in tops), _end_ns(tops[0])
        pending: list[tuple[int, Stretch]] = [(0, whole)]
        while pending:
            number, stretch = pending.pop()
            own = list(_walk(children[number], stretch, pending))
            if own and number:
                stretches[number] = _longest(own)
    return stretches


def _walk(children: Sequence[Row], stretch: Stretch, pending: list[tuple[int, Stretch]]) -> Iterator[Stretch]:
    """Yield what is a row's own of a stretch, and hand the rest to the children that fill it."""
    start, cursor = stretch
    for child in children:
        child_start, child_end = max(child.step.start_ns, start), min(_end_ns(child), cursor)
        if child_end <= child_start:
            continue
        if child_end < cursor:
            yield child_end, cursor
        pending.append((child.number, (child_start, child_end)))
        cursor = child_start
    if cursor > start:
        yield start, cursor


def _longest(stretches: list[Stretch]) -> list[Stretch]:
    longest = sorted(stretches, key=lambda stretch: stretch[0] - stretch[1])[:MAX_STRETCHES]
    return sorted(longest)


def _end_ns(row: Row) -> int:
    return row.step.start_ns + (row.step.latency_ns or 0)
