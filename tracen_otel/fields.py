"""The fields of the Tracen payload: names, what each may hold, what it is for.

One table for trace and step each; validation, the API reference and its tests all read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Provider, SpanKind, Status, StatusCode, StepKind
from tracen_otel.timestamps import parse_timestamp

MAX_BODY_BYTES = 5 * 1024 * 1024
"""Of one payload, also after decompression (contract: 413 beyond)."""
SPANS = "spans"
"""The form of a payload whose steps hold spans as they were told, for the service to read."""

Check = Callable[[Any], str | None]
Schema = Mapping[str, Any]

_INT64 = 2**63
_HEX_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the wire format. `check` answers None or what was expected."""

    name: str
    check: Check
    help: str
    required: bool = False
    documented: bool = False
    """Part of the public contract; the others are the extension, which a strict server never sees."""

    @property
    def schema(self) -> Schema:
        """What `check` accepts, as JSON Schema (2020-12)."""
        return _SCHEMA_BY_CHECK[self.check]


# -- checks: None, or the words for "expected …"; beside each the same as JSON Schema ---------------------

_STRING: dict[str, Any] = {"type": "string"}
_INTEGER: dict[str, Any] = {"type": "integer", "format": "int64", "minimum": -_INT64, "maximum": _INT64 - 1}
_NANOSECONDS: dict[str, Any] = {"type": "string", "pattern": "^[0-9]{1,20}$"}
_SCHEMA_BY_CHECK: dict[Check, Schema] = {}


def _told_as(**schema: Any) -> Callable[[Check], Check]:
    def tell(check: Check) -> Check:
        _SCHEMA_BY_CHECK[check] = schema
        return check

    return tell


@_told_as(**_STRING)
def _is_string(value: Any) -> str | None:
    return None if isinstance(value, str) else "a string"


@_told_as(type=["string", "null"])
def _is_string_or_null(value: Any) -> str | None:
    return None if value is None or isinstance(value, str) else "a string or null"


