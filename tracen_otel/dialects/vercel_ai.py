"""Vercel AI SDK 3 to 6 (scope `ai`). Version 7 with `@ai-sdk/otel` speaks OTel GenAI."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import read_integer, read_text, read_value
from tracen_otel.dialects.readings import asked, said
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_SUFFIX = (
    (".doGenerate", StepKind.LLM),
    (".doStream", StepKind.LLM),
    (".doEmbed", StepKind.EMBEDDING),
    ("ai.embed", StepKind.EMBEDDING),
    ("ai.embedMany", StepKind.EMBEDDING),
    (".doRerank", StepKind.RERANK),
    ("ai.rerank", StepKind.RERANK),
    ("ai.toolCall", StepKind.TOOL),
    ("ai.generateText", StepKind.AGENT),
    ("ai.streamText", StepKind.AGENT),
    ("ai.generateObject", StepKind.AGENT),
    ("ai.streamObject", StepKind.AGENT),
)


def _kind(value: Any) -> StepKind | None:
    """The outer operations run steps and tools, so they are agents; only `do…` calls a model."""
    operation = read_text(value) or ""
    return next((kind for suffix, kind in _KIND_BY_SUFFIX if operation.endswith(suffix)), None)


VERCEL_AI = Dialect(
    name="Vercel AI SDK",
    kind=(Reading("ai.operationId", _kind),),
    tool_name=(Reading("ai.toolCall.name"),),
    input=(
        Reading("ai.prompt.messages", asked),
        Reading("ai.prompt", read_value),
        Reading("ai.toolCall.args", read_value),
        Reading("ai.value", read_value),
        Reading("ai.values", read_value),
    ),
    output=(
        Reading("ai.response.text", said),
        Reading("ai.response.object", said),
        Reading("ai.toolCall.result", read_value),
        Reading("ai.result.text", said),
        Reading("ai.result.object", said),
    ),
    tool_calls=(
        Reading("ai.response.toolCalls", read_value),
        Reading("ai.result.toolCalls", read_value),
    ),
    model=(Reading("ai.response.model"), Reading("ai.model.id")),
    provider_name=(Reading("ai.model.provider"),),
    input_tokens=(
        Reading("ai.usage.inputTokens", read_integer),
        Reading("ai.usage.promptTokens", read_integer),
        Reading("ai.usage.tokens", read_integer),
    ),
    output_tokens=(
        Reading("ai.usage.outputTokens", read_integer),
        Reading("ai.usage.completionTokens", read_integer),
    ),
    cache_read_tokens=(
        Reading("ai.usage.cachedInputTokens", read_integer),
        Reading("ai.usage.inputTokenDetails.cacheReadTokens", read_integer),
    ),
    cache_write_tokens=(Reading("ai.usage.inputTokenDetails.cacheWriteTokens", read_integer),),
    reasoning_tokens=(
        Reading("ai.usage.reasoningTokens", read_integer),
        Reading("ai.usage.outputTokenDetails.reasoningTokens", read_integer),
    ),
    response_id=(Reading("ai.response.id"),),
)
