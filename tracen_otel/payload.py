"""The Tracen payload: Trace ↔ JSON, the one definition of the wire format.

The documented fields are what every Tracen endpoint takes; the extension adds, always optionally, what a
Trace knows beyond them. `encode` and `decode` are inverse on the extended form (to the millisecond where
only the documented time fields are there). Errors:

    PayloadError            the body can not be a payload
    ├── MalformedPayload    not JSON, not UTF-8, too deep          (HTTP 400)
    └── InvalidPayload      wrong or missing fields, all at once   (HTTP 422)
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tracen_otel.attributes import nests_deeper
from tracen_otel.fields import (
    MAX_BODY_BYTES as MAX_BODY_BYTES,
    STEP_FIELDS,
    TOKEN_FIELDS,
    TRACE_FIELDS,
    Field,
    whole,
)
from tracen_otel.interpret import MAX_LATENCY_NS
from tracen_otel.model import Event, Message, Part, Provider, Source, Status, Step, StepKind, Trace, Usage
from tracen_otel.redact import Redaction
from tracen_otel.spans_form import decode_spans_form, is_in_spans_form
from tracen_otel.timestamps import format_timestamp, known_time, milliseconds, parse_timestamp

MAX_NAMED_ERRORS = 1000
"""Wrong fields that one refusal names; a payload can have a million."""
MAX_DEPTH = 64
"""Nesting of arrays and objects in a payload."""

_REDACTION = Redaction()
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class PayloadError(ValueError):
    """A body that is no payload."""


class MalformedPayload(PayloadError):
    """Not JSON, not UTF-8, or nested deeper than MAX_DEPTH."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `field` is a path such as `steps[2].latency_ms`."""

    field: str
    message: str


class InvalidPayload(PayloadError):
    """JSON whose fields are wrong or missing; `errors` names them, the first MAX_NAMED_ERRORS if there are more."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors[:10]))
        self.errors: tuple[FieldError, ...] = tuple(errors[:MAX_NAMED_ERRORS])
        self.is_complete: bool = len(errors) <= MAX_NAMED_ERRORS

    def __reduce__(self) -> tuple[Any, ...]:
        """Large payloads are read in another process."""
        return InvalidPayload, (list(self.errors),), {"is_complete": self.is_complete}


# -- reading ------------------------------------------------------------------------------------------


def parse(body: bytes) -> Any:
    """Parse a JSON body strictly: UTF-8, no NaN, no lone surrogate, at most MAX_DEPTH deep.

    Raises MalformedPayload.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise MalformedPayload(f"the body is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise MalformedPayload(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # JSONDecodeError, and ints of more digits than Python reads
        raise MalformedPayload(f"the body is not JSON: {error}") from None
    if nests_deeper(value, MAX_DEPTH):
        raise MalformedPayload(f"the body is nested deeper than {MAX_DEPTH} levels")
    if _SURROGATE_ESCAPE.search(body):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise MalformedPayload("the body is not Unicode: a lone surrogate escape") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def decode(value: Any) -> Trace:
    """Read a parsed payload, documented fields alone or extended. Unknown fields are ignored.

    Raises InvalidPayload, which names every wrong field.
    """
    if not isinstance(value, dict):
        raise InvalidPayload([FieldError("", f"expected an object, got {_shown(value)}")])
    errors = _errors(value, TRACE_FIELDS, "")
    steps = value.get("steps")
    if isinstance(steps, list):
        for index, step in enumerate(steps):
            if len(errors) > MAX_NAMED_ERRORS:
                break
            if isinstance(step, dict):
                errors += _errors(step, STEP_FIELDS, f"steps[{index}].")
            else:
                errors.append(FieldError(f"steps[{index}]", f"expected an object, got {_shown(step)}"))
    if errors:
        raise InvalidPayload(errors)
    return decode_spans_form(value) if is_in_spans_form(value) else _trace(value)


def restored(value: Mapping[str, Any]) -> Trace:
    """Read what `encode` wrote: no limits of strangers apply, and nothing is checked."""
    return _trace(value)


def _errors(value: Mapping[str, Any], fields: tuple[Field, ...], path: str) -> list[FieldError]:
    errors = []
    for field in fields:
        if field.name not in value:
            if field.required:
                errors.append(FieldError(path + field.name, "is required"))
        elif expected := field.check(value[field.name]):
            errors.append(
                FieldError(path + field.name, f"expected {expected}, got {_shown(value[field.name])}")
            )
    return errors


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float | None) else ""
    if not text:
        return "an array" if isinstance(value, list) else "an object"
    text, _ = _REDACTION.text(text)  # who reads a refusal, or a log of it, need not have sent the body
    return text if len(text) <= 60 else text[:57] + "…"


