"""OTLP in protobuf, parsed by upb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracen_otel.model import Event, LogRecord, Scope, Span
from tracen_otel.otlp_wire import (
    NAMED_COUNT,
    Census,
    UndecodableBody,
    is_valid,
    log_event,
    span_kind,
    status_code,
    told_span,
)


def take_census(body: bytes) -> Census:
    """Tell which traces a request holds: the bridge's hot path, one pass over the ids."""
    request = _parse(ExportTraceServiceRequest, body)
    pairs = [
        (span.trace_id, span.span_id)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    valid = [trace_id for trace_id, span_id in pairs if is_valid(trace_id, span_id)]
    if len(valid) == len(pairs):
        return Census(frozenset(valid), len(valid))
    return Census(frozenset(valid), len(valid), len(pairs) - len(valid), _invalid_spans(request))


def _invalid_spans(request: Any) -> tuple[str, ...]:
    invalid = (
        told_span(span.name, span.trace_id.hex(), span.span_id.hex())
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        if not is_valid(span.trace_id, span.span_id)
    )
    return tuple(islice(invalid, NAMED_COUNT))


def decode_spans(body: bytes, trace_id: str | None = None) -> list[Span]:
    """The valid spans, of one trace where its id (hex) is given. Raises UndecodableBody."""
    request = _parse(ExportTraceServiceRequest, body)
    return list(_spans(request, bytes.fromhex(trace_id) if trace_id else None))


def decode_logs(body: bytes) -> list[LogRecord]:
    """The log records that name a span. Raises UndecodableBody."""
    return list(_log_records(_parse(ExportLogsServiceRequest, body)))


def _parse(message: Any, body: bytes) -> Any:
    try:
        return message.FromString(body)
    except DecodeError:
        raise UndecodableBody(f"{len(body)} bytes are no {message.DESCRIPTOR.name} in protobuf") from None


def _spans(request: Any, wanted: bytes | None) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        resource: dict[str, Any] | None = None
        for scope_spans in resource_spans.scope_spans:
            scope: Scope | None = None
            for span in scope_spans.spans:
                trace_id, span_id = span.trace_id, span.span_id
                if wanted is not None and trace_id != wanted:
                    continue
                if not is_valid(trace_id, span_id):
                    continue
                if resource is None:
                    resource = _attributes(resource_spans.resource.attributes)
                if scope is None:
                    scope = Scope(scope_spans.scope.name, scope_spans.scope.version)
                yield _span(span, scope, resource)


def _span(span: Any, scope: Scope, resource: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        name=span.name,
        parent_id=span.parent_span_id.hex() if span.parent_span_id.strip(b"\0") else None,
        kind=span_kind(span.kind),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=status_code(span.status.code),
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(Event(e.name, e.time_unix_nano, _attributes(e.attributes)) for e in span.events),
        scope=scope,
        resource=resource,
        dropped_attributes=span.dropped_attributes_count,
        dropped_events=span.dropped_events_count,
    )


def _attributes(key_values: Any) -> dict[str, Any]:
    return {kv.key: _any_value(kv.value) for kv in key_values}


def _any_value(value: Any) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_any_value(v) for v in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, which)


def _log_records(request: Any) -> Iterator[LogRecord]:
    scopes = (
        scope_logs for resource_logs in request.resource_logs for scope_logs in resource_logs.scope_logs
    )
    for position, record in enumerate(record for scope_logs in scopes for record in scope_logs.log_records):
        if is_valid(record.trace_id, record.span_id):
            attributes = _attributes(record.attributes)
            body = _any_value(record.body)
            time_ns = record.time_unix_nano or record.observed_time_unix_nano
            event = log_event(record.event_name, time_ns, attributes, body)
            yield LogRecord(record.trace_id.hex(), record.span_id.hex(), event, position=position)
