"""The form `spans` of a payload: its steps hold spans as they were told, and whoever receives it reads them.

Half the bytes and half the work of a payload whose steps hold what was made of the spans, for the program that
sends it; and a better dialect table improves old traces. The documented fields are there as in any payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.assemble import Outline, assemble
from tracen_otel.fields import SPANS, TOKEN_FIELDS, whole
from tracen_otel.interpret import MAX_LATENCY_NS, Meaning, latency_ns
from tracen_otel.model import (
    Attributes,
    Event,
    Provider,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Trace,
    Usage,
)
from tracen_otel.timestamps import format_timestamp, milliseconds

_STATUS_BY_NAME = {status.name.lower(): status for status in StatusCode}
_KIND_BY_NAME = {kind.name.lower(): kind for kind in SpanKind}
_NAME_BY_STATUS = {status: name for name, status in _STATUS_BY_NAME.items()}
_NAME_BY_KIND = {kind: name for name, kind in _KIND_BY_NAME.items()}


def encode_spans(outline: Outline) -> dict[str, Any]:
    """The payload of a trace in the form `spans`. Values are as the spans have them: `payload.dumps` writes them."""
    trace, usage = outline.trace, outline.trace.usage
    resource = outline.meanings[0].span.resource
    return {
        "prompt": trace.prompt,
        "response": trace.response,
        "provider": trace.provider.value,
        "model": trace.model,
        "status": trace.status.value,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_latency_ms": milliseconds(trace.latency_ns),
        "error_message": trace.error_message,
        "title": trace.title,
        "service_name": trace.service_name,
        "otel_trace_id": trace.otel_trace_id,
        "masked": trace.masked,
        "form": SPANS,
        "resource": resource,
        "steps": [_encode(meaning, outline.orphans, resource) for meaning in outline.meanings],
    }


def _encode(meaning: Meaning, orphans: Mapping[str, str], resource: Attributes) -> dict[str, Any]:
    span = meaning.span
    value = {
        "name": meaning.name,
        "timestamp": format_timestamp(span.start_ns),
        "latency_ms": milliseconds(latency_ns(span.start_ns, span.end_ns)) or 0,
        "id": span.span_id,
        "kind": meaning.kind.value,
        "start_time_unix_nano": str(span.start_ns),
        "end_time_unix_nano": str(span.end_ns),
        "scope": span.scope.name,
        "attributes": span.attributes,
    }
    parent_id = span.parent_id or orphans.get(span.span_id)
    if parent_id:
        value["parent_id"] = parent_id
    if span.kind:
        value["span_kind"] = _NAME_BY_KIND[span.kind]
    if span.status:
        value["status_code"] = _NAME_BY_STATUS[span.status]
    if span.scope.version:
        value["scope_version"] = span.scope.version
    if span.events:
        value["events"] = [_encode_event(event) for event in span.events]
    for name in ("status_message", "dropped_attributes", "dropped_events", "masked"):
        if told := getattr(span, name):
            value[name] = told
    if value["name"] != span.name:
        value["span_name"] = span.name
    if span.resource is not resource and span.resource != resource:
        value["resource"] = span.resource
    return value


def _encode_event(event: Event) -> dict[str, Any]:
    value = {"name": event.name, "time_unix_nano": str(event.time_ns), "attributes": event.attributes}
    return value if event.body is None else value | {"body": event.body}


def is_in_spans_form(value: Mapping[str, Any]) -> bool:
    """Tell whether a valid payload can be read as spans: its steps have ids, and it says of what trace."""
    if value.get("form") != SPANS or not value.get("otel_trace_id"):
        return False
    return bool(value["steps"]) and all(step.get("id") for step in value["steps"])


def decode_spans_form(value: Mapping[str, Any]) -> Trace:
    """The trace that the spans of such a payload mean, with what its sender said and they do not, and its notes."""
    trace_id = value["otel_trace_id"]
    resource = value.get("resource", {})
    trace = assemble(_decode(step, trace_id, resource) for step in value["steps"])
    notes = [note for note in value.get("notes", ()) if note not in trace.notes]
    told: dict[str, Any] = {
        name: said for name in _FILLED if not getattr(trace, name) and (said := value.get(name))
    }
    if "model" in told:
        told["provider"] = Provider(value["provider"])
    if notes:
        told["notes"] = (*trace.notes, *notes)
    if (masked := whole(value.get("masked", 0))) > trace.masked:  # in the resource, which belongs to no step
        told["masked"] = masked
    told |= _told_outcome(value, trace) | _told_title(value) | _told_figures(value, trace)
    return replace(trace, **told) if told else trace


_FILLED = ("prompt", "response", "model", "system", "provider_name", "service_name")


def _told_outcome(value: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    """A failure that shows in no span is a failure."""
    if Status(value["status"]) is Status.SUCCESS:
        return {}
    if trace.status is Status.SUCCESS:
        return {"status": Status.ERROR, "error_message": value.get("error_message")}
    return {} if trace.error_message else {"error_message": value.get("error_message")}


def _told_title(value: Mapping[str, Any]) -> dict[str, Any]:
    """A title that its sender chose: one that is the name of a step was made of the spans, and is made anew."""
    title = value.get("title")
    return {"title": title} if title and all(step["name"] != title for step in value["steps"]) else {}


def _told_figures(value: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    usage = Usage(*(whole(value.get(field.name)) for field in TOKEN_FIELDS))
    told: dict[str, Any] = {"usage": usage} if usage and not trace.usage else {}
    latency_ms = whole(value.get("total_latency_ms"))
    if trace.latency_ns is None and latency_ms is not None and latency_ms >= 0:
        told["latency_ns"] = min(latency_ms * 1_000_000, MAX_LATENCY_NS)
    return told


def _decode(step: Mapping[str, Any], trace_id: str, resource: Attributes) -> Span:
    return Span(
        trace_id=trace_id,
        span_id=step["id"],
        name=step.get("span_name", step["name"]),
        parent_id=step.get("parent_id") or None,
        kind=_KIND_BY_NAME[step.get("span_kind", "unspecified")],
        start_ns=int(step.get("start_time_unix_nano", 0)),
        end_ns=int(step.get("end_time_unix_nano", 0)),
        status=_STATUS_BY_NAME[step.get("status_code", "unset")],
        status_message=step.get("status_message", ""),
        attributes=step.get("attributes", {}),
        events=tuple(
            Event(e["name"], int(e.get("time_unix_nano", 0)), e.get("attributes", {}), e.get("body"))
            for e in step.get("events", ())
        ),
        scope=Scope(step.get("scope", ""), step.get("scope_version", "")),
        resource=step.get("resource", resource),
        dropped_attributes=whole(step.get("dropped_attributes", 0)),
        dropped_events=whole(step.get("dropped_events", 0)),
        masked=whole(step.get("masked", 0)),
    )
