"""Pydantic AI (all instrumentation versions) and Logfire's client instrumentations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_integer, read_value
from tracen_otel.dialects.capture import CaptureSwitch, Where
from tracen_otel.dialects.otel_genai import messages_of_events
from tracen_otel.dialects.readings import field_of, said, usage_in
from tracen_otel.dialects.table import Dialect, Reading, either, from_scope, marked_by
from tracen_otel.messages import read_messages, split_turn
from tracen_otel.model import Message
from tracen_otel.usage import read_usage

_ERROR = "error"
_EVENTS = "events"
_ALL_EVENTS = "all_messages_events"
_ALL_MESSAGES = "pydantic_ai.all_messages"
_RESPONSE = "response_data"
_REQUEST = "request_data"


def _objects(value: Any) -> list[Mapping[str, Any]]:
    value = decode_json(value)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _asked_in_events(value: Any) -> tuple[Message, ...] | None:
    return split_turn(messages_of_events(_objects(value)))[0] or None


def _answered_in_events(value: Any) -> tuple[Message, ...] | None:
    """The choice; where none is named, the assistant's turns that end the list."""
    events = _objects(value)
    chosen = [e["message"] for e in events if e.get("event.name") == "gen_ai.choice" and "message" in e]
    return read_messages(chosen, "assistant") or split_turn(messages_of_events(events))[1] or None


def _asked_before(value: Any) -> tuple[Message, ...] | None:
    return split_turn(read_messages(value, "user"))[0] or None


def _answered_last(value: Any) -> tuple[Message, ...] | None:
    return split_turn(read_messages(value, "user"))[1] or None


def _request(value: Any) -> Any:
    """A request body, unless it was cut down to the model's name."""
    body = decode_json(value)
    return body if isinstance(body, Mapping) and not body.keys() <= {"model", "stream"} else None


def _answer(value: Any) -> Any:
    """The reply in a response summary; its text comes as `message`, `text` or `combined_chunk_content`."""
    body = decode_json(value)
    if not isinstance(body, Mapping):
        return None
    if isinstance(message := body.get("message"), Mapping):
        return read_messages({"role": "assistant", **message}, "assistant") or None
    text = body.get("text") or body.get("combined_chunk_content")
    return read_messages(text, "assistant") or None if isinstance(text, str) else None


_SCOPES = ("pydantic-ai", "logfire")

LOGFIRE = Dialect(
    name="Pydantic AI and Logfire",
    applies=either(from_scope(*_SCOPES), marked_by("logfire.span_type")),
    scopes=_SCOPES,
    capture=(
        CaptureSwitch(
            "InstrumentationSettings(include_content=True)", Where.CODE, "Pydantic AI: on unless it is off."
        ),
    ),
    label=(Reading("logfire.msg"),),
    input=(
        Reading(_ALL_MESSAGES, _asked_before),
        Reading(_ALL_EVENTS, _asked_in_events),
        Reading(_EVENTS, _asked_in_events),
        Reading(_REQUEST, _request),
        Reading("tool_arguments", read_value),
        Reading("raw_input", read_value),
    ),
    output=(
        Reading("final_result", said),
        Reading(_ALL_MESSAGES, _answered_last),
        Reading(_ALL_EVENTS, _answered_in_events),
        Reading(_EVENTS, _answered_in_events),
        Reading(_RESPONSE, _answer),
        Reading("tool_response", read_value),
    ),
    input_tokens=(Reading("gen_ai.aggregated_usage.input_tokens", read_integer),),
    output_tokens=(Reading("gen_ai.aggregated_usage.output_tokens", read_integer),),
    usage=(Reading(_RESPONSE, usage_in("usage")), Reading("gen_ai.usage.raw", read_usage)),
    error_message=(Reading(_ERROR, field_of("data", "error")), Reading(_ERROR, field_of("message"))),
)
