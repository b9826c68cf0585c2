"""What can be kept of an OTLP/protobuf trace request that does not parse as a whole.

protobuf refuses a request for one string that is not UTF-8, or one value nested too deep, and with it
thousands of spans of other people's services. Here the envelope is walked by its wire format and every span is
parsed alone; bytes that are kept are kept as they came.
"""

from __future__ import annotations

import contextlib

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracen_otel.otlp_wire import NAMED_COUNT, Salvage, UndecodableBody, told_span
from tracen_otel.protobuf_wire import delimited, fields

_RESOURCE_SPANS = 1  # of ExportTraceServiceRequest
_SCOPE_SPANS = 2  # of ResourceSpans
_SPANS = 2  # of ScopeSpans
_HEAD = 1  # of ResourceSpans the resource, of ScopeSpans the scope
_TRACE_ID, _SPAN_ID, _NAME = 1, 2, 5  # of Span


def salvage(body: bytes) -> Salvage:
    """Leave out what does not parse: single spans, and a resource or scope. Raises UndecodableBody.

    Where the envelope itself is broken there is nothing to tell the spans apart by.
    """
    rejected: list[bytes] = []
    kept = _kept(body, (_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS), (), rejected)
    return Salvage(kept, len(rejected), tuple(_told(span) for span in rejected[:NAMED_COUNT]))


def _kept(message: bytes, below: tuple[int, ...], above: tuple[int, ...], rejected: list[bytes]) -> bytes:
    """The message without what does not parse in it. `below` are the fields that lead down to the spans,
    `above` those that led here.
    """
    kept = []
    for number, field, payload in fields(message):
        path = (*above, number)
        if payload is None:
            kept.append(field)
        elif number != below[0]:
            if not above or number != _HEAD or _parses(payload, path):
                kept.append(field)
        elif len(below) > 1:
            kept.append(delimited(number, _kept(payload, below[1:], path, rejected)))
        elif _parses(payload, path):
            kept.append(field)
        else:
            rejected.append(payload)
    return b"".join(kept)


def _parses(payload: bytes, path: tuple[int, ...]) -> bool:
    """Whether a part parses at its place: as deep as there, since the limit of nesting counts from the top."""
    for number in reversed(path):
        payload = delimited(number, payload)
    try:
        ExportTraceServiceRequest.FromString(payload)
    except DecodeError:
        return False
    return True


def _told(span: bytes) -> str:
    """What can be read of a span that does not parse, by its wire format alone."""
    told = {_TRACE_ID: b"", _SPAN_ID: b"", _NAME: b""}
    with contextlib.suppress(UndecodableBody):
        told |= {number: payload for number, _, payload in fields(span) if payload is not None}
    name = told[_NAME].decode(errors="replace")
    return told_span(name, told[_TRACE_ID].hex(), told[_SPAN_ID].hex())
