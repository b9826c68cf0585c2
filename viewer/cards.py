"""What the preview image of a trace says: from its saved document to the card that is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracen_otel.model import Status, Trace
from viewer import summary, wording
from viewer.document import ROWS_PER_PART, Document
from viewer.labels import token_counts
from viewer.preview.drawing import PreviewBar, PreviewCard
from viewer.timeline.minimap import FAILED, UNITS
from viewer.timeline.outline import Entry, Outline


def card_of(document: Document) -> PreviewCard:
    """The card of a trace. Needs no more of the document than every page does."""
    trace, outline = document.head(), document.outline
    is_failed = trace.status is Status.ERROR
    error = trace.error_message or outline.origin_message
    return PreviewCard(
        title=summary.heading(trace),
        is_failed=is_failed,
        facts=tuple(filter(None, _facts(trace, outline))),
        message=(error if is_failed else trace.response) or "",
        bars=tuple(_bars(document, outline)),
        step_count=outline.step_count,
    )


def _facts(trace: Trace, outline: Outline) -> Iterable[str]:
    yield trace.model
    if trace.latency_ns is not None:
        yield wording.duration(trace.latency_ns)
    if trace.usage:
        yield token_counts(trace.usage).replace(" · ", ", ")
    yield wording.plural(outline.step_count, "step")


def _bars(document: Document, outline: Outline) -> Iterator[PreviewBar]:
    """The rows, or what the minimap shows of them where they are many."""
    if not outline.axis_span_ns:
        return
    if outline.lanes:
        for start, width, kind in outline.lanes:
            is_failed = kind == FAILED
            yield PreviewBar(
                "other" if is_failed else str(kind), int(start) / UNITS, int(width) / UNITS, 0, is_failed
            )
        return
    for entry in document.entries(range(1, min(outline.step_count, ROWS_PER_PART) + 1)):
        if entry.offset_ns is not None:
            yield _bar(entry, outline.axis_span_ns)


def _bar(entry: Entry, span_ns: int) -> PreviewBar:
    width = (entry.latency_ns or 0) / span_ns
    return PreviewBar(entry.kind, (entry.offset_ns or 0) / span_ns, width, entry.level, entry.is_failed)
