"""The timeline: steps as rows, in blocks, and what a row unfolds to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tracen_otel.model import Status, Step, StepKind, Usage
from viewer import pieces, wording
from viewer.attributes import attributes_of, events_of, sources_of
from viewer.conversation import exchanges
from viewer.document import Document
from viewer.folds import BLOCK_LINES, STRETCH_BLOCKS
from viewer.labels import LABEL_BY_KIND, provider_label, row_name, token_counts, token_details, told_usage
from viewer.legible import Draft, clip, joined
from viewer.outline import Entry, Outline
from viewer.parameters import parameters_of
from viewer.quotes import Quoter
from viewer.view import View
from viewer.waterfall import Axis

_MAX_INDENT = 12
_FOLDED_KINDS = 3


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
            folded = 0 if self.view.shows_all else entry.fold
            if at in long_folds:
                lines.append(self._long_fold(entry))
            elif folded:
                lines.append(self._fold(entry))
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

    def _fold(self, entry: Entry) -> Draft:
        entries = list(self.document.entries(range(entry.number, entry.number + entry.fold)))
        kinds = Counter(LABEL_BY_KIND[StepKind(e.kind)] or "Other" for e in entries)
        told = ", ".join(kind for kind, _ in kinds.most_common(_FOLDED_KINDS))
        lines = pieces.WHOLE_BLOCK(entry.fold, joined(map(self.line, entries)))
        return pieces.FOLDED(
            _indent(entry),
            entry.number,
            entry.level + 1,
            wording.plural(entry.fold, "more step"),
            told,
            lines,
        )

    def _long_fold(self, entry: Entry) -> Draft:
        timeline = Timeline(
            self.document, _showing_all(self.view), self.axis, self.quoter, inlined=self.inlined
        )
        numbers = range(entry.number, entry.number + entry.fold)
        blocks = [numbers[at : at + BLOCK_LINES] for at in range(0, len(numbers), BLOCK_LINES)]
        waiting = joined(timeline.waiting(stretch, sum(map(len, stretch))) for stretch in stretched(blocks))
        return pieces.FOLDED(
            _indent(entry),
            entry.number,
            entry.level + 1,
            wording.plural(entry.fold, "more step"),
            "",
            waiting,
        )

    def _body(self, number: int) -> Draft:
        if number in self.inlined:
            return body_of(self.document.step(number), number, self.axis, self.quoter, self.view)
        url = self.view.step_url(number)
        return pieces.WAITING_BODY(number, url, url, number)


def _showing_all(view: View) -> View:
    return View(view.page_id, shows_all=True, zoom_us=view.zoom_us, is_markdown=view.is_markdown)


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


# -- what a row unfolds to -----------------------------------------------------------------------------


def body_of(step: Step, number: int, axis: Axis, quoter: Quoter, view: View) -> Draft:
    """All that a step has to say."""
    return pieces.BODY(
        number, joined(_body(step, number, axis, quoter)), joined(_links(step, number, axis, view))
    )


def _body(step: Step, number: int, axis: Axis, quoter: Quoter) -> Iterator[Draft]:
    """What a row unfolds to, in order."""
    if step.error_message:
        yield pieces.ERROR(pieces.quoted(quoter.text(step.error_message)))
    yield from (pieces.WARNING(clip(warning)) for warning in step.warnings)
    yield exchanges(step, quoter)
    yield pieces.SHEET(pieces.FACT.each(tuple(_facts(step, axis))))
    if step.events:
        is_open = pieces.OPEN if step.status is Status.ERROR else pieces.NOTHING
        yield _fold(
            number, "events", is_open, "Events", wording.count(len(step.events)), events_of(step, quoter)
        )
    if step.attributes:
        unread = len(step.attributes.keys() & step.unread)
        count = wording.count(len(step.attributes)) + (f", {unread:,} not used above" if unread else "")
        yield _fold(number, "attributes", pieces.NOTHING, "Attributes", count, attributes_of(step, quoter))
    if step.sources:
        told = joined((pieces.ABOUT_SOURCES, sources_of(step)))
        yield _fold(number, "sources", pieces.NOTHING, "Where this came from", "", told)


def _fold(number: int, name: str, is_open: Draft, label: str, count: str, content: Draft) -> Draft:
    """A part of a step that has an address of its own."""
    return pieces.STEP_FOLD(is_open, number, name, label, count, content)


def _links(step: Step, number: int, axis: Axis, view: View) -> Iterator[Draft]:
    yield pieces.STEP_LINK(f"#step-{number}", f"Link to step {number}")
    yield pieces.STEP_LINK(view.step_url(number), "On a page of its own")
    if step.start_ns and step.latency_ns and axis.span_ns:
        start_us = max(0, step.start_ns - axis.start_ns) // 1000
        zoom_us = (start_us, start_us + max(1, step.latency_ns // 1000))
        yield pieces.STEP_LINK(view.url(zoom_us=zoom_us, step=number) + f"#row-{number}", "Zoom to its time")


def _facts(step: Step, axis: Axis) -> Iterable[str]:
    """Label, value and what qualifies the value, for each fact that the row has no room for."""
    if row_name(step) != step.name:
        yield from ("Name", clip(step.name), "")
    yield from ("Duration", wording.duration(step.latency_ns), "")
    if step.start_ns:
        offset_ns = step.start_ns - axis.start_ns
        after = f"{wording.duration(offset_ns)} after the start" if offset_ns > 0 else "at the start"
        yield from ("Started", wording.moment(step.start_ns), after)
    if step.model:
        yield from ("Model", clip(step.model), "")
    if provider := provider_label(step.provider, step.provider_name):
        yield from ("Provider", provider, "")
    if step.usage:
        yield from ("Tokens", token_counts(told_usage(step)), token_details(step.usage))
    for name, value in parameters_of(step.attributes):
        yield from (name, value, "")
    if step.id:
        yield from ("Step id", clip(step.id), "")
    if step.parent_id:
        yield from ("Part of", clip(step.parent_id), "")
