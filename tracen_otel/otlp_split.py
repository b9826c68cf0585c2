"""An OTLP/protobuf request taken apart: one body for each trace, of the bytes that came.

The envelope is walked by its wire format: resources, scopes and fields that nobody knows are kept for every trace
below them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tracen_otel.otlp_wire import is_valid
from tracen_otel.protobuf_wire import delimited, fields

_GROUPS = 1  # of both requests: ResourceSpans, ResourceLogs
_INNER = 2  # of those ScopeSpans, ScopeLogs; of those the spans, the log records
_LEAF_BY_SIGNAL: Mapping[str, Any] = {"traces": Span, "logs": LogRecord}


def split(body: bytes, signal: str) -> dict[bytes, bytes]:
    """One body for each trace (16 bytes). What belongs to none is left out. Raises UndecodableBody."""
    leaf = _LEAF_BY_SIGNAL[signal]
    pieces: dict[bytes, list[bytes]] = {}
    for number, _, group in fields(body):
        if number != _GROUPS or group is None:
            continue
        for trace_id, piece in _split(group, lambda scope: _split(scope, lambda item: _whole(leaf, item))):
            pieces.setdefault(trace_id, []).append(delimited(_GROUPS, piece))
    return {trace_id: b"".join(parts) for trace_id, parts in pieces.items()}


def _split(message: bytes, below: Any) -> Iterator[tuple[bytes, bytes]]:
    """The message once for each trace in it, with that trace's parts alone; `below` takes an inner message apart."""
    head: list[bytes] = []
    parts_by_trace: dict[bytes, list[bytes]] = {}
    for number, field, payload in fields(message):
        if number != _INNER or payload is None:
            head.append(field)
            continue
        for trace_id, part in below(payload):
            parts_by_trace.setdefault(trace_id, []).append(delimited(_INNER, part))
    return ((trace_id, b"".join((*head, *parts))) for trace_id, parts in parts_by_trace.items())


def _whole(leaf: Any, item: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A span or log record with the trace it belongs to."""
    read = leaf.FromString(item)
    if is_valid(read.trace_id, read.span_id):
        yield read.trace_id, item
