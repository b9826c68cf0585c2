"""Which steps the timeline folds away at first, plumbing between the steps that people look for; and its blocks."""

from __future__ import annotations

from collections.abc import Sequence

from tracen_otel.model import Status, Step, StepKind
from viewer.timeline.waterfall import Row

_PLUMBING = frozenset({StepKind.HTTP, StepKind.DB, StepKind.OTHER})
MIN_FOLD = 2
"""Rows that a fold hides at least; one row would only be replaced by another."""

MAX_INLINE_FOLD = 50
"""Rows of a fold that come with the rows around it; those of a longer one come when it is opened."""
BLOCK_LINES = 25
"""Lines of the timeline that are fetched together: what a browser lays out within one frame."""
STRETCH_BLOCKS = 4
"""Blocks that come with a page, and that a link leads to where there is no script."""

Fold = tuple[int, int]
"""The number of the first row, and how many rows."""


def folds_of(rows: Sequence[Row], sizes: Sequence[int]) -> list[Fold]:
    """Runs of neighbouring siblings that are plumbing with all that hangs under them, in order.

    None where all is plumbing: then it is what the trace is about. `sizes`: for each row how many hang under it.
    """
    if all(row.step.kind in _PLUMBING for row in rows):
        return []
    is_telling = _telling(rows)
    folds: list[Fold] = []
    at = 0
    while at < len(rows):
        if is_telling[at]:
            at += 1
            continue
        end = at
        while end < len(rows) and rows[end].parent is rows[at].parent and not is_telling[end]:
            end += sizes[end] + 1
        if end - at >= MIN_FOLD:
            folds.append((at + 1, end - at))
        at = end
    return folds


def _telling(rows: Sequence[Row]) -> list[bool]:
    """For each row whether it, or one that hangs under it, is something to look at."""
    is_telling = [_is_telling(row.step) for row in rows]
    for row in reversed(rows):  # a parent stands before its children
        if row.parent and is_telling[row.number - 1]:
            is_telling[row.parent.number - 1] = True
    return is_telling


def _is_telling(step: Step) -> bool:
    """Whether a step is more than plumbing: by its kind, its failure, or what was said in it."""
    if step.kind not in _PLUMBING or step.status is Status.ERROR or step.warnings:
        return True
    return bool(step.input or step.output or step.input_messages or step.output_messages or step.usage)


def blocks_of(step_count: int, folds: Sequence[Fold]) -> list[int]:
    """The number of the step with which each block of BLOCK_LINES lines begins; a fold is one line."""
    starts: list[int] = []
    lines, at = 0, 1
    for start, count in (*folds, (step_count + 1, 0)):
        starts += range(at + -lines % BLOCK_LINES, start, BLOCK_LINES)
        lines += start - at
        if count and lines % BLOCK_LINES == 0:
            starts.append(start)
        lines += 1
        at = start + count
    return starts
