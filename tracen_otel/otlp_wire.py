"""What both encodings of OTLP share: the errors, the census of a request, enums. Knows neither encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Event, SpanKind, StatusCode

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


class UndecodableBody(ValueError):
    """The bytes are no OTLP request in the encoding that was named."""


@dataclass(frozen=True, slots=True)
class Census:
    """Which traces a request holds.

    `trace_ids` are 16 bytes each; `count` is that of spans or log records. `invalid_count`: spans with a
    trace or span id that OTLP calls invalid, of a wrong length or all zeros; `invalid_spans` names the first.
    """

    trace_ids: frozenset[bytes]
    count: int
    invalid_count: int = 0
    invalid_spans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Salvage:
    """A body that can be read, how many spans are no longer in it, and the names of the first."""

    body: bytes
    rejected_count: int
    rejected_spans: tuple[str, ...] = ()


NAMED_COUNT = 5
"""Spans that are named where some are refused."""


def told_span(name: str, trace_id: Any, span_id: Any) -> str:
    """A span as a refusal names it to its sender; the ids are hex, or what came in their place."""
    ids = f"span id {str(span_id)[:40] or 'none'}, trace id {str(trace_id)[:60] or 'none'}".lower()
    return f"{name[:60]!r:.80} ({ids})"  # cut twice: an escape is up to ten characters


def is_valid(trace_id: bytes, span_id: bytes) -> bool:
    """Tell whether these are ids: 16 and 8 bytes, not all zero."""
    return len(trace_id) == 16 and len(span_id) == 8 and trace_id != _NO_TRACE and span_id != _NO_SPAN


def span_kind(value: Any) -> SpanKind:
    """From the integer of the wire; the enum's name is tolerated, anything else is unspecified."""
    if isinstance(value, str):
        return SpanKind.__members__.get(value.removeprefix("SPAN_KIND_"), SpanKind.UNSPECIFIED)
    return SpanKind(value) if isinstance(value, int) and 0 <= value <= 5 else SpanKind.UNSPECIFIED


def status_code(value: Any) -> StatusCode:
    """From the integer of the wire; the enum's name is tolerated, anything else is unset."""
    if isinstance(value, str):
        return StatusCode.__members__.get(value.removeprefix("STATUS_CODE_"), StatusCode.UNSET)
    return StatusCode(value) if isinstance(value, int) and 0 <= value <= 2 else StatusCode.UNSET


def log_event(name: str, time_ns: int, attributes: dict[str, Any], body: Any) -> Event:
    """A log record as the event of its span. Before `event_name` (proto 1.5) its name was an attribute.

    LiteLLM spells that attribute like the field. `time_ns`: where none is told, as Java's instrumentations do, when it
    was observed (logs/data-model.md, Timestamp); else the messages of a call have no order.
    """
    told = name or attributes.get("event.name") or attributes.get("event_name") or ""
    return Event(str(told), time_ns, attributes, body)
