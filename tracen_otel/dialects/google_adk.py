"""Google's Agent Development Kit: whole requests and responses as JSON (version 1), beside OTel GenAI keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.attributes import decode_json, read_value
from tracen_otel.dialects.readings import kinds, on_event, span_name, usage_in
from tracen_otel.dialects.table import Dialect, Reading, either, from_scope, marked_by
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, Part, StepKind

_REQUEST = "gcp.vertex.agent.llm_request"
_RESPONSE = "gcp.vertex.agent.llm_response"
_TOOL_ARGUMENTS = "gcp.vertex.agent.tool_call_args"
_TOOL_RESPONSE = "gcp.vertex.agent.tool_response"
_SENT = "gcp.vertex.agent.data"
_OWN_KEYS = (_REQUEST, _RESPONSE, _TOOL_ARGUMENTS, _TOOL_RESPONSE, _SENT)
_OUTPUT_MESSAGES = "gen_ai.output.messages"
_ON_DETAILS = on_event("gen_ai.client.inference.operation.details")
_KIND_BY_SPAN_NAME = {
    "invocation": StepKind.CHAIN,
    "agent_run": StepKind.AGENT,
    "call_llm": StepKind.LLM,
    "send_data": StepKind.OTHER,
}


def _system(value: Any) -> tuple[Message, ...] | None:
    body = decode_json(value)
    config = body.get("config") if isinstance(body, Mapping) else None
    instruction = config.get("system_instruction") if isinstance(config, Mapping) else None
    return read_messages(instruction, "system") or None


def _streamed(value: Any) -> tuple[Message, ...] | None:
    """One turn out of a stream, which is told as one message for each of its chunks."""
    parts = tuple(_joined(part for message in read_messages(value, "assistant") for part in message.parts))
    return (Message("assistant", parts),) if parts else None


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """The parts, with text that continues text in one; reasoning likewise."""
    held: Part | None = None
    for part in parts:
        if held is not None and held.type == part.type and part.type in ("text", "reasoning"):
            held = replace(held, text=held.text + part.text)
            continue
        if held is not None:
            yield held
        held = part
    if held is not None:
        yield held


def _stem(value: Any) -> Any:
    """The span's name without the agent's: `agent_run [writer]`."""
    return _kind_of_name(str(value).split(" ", 1)[0])


_kind_of_name = kinds(_KIND_BY_SPAN_NAME)

GOOGLE_ADK = Dialect(
    name="Google ADK",
    applies=either(from_scope("gcp.vertex.agent"), marked_by(*_OWN_KEYS)),
    kind=(Reading("(span name)", _stem, span_name),),
    system=(Reading(_REQUEST, _system),),
    input=(
        Reading(_REQUEST, read_value),
        Reading(_TOOL_ARGUMENTS, read_value),
        Reading(_SENT, read_value),
    ),
    output=(
        Reading(_RESPONSE, read_value),
        Reading(_TOOL_RESPONSE, read_value),
        Reading(_OUTPUT_MESSAGES, _streamed),
        Reading(_OUTPUT_MESSAGES, _streamed, _ON_DETAILS),
    ),
    usage=(Reading(_RESPONSE, usage_in("usage_metadata")),),
)
