"""Token counts out of a usage object, whichever API's words it is told in. Knows no attribute keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.attributes import decode_json, read_integer
from tracen_otel.model import Usage

_INPUT = (
    "input_tokens",
    "prompt_tokens",
    "inputTokens",
    "promptTokens",
    "input",
    "prompt_token_count",
    "promptTokenCount",
)
_OUTPUT = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "output",
)
_CACHE_READ = (
    "cache_read_input_tokens",
    "cached_tokens",
    "cache_read",
    "input_cache_read",
    "input_cached_tokens",
    "cachedInputTokens",
    "cacheReadInputTokens",
    "cached_content_token_count",
    "cachedContentTokenCount",
)
_CACHE_WRITE = (
    "cache_creation_input_tokens",
    "cache_write_tokens",
    "input_cache_creation",
    "cacheWriteInputTokens",
)
_REASONING = (
    "reasoning_tokens",
    "reasoning",
    "output_reasoning",
    "output_reasoning_tokens",
    "reasoningTokens",
    "thoughtsTokens",
    "thoughts_token_count",
    "thoughtsTokenCount",
)
_GEMINI_OUTPUT = ("candidates_token_count", "candidatesTokenCount")
"""Gemini's own words for output, which leave out the tokens of thinking."""
_DETAILS = (
    "prompt_tokens_details",
    "input_tokens_details",
    "input_token_details",
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
)


def read_usage(value: Any) -> Usage | None:
    """The counts in a usage object (also as JSON text); None where it is none or tells none."""
    value = decode_json(value)
    if not isinstance(value, dict):
        return None
    told: dict[str, Any] = dict(value)
    for name in _DETAILS:
        details = value.get(name)
        if isinstance(details, dict):
            told |= {k: v for k, v in details.items() if k not in told}
    asked, answered, *rest = (
        _count(told, names) for names in (_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE, _REASONING)
    )
    if answered is None and (spoken := _count(told, _GEMINI_OUTPUT)) is not None:
        answered = spoken + (rest[-1] or 0)
    return Usage(asked, answered, *rest) if asked is not None or answered is not None else None


def _count(told: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((n for name in names if (n := read_integer(told.get(name))) is not None), None)


def whole(usage: Usage) -> Usage:
    """The same usage with cached tokens inside the input.

    Anthropic's own API counts them beside it; they show by exceeding the input that should hold them.
    """
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    if usage.input_tokens is None or cached <= usage.input_tokens:
        return usage
    return replace(usage, input_tokens=usage.input_tokens + cached)