def _is_whole(value: Any) -> bool:
    """JSON knows numbers alone: 12.0 is the integer 12, as some languages write it."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def whole(value: Any) -> Any:
    """The int that an integer field holds; None where it is null or not there."""
    return int(value) if isinstance(value, float) else value


def fitting(number: int) -> int:
    """What an integer field can hold of a sum: the nearest that does where it has more than 64 bits."""
    return min(max(number, -_INT64), _INT64 - 1)


@_told_as(**_INTEGER)
def _is_integer(value: Any) -> str | None:
    return None if _is_whole(value) and -_INT64 <= value < _INT64 else "an integer of at most 64 bits"


@_told_as(**_INTEGER | {"type": ["integer", "null"]})
def _is_integer_or_null(value: Any) -> str | None:
    return None if value is None or _is_integer(value) is None else "an integer of at most 64 bits, or null"


@_told_as(**_INTEGER | {"minimum": 0})
def _is_count(value: Any) -> str | None:
    is_told = _is_whole(value) and 0 <= value < _INT64
    return None if is_told else "an integer from 0 on, of at most 64 bits"


@_told_as(type="array")
def _is_array(value: Any) -> str | None:
    return None if isinstance(value, list) else "an array"


@_told_as(type="object")
def _is_object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "an object"


@_told_as(type="boolean")
def _is_boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


@_told_as(const=SPANS)
def _is_form(value: Any) -> str | None:
    return None if value == SPANS else f'"{SPANS}"'


@_told_as(type="object", additionalProperties=_STRING)
def _is_string_by_name(value: Any) -> str | None:
    is_told = isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    return None if is_told else "an object of strings"


@_told_as(
    type="object",
    additionalProperties={
        "type": "object",
        "properties": {"dialect": _STRING, "key": _STRING},
        "required": ["dialect", "key"],
    },
)
def _is_sources(value: Any) -> str | None:
    expected = "an object of {dialect, key}, both strings"
    if not isinstance(value, dict):
        return expected
    for source in value.values():
        if not isinstance(source, dict):
            return expected
        if not all(isinstance(source.get(name), str) for name in ("dialect", "key")):
            return expected
    return None


@_told_as(type="array", items=_STRING)
def _is_strings(value: Any) -> str | None:
    return (
        None if isinstance(value, list) and all(isinstance(v, str) for v in value) else "an array of strings"
    )


@_told_as(type="string", format="date-time")
def _is_timestamp(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            parse_timestamp(value)
        except ValueError:
            pass
        else:
            return None
    return "an ISO-8601 time such as 2026-11-24T09:30:00.000Z"


@_told_as(**_NANOSECONDS)
def _is_nanoseconds(value: Any) -> str | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return None
    return "nanoseconds since 1970 as a string of digits"


@_told_as(**_STRING, pattern="^[0-9a-f]{32}$", **{"not": {"const": "0" * 32}})
def _is_otel_trace_id(value: Any) -> str | None:
    if isinstance(value, str) and _HEX_TRACE_ID.fullmatch(value) and set(value) != {"0"}:
        return None
    return "32 lower-case hex digits, not all zero"


@_told_as(
    type="array",
    items={
        "type": "object",
        "properties": {
            "role": _STRING,
            "parts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "type": _STRING,
                        "text": _STRING,
                        "name": _STRING,
                        "id": _STRING,
                        "value": {},
                    },
                    "required": ["type"],
                },
            },
        },
        "required": ["role"],
    },
)
def _is_messages(value: Any) -> str | None:
    expected = "an array of {role, parts: [{type, …}]}"
    if not isinstance(value, list):
        return expected
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            return expected
        parts = message.get("parts", [])
        if not isinstance(parts, list):
            return expected
        for part in parts:
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                return expected
            if not all(isinstance(part.get(key, ""), str) for key in ("text", "name", "id")):
                return expected
    return None


@_told_as(
    type="array",
    items={
        "type": "object",
        "properties": {"name": _STRING, "time_unix_nano": _NANOSECONDS, "attributes": {"type": "object"}},
        "required": ["name"],
    },
)
def _is_events(value: Any) -> str | None:
    expected = "an array of {name, time_unix_nano, attributes}"
    if not isinstance(value, list):
        return expected
    for event in value:
        if not isinstance(event, dict) or not isinstance(event.get("name"), str):
            return expected
        if _is_nanoseconds(event.get("time_unix_nano", "0")) or _is_object(event.get("attributes", {})):
            return expected
    return None


def _one_of(values: type[Provider] | type[Status] | type[StepKind]) -> Check:
    accepted = frozenset(member.value for member in values)
    expected = "one of " + ", ".join(member.value for member in values)

    @_told_as(enum=[member.value for member in values])
    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in accepted else expected

    return check


def _named(values: type[SpanKind] | type[StatusCode]) -> Check:
    accepted = frozenset(member.name.lower() for member in values)
    expected = "one of " + ", ".join(member.name.lower() for member in values)

    @_told_as(enum=[member.name.lower() for member in values])
    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in accepted else expected

    return check


_is_provider = _one_of(Provider)


@_told_as(enum=[*(member.value for member in Provider), None])
def _is_provider_or_null(value: Any) -> str | None:
    return None if value is None else _is_provider(value)


# -- the fields ---------------------------------------------------------------------------------------

TOKEN_FIELDS = (
    Field("input_tokens", _is_integer_or_null, "tokens sent, cached ones included", documented=True),
    Field("output_tokens", _is_integer_or_null, "tokens received, reasoning included", documented=True),
    Field("cache_read_tokens", _is_integer_or_null, "part of input_tokens that came from a cache"),
    Field("cache_write_tokens", _is_integer_or_null, "part of input_tokens that went into a cache"),
    Field("reasoning_tokens", _is_integer_or_null, "part of output_tokens spent on reasoning"),
)

TRACE_FIELDS = (
    Field("prompt", _is_string, "what the person asked", required=True, documented=True),
    Field("response", _is_string, 'what the agent answered; may be ""', required=True, documented=True),
    Field("provider", _is_provider, "whose model it was", required=True, documented=True),
    Field("model", _is_string, "the model's name", required=True, documented=True),
    Field("steps", _is_array, "what happened, in reading order", required=True, documented=True),
    Field("status", _one_of(Status), "how it ended", required=True, documented=True),
    *TOKEN_FIELDS[:2],
    Field("total_latency_ms", _is_integer_or_null, "from start to end", documented=True),
    Field("error_message", _is_string_or_null, "what went wrong", documented=True),
    *TOKEN_FIELDS[2:],
    Field("title", _is_string, "names the run"),
    Field("system", _is_string_or_null, "the system prompt"),
    Field("provider_name", _is_string_or_null, "the provider as the instrumentation named it"),
    Field("service_name", _is_string_or_null, "OTel's service.name"),
    Field("otel_trace_id", _is_otel_trace_id, "OTel trace id; posts with the same one share a page"),
    Field("start_time_unix_nano", _is_nanoseconds, "start of the trace"),
    Field("latency_ns", _is_integer_or_null, "total_latency_ms, unrounded"),
    Field("notes", _is_strings, "what was odd about the data"),
    Field("sources", _is_string_by_name, "for prompt, response … the id of the step it is taken from"),
    Field("masked", _is_count, "places where a secret was masked, those of the steps included"),
    Field("form", _is_form, "`spans`: steps hold spans as they were told, and the service reads them"),
    Field("resource", _is_object, "attributes of the spans' resource, in that form"),
)

STEP_FIELDS = (
    Field("name", _is_string, "names the step", required=True, documented=True),
    Field("timestamp", _is_timestamp, "start, ISO-8601", required=True, documented=True),
    Field("latency_ms", _is_integer, "duration", required=True, documented=True),
    Field("id", _is_string, "OTel span id, or any id unique in the trace"),
    Field("parent_id", _is_string_or_null, "id of the step that this one is part of"),
    Field("scope", _is_string, "name of the instrumentation scope that made it"),
    Field("kind", _one_of(StepKind), "what it is to a reader"),
    Field("status", _one_of(Status), "how it ended"),
    Field("error_message", _is_string_or_null, "what went wrong"),
    Field("input", _is_string_or_null, "what the step was given, as text"),
    Field("output", _is_string_or_null, "what the step gave back, as text"),
    Field("input_messages", _is_messages, "the conversation it was given"),
    Field("output_messages", _is_messages, "the turns it gave back"),
    Field("model", _is_string_or_null, "the model's name"),
    Field("provider", _is_provider_or_null, "whose model it was"),
    Field("provider_name", _is_string_or_null, "the provider as the instrumentation named it"),
    *(Field(f.name, f.check, f.help) for f in TOKEN_FIELDS),
    Field("start_time_unix_nano", _is_nanoseconds, "start, unrounded"),
    Field("latency_ns", _is_integer_or_null, "duration, unrounded; null: unknown"),
    Field("attributes", _is_object, "span attributes as they came"),
    Field("events", _is_events, "span events as they came"),
    Field("warnings", _is_strings, "what was odd about this step"),
    Field("sources", _is_sources, "for each field the dialect and the attribute key it was read from"),
    Field("unread", _is_strings, "attribute keys that nobody read"),
    Field("span_name", _is_string, "form `spans`: the span's name, where the step is called otherwise"),
    Field("span_kind", _named(SpanKind), "form `spans`: the span's kind"),
    Field("status_code", _named(StatusCode), "form `spans`: the span's status"),
    Field("status_message", _is_string, "form `spans`: its description"),
    Field("end_time_unix_nano", _is_nanoseconds, "form `spans`: the span's end"),
    Field("scope_version", _is_string, "form `spans`: version of the instrumentation scope"),
    Field("resource", _is_object, "form `spans`: the resource, where it is another than the trace's"),
    Field("dropped_attributes", _is_integer, "form `spans`: attributes that the SDK dropped"),
    Field("dropped_events", _is_integer, "form `spans`: events that the SDK dropped"),
    Field("tokens_counted", _is_boolean, "whether its tokens are part of the trace's"),
    Field("masked", _is_count, "places in it where a secret was masked"),
)
