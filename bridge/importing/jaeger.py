"""Jaeger: what its page downloads and `/api/traces` answers, with tags, logs and references.

One trace is held at a time: the services of its spans are told after them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.importing.cutting import Piece
from bridge.importing.spans import (
    OtlpSpan,
    Unreadable,
    otlp_event,
    otlp_group,
    otlp_span,
    span_id,
    trace_id,
)

_NS_PER_US = 1_000
_SCOPES = (("otel.scope.name", "otel.scope.version"), ("otel.library.name", "otel.library.version"))
_TOLD_OTHERWISE = frozenset(
    ("error", "span.kind", "otel.status_code", "otel.status_description", *_SCOPES[0], *_SCOPES[1])
)
"""Tags for which a span has fields."""


class Jaeger:
    """Reads the spans of traces."""

    name = "Jaeger"

    def __init__(self) -> None:
        self._held: list[tuple[dict[str, Any], Any, dict[str, Any]]] = []
        """Spans with the process that they name, and their scope."""

    def knows(self, piece: Piece) -> bool:
        value = piece.value
        if piece.parts:
            return "processes" in value or "traceID" in value
        return "spanID" in value and ("operationName" in value or "startTime" in value)

    def spans(self, piece: Piece) -> Iterator[OtlpSpan]:
        """What a record completes. Raises Unreadable."""
        value = piece.value
        if not piece.parts:
            process = value.get("process", value.get("processID"))
            span, scope = _span(value)
            self._held.append((span, process, scope))
        if piece.part_of:
            return
        processes = value.get("processes") if piece.parts else None
        yield from self._told(processes if isinstance(processes, dict) else {})

    def rest(self) -> Iterator[OtlpSpan]:
        """The spans of a trace whose end, with its services, did not come."""
        return self._told({})

    def _told(self, processes: Mapping[str, Any]) -> Iterator[OtlpSpan]:
        held, self._held = self._held, []
        for span, process, scope in held:
            told = (
                process
                if isinstance(process, dict)
                else processes.get(process)
                if isinstance(process, str)
                else None
            )
            yield OtlpSpan(span, _resource(told), scope)


def _resource(process: Any) -> dict[str, Any]:
    if not isinstance(process, dict):
        return {}
    return otlp_group({"service.name": process.get("serviceName"), **_tags(process.get("tags"))})


def _span(value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    tags = _tags(value.get("tags"))
    own_trace = trace_id(value.get("traceID"))
    start_ns = _nanoseconds(value.get("startTime"), "start")
    parent_id, links = _references(value, own_trace)
    kind = tags.get("span.kind")
    told = otlp_span(
        own_trace,
        span_id(value.get("spanID")),
        value.get("operationName"),
        parent_id=parent_id,
        kind=kind if isinstance(kind, str) else "internal",
        start_ns=start_ns,
        end_ns=start_ns + _nanoseconds(value.get("duration"), "duration"),
        error=_error(tags),
        is_ok=tags.get("otel.status_code") == "OK",
        values={key: tag for key, tag in tags.items() if key not in _TOLD_OTHERWISE}
        | {"jaeger.warnings": value.get("warnings") or None},
        events=[_event(log) for log in _objects(value.get("logs"))],
        links=links,
    )
    return told, _scope(tags)


def _error(tags: Mapping[str, Any]) -> str | None:
    """What went wrong; None where nothing did."""
    failed = tags.get("error") in (True, "true", "True") or tags.get("otel.status_code") == "ERROR"
    return str(tags.get("otel.status_description") or "") if failed else None


def _scope(tags: Mapping[str, Any]) -> dict[str, Any]:
    for name, version in _SCOPES:
        if tags.get(name):
            return {"name": str(tags[name]), **({"version": str(tags[version])} if tags.get(version) else {})}
    return {}


def _references(value: Mapping[str, Any], own_trace: str) -> tuple[str | None, list[dict[str, Any]]]:
    """The parent, the first child-of reference within the trace, and links to all others."""
    parent: str | None = None
    links: list[dict[str, Any]] = []
    for reference in _objects(value.get("references")):
        if not (reference.get("traceID") and reference.get("spanID")):
            continue
        of_trace, of_span = trace_id(reference["traceID"]), span_id(reference["spanID"])
        if parent is None and of_trace == own_trace and reference.get("refType") == "CHILD_OF":
            parent = of_span
        else:
            links.append({"traceId": of_trace, "spanId": of_span})
    if parent is None and value.get("parentSpanID"):
        parent = span_id(value["parentSpanID"])
    if parent is None and links and links[0]["traceId"] == own_trace:
        parent = links[0]["spanId"]  # it follows from its cause, and no other is told
    return parent, links


def _event(log: Mapping[str, Any]) -> dict[str, Any]:
    values = _tags(log.get("fields"))
    name = values.pop("event", None) or values.pop("name", None) or "log"
    return otlp_event(name, _nanoseconds(log.get("timestamp"), "time of a log"), values)


def _tags(told: Any) -> dict[str, Any]:
    return {str(tag["key"]): _value(tag) for tag in _objects(told) if "key" in tag}


def _value(tag: Mapping[str, Any]) -> Any:
    """A tag's value by its type: JavaScript's numbers are too small for some, which come as text."""
    value, kind = tag.get("value"), tag.get("type")
    try:
        if kind == "int64":
            return int(value)  # type: ignore[arg-type]
        if kind == "float64":
            return float(value)  # type: ignore[arg-type]
        if kind == "bool":
            return value in (True, "true", "True")
        if kind == "binary":
            return base64.b64decode(str(value))
    except (TypeError, ValueError, binascii.Error):
        return value
    return value


def _objects(told: Any) -> list[dict[str, Any]]:
    return [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []


def _nanoseconds(told: Any, what: str) -> int:
    """Of microseconds. Raises Unreadable."""
    try:
        return int(told or 0) * _NS_PER_US
    except (TypeError, ValueError):
        raise Unreadable(f"its {what} is no number of microseconds") from None
