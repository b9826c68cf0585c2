"""Which rows are sent together, and which of them come with a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from viewer.timeline.folds import BLOCK_LINES, STRETCH_BLOCKS
from viewer.timeline.outline import Outline
from viewer.view import View


def blocks_of(outline: Outline, view: View) -> list[range]:
    """The numbers of the steps of each block of the timeline."""
    end = outline.step_count + 1
    starts = range(1, end, BLOCK_LINES) if view.shows_all else outline.blocks
    return [range(start, stop) for start, stop in pairwise([*starts, end])]


def stretches_of(outline: Outline, view: View) -> list[list[range]]:
    """The blocks of the timeline, as many together as one page sends."""
    return stretched(blocks_of(outline, view))


def stretched(blocks: Sequence[range]) -> list[list[range]]:
    """Blocks in groups."""
    return [list(blocks[at : at + STRETCH_BLOCKS]) for at in range(0, len(blocks), STRETCH_BLOCKS)]


def shown_ranges(outline: Outline, view: View, numbers: range) -> Iterator[range]:
    """The numbers of the steps whose rows are sent with a block: not those inside long folds."""
    at = numbers.start
    if not view.shows_all:
        for start, count in outline.long_folds:
            if numbers.start <= start < numbers.stop:
                yield range(at, start + 1)
                at = start + count
    yield range(at, numbers.stop)


def stretch_of(outline: Outline, view: View) -> list[range]:
    """The blocks that come with the page: with the step that is asked for among them, else the first ones."""
    number = view.step or view.first
    stretches = stretches_of(outline, view)
    return next((s for s in stretches if s[0].start <= number < s[-1].stop), stretches[0])


def sent(outline: Outline, view: View) -> range:
    """The steps of the blocks that come with the page."""
    if not outline.step_count:
        return range(0)
    stretch = stretch_of(outline, view)
    return range(stretch[0].start, stretch[-1].stop)
