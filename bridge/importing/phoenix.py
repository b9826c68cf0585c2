"""Phoenix: spans of its REST API, command line and data frames, in OpenInference's attributes.

Nested objects and lists are spread over dotted keys, as OpenInference has them on a span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.importing.cutting import Piece
from bridge.importing.spans import (
    OtlpSpan,
    Unreadable,
    as_text,
    otlp_event,
    otlp_span,
    span_id,
    time_ns,
    trace_id,
)

_PREFIX = "attributes."
_CONTEXT = "context."
_AS_JSON = ("metadata", "parameters", "variables", "schema")
"""Ends of keys whose value OpenInference tells as JSON text."""
_MAX_DEPTH = 40
_SCOPE = {"name": "openinference.instrumentation"}


class Phoenix:
    """Reads spans, whatever around them they came in."""

    name = "Phoenix"

    def knows(self, piece: Piece) -> bool:
        value = piece.value
        if piece.parts:
            return "rootSpan" in value or "traceId" in value
        return (
            isinstance(value.get("context"), dict)
            or "context.span_id" in value
            or ("span_id" in value and "start_time_unix_nano" in value)
        )

    def spans(self, piece: Piece) -> Iterator[OtlpSpan]:
        """The span of a record. Raises Unreadable."""
        if not piece.parts:
            value = piece.value
            yield OtlpSpan(_otlp(value) if "start_time_unix_nano" in value else _span(value), scope=_SCOPE)

    def rest(self) -> Iterator[OtlpSpan]:
        return iter(())


def _span(value: Mapping[str, Any]) -> dict[str, Any]:
    context = value.get("context") or {
        key.removeprefix(_CONTEXT): told for key, told in value.items() if key.startswith(_CONTEXT)
    }
    nested = value.get("attributes")
    told = nested if isinstance(nested, dict) else {}
    columns = {key.removeprefix(_PREFIX): cell for key, cell in value.items() if key.startswith(_PREFIX)}
    values = dict(_spread({**told, **columns}))
    if kind := value.get("span_kind"):
        values.setdefault("openinference.span.kind", kind)
    code = str(value.get("status_code") or "").upper()
    parent = value.get("parent_id")
    return otlp_span(
        trace_id(context.get("trace_id")),
        span_id(context.get("span_id")),
        value.get("name"),
        parent_id=span_id(parent) if parent else None,
        start_ns=time_ns(value.get("start_time")),
        end_ns=time_ns(value.get("end_time")),
        error=str(value.get("status_message") or "") if code == "ERROR" else None,
        is_ok=code == "OK",
        values=values,
        events=[_event(event) for event in value.get("events") or () if isinstance(event, dict)],
    )


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    told = event.get("attributes")
    values = dict(_spread(told)) if isinstance(told, dict) else {}
    return otlp_event(event.get("name"), time_ns(event.get("timestamp")), values)


def _spread(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Dotted keys of nested objects, and of lists that hold objects."""
    if depth > _MAX_DEPTH:
        raise Unreadable("its attributes nest too deep")
    for name, told in value.items():
        key = f"{prefix}{name}"
        if isinstance(told, dict):
            if key.endswith(_AS_JSON):
                yield key, as_text(told)
            else:
                yield from _spread(told, f"{key}.", depth + 1)
        elif isinstance(told, list) and any(isinstance(item, dict) for item in told):
            items = {str(number): item for number, item in enumerate(told)}
            yield from _spread(items, f"{key}.", depth + 1)
        elif told is not None:
            yield key, told


# -- OTLP in snake case, as /spans/otlpv1 answers -----------------------------------------------------


def _otlp(value: Mapping[str, Any]) -> dict[str, Any]:
    status = value.get("status") or {}
    code = status.get("code")
    parent = value.get("parent_span_id")
    return otlp_span(
        trace_id(value.get("trace_id")),
        span_id(value.get("span_id")),
        value.get("name"),
        parent_id=span_id(parent) if parent else None,
        start_ns=_whole(value.get("start_time_unix_nano")),
        end_ns=_whole(value.get("end_time_unix_nano")),
        error=str(status.get("message") or "") if code == 2 else None,
        is_ok=code == 1,
        values=_values(value.get("attributes")),
        events=[
            otlp_event(
                event.get("name"), _whole(event.get("time_unix_nano")), _values(event.get("attributes"))
            )
            for event in value.get("events") or ()
        ],
    )


def _whole(told: Any) -> int:
    try:
        return int(told or 0)
    except (TypeError, ValueError):
        raise Unreadable("its time is no number of nanoseconds") from None


def _values(told: Any) -> dict[str, Any]:
    return {str(item.get("key")): _value(item.get("value") or {}) for item in told or ()}


def _value(told: Mapping[str, Any]) -> Any:
    if told.get("array_value") is not None:
        return [_value(item) for item in told["array_value"].get("values") or ()]
    if told.get("int_value") is not None:
        return _whole(told["int_value"])
    return next((case for name, case in told.items() if name.endswith("_value") and case is not None), None)
