"""OTLP/JSON in the specification's own spelling: hex ids in lower case, 64-bit integers as strings, enums as integers.

What came as JSON is read as leniently as `tracen_otel.otlp_json` reads it, so that it means the same afterwards; a
field that opentelemetry-proto does not know has no type to be told in, and is left out.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tracen_otel.otlp_wire import span_kind, status_code

_ID_SIZES = {"traceId": 16, "spanId": 8, "parentSpanId": 8}
_KEY_VALUE = "opentelemetry.proto.common.v1.KeyValue"
_READ_BY_ENUM: Mapping[str, Callable[[Any], int]] = {
    "opentelemetry.proto.trace.v1.Span.SpanKind": span_kind,
    "opentelemetry.proto.trace.v1.Status.StatusCode": status_code,
}
_LIMITS_BY_TYPE = {
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64),
    FieldDescriptor.TYPE_UINT64: (0, 2**64),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32),
    FieldDescriptor.TYPE_UINT32: (0, 2**32),
}
_AS_TEXT = frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_UINT64})


# -- out of protobuf ----------------------------------------------------------------------------------


def with_hex_ids(request: dict[str, Any]) -> dict[str, Any]:
    """Change, in place, the ids that protobuf's JSON mapping writes in base64: OTLP wants them in hex."""
    for resource_spans in request.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                _to_hex(span)
                for link in span.get("links", ()):
                    _to_hex(link)
    return request


def _to_hex(item: dict[str, Any]) -> None:
    for name in _ID_SIZES:
        if name in item:
            item[name] = base64.b64decode(item[name]).hex()


# -- out of JSON --------------------------------------------------------------------------------------


def canonical(message: Mapping[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    """Spell a message, given as JSON, as OTLP/JSON does. What says nothing is left out, as protobuf does."""
    told: dict[str, Any] = {}
    for field in _fields(descriptor):
        if field.name in message:
            value = _value(field, message[field.name])
            if value or value == {}:
                told[field.name] = value
    return told


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: descriptors answer too slowly to be asked for each span."""

    name: str
    is_repeated: bool
    read: Callable[[Any], Any]
    """Spells one value; None for what says nothing."""


@lru_cache(maxsize=64)
def _fields(descriptor: Descriptor) -> tuple[_Field, ...]:
    """The fields in the order in which protobuf writes them."""
    fields = sorted(descriptor.fields, key=lambda field: field.number)
    return tuple(_Field(field.json_name, field.is_repeated, _reader(field)) for field in fields)


def _value(field: _Field, value: Any) -> Any:
    if not field.is_repeated:
        return field.read(value)
    items = value if isinstance(value, list) else []
    return [told for item in items if (told := field.read(item)) is not None] or None


def _reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    message = field.message_type
    if message is None:
        return _scalar_reader(field)
    if message.full_name == _KEY_VALUE:
        return lambda value: _key_value(value) if isinstance(value, dict) else None
    return lambda value: canonical(value, message) if isinstance(value, dict) else None


def _scalar_reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    if size := _ID_SIZES.get(field.json_name):
        return lambda value: _hex_id(value, size)
    if field.enum_type is not None:
        read = _READ_BY_ENUM.get(field.enum_type.full_name, _integer)
        return lambda value: int(read(value))
    if field.type in _LIMITS_BY_TYPE:
        low, high = _LIMITS_BY_TYPE[field.type]
        return _text_of_integer(low, high) if field.type in _AS_TEXT else _integer_within(low, high)
    return _READ_BY_TYPE[field.type]


def _integer_within(low: int, high: int) -> Callable[[Any], int]:
    return lambda value: number if low <= (number := _integer(value)) < high else 0


def _text_of_integer(low: int, high: int) -> Callable[[Any], str]:
    """A 64-bit integer as text; "" for 0, which says nothing."""
    within = _integer_within(low, high)
    return lambda value: str(number) if (number := within(value)) else ""


def _key_value(item: Mapping[str, Any]) -> dict[str, Any]:
    key, value = _string(item.get("key")), item.get("value")
    told: dict[str, Any] = {"key": key} if key else {}
    if isinstance(value, dict):
        told["value"] = _any_value(value)
    return told


def _any_value(value: Any) -> dict[str, Any]:
    """One case of a value, told also where it is "" or 0: which one it is says something.

    It takes as few frames a level as `otlp_json` does: what nests deep enough for that is told as well.
    """
    name = next((name for name in _CASES if name in value), None) if isinstance(value, dict) else None
    if name is None:
        return {}
    told = value[name]
    if read := _READ_BY_CASE.get(name):
        return {name: read(told)}
    inner = told.get("values") if isinstance(told, dict) else None
    items = inner if isinstance(inner, list) else []
    values = (
        [_any_value(item) for item in items]
        if name == "arrayValue"
        else [_key_value(item) for item in items if isinstance(item, dict)]
    )
    return {name: {"values": values} if values else {}}


def _hex_id(value: Any, size: int) -> str | None:
    try:
        raw = bytes.fromhex(value) if isinstance(value, str) and len(value) == 2 * size else b""
    except ValueError:
        return None
    return raw.hex() if len(raw) == size and any(raw) else None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _integer(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    try:
        return int(value) if isinstance(value, str) and len(value) <= 20 else 0
    except ValueError:
        return 0


def _double(value: Any) -> float | str:
    """A number, or the words that proto3's JSON has for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _bytes(value: Any) -> str:
    try:
        return base64.b64encode(base64.b64decode(_string(value))).decode()
    except (binascii.Error, ValueError):
        return ""


_READ_BY_TYPE: Mapping[int, Callable[[Any], Any]] = {
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BOOL: bool,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_BYTES: _bytes,
}
_int64 = _integer_within(-(2**63), 2**63)
_CASES = (
    "stringValue",
    "intValue",
    "boolValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
)
"""Of AnyValue, in the order of `otlp_json`, which reads the first where a value holds several."""
_READ_BY_CASE: Mapping[str, Callable[[Any], Any]] = {
    "stringValue": _string,
    "intValue": lambda value: str(_int64(value)),
    "boolValue": bool,
    "doubleValue": _double,
    "bytesValue": _bytes,
}
