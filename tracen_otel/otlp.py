"""OTLP trace and log request bodies (protobuf, JSON) → Span and LogRecord.

Needs the optional `opentelemetry-proto`. Follows opentelemetry-proto 1.11 `docs/specification.md`:
JSON ids are hex, enums integers (names are tolerated), 64-bit integers numbers or strings, unknown
fields ignored. A span whose ids are no ids is left out and counted; it never costs its neighbours.

    UndecodableBody   the body is not OTLP at all
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracen_otel.model import Event, LogRecord, Scope, Span, SpanKind, StatusCode


class Encoding(StrEnum):
    """How a body is written: its media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class UndecodableBody(ValueError):
    """The bytes are no OTLP request in the encoding that was named."""


@dataclass(frozen=True, slots=True)
class Census:
    """Which traces a request holds, without reading its spans any further."""

    trace_ids: frozenset[bytes]
    """16 bytes each."""
    span_count: int
    """Of valid spans."""
    invalid_count: int
    """Spans with a trace or span id that OTLP calls invalid: wrong length, or all zeros."""


def take_census(body: bytes, encoding: Encoding) -> Census:
    """Tell which traces an OTLP trace request holds. Raises UndecodableBody."""
    if encoding is Encoding.PROTOBUF:
        return _census_protobuf(_parse_protobuf(ExportTraceServiceRequest, body))
    trace_ids, span_count, invalid_count = set(), 0, 0
    for _, _, span in _json_items(parse_json(body), "resourceSpans", "scopeSpans", "spans"):
        trace_id, span_id = _hex_id(span.get("traceId"), 16), _hex_id(span.get("spanId"), 8)
        if trace_id and span_id:
            trace_ids.add(bytes.fromhex(trace_id))
            span_count += 1
        else:
            invalid_count += 1
    return Census(frozenset(trace_ids), span_count, invalid_count)


_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


