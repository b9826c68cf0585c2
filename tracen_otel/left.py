"""What is on disk of a trace that nobody has in memory, in portions that can be delivered. Knows no spool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tracen_otel.journal import Journal, Place
from tracen_otel.journal_lines import SpanLines
from tracen_otel.model import Span

_MAX_SPANS = 5_000
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LeftTrace:
    """Spans of a trace that are on disk alone. `has_page`: they came late, or its URL is known to somebody."""

    trace_id: str
    spans: tuple[Span, ...]
    has_page: bool

    @property
    def span_ids(self) -> list[str]:
        return [span.span_id for span in self.spans]


class Found(NamedTuple):
    """Where a span stands."""

    journal: Journal
    place: Place
    span_id: str


def places_of(trace_id: str, journals: Iterable[Journal]) -> list[Found]:
    """Answer where the spans of a trace stand, in order of time."""
    places = [
        Found(journal, place, span_id)
        for journal in journals
        for span_id, place in journal.live.get(trace_id, {}).items()
    ]
    return sorted(places, key=lambda found: found.place.second)


def read_portion(places: Iterable[Found]) -> tuple[tuple[Span, ...], list[str]]:
    """Read the first of these spans, as many as are delivered at once; also the ids of those that can not be."""
    spans: dict[str, Span] = {}
    unreadable: list[str] = []
    read_bytes = 0
    for journal, place, span_id in places:
        if spans and (len(spans) >= _MAX_SPANS or read_bytes + place.length > _MAX_BYTES):
            break
        span = _read_span(journal, place)
        if span is None:
            unreadable.append(span_id)
        else:
            spans[span_id] = span
            read_bytes += place.length
    return tuple(spans.values()), unreadable


def _read_span(journal: Journal, place: Place) -> Span | None:
    try:
        return SpanLines(journal.header.bytes_tag).read(journal.line_at(place))
    except OSError:
        return None
