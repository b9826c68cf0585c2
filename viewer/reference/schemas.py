"""The JSON Schemas of the API: what is sent, after the fields of the payload, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS, Field
from tracen_otel.model import Provider, Status
from tracen_otel.payload import MAX_DEPTH
from viewer.reference import examples
from viewer.requests import ACCEPTED, PARTIAL, REMEMBERED_TRACES, Door

Schema = Mapping[str, Any]

_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TOLD_COUNT: Schema = {"type": ["integer", "null"]}
UUID: Schema = {"type": "string", "format": "uuid"}
URL: Schema = {"type": "string", "format": "uri"}
OTEL_TRACE_ID: Schema = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{32}$",
    "not": {"const": "0" * 32},
    "description": "The OTel trace id: 32 hex digits, not all zero.",
}
CURSOR: Schema = {"type": "string", "pattern": "^([0-9]{1,19}-[0-9a-f]{32})?$"}


def ref(name: str) -> Schema:
    """Refer to a schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(base_url: str) -> dict[str, Schema]:
    """Every schema by its name."""
    return {
        "Payload": _payload(),
        "Step": _object(STEP_FIELDS, "A step: what happened, when, and for how long."),
        "Accepted": _accepted(base_url),
        "Traces": _traces(),
        "TraceSummary": _summary(),
        "Requests": _requests(),
        "Request": _request(),
        "Problem": _problem(),
        "OEmbed": _oembed(),
        "OtlpAccepted": _otlp_accepted(),
        "OtlpRefused": _record(
            {"code": {"type": "integer"}, "message": _STRING}, description="google.rpc.Status"
        ),
        "Health": _record({"status": {"const": "ok"}}),
    }


def _payload() -> Schema:
    described = (
        f"A run. Unknown fields are ignored; arrays and objects nest at most {MAX_DEPTH} deep. "
        "Fields marked `x-extension` may be left out by everybody."
    )
    payload = _object(TRACE_FIELDS, described)
    steps = payload["properties"]["steps"] | {"items": ref("Step")}
    return {
        **payload,
        "properties": payload["properties"] | {"steps": steps},
        "examples": [examples.payload(), examples.extended_payload()],
    }


def _object(fields: tuple[Field, ...], description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _property(field: Field) -> dict[str, Any]:
    told = {**field.schema, "description": field.help}
    return told if field.documented else told | {"x-extension": True}


def _record(properties: Mapping[str, Schema], **more: Any) -> Schema:
    """An answer: all of these fields, and maybe others one day."""
    return {"type": "object", "properties": properties, "required": list(properties), **more}


def _accepted(base_url: str) -> Schema:
    properties = {
        "trace_id": {**UUID, "description": "Names the page; random, and never the OTel trace id."},
        "url": {**URL, "description": "Where anybody who has it sees the run."},
    }
    return _record(properties, examples=[examples.accepted(base_url)])


def _traces() -> Schema:
    return _record(
        {
            "traces": {"type": "array", "items": ref("TraceSummary")},
            "next": {**CURSOR, "type": ["string", "null"], "description": "The `cursor` that goes on."},
        }
    )


def _summary() -> Schema:
    return _record(
        {
            "trace_id": UUID,
            "url": URL,
            "otel_trace_id": OTEL_TRACE_ID,
            "title": {**_STRING, "description": "That of the run, or how its prompt begins, in a line."},
            "status": {"enum": [status.value for status in Status]},
            "provider": {"enum": [provider.value for provider in Provider]},
            "model": _STRING,
            "started_at": {"type": ["string", "null"], "format": "date-time"},
            "total_latency_ms": _TOLD_COUNT,
            "input_tokens": _TOLD_COUNT,
            "output_tokens": _TOLD_COUNT,
            "step_count": _COUNT,
            "lacks_root": {
                "type": "boolean",
                "description": "The root span has not come: the run goes on, or was cut short.",
            },
        }
    )


def _requests() -> Schema:
    traces = {
        "type": "array",
        "items": OTEL_TRACE_ID,
        "description": f"OTel ids of the last {REMEMBERED_TRACES:,} traces that came with the key, the one last heard "
        "of first.",
    }
    return _record({"requests": {"type": "array", "items": ref("Request")}, "traces": traces})


def _request() -> Schema:
    """`RequestRecord.told`."""
    return _record(
        {
            "received_at": {"type": "string", "format": "date-time"},
            "door": {"enum": [door.value for door in Door]},
            "signal": {**_STRING, "description": "traces, logs, metrics or reservations"},
            "encoding": {**_STRING, "description": "The media type that was sent."},
            "user_agent": _STRING,
            "size": {**_COUNT, "description": "Bytes of the body after decompression."},
            "spans": _COUNT,
            "rejected_spans": _COUNT,
            "traces": _COUNT,
            "outcome": {**_STRING, "description": f"{ACCEPTED}, {PARTIAL}, or why it was refused."},
            "status": {**_STRING, "description": "The HTTP status, or the gRPC code."},
            "message": {**_STRING, "description": "What was wrong, in words."},
            "url": {"type": ["string", "null"], "format": "uri"},
        }
    )


def _problem() -> Schema:
    wrong = _record(
        {
            "field": {**_STRING, "description": "A path such as `steps[2].latency_ms`."},
            "message": {**_STRING, "description": "What was expected, and what came."},
        }
    )
    return {
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "properties": {
            "title": _STRING,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": _STRING,
            "retry_after": {"type": "integer", "minimum": 1, "description": "As in the header Retry-After."},
            "subscribe_url": {**URL, "description": "With 402: where to subscribe."},
            "errors": {"type": "array", "items": wrong, "description": "Every wrong field, at once."},
        },
        "required": ["title", "status", "detail"],
        "examples": [examples.refused()],
    }


def _otlp_accepted() -> Schema:
    """ExportTraceServiceResponse and its like."""
    partial = _record(
        {"rejectedSpans": {"type": "string", "pattern": "^[0-9]+$"}, "errorMessage": _STRING},
        description="What was left out, and why.",
    )
    return {"type": "object", "properties": {"partialSuccess": partial}}


def _oembed() -> Schema:
    """https://oembed.com, 2.3.4.3."""
    return _record(
        {
            "version": {"const": "1.0"},
            "type": {"const": "rich"},
            "provider_name": _STRING,
            "provider_url": _STRING,
            "title": _STRING,
            "html": _STRING,
            "width": _COUNT,
            "height": _COUNT,
            "thumbnail_url": URL,
            "thumbnail_width": _COUNT,
            "thumbnail_height": _COUNT,
        }
    )
