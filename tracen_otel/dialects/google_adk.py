"""Google's Agent Development Kit: whole requests and responses as JSON (version 1), beside OTel GenAI keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch
from tracen_otel.dialects.readings import kinds, on_event, span_name, streamed, usage_in
from tracen_otel.dialects.table import Dialect, Read, Reading, either, from_scope, marked_by
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, StepKind

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
    instruction = (
        (config.get("system_instruction") or config.get("systemInstruction"))
        if isinstance(config, Mapping)
        else None
    )
    return read_messages(instruction, "system") or None


def _stem(value: Any) -> Any:
    """The span's name without the agent's: `agent_run [writer]`."""
    return _kind_of_name(str(value).split(" ", 1)[0])


def _output_tokens(read_usage: Read) -> Read:
    """All tokens of a reply: the count in an attribute of its own leaves out those of thinking."""
    return lambda value: usage.output_tokens if (usage := read_usage(value)) else None


_kind_of_name = kinds(_KIND_BY_SPAN_NAME)
_usage_in_python = usage_in("usage_metadata")
_usage_in_javascript = usage_in("usageMetadata")

_SCOPES = ("gcp.vertex.agent",)

GOOGLE_ADK = Dialect(
    name="Google ADK",
    applies=either(from_scope(*_SCOPES), marked_by(*_OWN_KEYS)),
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true", note=ON_UNLESS_OFF),
        CaptureSwitch(
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
            note="Where OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental is set.",
        ),
    ),
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
        Reading(_OUTPUT_MESSAGES, streamed),
        Reading(_OUTPUT_MESSAGES, streamed, _ON_DETAILS),
    ),
    output_tokens=(
        Reading(_RESPONSE, _output_tokens(_usage_in_python)),
        Reading(_RESPONSE, _output_tokens(_usage_in_javascript)),
    ),
    usage=(Reading(_RESPONSE, _usage_in_python), Reading(_RESPONSE, _usage_in_javascript)),
)
