"""OTel GenAI semantic conventions, three generations: attributes, message events, old keys.

semantic-conventions-genai (current), semantic-conventions 1.26 to 1.36 (events, `gen_ai.system`), and before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import (
    decode_json,
    event_fields,
    events_named,
    in_events,
    read_integer,
    read_text,
    read_value,
)
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import answered, asked, instructed, kind_of_model, kinds, means, on_event
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.messages import read_messages
from tracen_otel.model import Event, Message, Span, StepKind

_DETAILS = on_event("gen_ai.client.inference.operation.details")

_ON_USAGE = on_event("gen_ai.usage")

_INPUT_MESSAGES = "gen_ai.input.messages"
_OUTPUT_MESSAGES = "gen_ai.output.messages"
_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
_PROMPT = "gen_ai.prompt"
_COMPLETION = "gen_ai.completion"
_TOOL_NAME = "gen_ai.tool.name"
_INPUT_TOKENS = "gen_ai.usage.input_tokens"
_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
_REQUEST_MODEL = "gen_ai.request.model"
_RESPONSE_MODEL = "gen_ai.response.model"

_KIND_BY_OPERATION = {
    **dict.fromkeys(
        (
            "chat",
            "text_completion",
            "generate_content",
            "completion",
            "generate",
            "chat.completions",
            "text.completions",
            "response",
            "responses",
            "llm_call",
            "model.step",
        ),
        StepKind.LLM,
    ),
    **dict.fromkeys(("embeddings", "embedding"), StepKind.EMBEDDING),
    **dict.fromkeys(("retrieval", "search_memory"), StepKind.RETRIEVAL),
    **dict.fromkeys(("rerank", "reranking"), StepKind.RERANK),
    **dict.fromkeys(("execute_tool", "tool_call"), StepKind.TOOL),
    **dict.fromkeys(("invoke_agent", "create_agent", "agent_call", "agent"), StepKind.AGENT),
    **dict.fromkeys(
        (
            "invoke_workflow",
            "plan",
            "agent_step",
            "execute_task",
            "chain",
            "workflow",
            "execute_event_loop_cycle",
            "orchestrate_tools",
        ),
        StepKind.CHAIN,
    ),
    **dict.fromkeys(("guardrail", "guard"), StepKind.GUARDRAIL),
    **dict.fromkeys(("evaluate", "evaluation"), StepKind.EVALUATION),
    "fetch_response": StepKind.OTHER,
}

_ROLE_BY_EVENT = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_MESSAGE_EVENTS = frozenset(_ROLE_BY_EVENT)


def messages_of_events(events: list[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Messages out of events told as JSON objects that name themselves in `event.name`."""
    return tuple(
        m for e in events if (r := _ROLE_BY_EVENT.get(str(e.get("event.name")))) for m in read_messages(e, r)
    )


def _message_events(span: Span, key: str) -> list[dict[str, Any]] | None:
    told = [{"role": _ROLE_BY_EVENT[e.name], **_content(e)} for e in events_named(span, _MESSAGE_EVENTS)]
    return told or None


def _choice_events(span: Span, key: str) -> list[Any] | None:
    return [_choice(event) for event in events_named(span, frozenset({key}))] or None


def _choice(event: Event) -> Any:
    """The turn of a choice: a message object, its JSON, or text, with tool calls in it or beside it."""
    fields = _content(event)
    message = decode_json(fields.get("message"))
    if isinstance(message, Mapping):
        return {"role": "assistant", **fields, **message} if "message" not in message else message
    return {
        "role": "assistant",
        **fields,
        "content": fields.get("content") if message is None else message,
        "message": None,
    }


def _content(event: Event) -> Mapping[str, Any]:
    fields = event_fields(event)
    whole = decode_json(fields.get("gen_ai.event.content"))
    return whole if isinstance(whole, Mapping) else fields


def _name(value: Any) -> str | None:
    """A model's name; Micrometer, under Spring AI, writes "none" where a call gave none."""
    name = read_text(value)
    return None if name == "none" else name


_SCOPES = (
    "opentelemetry.instrumentation.genai",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.util.genai",
    "@opentelemetry/instrumentation-openai",
    "opentelemetry.instrumentation.botocore",
)

