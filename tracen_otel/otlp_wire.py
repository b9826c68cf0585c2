"""What both encodings of OTLP share: the errors, the census of a request, enums. Knows neither encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Event, SpanKind, StatusCode


class UndecodableBody(ValueError):
    """The bytes are no OTLP request in the encoding that was named."""


@dataclass(frozen=True, slots=True)
class Census:
    """Which traces a request holds.

    `trace_ids` are 16 bytes each; `count` is that of spans or log records. `invalid_count`: spans with a
    trace or span id that OTLP calls invalid, of a wrong length or all zeros.
    """

    trace_ids: frozenset[bytes]
    count: int
    invalid_count: int


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

    LiteLLM spells that attribute like the field.
    """
    told = name or attributes.get("event.name") or attributes.get("event_name") or ""
    return Event(str(told), time_ns, attributes, body)
