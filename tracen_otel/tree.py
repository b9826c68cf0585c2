"""From dirty spans to an ordered tree: deliver once, adopt orphans, cut cycles, walk.

No result depends on the order in which spans arrived. Nothing recurses. It knows no meaning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracen_otel.attributes import spelled
from tracen_otel.fields import fitting
from tracen_otel.model import Event, LogRecord, Span

_PENDING = "pending_span"
_NO_PARENT = "0" * 16
_EVENT_RANK = {"gen_ai.system.message": 0, "gen_ai.choice": 2}
_AFTER_ALL = 2**64


@dataclass(frozen=True, slots=True)
class Tree:
    """Spans in reading order: a parent before its children, siblings by start, then end, then id.

    A span's `parent_id` is that of a span in the tree. Those that lost theirs are among `orphans` (with the
    parent that was told and did not arrive), or `cut`, where links ran in a circle. `versions_by_id` counts
    differing copies.
    """

    spans: tuple[Span, ...]
    versions_by_id: Mapping[str, int]
    orphans: Mapping[str, str]
    cut: frozenset[str]


def grow(spans: Iterable[Span], logs: Iterable[LogRecord]) -> Tree:
    """Arrange the spans of one trace, with log records as events of the spans they name."""
    span_by_id, versions_by_id = _deliver_once(spans)
    _settle_pending(span_by_id)
    _add_logs(span_by_id, logs)
    named = {s.span_id: s.parent_id for s in span_by_id.values() if s.parent_id}
    parent_by_id = {child: parent for child, parent in named.items() if parent in span_by_id}
    cut = _cut_cycles(parent_by_id, span_by_id)
    orphans = {child: named[child] for child in named.keys() - parent_by_id.keys() - cut}
    for span_id in orphans.keys() | cut:
        span_by_id[span_id] = replace(span_by_id[span_id], parent_id=None)
    return Tree(_walk(span_by_id), versions_by_id, orphans, cut)


def by_start(span: Span) -> tuple[int, int, str]:
    """Sort key: start, then end, where an untold one comes last, then id.

    Some SDKs start spans at whole milliseconds: of two in one, that which ended first was there first.
    """
    return span.start_ns or _AFTER_ALL, span.end_ns or _AFTER_ALL, span.span_id


# -- duplicates ---------------------------------------------------------------------------------------


def _deliver_once(spans: Iterable[Span]) -> tuple[dict[str, Span], dict[str, int]]:
    """Keep one span per id: the version that ended last, then the one with more attributes."""
    kept: dict[str, Span] = {}
    copies: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if kept.setdefault(span.span_id, span) is not span:
            copies[span.span_id].append(span)
    versions_by_id = {}
    for span_id, others in copies.items():
        by_content = {_content(span): span for span in (kept[span_id], *others)}
        finished = {c: s for c, s in by_content.items() if not _is_pending(s)} or by_content
        _, kept[span_id] = max(
            finished.items(), key=lambda item: (item[1].end_ns, len(item[1].attributes), item[0])
        )
        if len(finished) > 1:
            versions_by_id[span_id] = len(finished)
    return kept, versions_by_id


def _content(span: Span) -> str:
    """All of a span as text, the same for the same content in any order of keys."""
    return spelled(replace(span, attributes=_sorted(span.attributes), resource=_sorted(span.resource)))


def _sorted(value: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(value.items()))


def _is_pending(span: Span) -> bool:
    return span.attributes.get("logfire.span_type") == _PENDING


def _settle_pending(span_by_id: dict[str, Span]) -> None:
    """Logfire announces a span by a child of it: gone once that span is there, in its place until then."""
    pending = [span for span in span_by_id.values() if _is_pending(span)]
    for span in pending:
        del span_by_id[span.span_id]
    for span in sorted(pending, key=by_start):
        parent_id = span.attributes.get("logfire.pending_parent_id")
        told = isinstance(parent_id, str) and parent_id != _NO_PARENT
        real_id = span.parent_id or span.span_id
        span_by_id.setdefault(
            real_id, replace(span, span_id=real_id, parent_id=parent_id if told else None, end_ns=0)
        )


# -- log records --------------------------------------------------------------------------------------


def _add_logs(span_by_id: dict[str, Span], logs: Iterable[LogRecord]) -> None:
    """Give every span the events that log records tell of it, each once."""
    records: defaultdict[str, dict[str, LogRecord]] = defaultdict(dict)
    for record in logs:
        if record.span_id in span_by_id:
            event = record.event
            content = spelled((event.time_ns, event.name, _sorted(event.attributes), event.body))
            known = records[record.span_id].setdefault(content, record)
            if record.position < known.position:
                records[record.span_id][content] = record
    for span_id, record_by_content in records.items():
        span = span_by_id[span_id]
        told = sorted(
            record_by_content.items(),
            key=lambda item: (*_event_order(item[1].event), item[1].position, item[0]),
        )
        merged = sorted((*span.events, *(record.event for _, record in told)), key=_event_order)
        masked = fitting(span.masked + sum(record.masked for _, record in told))
        span_by_id[span_id] = replace(span, events=tuple(merged), masked=masked)


def _event_order(event: Event) -> tuple[int, int, int]:
    """By time; at the same time the system's word first, the model's last, others by their told index."""
    index = event.attributes.get("gen_ai.message.index")
    return event.time_ns, _EVENT_RANK.get(event.name, 1), index if isinstance(index, int) else 0


# -- parents ------------------------------------------------------------------------------------------


def _cut_cycles(parent_by_id: dict[str, str], span_by_id: Mapping[str, Span]) -> frozenset[str]:
    """Take one link out of every cycle, at its earliest span, in place; answer the spans that lost theirs."""
    settled: set[str] = set()
    cut = set()
    for start in list(parent_by_id):
        path: dict[str, None] = {}
        span_id: str | None = start
        while span_id is not None and span_id not in settled and span_id not in path:
            path[span_id] = None
            span_id = parent_by_id.get(span_id)
        if span_id in path:
            ids = list(path)
            cycle = ids[ids.index(span_id) :]
            first = min((span_by_id[i] for i in cycle), key=by_start).span_id
            del parent_by_id[first]
            cut.add(first)
        settled.update(path)
    return frozenset(cut)


def _walk(span_by_id: Mapping[str, Span]) -> tuple[Span, ...]:
    """Depth first, every level sorted once."""
    children: defaultdict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(span_by_id.values(), key=by_start, reverse=True):
        children[span.parent_id].append(span)
    ordered = []
    stack = children[None]
    while stack:
        span = stack.pop()
        ordered.append(span)
        stack.extend(children.get(span.span_id, ()))
    return tuple(ordered)
