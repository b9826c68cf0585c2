"""OpenLLMetry (Traceloop): indexed messages of old, workflow, task, agent and tool spans."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import decode_json, indexed, read_integer, read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch
from tracen_otel.dialects.readings import answered, asked, kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.messages import looks_like_messages, read_messages
from tracen_otel.model import Message, StepKind

_KIND_BY_NAME = {
    "workflow": StepKind.CHAIN,
    "task": StepKind.CHAIN,
    "agent": StepKind.AGENT,
    "tool": StepKind.TOOL,
}
_KIND_BY_REQUEST = {
    "completion": StepKind.LLM,
    "chat": StepKind.LLM,
    "rerank": StepKind.RERANK,
    "embedding": StepKind.EMBEDDING,
}

_ITEMS_IN_TEXT = '[{\\"'
"""How a list of objects begins that stands as text inside JSON."""


def _items_in_text(value: Any) -> tuple[Message, ...] | None:
    """The conversation in a part whose text is the request's whole input as JSON (OpenAI's Responses)."""
    if not isinstance(value, str) or _ITEMS_IN_TEXT not in value:
        return None
    told = read_messages(value, "user")
    texts = [part.text for message in told for part in message.parts]
    items = decode_json(texts[0]) if len(texts) == 1 else None
    return read_messages(items, "user") if looks_like_messages(items) else None


_SCOPES = (
    "traceloop",
    "@traceloop/",
    "opentelemetry.instrumentation.anthropic",
    "opentelemetry.instrumentation.bedrock",
    "opentelemetry.instrumentation.cohere",
    "opentelemetry.instrumentation.langchain",
    "opentelemetry.instrumentation.ollama",
    "opentelemetry.instrumentation.openai.v1",
)

OPENLLMETRY = Dialect(
    name="OpenLLMetry",
    scopes=_SCOPES,
    capture=(CaptureSwitch("TRACELOOP_TRACE_CONTENT=true", note=ON_UNLESS_OFF),),
    kind=(
        Reading("traceloop.span.kind", kinds(_KIND_BY_NAME)),
        Reading("llm.request.type", kinds(_KIND_BY_REQUEST)),
    ),
    input=(
        Reading("gen_ai.prompt.N", asked, indexed),
        Reading("gen_ai.input.messages", _items_in_text),
        Reading("traceloop.entity.input", read_value),
        Reading("mcp.request.argument", read_value),
    ),
    output=(
        Reading("gen_ai.completion.N", answered, indexed),
        Reading("traceloop.entity.output", read_value),
        Reading("mcp.response.value", read_value),
        Reading("crewai.crew.result", read_value),
    ),
    provider_name=(Reading("traceloop.association.properties.ls_provider"),),
    reasoning_tokens=(Reading("llm.usage.reasoning_tokens", read_integer),),
)
