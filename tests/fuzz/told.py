"""Spans in a form that mutation does not break: any bytes are some spans that speak some dialect.

Spans end with NUL, attributes with \\x01; an attribute is two bytes that choose a key, one that chooses a type,
and its text. A span begins with five bytes: parent, kind, status, start, duration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tracen_otel.attributes import decode_json
from tracen_otel.dialects import DIALECTS
from tracen_otel.dialects.table import fields_of
from tracen_otel.model import Event, Scope, Span, SpanKind, StatusCode

_TRACE_ID = "5" * 32
_START_NS = 1_795_512_600_000_000_000
_STEP_NS = 7_000_000
_HEAD = 5
_MAX_SPANS = 12
_BASE = 64
_FIRST = 64  # bytes 64 to 127: never the NUL or \x01 that separate

KEYS: tuple[str, ...] = tuple(
    dict.fromkeys(
        [r.key.replace("N", "0") for d in DIALECTS for _, readings in fields_of(d) for r in readings]
        + ["gen_ai.choice", "exception.message", "exception.stacktrace", "service.name", "telemetry.sdk.name"]
    )
)
"""Every key that some dialect reads; an index into them is two bytes."""
SCOPES = ("", "ai", "langfuse-sdk", "pydantic-ai", "openinference.instrumentation.openai", "strands-agents")


def spans_told_in(data: bytes) -> list[Span]:
    """Read any bytes as spans."""
    return [_span(number, told) for number, told in enumerate(data.split(b"\0")[:_MAX_SPANS], start=1)]


def _span(number: int, told: bytes) -> Span:
    parent, kind, status, start, duration = told[:_HEAD].ljust(_HEAD, b"\1")
    attributes, events = {}, []
    for key, value in _attributes(told[_HEAD:]):
        attributes[key] = value
        if "event" in key or key.startswith(("gen_ai.", "exception.")):
            events.append(Event(key, _START_NS + start * _STEP_NS, {key: value}, value))
    return Span(
        _TRACE_ID,
        f"{number:016x}",
        attributes.get("span.name") or f"span {number}",
        parent_id=f"{parent % (_MAX_SPANS + 2):016x}" if parent else None,
        kind=SpanKind(kind % len(SpanKind)),
        start_ns=_START_NS + start * _STEP_NS if start else 0,
        end_ns=_START_NS + (start + duration) * _STEP_NS if duration else 0,
        status=StatusCode(status % len(StatusCode)),
        status_message="it failed" if status > 100 else "",
        attributes=attributes,
        events=tuple(events[:4]),
        scope=Scope(SCOPES[kind % len(SCOPES)]),
    )


def _attributes(told: bytes) -> Iterator[tuple[str, Any]]:
    for piece in told.split(b"\1"):
        if len(piece) >= 3:
            key = KEYS[(piece[0] % _BASE * _BASE + piece[1] % _BASE) % len(KEYS)]
            yield key, _value(piece[2], piece[3:].decode("utf-8", "replace"))


def _value(type_code: int, text: str) -> Any:
    match type_code % 8:
        case 0:
            return len(text)
        case 1:
            return len(text) / 3
        case 2:
            return [text, text[:3]]
        case 3:
            value = decode_json(text)
            return value if isinstance(value, dict | list) else text
        case _:
            return text


def _letters(index: int) -> bytes:
    return bytes([_FIRST + index // _BASE, _FIRST + index % _BASE])


def told_as_bytes(spans: Sequence[Span]) -> bytes:
    """The other way round, for seeds: what of real spans fits the form."""
    index_by_key = {key: index for index, key in enumerate(KEYS)}
    pieces = []
    for span in spans[:_MAX_SPANS]:
        told = [
            _letters(index_by_key[key]) + b"\4" + str(value).encode("utf-8", "replace")
            for key, value in span.attributes.items()
            if key in index_by_key
        ]
        text = b"\1".join(piece.replace(b"\0", b" ") for piece in told)
        pieces.append(bytes([1, 1, span.status % 3, 1, 9]) + text)
    return b"\0".join(pieces)