def _trace(value: Mapping[str, Any]) -> Trace:
    steps = tuple(decode_step(step) for step in value["steps"])
    start_ns = known_time(int(value.get("start_time_unix_nano", 0))) or min(
        (s.start_ns for s in steps if s.start_ns), default=0
    )
    return Trace(
        prompt=value["prompt"],
        response=value["response"],
        provider=Provider(value["provider"]),
        model=value["model"],
        status=Status(value["status"]),
        steps=steps,
        title=value.get("title", ""),
        system=value.get("system"),
        provider_name=value.get("provider_name"),
        error_message=value.get("error_message"),
        usage=_usage(value),
        started_ns=start_ns,
        latency_ns=_latency(value, "total_latency_ms"),
        service_name=value.get("service_name"),
        otel_trace_id=value.get("otel_trace_id"),
        notes=tuple(value.get("notes", ())),
        sources=value.get("sources", {}),
        masked=whole(value.get("masked", 0)),
    )


def decode_step(value: Mapping[str, Any]) -> Step:
    """The step of one item of a valid payload's `steps`."""
    provider = value.get("provider")
    return Step(
        name=value["name"],
        id=value.get("id", ""),
        parent_id=value.get("parent_id"),
        scope=value.get("scope", ""),
        kind=StepKind(value.get("kind", StepKind.OTHER)),
        start_ns=known_time(int(value.get("start_time_unix_nano", 0))) or parse_timestamp(value["timestamp"]),
        latency_ns=_latency(value, "latency_ms"),
        status=Status(value.get("status", Status.SUCCESS)),
        error_message=value.get("error_message"),
        input=value.get("input"),
        output=value.get("output"),
        input_messages=_messages(value.get("input_messages", ())),
        output_messages=_messages(value.get("output_messages", ())),
        model=value.get("model"),
        provider=None if provider is None else Provider(provider),
        provider_name=value.get("provider_name"),
        usage=_usage(value),
        attributes=value.get("attributes", {}),
        events=tuple(
            Event(
                e["name"], known_time(int(e.get("time_unix_nano", 0))), e.get("attributes", {}), e.get("body")
            )
            for e in value.get("events", ())
        ),
        warnings=tuple(value.get("warnings", ())),
        sources={name: Source(s["dialect"], s["key"]) for name, s in value.get("sources", {}).items()},
        unread=tuple(value.get("unread", ())),
        tokens_counted=value.get("tokens_counted", False),
        masked=whole(value.get("masked", 0)),
    )


def _messages(value: Any) -> tuple[Message, ...]:
    return tuple(
        Message(
            message["role"],
            tuple(
                Part(p["type"], p.get("text", ""), p.get("name", ""), p.get("id", ""), p.get("value"))
                for p in message.get("parts", ())
            ),
        )
        for message in value
    )


def _usage(value: Mapping[str, Any]) -> Usage:
    return Usage(*(whole(value.get(field.name)) for field in TOKEN_FIELDS))


def _latency(value: Mapping[str, Any], ms_name: str) -> int | None:
    """Nanoseconds, at most MAX_LATENCY_NS; None for "unknown", which is also what a negative duration says."""
    if "latency_ns" in value:
        latency_ns = whole(value["latency_ns"])
    else:
        ms = whole(value.get(ms_name))
        latency_ns = None if ms is None else ms * 1_000_000
    return min(latency_ns, MAX_LATENCY_NS) if latency_ns is not None and latency_ns >= 0 else None


# -- writing ------------------------------------------------------------------------------------------


