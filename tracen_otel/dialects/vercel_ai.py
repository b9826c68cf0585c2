"""Vercel AI SDK 3 to 6 (scope `ai`). Version 7 with `@ai-sdk/otel` speaks OTel GenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_integer, read_text, read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch, Where
from tracen_otel.dialects.readings import asked, said
from tracen_otel.dialects.table import Dialect, OfKeys, Reading
from tracen_otel.model import Span, StepKind, Usage

_OPERATION = "ai.operationId"
_METADATA = "ai.response.providerMetadata"
_ANTHROPIC_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_CACHE_READ = (
    "cache_read_input_tokens",
    "cacheReadInputTokens",
    "cachedPromptTokens",
    "cachedContentTokenCount",
)
_CACHE_WRITE = ("cache_creation_input_tokens", "cacheCreationInputTokens", "cacheWriteInputTokens")
_REASONING = ("reasoningTokens",)
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


def _values(value: Any) -> Any:
    """The texts that were embedded, each of which is told as JSON of its own."""
    items = decode_json(value)
    return [decode_json(item) for item in items] if isinstance(items, list | tuple) else read_value(value)


def _kind_in_name(value: Any) -> StepKind | None:
    """The same out of a name that holds the operation and, after a space, the program's own name for it."""
    return _kind((read_text(value) or "").partition(" ")[0])


def _find_of_call(span: Span, key: str) -> Any:
    """A model call's attribute: the operation around several calls repeats what the last one told."""
    operation = span.attributes.get(_OPERATION)
    is_call = isinstance(operation, str) and operation.endswith((".doGenerate", ".doStream"))
    return span.attributes.get(key) if is_call else None


_of_call = OfKeys(_find_of_call, lambda keys: _METADATA in keys)


def _whole_input(value: Any) -> int | None:
    """All input tokens of a call to Anthropic, whose count leaves out those of the cache."""
    told = _provider_counts(value)
    counts = [told.get(name) for name in _ANTHROPIC_INPUT]
    whole = [count for count in counts if isinstance(count, int)]
    return sum(whole) if whole and isinstance(counts[0], int) else None


def _provider_usage(value: Any) -> Usage | None:
    """Counts that only a provider's own metadata tells."""
    told = _provider_counts(value)
    counts = [
        next((n for name in names if (n := read_integer(told.get(name))) is not None), None)
        for names in (_CACHE_READ, _CACHE_WRITE, _REASONING)
    ]
    return Usage(None, None, *counts) if any(count is not None for count in counts) else None


def _provider_counts(value: Any) -> dict[str, Any]:
    """The fields of every provider's metadata, and of the usage object in it."""
    body = decode_json(value)
    told: dict[str, Any] = {}
    for metadata in body.values() if isinstance(body, Mapping) else ():
        if isinstance(metadata, Mapping):
            usage = metadata.get("usage")
            told |= {**metadata, **(usage if isinstance(usage, Mapping) else {})}
    return told


VERCEL_AI = Dialect(
    name="Vercel AI SDK",
    capture=(
        CaptureSwitch(
            "experimental_telemetry: { isEnabled: true, recordInputs: true, recordOutputs: true }",
            Where.CODE,
            ON_UNLESS_OFF,
        ),
    ),
    kind=(Reading(_OPERATION, _kind), Reading("operation.name", _kind_in_name)),
    tool_name=(Reading("ai.toolCall.name"),),
    input=(
        Reading("ai.prompt.messages", asked),
        Reading("ai.prompt", read_value),
        Reading("ai.toolCall.args", read_value),
        Reading("ai.value", read_value),
        Reading("ai.values", _values),
    ),
    output=(
        Reading("ai.response.text", said),
        Reading("ai.response.object", said),
        Reading("ai.toolCall.result", read_value),
        Reading("ai.result.text", said),
        Reading("ai.result.object", said),
    ),
    tool_calls=(
        Reading("ai.response.toolCalls", decode_json),
        Reading("ai.result.toolCalls", decode_json),
    ),
    model=(Reading("ai.response.model"), Reading("ai.model.id")),
    provider_name=(Reading("ai.model.provider"),),
    input_tokens=(
        Reading(_METADATA, _whole_input, _of_call),
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
    usage=(Reading(_METADATA, _provider_usage, _of_call),),
    response_id=(Reading("ai.response.id"),),
)
