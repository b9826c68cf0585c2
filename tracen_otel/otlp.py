"""OTLP trace and log request bodies (protobuf, JSON) → Span and LogRecord.

Needs the optional `opentelemetry-proto`. Follows opentelemetry-proto 1.11 `docs/specification.md`. A span
whose ids are no ids is left out and counted; it never costs its neighbours.

    UndecodableBody   the body is not OTLP at all
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from tracen_otel import otlp_json, otlp_protobuf, otlp_salvage, otlp_split
from tracen_otel.model import LogRecord, Span
from tracen_otel.otlp_wire import Census, Salvage, UndecodableBody

__all__ = [
    "Census",
    "Encoding",
    "Salvage",
    "Signal",
    "UndecodableBody",
    "decode_logs",
    "decode_spans",
    "salvage",
    "split",
    "take_census",
]


class Encoding(StrEnum):
    """How a body is written: its media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class Signal(StrEnum):
    """What a request tells of, as in its path: `/v1/traces`."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class _Decoder(Protocol):
    """What each encoding's module offers."""

    def take_census(self, body: bytes) -> Census: ...
    def decode_spans(self, body: bytes, trace_id: str | None = None) -> list[Span]: ...
    def decode_logs(self, body: bytes) -> list[LogRecord]: ...


_DECODER_BY_ENCODING: dict[Encoding, _Decoder] = {Encoding.PROTOBUF: otlp_protobuf, Encoding.JSON: otlp_json}


def take_census(body: bytes, encoding: Encoding, signal: Signal = Signal.TRACES) -> Census:
    """Tell which traces a request holds. Raises UndecodableBody exactly where reading it later would.

    Log records count where they name a span; metrics tell of no trace and are not looked at.
    """
    if signal is Signal.TRACES:
        return _DECODER_BY_ENCODING[encoding].take_census(body)
    records = decode_logs(body, encoding) if signal is Signal.LOGS else []
    return Census(frozenset(bytes.fromhex(record.trace_id) for record in records), len(records))


def salvage(body: bytes, encoding: Encoding, signal: Signal) -> Salvage:
    """Leave out of a trace request what keeps the rest from being read. Raises UndecodableBody.

    What does not parse at all in JSON can not be told apart into spans, and log requests are small.
    """
    if signal is not Signal.TRACES:
        raise UndecodableBody("nothing of the body can be read")
    return otlp_json.salvage(body) if encoding is Encoding.JSON else otlp_salvage.salvage(body)


def split(body: bytes, encoding: Encoding, signal: Signal) -> dict[bytes, bytes]:
    """One body in the same encoding for each trace (16 bytes) of a trace or logs request, of its part alone.

    What belongs to no trace is left out: it is shown on no page. Raises UndecodableBody.
    """
    if encoding is Encoding.JSON:
        return otlp_json.split(body, signal)
    return otlp_split.split(body, signal)


def decode_spans(body: bytes, encoding: Encoding, trace_id: str | None = None) -> list[Span]:
    """The valid spans of a trace request, in order; with `trace_id` (hex) those of one trace alone.

    Raises UndecodableBody.
    """
    return _DECODER_BY_ENCODING[encoding].decode_spans(body, trace_id)


def decode_logs(body: bytes, encoding: Encoding) -> list[LogRecord]:
    """The log records of a logs request that name a span, in order. Raises UndecodableBody."""
    return _DECODER_BY_ENCODING[encoding].decode_logs(body)
