"""The timeline: steps as rows, in blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracen_otel.model import StepKind, Usage
from viewer import pieces, wording
from viewer.document import Document
from viewer.labels import LABEL_BY_KIND, token_counts
from viewer.legible import Draft, joined
from viewer.quotes import Quoter
from viewer.step_body import body_of
from viewer.timeline.blocks import stretched
from viewer.timeline.folds import BLOCK_LINES
from viewer.timeline.outline import Entry
from viewer.timeline.waterfall import Axis
from viewer.view import View

_MAX_INDENT = 12
_FOLDED_KINDS = 3


@dataclass(frozen=True, slots=True)
class Timeline:
    """Makes the rows of one page. `inlined` are the steps whose bodies come along."""

    document: Document
    view: View
    axis: Axis
    quoter: Quoter
    inlined: range

    def block(self, numbers: range) -> Draft:
        """The rows of some steps, and the blocks of long folds among them."""
        long_folds = {} if self.view.shows_all else dict(self.document.outline.long_folds)
        lines: list[Draft] = []
        count = 0
        at = numbers.start
        while at < numbers.stop:
            (entry,) = self.document.entries(range(at, at + 1))
            # Whoever asks for a part of a fold gets that part.
            folded = 0 if self.view.shows_all else min(entry.fold, numbers.stop - at)
            if at in long_folds:
                folded = entry.fold
                lines.append(self._long_fold(entry))
            elif folded:
                lines.append(self._fold(entry, folded))
            else:
                lines.append(self.line(entry))
            at += max(folded, 1)
            count += 1
        return pieces.BLOCK(numbers.start, numbers.stop - 1, count, joined(lines))

    def waiting(self, stretch: Sequence[range], lines: int) -> Draft:
        """Blocks that come when they are scrolled to, or asked for."""
        first, last = stretch[0].start, stretch[-1].stop - 1
        starts = " ".join(str(block.start) for block in stretch)
        href = self.view.query(first=first, step=0) + "#timeline"
        return pieces.WAITING_BLOCK(
            first, last, lines, starts, href, wording.count(first), wording.count(last)
        )

    def line(self, entry: Entry, more: Draft = pieces.NOTHING) -> Draft:
        """A row with what it unfolds to; `more` stands below."""
        failed = " is-failed" if entry.is_failed else ""
        is_open = pieces.OPEN if entry.number == self.view.step else pieces.NOTHING
        size = pieces.SIZE(entry.size) if entry.size else pieces.NOTHING
        body = self._body(entry.number)
        key, kind = entry.key, entry.kind
        row = _row(entry, self.axis)
        return pieces.LINE(
            _indent(entry), entry.number, key, entry.level + 1, size, kind, failed, is_open, row, body, more
        )

    def _fold(self, entry: Entry, count: int) -> Draft:
        entries = list(self.document.entries(range(entry.number, entry.number + count)))
        kinds = Counter(LABEL_BY_KIND[StepKind(e.kind)] or "Other" for e in entries)
        told = ", ".join(kind for kind, _ in kinds.most_common(_FOLDED_KINDS))
        lines = pieces.WHOLE_BLOCK(count, joined(map(self.line, entries)))
        return _folded(entry, count, told, lines)

    def _long_fold(self, entry: Entry) -> Draft:
        timeline = Timeline(
            self.document, _showing_all(self.view), self.axis, self.quoter, inlined=self.inlined
        )
        numbers = range(entry.number, entry.number + entry.fold)
        blocks = [numbers[at : at + BLOCK_LINES] for at in range(0, len(numbers), BLOCK_LINES)]
        waiting = joined(timeline.waiting(stretch, sum(map(len, stretch))) for stretch in stretched(blocks))
        return _folded(entry, entry.fold, "", waiting)

    def _body(self, number: int) -> Draft:
        if number in self.inlined:
            return body_of(self.document.step(number), number, self.axis, self.quoter, self.view)
        url = self.view.step_url(number)
        return pieces.WAITING_BODY(number, url, url, number)


def _showing_all(view: View) -> View:
    return View(view.page_id, shows_all=True, zoom_us=view.zoom_us, is_markdown=view.is_markdown)


def _folded(entry: Entry, count: int, kinds: str, content: Draft) -> Draft:
    """One line for rows from an entry on, which unfolds to them."""
    offer = wording.plural(count, "more step")
    return pieces.FOLDED(_indent(entry), entry.number, entry.level + 1, offer, kinds, content)


def _indent(entry: Entry) -> int:
    return min(entry.level, _MAX_INDENT)


def _row(entry: Entry, axis: Axis) -> Draft:
    usage = Usage(entry.input_tokens, entry.output_tokens)
    return pieces.ROW(
        entry.kind,
        entry.number,
        entry.name,
        joined(_remarks(entry)),
        _bars(entry, axis),
        wording.duration(entry.latency_ns),
        _row_tokens(usage) if usage else pieces.NOTHING,
    )


def _remarks(entry: Entry) -> Iterator[Draft]:
    """What a row says beside the name."""
    label = LABEL_BY_KIND[StepKind(entry.kind)]
    if label or entry.model:
        yield pieces.ROW_KIND(label, " · " if label and entry.model else "", entry.model)
    if entry.is_failed:
        yield pieces.FAILED_TAG
    if entry.warning_count:
        yield pieces.WARNING_TAG(wording.plural(entry.warning_count, "warning"))
    if entry.gap_ns:
        yield pieces.ROW_GAP(wording.duration(entry.gap_ns))
    if entry.error_line:
        yield pieces.ROW_ERROR(entry.error_line)


def _bars(entry: Entry, axis: Axis) -> Draft:
    if (
        entry.latency_ns is not None and not entry.gap_ns and len(entry.critical) == 2
    ):  # most rows, in one piece
        bar, stretch = axis.bar(entry.offset_ns, entry.latency_ns), axis.stretch(*entry.critical)
        if bar and stretch:
            return pieces.PLAIN_BAR(bar.x, bar.width, stretch.x, stretch.width)
    return pieces.BARS(joined(_marks(entry, axis)))


def _marks(entry: Entry, axis: Axis) -> Iterator[Draft]:
    """What is drawn of a step: the gap before it, its time, and how much of that the whole run waited for."""
    bar = axis.bar(entry.offset_ns, entry.latency_ns)
    if entry.gap_ns and entry.offset_ns is not None:
        gap = axis.stretch(entry.offset_ns - entry.gap_ns, entry.gap_ns)
        if gap:
            yield pieces.GAP(gap.x, gap.width)
    if bar:
        yield pieces.POINT(bar.x) if bar.is_point else pieces.BAR(bar.x, bar.width)
    for at in range(0, len(entry.critical), 2):
        stretch = axis.stretch(entry.critical[at], entry.critical[at + 1])
        if stretch:
            yield pieces.CRITICAL(stretch.x, stretch.width)


def _row_tokens(usage: Usage) -> Draft:
    """`1,204 → 356`."""
    return pieces.ROW_TOKENS(_side(usage.input_tokens), _side(usage.output_tokens), token_counts(usage))


def _side(number: int | None) -> str:
    return "?" if number is None else wording.count(number)
