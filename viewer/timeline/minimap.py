"""The whole timeline in small: at most some dozens of lanes, each of which stands for as many rows as it must."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tracen_otel.model import Status, StepKind
from viewer import pieces
from viewer.legible import Draft, joined
from viewer.timeline.waterfall import Axis, Row

MIN_ROWS = 40
"""A shorter timeline is its own overview."""
LANES = 48
UNITS = 1_000
"""Of the time axis."""

FAILED = "failed"
_RANK = {
    StepKind.LLM: 5,
    StepKind.TOOL: 4,
    StepKind.RETRIEVAL: 3,
    StepKind.EMBEDDING: 3,
    StepKind.RERANK: 3,
    StepKind.GUARDRAIL: 3,
    StepKind.EVALUATION: 3,
    StepKind.AGENT: 2,
    StepKind.CHAIN: 2,
    StepKind.HTTP: 1,
    StepKind.DB: 1,
    StepKind.OTHER: 1,
}
_FAILED_RANK = 6

Lane = Sequence[int | str]
"""Start and width in thousandths of the axis, then the kind that it is drawn as, or FAILED."""


def lanes_of(rows: Sequence[Row], axis: Axis) -> list[Lane]:
    """Draw the rows from first to last; [] where they are few, or tell no time."""
    if len(rows) < MIN_ROWS or axis.span_ns <= 0:
        return []
    count = min(LANES, len(rows))
    bounds = [len(rows) * n // count for n in range(count + 1)]
    return [_lane(rows[start:end], axis) for start, end in pairwise(bounds)]


def _lane(rows: Sequence[Row], axis: Axis) -> Lane:
    """What stands out of some rows: the kind that matters most, and the time that steps of it took together."""
    timed = [row for row in rows if row.step.start_ns]
    if not timed:
        return (0, 0, StepKind.OTHER.value)
    top = max(map(_rank, timed))
    spans = list(_spans([row for row in timed if _rank(row) == top], axis))
    start, end = min(start for start, _ in spans), max(end for _, end in spans)
    kind = next(row.step.kind.value for row in timed if _rank(row) == top)
    return (start, max(end - start, 2), FAILED if top == _FAILED_RANK else kind)


def _rank(row: Row) -> int:
    return _FAILED_RANK if row.step.status is Status.ERROR else _RANK[row.step.kind]


def _spans(rows: Sequence[Row], axis: Axis) -> Iterator[tuple[int, int]]:
    for row in rows:
        start = (row.step.start_ns - axis.start_ns) * UNITS // axis.span_ns
        yield start, start + (row.step.latency_ns or 0) * UNITS // axis.span_ns


def drawn(lanes: Sequence[Lane]) -> Draft:
    """The whole timeline in small; nothing where it is short."""
    if not lanes:
        return pieces.NOTHING
    rects = (
        pieces.LANE(str(kind), _percent(start), y, _percent(width), 1)
        for y, (start, width, kind) in enumerate(lanes)
        if width
    )
    return pieces.MINIMAP(len(lanes), len(lanes), joined(rects))


def _percent(units: int | str) -> str:
    return f"{int(units) * 100 / UNITS:g}"
