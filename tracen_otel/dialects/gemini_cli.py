"""Gemini CLI: OTel GenAI keys, but a reply is one item per chunk, and tools stand where messages should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracen_otel.attributes import decode_json
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch
from tracen_otel.dialects.readings import kinds, streamed
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, Span, StepKind
from tracen_otel.parts import tool_call, tool_response

_CONTEXT = "<session_context>"
"""Opens what the program tells the model about folder and date, in the same turn as the person's first words."""


def _is_gemini_cli(span: Span) -> bool:
    return span.attributes.get("gen_ai.agent.name") == "gemini-cli"


def _asked(value: Any) -> Any:
    """A tool's arguments, the calls that are about to run, or the conversation."""
    told = decode_json(value)
    if isinstance(told, Mapping) and "args" in told:
        return told["args"]
    if isinstance(told, list) and told and all(isinstance(i, Mapping) and "callId" in i for i in told):
        return (Message("assistant", tuple(tool_call(item) for item in told)),)
    messages = read_messages(told, "user")
    return tuple(turn for message in messages for turn in _without_context(message)) or None


def _without_context(message: Message) -> Iterator[Message]:
    """What the program put before the person's words becomes a turn of its own."""
    first, rest = message.parts[:1], message.parts[1:]
    if rest and first[0].type == "text" and first[0].text.startswith(_CONTEXT):
        yield Message(message.role, first)
        yield Message(message.role, rest)
    else:
        yield message


def _answered(value: Any) -> Any:
    """What a tool gave back, the results of several, or one turn out of the chunks."""
    told = decode_json(value)
    if _is_finished_call(told):
        return _result(told)
    if isinstance(told, list) and told and all(map(_is_finished_call, told)):
        results = ({**item["request"], "response": _result(item)} for item in told)
        return (Message("tool", tuple(tool_response(result) for result in results)),)
    return streamed(told)


def _is_finished_call(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("request"), Mapping)


def _result(call: Mapping[str, Any]) -> Any:
    response = call.get("response")
    parts = response.get("responseParts") if isinstance(response, Mapping) else None
    for part in parts if isinstance(parts, list) else ():
        result = part.get("functionResponse") if isinstance(part, Mapping) else None
        if isinstance(result, Mapping):
            return result.get("response")
    return response


GEMINI_CLI = Dialect(
    name="Gemini CLI",
    applies=_is_gemini_cli,
    capture=(
        CaptureSwitch("GEMINI_TELEMETRY_TRACES_ENABLED=true"),
        CaptureSwitch("GEMINI_TELEMETRY_LOG_PROMPTS=true", note=ON_UNLESS_OFF),
    ),
    kind=(
        Reading(
            "gen_ai.operation.name",
            kinds({"schedule_tool_calls": StepKind.CHAIN, "user_prompt": StepKind.CHAIN}),
        ),
    ),
    input=(Reading("gen_ai.input.messages", _asked),),
    output=(Reading("gen_ai.output.messages", _answered),),
)
