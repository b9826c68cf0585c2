"""OTLP/JSON with its secrets masked: every text and attribute. Ids of spans, times and enums are as they came.

Nothing is told that was not looked at: a text in a field that a later opentelemetry-proto adds is masked as well.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from viewer.forms.otlp_steps import any_value


class Masking(Protocol):
    """Masks texts and JSON values, and tells how many places it masked."""

    is_on: bool

    def text(self, text: str) -> tuple[str, int]: ...

    def json(self, value: Any) -> tuple[Any, int]: ...

    def attributes(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of the attributes of a span or an event everybody may know."""
        ...

    def resource(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of a resource's attributes everybody may know."""
        ...


_Told = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From attributes to those of them that are told."""
_NO_TEXTS = frozenset(
    {"traceId", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano"}
)
"""Fields whose values OTLP/JSON writes as strings, though they are none; `canonical` has read them as what they are."""

_MAX_COUNT = 2**32 - 1


def masked(message: Mapping[str, Any], masking: Masking) -> Mapping[str, Any]:
    """A span, or a group around spans, in OTLP's own spelling; the same object where masking is switched off."""
    return _message(message, masking) if masking.is_on else message


def masked_resource(group: Mapping[str, Any], masking: Masking) -> Mapping[str, Any]:
    """The group around a resource's spans alike; what is left out of the resource counts there as dropped."""
    return masked({**group, "resource": _public(group.get("resource", {}), masking.resource)}, masking)


def _public(message: Mapping[str, Any], told_of: _Told) -> Mapping[str, Any]:
    """A message with those of its attributes that everybody may know; what is left out counts there as dropped."""
    came = message.get("attributes", ())
    told = [public for item in came if (public := _public_item(item, told_of))]
    if told == list(came):
        return message
    dropped = message.get("droppedAttributesCount", 0) + len(came) - len(told)
    counted = {"droppedAttributesCount": min(dropped, _MAX_COUNT)} if dropped else {}
    return {**message, "attributes": told, **counted}


def _public_item(item: Mapping[str, Any], told_of: _Told) -> Mapping[str, Any] | None:
    """An attribute; None for one that is left out, the same object for one that is told as it came."""
    value = item.get("value", {})
    key, came = item.get("key", ""), value.get("stringValue")
    told = told_of({key: came})
    if key not in told:
        return None
    return item if told[key] is came else {"key": key, "value": {"stringValue": told[key]}}


def _message(message: Mapping[str, Any], masking: Masking) -> dict[str, Any]:
    if "attributes" in message:
        message = _public(message, masking.attributes)
    return {name: _field(name, value, masking) for name, value in message.items()}


def _field(name: str, value: Any, masking: Masking) -> Any:
    if isinstance(value, str):
        return value if name in _NO_TEXTS else masking.text(value)[0]
    if isinstance(value, Mapping):
        return _message(value, masking)
    if not isinstance(value, list):
        return value
    if name == "attributes":
        return [_key_value(item, masking) for item in value]
    return [_field(name, item, masking) for item in value]


def _key_value(item: Mapping[str, Any], masking: Masking) -> Mapping[str, Any]:
    """An attribute, written anew as it was looked at: of members with one name the last, as everywhere else."""
    if "value" not in item:
        return _message(item, masking)
    told, _ = masking.json({item.get("key", ""): _plain(item["value"])})
    ((key, value),) = told.items()
    return ({"key": key} if key else {}) | {"value": any_value(value)}


def _plain(value: Mapping[str, Any]) -> Any:
    """What an AnyValue holds."""
    for name, told in value.items():
        if name == "intValue":
            return int(told)
        if name == "doubleValue":
            return float(told)  # also "NaN" and "Infinity"
        if name == "bytesValue":
            return base64.b64decode(told)
        if name == "arrayValue":
            return [_plain(item) for item in told.get("values", ())]
        if name == "kvlistValue":
            return {item.get("key", ""): _plain(item.get("value", {})) for item in told.get("values", ())}
        return told
    return None
