"""OTLP/JSON in the specification's own spelling: hex ids in lower case, 64-bit integers as strings, enums as integers.

What came as JSON is read as leniently as `tracen_otel.otlp_json` reads it, so that it means the same afterwards; a
field that opentelemetry-proto does not know has no type to be told in, and is left out.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tracen_otel.otlp_wire import span_kind, status_code

_ID_SIZES = {"traceId": 16, "spanId": 8, "parentSpanId": 8}
_ANY_VALUE = "opentelemetry.proto.common.v1.AnyValue"
_VALUES = (
    "stringValue",
    "intValue",
    "boolValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
)
"""Where a value holds several, which one `otlp_json` reads: the first of these."""
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
        name = field.json_name
        if name not in message:
            continue
        value = _field(field, message[name])
        if value is not None:
            told[name] = value
    return told


_FIELDS_BY_MESSAGE: dict[str, list[FieldDescriptor]] = {}


def _fields(descriptor: Descriptor) -> list[FieldDescriptor]:
    """The fields in the order in which protobuf writes them."""
    fields = _FIELDS_BY_MESSAGE.get(descriptor.full_name)
    if fields is None:
        fields = sorted(descriptor.fields, key=lambda field: field.number)
        _FIELDS_BY_MESSAGE[descriptor.full_name] = fields
    return fields


def _field(field: FieldDescriptor, value: Any) -> Any:
    """A field's value; None where it says nothing."""
    if field.is_repeated:
        items = value if isinstance(value, list) else []
        return [told for item in items if (told := _item(field, item)) is not None] or None
    told = _item(field, value)
    return told if told not in ("", "0", 0) or isinstance(told, dict) else None


def _item(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        return _scalar(field, value)
    if field.message_type.full_name == _ANY_VALUE:
        return _any_value(value, field.message_type) if isinstance(value, dict) or field.is_repeated else None
    return canonical(value, field.message_type) if isinstance(value, dict) else None


def _any_value(value: Any, descriptor: Descriptor) -> dict[str, Any]:
    """One case of a value, told also where it is "" or 0: which one it is says something."""
    name = next((name for name in _VALUES if name in value), None) if isinstance(value, dict) else None
    if name is None:
        return {}
    if name in ("arrayValue", "kvlistValue"):
        inner = value[name].get("values") if isinstance(value[name], dict) else None
        items = inner if isinstance(inner, list) else []
        # As few frames a level as `otlp_json` takes to read it: what nests as deep as that is told as well.
        told = (
            [_any_value(item, descriptor) for item in items]
            if name == "arrayValue"
            else [_key_value(item, descriptor) for item in items if isinstance(item, dict)]
        )
        return {name: {"values": told} if told else {}}
    field = next(field for field in _fields(descriptor) if field.json_name == name)
    return {name: _scalar(field, value[name])}


def _key_value(item: Mapping[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    key, value = _string(item.get("key")), item.get("value")
    told: dict[str, Any] = {"key": key} if key else {}
    return told | {"value": _any_value(value, descriptor)} if isinstance(value, dict) else told


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.json_name in _ID_SIZES:
        return _hex_id(value, _ID_SIZES[field.json_name])
    if field.enum_type is not None:
        read = _READ_BY_ENUM.get(field.enum_type.full_name)
        return int(read(value)) if read else _integer(value)
    if field.type in _LIMITS_BY_TYPE:
        low, high = _LIMITS_BY_TYPE[field.type]
        number = _integer(value)
        number = number if low <= number < high else 0
        return str(number) if field.type in _AS_TEXT else number
    return _READ_BY_TYPE[field.type](value)


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
