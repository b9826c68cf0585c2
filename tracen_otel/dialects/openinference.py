"""OpenInference: Phoenix and the instrumentations of Arize, for LlamaIndex, CrewAI, Agno and many more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import decode_json, indexed, read_integer, read_text, read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch
from tracen_otel.dialects.readings import field_of, kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.envelopes import QUESTION, open_envelope
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, StepKind

_KIND_BY_NAME = {
    "llm": StepKind.LLM,
    "chain": StepKind.CHAIN,
    "agent": StepKind.AGENT,
    "tool": StepKind.TOOL,
    "retriever": StepKind.RETRIEVAL,
    "reranker": StepKind.RERANK,
    "embedding": StepKind.EMBEDDING,
    "guardrail": StepKind.GUARDRAIL,
    "evaluator": StepKind.EVALUATION,
    "prompt": StepKind.CHAIN,
}
_MAX_DEPTH = 12
_INPUT = "input.value"
_OUTPUT = "output.value"
_STARTS_OF_STATE = ('{"init_state":', '{"ctx":', '{"tools":')
_KEYS_OF_STATE = ({"init_state", "start_event"}, {"ctx", "ev"}, {"tools", "user_msg", "chat_history"})
_EVENTS = ("StopEvent(", "AgentInput(", "AgentSetup(", "AgentOutput(", "ToolCallResult(")
_MARKS_OF_SYSTEM = ("system", "SystemMessage", "instructions")
_WRAPPERS = ("message", "message_content", "tool_call", "prompt", "completion", "embedding", "document")
"""OpenInference puts each item's fields under the item's name: `message.role`, `tool_call.id` …"""


def _unwrapped(node: Any, depth: int = _MAX_DEPTH) -> Any:
    """The same value with every item's fields directly in it."""
    if isinstance(node, list) and depth:
        return [_unwrapped(item, depth - 1) for item in node]
    if not isinstance(node, Mapping) or not depth:
        return node
    told: dict[str, Any] = {}
    for name, child in node.items():
        child = _unwrapped(child, depth - 1)
        if name in _WRAPPERS and isinstance(child, Mapping):
            told = {
                **child,
                **told,
                **({"type": "tool_call"} if name == "tool_call" and len(node) == 1 else {}),
            }
        else:
            told[name] = child
    return told


def _messages(role: str) -> Any:
    def read(value: Any) -> tuple[Message, ...] | None:
        return read_messages([_named_call(item) for item in _items(value)], role) or None

    return read


def _items(value: Any) -> list[Any]:
    value = _unwrapped(value)
    return value if isinstance(value, list) else [value]


def _named_call(item: Any) -> Any:
    """The oldest form of a call: `message.function_call_name` and `…_arguments_json`."""
    if isinstance(item, dict) and (name := read_text(item.get("function_call_name"))):
        return {
            **item,
            "function_call": {"name": name, "arguments": item.get("function_call_arguments_json")},
        }
    return item


def _texts(value: Any) -> Any:
    return [item.get("text", item) if isinstance(item, Mapping) else item for item in _items(value)]


def _system_told(value: Any) -> tuple[Message, ...] | None:
    """The system prompt of a request body: some instrumentations flatten its messages without this one's text."""
    if not isinstance(value, str) or not any(mark in value for mark in _MARKS_OF_SYSTEM):
        return None  # bodies are large, and most steps have no system prompt
    told = open_envelope(value, QUESTION).messages
    return tuple(message for message in told if message.role == "system") or None


def _arguments(value: Any) -> Any:
    """A tool's arguments; the key holds the schema of its parameters as well."""
    told = decode_json(value)
    is_schema = isinstance(told, Mapping) and ("properties" in told or told.get("type") == "object")
    return None if is_schema else read_value(value)


def _told_in(value: Any) -> Any:
    """What a step was given; the arguments of LlamaIndex's workflow engine are its own state, and nobody's words."""
    if isinstance(value, str) and value.startswith(_STARTS_OF_STATE):
        told = decode_json(value)
        if isinstance(told, Mapping) and any(keys <= told.keys() for keys in _KEYS_OF_STATE):
            return None
    return read_value(value)


def _told_out(value: Any) -> Any:
    """What a step gave back; events between a LlamaIndex workflow's steps are told as Python objects, cut short."""
    return None if isinstance(value, str) and value.startswith(_EVENTS) else read_value(value)


_SCOPES = ("openinference.instrumentation", "@arizeai/openinference")

OPENINFERENCE = Dialect(
    name="OpenInference",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("OPENINFERENCE_HIDE_INPUTS=false", note=ON_UNLESS_OFF),
        CaptureSwitch("OPENINFERENCE_HIDE_OUTPUTS=false", note=ON_UNLESS_OFF),
        CaptureSwitch("OPENINFERENCE_HIDE_INPUT_MESSAGES=false", note=ON_UNLESS_OFF),
        CaptureSwitch("OPENINFERENCE_HIDE_OUTPUT_MESSAGES=false", note=ON_UNLESS_OFF),
    ),
    kind=(Reading("openinference.span.kind", kinds(_KIND_BY_NAME)),),
    tool_name=(Reading("tool.name"),),
    system=(Reading(_INPUT, _system_told),),
    input=(
        Reading("llm.input_messages.N", _messages("user"), indexed),
        Reading("reranker.query"),
        Reading(_INPUT, _told_in),
        Reading("llm.prompts.N", _texts, indexed),
        Reading("tool.parameters", _arguments),
        Reading("embedding.embeddings.N", _texts, indexed),
    ),
    output=(
        Reading("llm.output_messages.N", _messages("assistant"), indexed),
        Reading("llm.choices.N", _messages("assistant"), indexed),
        Reading("retrieval.documents.N", _items, indexed),
        Reading("reranker.output_documents.N", _items, indexed),
        Reading(_OUTPUT, _told_out),
    ),
    model=(
        Reading("llm.response.model_name"),
        Reading("llm.model_name"),
        Reading("llm.request.model_name"),
        Reading("llm.invocation_parameters", field_of("model")),
        Reading("embedding.model_name"),
        Reading("reranker.model_name"),
    ),
    provider_name=(Reading("llm.provider"), Reading("llm.system")),
    input_tokens=(Reading("llm.token_count.prompt", read_integer),),
    output_tokens=(Reading("llm.token_count.completion", read_integer),),
    cache_read_tokens=(
        Reading("llm.token_count.prompt_details.cache_read", read_integer),
        Reading("llm.token_count.prompt_details.cache_input", read_integer),
    ),
    cache_write_tokens=(Reading("llm.token_count.prompt_details.cache_write", read_integer),),
    response_id=(Reading(_OUTPUT, field_of("id")), Reading(_OUTPUT, field_of("llm_output", "id"))),
    reasoning_tokens=(Reading("llm.token_count.completion_details.reasoning", read_integer),),
)