def encode(trace: Trace, *, extended: bool = True) -> dict[str, Any]:
    """The payload of `trace` as a JSON-ready dict; with `extended=False` the documented fields alone."""
    value: dict[str, Any] = {
        "prompt": trace.prompt,
        "response": trace.response,
        "provider": trace.provider.value,
        "model": trace.model,
        "status": trace.status.value,
        "input_tokens": trace.usage.input_tokens,
        "output_tokens": trace.usage.output_tokens,
        "total_latency_ms": milliseconds(trace.latency_ns),
        "error_message": trace.error_message,
    }
    if extended:
        value |= _present(
            {
                "title": trace.title,
                "system": trace.system,
                "provider_name": trace.provider_name,
                "service_name": trace.service_name,
                "otel_trace_id": trace.otel_trace_id,
                "start_time_unix_nano": str(trace.started_ns) if trace.started_ns else None,
                "notes": list(trace.notes),
                "sources": dict(trace.sources),
                "masked": trace.masked or None,
                **_usage_details(trace.usage),
            }
        )
        value["latency_ns"] = trace.latency_ns
    value["steps"] = [encode_step(step, extended=extended) for step in trace.steps]
    return value


def encode_step(step: Step, *, extended: bool = True) -> dict[str, Any]:
    """One step of the payload."""
    value: dict[str, Any] = {
        "name": step.name,
        "timestamp": format_timestamp(step.start_ns),
        "latency_ms": milliseconds(step.latency_ns) or 0,
    }
    if not extended:
        return value
    value |= _present(
        {
            "id": step.id,
            "parent_id": step.parent_id,
            "scope": step.scope,
            "kind": step.kind.value,
            "status": step.status.value,
            "error_message": step.error_message,
            "input": step.input,
            "output": step.output,
            "input_messages": [_encode_message(m) for m in step.input_messages],
            "output_messages": [_encode_message(m) for m in step.output_messages],
            "model": step.model,
            "provider": step.provider.value if step.provider else None,
            "provider_name": step.provider_name,
            "input_tokens": step.usage.input_tokens,
            "output_tokens": step.usage.output_tokens,
            **_usage_details(step.usage),
            "start_time_unix_nano": str(step.start_ns),
            "attributes": json_value(step.attributes),
            "events": [_encode_event(e) for e in step.events],
            "warnings": list(step.warnings),
            "sources": {name: {"dialect": s.dialect, "key": s.key} for name, s in step.sources.items()},
            "unread": list(step.unread),
            "tokens_counted": step.tokens_counted or None,
            "masked": step.masked or None,
        }
    )
    value["latency_ns"] = step.latency_ns
    return value


def _encode_message(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "parts": [
            {"type": part.type}
            | _present({"text": part.text, "name": part.name, "id": part.id, "value": json_value(part.value)})
            for part in message.parts
        ],
    }


def _encode_event(event: Event) -> dict[str, Any]:
    value = {
        "name": event.name,
        "time_unix_nano": str(event.time_ns),
        "attributes": json_value(event.attributes),
    }
    return value if event.body is None else value | {"body": json_value(event.body)}


def _usage_details(usage: Usage) -> dict[str, int | None]:
    return {field.name: getattr(usage, field.name) for field in TOKEN_FIELDS[2:]}


def _present(value: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: None, "", [], {}. Zero and False stay."""
    return {k: v for k, v in value.items() if v is not None and v != "" and v != [] and v != {}}


def dumps(value: Mapping[str, Any]) -> bytes:
    """Write a payload as JSON in UTF-8. Bytes become base64, NaN and infinities strings, as in `json_value`."""
    try:
        text = _ENCODER.encode(value)
    except (ValueError, TypeError):  # NaN or an infinity; a key or a value that JSON does not have
        text = _ENCODER.encode(json_value(value))
    return text.encode("utf-8", "replace")


def _base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"JSON has no {type(value).__name__}")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), default=_base64
)


def _non_finite(value: float) -> str:
    """As proto3 JSON writes it."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def json_value(value: Any) -> Any:
    """An OTel attribute value as JSON can hold it: bytes as base64, NaN and infinities as strings."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _non_finite(value)
    if isinstance(value, Mapping):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(v) for v in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    return value if value is None or isinstance(value, int) else str(value)
