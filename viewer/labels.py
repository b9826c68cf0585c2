"""What a reader calls a step and what it tells: short words for rows, facts and lists."""

from __future__ import annotations

from dataclasses import replace

from tracen_otel.model import Provider, Step, StepKind, Usage
from viewer import wording
from viewer.legible import clip, one_line

LABEL_BY_KIND = {
    StepKind.LLM: "LLM",
    StepKind.AGENT: "Agent",
    StepKind.TOOL: "Tool",
    StepKind.RETRIEVAL: "Retrieval",
    StepKind.EMBEDDING: "Embedding",
    StepKind.RERANK: "Rerank",
    StepKind.GUARDRAIL: "Guardrail",
    StepKind.EVALUATION: "Evaluation",
    StepKind.CHAIN: "Chain",
    StepKind.HTTP: "HTTP",
    StepKind.DB: "Database",
    StepKind.OTHER: "",  # the row is a step to every reader anyway
}
_NAME_BY_PROVIDER = {
    Provider.OPENAI: "OpenAI",
    Provider.ANTHROPIC: "Anthropic",
    Provider.MISTRAL: "Mistral",
    Provider.GEMINI: "Gemini",
    Provider.CUSTOM: "custom provider",
}
_NAME = 120
_MODEL = 60
_ERROR_LINE = 160
"""Characters that a row has for each; what it unfolds to has all of them."""


def row_name(step: Step) -> str:
    """The name of a step as far as a row has room for it."""
    return one_line(step.name, _NAME) or "(no name)"


def model_line(step: Step) -> str:
    """The model of a step as far as a row has room for it."""
    return one_line(step.model or "", _MODEL)


def error_line(step: Step) -> str:
    """The beginning of a step's error as one line."""
    return line_of_error(step.error_message or "")


def line_of_error(message: str) -> str:
    """The beginning of an error's message as one line: without JavaScript's stack, and what is repeated in that."""
    told, frames, _ = message.partition("\n    at ")
    return one_line((frames and told.partition("\n\n")[0]) or message, _ERROR_LINE)


def told_usage(step: Step) -> Usage:
    """What a step tells of tokens. An embedding gives none back, so that is not unknown but none."""
    if step.kind in (StepKind.EMBEDDING, StepKind.RERANK) and step.usage.input_tokens is not None:
        return replace(step.usage, output_tokens=step.usage.output_tokens or 0)
    return step.usage


def token_counts(usage: Usage) -> str:
    """`1,204 in · 356 out`."""
    return f"{wording.count(usage.input_tokens)} in · {wording.count(usage.output_tokens)} out"


def token_details(usage: Usage) -> str:
    """`512 cached · 128 reasoning`; "" where nothing was told."""
    told = (
        (usage.cache_read_tokens, "from cache"),
        (usage.cache_write_tokens, "into cache"),
        (usage.reasoning_tokens, "reasoning"),
    )
    return " · ".join(f"{wording.count(number)} {words}" for number, words in told if number)


def provider_label(provider: Provider | None, raw_name: str | None) -> str:
    """What a reader calls the provider: its name, or the raw one where Tracen knows none."""
    if provider is None or provider is Provider.CUSTOM:
        return clip(raw_name or "") or ("" if provider is None else _NAME_BY_PROVIDER[provider])
    return _NAME_BY_PROVIDER[provider]
