"""OTLP in JSON: ids are hex of any case, enums integers, 64-bit integers numbers or strings.

Unknown fields are ignored. A value of a wrong type is read as nothing; an envelope of a wrong shape is
refused by name.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from tracen_otel.attributes import clean
from tracen_otel.model import Event, LogRecord, Scope, Span
from tracen_otel.otlp_wire import Census, UndecodableBody, log_event, span_kind, status_code
from tracen_otel.timestamps import known_time

T = TypeVar("T")

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def take_census(body: bytes) -> Census:
    """Tell which traces a request holds, reading all of it: what is acknowledged must be readable later."""
    request = _parse(body)
    spans = _decoded(_spans(request, None))
    total = sum(1 for _ in _items(request, "resourceSpans", "scopeSpans", "spans"))
    trace_ids = frozenset(bytes.fromhex(trace_id) for trace_id in {span.trace_id for span in spans})
    return Census(trace_ids, len(spans), total - len(spans))


def decode_spans(body: bytes, trace_id: str | None = None) -> list[Span]:
    """The valid spans, of one trace where its id (hex) is given. Raises UndecodableBody."""
    return _decoded(_spans(_parse(body), trace_id))


def decode_logs(body: bytes) -> list[LogRecord]:
    """The log records that name a span. Raises UndecodableBody."""
    return _decoded(_log_records(_parse(body)))


def _decoded(items: Iterator[T]) -> list[T]:
    try:
        return list(items)
    except RecursionError:
        raise UndecodableBody("an attribute value is nested too deep") from None


def _parse(body: bytes) -> Mapping[str, Any]:
    """An OTLP/JSON body as a dict. Raises UndecodableBody, also for NaN literals and deep nesting."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        if _SURROGATE_ESCAPE.search(body):
            value = _without_lone_surrogates(value)
    except RecursionError:
        raise UndecodableBody("the JSON is nested too deep") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UndecodableBody(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UndecodableBody(f"expected a JSON object, got {type(value).__name__}")
    return value


def _without_lone_surrogates(value: Any) -> Any:
    """They are no text: no page, no UTF-8 and no database takes them."""
    return json.loads(clean(json.dumps(value, ensure_ascii=False)))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _items(
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
    return (
        "an object"
        if isinstance(value, dict)
        else "an array"
        if isinstance(value, list)
        else repr(value)[:40]
    )


def _spans(request: Mapping[str, Any], wanted: str | None) -> Iterator[Span]:
    for resource_spans, scope_spans, span in _items(request, "resourceSpans", "scopeSpans", "spans"):
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
            kind=span_kind(span.get("kind")),
            start_ns=known_time(_integer(span.get("startTimeUnixNano"))),
            end_ns=known_time(_integer(span.get("endTimeUnixNano"))),
            status=status_code(status.get("code")),
            status_message=_text(status.get("message")),
            attributes=_attributes(span),
            events=tuple(
                Event(_text(e.get("name")), known_time(_integer(e.get("timeUnixNano"))), _attributes(e))
                for e in _objects(span, "events")
            ),
            scope=Scope(_text(scope.get("name")), _text(scope.get("version"))),
            resource=_attributes(_object(resource_spans, "resource")),
            dropped_attributes=_integer(span.get("droppedAttributesCount")),
            dropped_events=_integer(span.get("droppedEventsCount")),
        )


def _log_records(request: Mapping[str, Any]) -> Iterator[LogRecord]:
    for _, _, record in _items(request, "resourceLogs", "scopeLogs", "logRecords"):
        trace_id, span_id = _hex_id(record.get("traceId"), 16), _hex_id(record.get("spanId"), 8)
        if trace_id and span_id:
            attributes = _attributes(record)
            time_ns = known_time(_integer(record.get("timeUnixNano")))
            body = _any_value(record.get("body"))
            yield LogRecord(
                trace_id, span_id, log_event(_text(record.get("eventName")), time_ns, attributes, body)
            )


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _attributes(parent: Mapping[str, Any]) -> dict[str, Any]:
    return {_text(kv.get("key")): _any_value(kv.get("value")) for kv in _objects(parent, "attributes")}


def _any_value(value: Any) -> Any:  # one branch per case of AnyValue
    if not isinstance(value, dict):
        return None
    for name, read in _READ_BY_VALUE_NAME.items():
        if name in value:
            return read(value[name])
    return None


def _array(value: Any) -> list[Any]:
    items = value.get("values") if isinstance(value, dict) else None
    return [_any_value(item) for item in items] if isinstance(items, list) else []


def _kvlist(value: Any) -> dict[str, Any]:
    items = value.get("values") if isinstance(value, dict) else None
    pairs = items if isinstance(items, list) else []
    return {_text(kv.get("key")): _any_value(kv.get("value")) for kv in pairs if isinstance(kv, dict)}


def _double(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _bytes(value: Any) -> bytes:
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
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _kvlist,
    "bytesValue": _bytes,
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
