"""What can be kept of an OTLP/protobuf trace request that does not parse as a whole.

protobuf refuses a request for one string that is not UTF-8, or one value nested too deep, and with it
thousands of spans of other people's services. Here the envelope is walked by its wire format
(protobuf.dev, "Encoding") and every span is parsed alone; bytes that are kept are kept as they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracen_otel.otlp_wire import UndecodableBody

_RESOURCE_SPANS = 1  # of ExportTraceServiceRequest
_SCOPE_SPANS = 2  # of ResourceSpans
_SPANS = 2  # of ScopeSpans
_HEAD = 1  # of ResourceSpans the resource, of ScopeSpans the scope

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Salvage:
    """A body that parses, and how many spans are no longer in it."""

    body: bytes
    rejected_count: int


def salvage(body: bytes) -> Salvage:
    """Leave out what does not parse: single spans, and a resource or scope. Raises UndecodableBody.

    Where the envelope itself is broken there is nothing to tell the spans apart by.
    """
    return _salvaged(body, (_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS), ())


def _salvaged(message: bytes, below: tuple[int, ...], above: tuple[int, ...]) -> Salvage:
    """The message without what does not parse in it. `below` are the fields that lead down to the spans,
    `above` those that led here.
    """
    kept, rejected_count = [], 0
    for number, field, payload in _fields(message):
        path = (*above, number)
        if payload is None:
            kept.append(field)
        elif number != below[0]:
            if not above or number != _HEAD or _parses(payload, path):
                kept.append(field)
        elif len(below) > 1:
            inner = _salvaged(payload, below[1:], path)
            rejected_count += inner.rejected_count
            kept.append(_delimited(number, inner.body))
        elif _parses(payload, path):
            kept.append(field)
        else:
            rejected_count += 1
    return Salvage(b"".join(kept), rejected_count)


def _parses(payload: bytes, path: tuple[int, ...]) -> bool:
    """Whether a part parses at its place: as deep as there, since the limit of nesting counts from the top."""
    for number in reversed(path):
        payload = _delimited(number, payload)
    try:
        ExportTraceServiceRequest.FromString(payload)
    except DecodeError:
        return False
    return True


# -- the wire format ----------------------------------------------------------------------------------


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Each field's number, all of its bytes, and its payload where it is length-delimited."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        payload = None
        wire_type = tag & 7
        if wire_type == _VARINT:
            _, at = _varint(message, at)
        elif wire_type == _LENGTH:
            size, at = _varint(message, at)
            payload = message[at : at + size]
            at += size
        elif wire_type in (_FIXED64, _FIXED32):
            at += 8 if wire_type == _FIXED64 else 4
        else:
            raise UndecodableBody(f"no protobuf: wire type {wire_type} at byte {start}")
        if at > len(message) or tag >> 3 == 0:
            raise UndecodableBody(f"no protobuf: a field at byte {start} runs over the end")
        yield tag >> 3, message[start:at], payload


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for end in range(at, min(at + 10, len(message))):
        value |= (message[end] & 0x7F) << shift
        if message[end] < 0x80:
            return value, end + 1
        shift += 7
    raise UndecodableBody(f"no protobuf: a number at byte {at} does not end")


def _delimited(number: int, payload: bytes) -> bytes:
    head = bytearray([number << 3 | _LENGTH])
    size = len(payload)
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + payload
