"""OTLP in JSON: ids are hex of any case, enums integers, 64-bit integers numbers or strings.

Unknown fields are ignored. A value of a wrong type is read as nothing; an envelope of a wrong shape is
refused by name.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn, TypeVar

from tracen_otel.attributes import clean
from tracen_otel.model import Event, LogRecord, Scope, Span
from tracen_otel.otlp_wire import (
    NAMED_COUNT,
    Census,
    Salvage,
    UndecodableBody,
    log_event,
    span_kind,
    status_code,
    told_span,
)
from tracen_otel.timestamps import known_time

T = TypeVar("T")

_NAMES_BY_SIGNAL = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
}
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def take_census(body: bytes) -> Census:
    """Tell which traces a request holds, reading all of it: what is acknowledged must be readable later."""
    request = _parse(body)
    spans = _decoded(_spans(request, None))
    trace_ids = frozenset(bytes.fromhex(trace_id) for trace_id in {span.trace_id for span in spans})
    told = [span for _, _, span in _items(request, "resourceSpans", "scopeSpans", "spans")]
    invalid = (span for span in told if not _ids(span))
    names = tuple(_told(span) for span in islice(invalid, NAMED_COUNT))
    return Census(trace_ids, len(spans), len(told) - len(spans), names)


def salvage(body: bytes) -> Salvage:
    """Leave out the spans that can not be read. Raises UndecodableBody where none can, or the envelope."""
    request = _parse(body)
    kept_count = 0
    rejected: list[Mapping[str, Any]] = []
    for resource_spans in _objects(request, "resourceSpans"):
        for scope_spans in _objects(resource_spans, "scopeSpans"):
            kept: list[Any] = []
            for span in _objects(scope_spans, "spans"):
                is_readable = _is_readable(resource_spans, scope_spans, span)
                (kept if is_readable else rejected).append(span)
            scope_spans["spans"] = kept
            kept_count += len(kept)
    if not kept_count:
        raise UndecodableBody("no span can be read")
    names = tuple(_told(span) for span in rejected[:NAMED_COUNT])
    return Salvage(json.dumps(request, ensure_ascii=False).encode(), len(rejected), names)


def _is_readable(*parts: Mapping[str, Any]) -> bool:
    resource_spans, scope_spans, span = parts
    try:
        _span(resource_spans, scope_spans, span)
    except (UndecodableBody, RecursionError):
        return False
    return True


def _told(span: Mapping[str, Any]) -> str:
    return told_span(_text(span.get("name")), span.get("traceId"), span.get("spanId"))


def split(body: bytes, signal: str) -> dict[bytes, bytes]:
    """One body for each trace, of its spans or log records alone."""
    outer, inner, items = _NAMES_BY_SIGNAL[signal]
    request = _parse(body)
    pieces: dict[bytes, list[Any]] = {}
    for resource_group in _objects(request, outer):
        for scope_group in _objects(resource_group, inner):
            items_by_trace: dict[bytes, list[Any]] = {}
            for item in _objects(scope_group, items):
                if ids := _ids(item):
                    items_by_trace.setdefault(bytes.fromhex(ids[0]), []).append(item)
            for trace_id, its in items_by_trace.items():
                group = resource_group | {inner: [scope_group | {items: its}]}
                pieces.setdefault(trace_id, []).append(group)
    return {
        trace_id: json.dumps({outer: groups}, ensure_ascii=False).encode()
        for trace_id, groups in pieces.items()
    }


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


def _parse(body: bytes) -> dict[str, Any]:
    """An OTLP/JSON body as a dict. Raises UndecodableBody, also for NaN literals and deep nesting."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_number)
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


def _number(digits: str) -> float | str:
    """A number; one beyond doubles (1e400) in the words that OTLP has for it, since it may be written again."""
    value = float(digits)
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _items(
    request: Mapping[str, Any], outer: str, inner: str, items: str
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Walk resource → scope → item; raises UndecodableBody naming the field that is no array of objects."""
    for resource_group in _objects(request, outer):
        for scope_group in _objects(resource_group, inner):
            for item in _objects(scope_group, items):
                yield resource_group, scope_group, item


def _objects(parent: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = parent.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        hint = ' such as [{"key": …, "value": {"stringValue": …}}]' if name == "attributes" else ""
        raise UndecodableBody(f"{name}: expected an array of objects{hint}, got {_shape(value)}")
    return value


def _shape(value: Any) -> str:
    return (
        "an object"
        if isinstance(value, dict)
        else "an array"
        if isinstance(value, list)
        else repr(value)[:40]
    )


def _ids(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Trace and span id of a span or log record, in lower-case hex; None where one is no valid id."""
    trace_id, span_id = _hex_id(item.get("traceId"), 16), _hex_id(item.get("spanId"), 8)
    return (trace_id, span_id) if trace_id and span_id else None


def _spans(request: Mapping[str, Any], wanted: str | None) -> Iterator[Span]:
    for resource_spans, scope_spans, told in _items(request, "resourceSpans", "scopeSpans", "spans"):
        if wanted is None or _hex_id(told.get("traceId"), 16) == wanted:
            span = _span(resource_spans, scope_spans, told)
            if span is not None:
                yield span


def _span(
    resource_spans: Mapping[str, Any], scope_spans: Mapping[str, Any], span: Mapping[str, Any]
) -> Span | None:
    """The span; None where its ids are no ids. Raises UndecodableBody, RecursionError."""
    ids = _ids(span)
    if ids is None:
        return None
    status = _object(span, "status")
    scope = _object(scope_spans, "scope")
    return Span(
        trace_id=ids[0],
        span_id=ids[1],
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
    for position, (_, _, record) in enumerate(_items(request, "resourceLogs", "scopeLogs", "logRecords")):
        ids = _ids(record)
        if ids is not None:
            attributes = _attributes(record)
            told = _integer(record.get("timeUnixNano")) or _integer(record.get("observedTimeUnixNano"))
            time_ns = known_time(told)
            body = _any_value(record.get("body"))
            event = log_event(_text(record.get("eventName")), time_ns, attributes, body)
            yield LogRecord(*ids, event, position=position)


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
