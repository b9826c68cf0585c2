"""OTLP: request bodies in JSON, alone, a line each, or as Jaeger's newer API answers, and in protobuf."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bridge.importing.cutting import Piece
from bridge.importing.source import Source
from bridge.importing.spans import OtlpSpan, Skipped, Unreadable
from viewer.forms.otlp_canonical import with_hex_ids

MAX_PROTOBUF_BYTES = 1 << 28
_PART = "resourceSpans"
_SIZES = (("traceId", 16), ("spanId", 8), ("parentSpanId", 8))
"""Of ids, in bytes."""
_BEGINNING = re.compile(rb"\x0a(?:\x00|[\x80-\xff]{0,9}[\x00-\x7f](?:[\x0a\x12\x1a]|\Z))")
"""A request's first and only field, its length, and the first field of the resource's spans that it holds."""


class Otlp:
    """Reads the spans of resources."""

    name = "OTLP"

    def knows(self, piece: Piece) -> bool:
        return piece.part_of == _PART or (bool(piece.parts) and not piece.value)

    def spans(self, piece: Piece) -> Iterator[OtlpSpan]:
        """The spans of a resource. Raises Unreadable."""
        value = piece.value
        for scope_spans in _objects(value, "scopeSpans"):
            for span in _objects(scope_spans, "spans"):
                if not isinstance(span.get("traceId"), str):
                    raise Unreadable("a span in it has no trace id")
                told = span | {name: _hex(span[name], size) for name, size in _SIZES if name in span}
                yield OtlpSpan(told, value.get("resource") or {}, scope_spans.get("scope") or {})

    def rest(self) -> Iterator[OtlpSpan]:
        return iter(())


def _hex(told: Any, size: int) -> Any:
    """An id of `size` bytes that stands there in base64, as protobuf's own JSON has it, as OTLP's has it."""
    try:
        raw = base64.b64decode(told, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return told
    return raw.hex() if len(raw) == size else told


def _objects(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    told = value.get(name)
    return [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []


def pieces_of_protobuf(source: Source) -> Iterator[Piece | Skipped]:
    """The resources of a request body in protobuf. What is cut off has no whole part that can be told."""
    if not _BEGINNING.match(source.head):
        return
    body = bytearray()
    while (block := source.block()) and len(body) <= MAX_PROTOBUF_BYTES:
        body += block
    if len(body) > MAX_PROTOBUF_BYTES:
        yield Skipped(1, f"is more than {MAX_PROTOBUF_BYTES >> 20} MiB of protobuf; send it with a Collector")
        return
    try:
        request = ExportTraceServiceRequest.FromString(bytes(body))
    except DecodeError:
        yield Skipped(1, "is cut off, or no OTLP request in protobuf", len(body))
        return
    told = with_hex_ids(MessageToDict(request, use_integers_for_enums=True))
    yield from (Piece(copy.copy(part), 1, part_of=_PART) for part in told.get(_PART, ()))
