"""Changes to an input that keep its frame: most bytes of OTLP are lengths and names, and breaking those is dull.

A text in it is changed, or the JSON in that text, or a value takes the place of another.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Change = Callable[[bytes], bytes]

_FRAME_BROKEN = 0.15
"""Share of changes that ignore the frame."""
_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    1e300,
    "",
    "NaN",
    [],
    {},
    [[]],
    "\ud83d",
    "\u202e",
    "<b>",
)


def changed(data: bytes, chance: random.Random, change: Change) -> bytes:
    """A changed copy; its form stays."""
    form, body = data[:1], data[1:]
    if chance.random() < _FRAME_BROKEN:
        return form + change(body)
    try:
        if form in (b"j", b"a"):
            return form + json.dumps(_json_changed(json.loads(body), chance, change)).encode()
        if form == b"p":
            return form + _protobuf_changed(body, chance, change)
    except (ValueError, RecursionError, DecodeError):  # broken by an earlier change
        pass
    return form + change(body)


def _protobuf_changed(body: bytes, chance: random.Random, change: Change) -> bytes:
    request = ExportTraceServiceRequest.FromString(body)
    values = list(_values(request))
    if not values:
        return change(body)
    value = chance.choice(values)
    if chance.random() < 0.2:
        value.CopyFrom(chance.choice(values))
    elif value.WhichOneof("value") == "string_value":
        value.string_value = _text_changed(value.string_value, chance, change)
    else:
        value.string_value = change(b"12").decode("utf-8", "replace")
    return bytes(request.SerializeToString())


def _values(request: Any) -> Iterator[Any]:
    for resource_spans in request.resource_spans:
        yield from (attribute.value for attribute in resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield from (attribute.value for attribute in span.attributes)
                for event in span.events:
                    yield from (attribute.value for attribute in event.attributes)


def _text_changed(text: str, chance: random.Random, change: Change) -> str:
    """Where a text holds JSON, mostly a value in there."""
    if text[:1] in ("{", "[") and chance.random() < 0.7:
        try:
            return json.dumps(_json_changed(json.loads(text), chance, change))
        except (ValueError, RecursionError):
            pass
    return change(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def _json_changed(value: Any, chance: random.Random, change: Change) -> Any:
    """A value of the structure changed, moved or dropped, in place."""
    places = list(_places(value))
    if not places:
        return value
    holder, key = chance.choice(places)
    match chance.randrange(6):
        case 0:
            holder[key] = chance.choice(_ODD_VALUES)
        case 1:
            other, other_key = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[other_key]))
        case 2 if isinstance(holder, dict):
            del holder[key]
        case _ if isinstance(holder[key], str):
            holder[key] = _text_changed(holder[key], chance, change)
        case _:
            holder[key] = change(b"12").decode("utf-8", "replace")
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pending = [value]
    while pending:
        holder = pending.pop()
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else range(len(holder))
            if isinstance(holder, list)
            else ()
        )
        for key in keys:
            yield holder, key
            pending.append(holder[key])