OTEL_GENAI = Dialect(
    name="OpenTelemetry GenAI",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch(
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
            note="The older way: content goes out as log records, so logs have to be exported as well.",
        ),
        CaptureSwitch(
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only",
            note="Instead, where OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental is set.",
        ),
    ),
    kind=(
        Reading("gen_ai.operation.name", kinds(_KIND_BY_OPERATION)),
        Reading(_TOOL_NAME, means(StepKind.TOOL)),
        Reading("mcp.method.name", kinds({"tools/call": StepKind.TOOL})),
        Reading(_REQUEST_MODEL, kind_of_model),
        Reading(_RESPONSE_MODEL, kind_of_model),
    ),
    tool_name=(Reading(_TOOL_NAME),),
    system=(
        Reading(_SYSTEM_INSTRUCTIONS, instructed),
        Reading(_SYSTEM_INSTRUCTIONS, instructed, _DETAILS),
    ),
    input=(
        Reading("gen_ai.tool.call.arguments", read_value),
        Reading(_INPUT_MESSAGES, asked),
        Reading(_INPUT_MESSAGES, asked, _DETAILS),
        Reading("gen_ai.*.message", asked, _message_events),
        Reading(_PROMPT, read_value),
        Reading(_PROMPT, read_value, on_event("gen_ai.content.prompt")),
        Reading("gen_ai.retrieval.query.text"),
        Reading("gen_ai.memory.query.text"),
    ),
    output=(
        Reading("gen_ai.tool.call.result", read_value),
        Reading(_OUTPUT_MESSAGES, answered),
        Reading(_OUTPUT_MESSAGES, answered, _DETAILS),
        Reading("gen_ai.choice", answered, _choice_events),
        Reading(_COMPLETION, read_value),
        Reading(_COMPLETION, read_value, on_event("gen_ai.content.completion")),
        Reading("gen_ai.retrieval.documents", read_value),
        Reading("gen_ai.memory.records", read_value),
    ),
    model=(
        Reading(_RESPONSE_MODEL, _name),
        Reading(_REQUEST_MODEL),
        Reading("gen_ai.response_model"),
        Reading("gen_ai.request_model"),
    ),
    provider_name=(Reading("gen_ai.provider.name"), Reading("gen_ai.system")),
    input_tokens=(
        Reading(_INPUT_TOKENS, read_integer),
        Reading(_INPUT_TOKENS, read_integer, _ON_USAGE),
        Reading("gen_ai.usage.prompt_tokens", read_integer),
        Reading("gen_ai.response.prompt_tokens", read_integer),
    ),
    output_tokens=(
        Reading(_OUTPUT_TOKENS, read_integer),
        Reading(_OUTPUT_TOKENS, read_integer, _ON_USAGE),
        Reading("gen_ai.usage.completion_tokens", read_integer),
        Reading("gen_ai.response.completion_tokens", read_integer),
    ),
    cache_read_tokens=(
        Reading("gen_ai.usage.cache_read.input_tokens", read_integer),
        Reading("gen_ai.usage.cache_read_input_tokens", read_integer),
        Reading("gen_ai.usage.cache_read_tokens", read_integer),
        Reading("gen_ai.usage.input_cached_tokens", read_integer),
        Reading("gen_ai.usage.cached_input_tokens", read_integer),
        Reading("gen_ai.usage.input_tokens.cached", read_integer),
        Reading("gen_ai.usage.details.cache_read_tokens", read_integer),
        Reading("gen_ai.usage.details.cache_read_input_tokens", read_integer),
    ),
    cache_write_tokens=(
        Reading("gen_ai.usage.cache_write.input_tokens", read_integer),
        Reading("gen_ai.usage.cache_creation.input_tokens", read_integer),
        Reading("gen_ai.usage.cache_creation_input_tokens", read_integer),
        Reading("gen_ai.usage.cache_write_input_tokens", read_integer),
        Reading("gen_ai.usage.cache_write_tokens", read_integer),
        Reading("gen_ai.usage.input_tokens.cache_write", read_integer),
        Reading("gen_ai.usage.input_cache_creation", read_integer),
        Reading("gen_ai.usage.details.cache_write_tokens", read_integer),
        Reading("gen_ai.usage.details.cache_creation_input_tokens", read_integer),
    ),
    reasoning_tokens=(
        Reading("gen_ai.usage.reasoning.output_tokens", read_integer),
        Reading("gen_ai.usage.reasoning_tokens", read_integer),
        Reading("gen_ai.usage.details.reasoning_tokens", read_integer),
    ),
    response_id=(Reading("gen_ai.response.id"),),
    error_message=(
        Reading("exception.message", find=in_events),
        Reading("error.message"),
        Reading("error.type"),
    ),
)