def _census_protobuf(request: Any) -> Census:
    """The bridge's hot path: one pass over the ids; spans with bad ids are counted one by one only if any."""
    pairs = [
        (span.trace_id, span.span_id)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    valid = [
        trace_id
        for trace_id, span_id in pairs
        if len(trace_id) == 16 and len(span_id) == 8 and trace_id != _NO_TRACE and span_id != _NO_SPAN
    ]
    return Census(frozenset(valid), len(valid), len(pairs) - len(valid))


def decode_spans(body: bytes, encoding: Encoding, trace_id: str | None = None) -> list[Span]:
    """The valid spans of a trace request, in order; with `trace_id` (hex) those of one trace alone.

    Raises UndecodableBody.
    """
    if encoding is Encoding.PROTOBUF:
        request = _parse_protobuf(ExportTraceServiceRequest, body)
        return list(_protobuf_spans(request, bytes.fromhex(trace_id) if trace_id else None))
    return list(_json_spans(parse_json(body), trace_id))


def decode_logs(body: bytes, encoding: Encoding) -> list[LogRecord]:
    """The log records of a logs request that name a span, in order. Raises UndecodableBody."""
    if encoding is Encoding.PROTOBUF:
        return list(_protobuf_logs(_parse_protobuf(ExportLogsServiceRequest, body)))
    return list(_json_logs(parse_json(body)))


# -- protobuf -----------------------------------------------------------------------------------------


def _parse_protobuf(message: Any, body: bytes) -> Any:
    try:
        return message.FromString(body)
    except DecodeError:
        raise UndecodableBody(f"{len(body)} bytes are no {message.DESCRIPTOR.name} in protobuf") from None


def _protobuf_spans(request: Any, wanted: bytes | None) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        resource: dict[str, Any] | None = None
        for scope_spans in resource_spans.scope_spans:
            scope: Scope | None = None
            for span in scope_spans.spans:
                trace_id, span_id = span.trace_id, span.span_id
                if wanted is not None and trace_id != wanted:
                    continue
                if len(trace_id) != 16 or len(span_id) != 8 or trace_id == _NO_TRACE or span_id == _NO_SPAN:
                    continue
                if resource is None:
                    resource = _attributes(resource_spans.resource.attributes)
                if scope is None:
                    scope = Scope(scope_spans.scope.name, scope_spans.scope.version)
                yield _protobuf_span(span, scope, resource)


def _protobuf_span(span: Any, scope: Scope, resource: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        name=span.name,
        parent_id=span.parent_span_id.hex() if span.parent_span_id.strip(b"\0") else None,
        kind=_span_kind(span.kind),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=_status_code(span.status.code),
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


def _protobuf_logs(request: Any) -> Iterator[LogRecord]:
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                if len(record.trace_id) == 16 and len(record.span_id) == 8:
                    attributes = _attributes(record.attributes)
                    body = _any_value(record.body)
                    event = _log_event(record.event_name, record.time_unix_nano, attributes, body)
                    yield LogRecord(record.trace_id.hex(), record.span_id.hex(), event)


def _log_event(name: str, time_ns: int, attributes: dict[str, Any], body: Any) -> Event:
    """Before LogRecord.event_name (proto 1.5) the name was the attribute `event.name`."""
    return Event(name or str(attributes.get("event.name", "")), time_ns, attributes, body)


# -- JSON ---------------------------------------------------------------------------------------------


def parse_json(body: bytes) -> Mapping[str, Any]:
    """An OTLP/JSON body as a dict. Raises UndecodableBody, also for NaN literals and deep nesting."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise UndecodableBody("the JSON is nested too deep") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UndecodableBody(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UndecodableBody(f"expected a JSON object, got {type(value).__name__}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _json_items(
    request: Mapping[str, Any], outer: str, inner: str, items: str
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Walk resource → scope → item; raises UndecodableBody naming the field that is no array of objects."""
    for resource_group in _objects(request, outer):
        for scope_group in _objects(resource_group, inner):
            for item in _objects(scope_group, items):
                yield resource_group, scope_group, item


def _objects(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = parent.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UndecodableBody(f"{name}: expected an array of objects, got {_shape(value)}")
    return value


def _shape(value: Any) -> str:
    return "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else repr(value)[:40]


def _json_spans(request: Mapping[str, Any], wanted: str | None) -> Iterator[Span]:
    for resource_spans, scope_spans, span in _json_items(request, "resourceSpans", "scopeSpans", "spans"):
        trace_id, span_id = _hex_id(span.get("traceId"), 16), _hex_id(span.get("spanId"), 8)
        if not trace_id or not span_id or (wanted is not None and trace_id != wanted):
            continue
        status = _object(span, "status")
        scope = _object(scope_spans, "scope")
        yield Span(
            trace_id=trace_id,
            span_id=span_id,
            name=_text(span.get("name")),
            parent_id=_hex_id(span.get("parentSpanId"), 8),
            kind=_span_kind(span.get("kind")),
            start_ns=_integer(span.get("startTimeUnixNano")),
            end_ns=_integer(span.get("endTimeUnixNano")),
            status=_status_code(status.get("code")),
            status_message=_text(status.get("message")),
            attributes=_json_attributes(span),
            events=tuple(
                Event(_text(e.get("name")), _integer(e.get("timeUnixNano")), _json_attributes(e))
                for e in _objects(span, "events")
            ),
            scope=Scope(_text(scope.get("name")), _text(scope.get("version"))),
            resource=_json_attributes(_object(resource_spans, "resource")),
            dropped_attributes=_integer(span.get("droppedAttributesCount")),
            dropped_events=_integer(span.get("droppedEventsCount")),
        )


def _json_logs(request: Mapping[str, Any]) -> Iterator[LogRecord]:
    for _, _, record in _json_items(request, "resourceLogs", "scopeLogs", "logRecords"):
        trace_id, span_id = _hex_id(record.get("traceId"), 16), _hex_id(record.get("spanId"), 8)
        if trace_id and span_id:
            attributes = _json_attributes(record)
            time_ns = _integer(record.get("timeUnixNano"))
            body = _json_value(record.get("body"))
            yield LogRecord(
                trace_id, span_id, _log_event(_text(record.get("eventName")), time_ns, attributes, body)
            )


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _json_attributes(parent: Mapping[str, Any]) -> dict[str, Any]:
    return {_text(kv.get("key")): _json_value(kv.get("value")) for kv in _objects(parent, "attributes")}


def _json_value(value: Any) -> Any:  # one branch per case of AnyValue
    if not isinstance(value, dict):
        return None
    for name, read in _READ_BY_VALUE_NAME.items():
        if name in value:
            return read(value[name])
    return None


def _json_array(value: Any) -> list[Any]:
    items = value.get("values") if isinstance(value, dict) else None
    return [_json_value(item) for item in items] if isinstance(items, list) else []


def _json_kvlist(value: Any) -> dict[str, Any]:
    items = value.get("values") if isinstance(value, dict) else None
    pairs = items if isinstance(items, list) else []
    return {_text(kv.get("key")): _json_value(kv.get("value")) for kv in pairs if isinstance(kv, dict)}


def _json_double(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _json_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value))
    except (binascii.Error, ValueError):
        return b""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _integer(value: Any) -> int:
    """An int64 as number or string of digits; 0 for anything else."""
    if isinstance(value, int):
        return int(value)
    try:
        return int(value) if isinstance(value, str) and len(value) <= 20 else 0
    except ValueError:
        return 0


_READ_BY_VALUE_NAME: dict[str, Callable[[Any], Any]] = {
    "stringValue": _text,
    "intValue": _integer,
    "boolValue": bool,
    "doubleValue": _json_double,
    "arrayValue": _json_array,
    "kvlistValue": _json_kvlist,
    "bytesValue": _json_bytes,
}


def _hex_id(value: Any, size: int) -> str | None:
    """Lower-case hex of an id of `size` bytes; None where it is no valid id."""
    if not isinstance(value, str) or len(value) != 2 * size:
        return None
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        return None
    return raw.hex() if len(raw) == size and any(raw) else None


def _span_kind(value: Any) -> SpanKind:
    if isinstance(value, str):
        return SpanKind.__members__.get(value.removeprefix("SPAN_KIND_"), SpanKind.UNSPECIFIED)
    return SpanKind(value) if isinstance(value, int) and 0 <= value <= 5 else SpanKind.UNSPECIFIED


def _status_code(value: Any) -> StatusCode:
    if isinstance(value, str):
        return StatusCode.__members__.get(value.removeprefix("STATUS_CODE_"), StatusCode.UNSET)
    return StatusCode(value) if isinstance(value, int) and 0 <= value <= 2 else StatusCode.UNSET
