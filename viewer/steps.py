"""A step of a trace as a row of the timeline, and all that the row unfolds to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Event, Message, Provider, Status, Step, StepKind, Usage
from tracen_otel.timestamps import format_timestamp
from viewer import wording
from viewer.contexts import AttributeView, EventView, Fact, StepView
from viewer.conversation import exchanges
from viewer.legible import clip, one_line
from viewer.quotes import Quoter
from viewer.waterfall import Axis, Row

_LABEL_BY_KIND = {
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
_MAX_INDENT = 12
_NAME = 120
_MODEL = 60
_ERROR_LINE = 160
"""Characters that a row has for each; what it unfolds to has all of them."""
_SHORT_VALUE = 120
"""Characters of an attribute that need no folding, and that are cheaper to repeat than to look for above."""


def step_views(rows: Sequence[Row], axis: Axis, quoter: Quoter) -> tuple[StepView, ...]:
    """Make the view of every row, in order."""
    levels = [-1, *(row.level for row in rows)]
    return tuple(
        _step_view(number, row, levels[number - 1], axis, quoter) for number, row in enumerate(rows, start=1)
    )


def _step_view(number: int, row: Row, level_before: int, axis: Axis, quoter: Quoter) -> StepView:
    step = row.step
    is_failed = step.status is Status.ERROR
    return StepView(
        number=number,
        name=row_name(step),
        opens_list=row.level > level_before,
        closed_lists=tuple(range(max(level_before - row.level, 0))),
        indent=min(row.level, _MAX_INDENT),
        kind=step.kind.value,
        kind_label=_LABEL_BY_KIND[step.kind],
        model=one_line(step.model or "", _MODEL),
        bar=axis.bar(step),
        duration=wording.duration(step.latency_ns),
        tokens=tokens(step.usage),
        tokens_spoken=_tokens_spoken(step.usage),
        is_failed=is_failed,
        error_line=error_line(step) if is_failed else "",
        warning_count=wording.plural(len(step.warnings), "warning") if step.warnings else "",
        error=quoter.text(step.error_message) if step.error_message else None,
        exchanges=exchanges(step, quoter),
        facts=tuple(_facts(step, axis)),
        warnings=tuple(map(clip, step.warnings)),
        attributes=attribute_views(step.attributes, quoter, _sides(step)),
        events=tuple(_event_view(event, step, quoter) for event in step.events),
        sources=tuple(
            Fact(clip(field.replace("_", " ")), clip(source.key), clip(source.dialect))
            for field, source in step.sources.items()
        ),
    )


def row_name(step: Step) -> str:
    """The name of a step as far as a row has room for it."""
    return one_line(step.name, _NAME) or "(no name)"


def error_line(step: Step) -> str:
    """The beginning of a step's error as one line."""
    return one_line(step.error_message or "", _ERROR_LINE)


def tokens(usage: Usage) -> str:
    """`1,204 → 356`, for a row; "" where nothing was told."""
    return f"{_side(usage.input_tokens)} → {_side(usage.output_tokens)}" if usage else ""


def _side(number: int | None) -> str:
    return "?" if number is None else wording.count(number)


def _tokens_spoken(usage: Usage) -> str:
    return f"tokens: {token_counts(usage)}" if usage else ""


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


# -- what a row unfolds to ----------------------------------------------------------------------------


def _facts(step: Step, axis: Axis) -> Iterable[Fact]:
    if row_name(step) != step.name:
        yield Fact("Name", clip(step.name))
    yield Fact("Duration", wording.duration(step.latency_ns), is_told=step.latency_ns is not None)
    if step.start_ns:
        offset = wording.duration(step.start_ns - axis.start_ns)
        yield Fact(
            "Started",
            wording.moment(step.start_ns),
            f"{offset} after the start",
            format_timestamp(step.start_ns),
        )
    if step.model:
        yield Fact("Model", clip(step.model))
    if provider := provider_label(step.provider, step.provider_name):
        yield Fact("Provider", provider)
    if step.usage:
        yield Fact("Tokens", token_counts(step.usage), token_details(step.usage))
    if step.id:
        yield Fact("Step id", clip(step.id))
    if step.parent_id:
        yield Fact("Part of", clip(step.parent_id))


@dataclass(frozen=True, slots=True)
class _Side:
    """What a step shows as its input or output: the attribute it was read from, and how many characters."""

    label: str
    key: str
    size: int

    def shows(self, key: str, size: int) -> bool:
        """Whether an attribute is what is shown, and not far more than that."""
        return (key == self.key or key.startswith(self.key + ".")) and size <= 2 * self.size


def _sides(step: Step) -> tuple[_Side, ...]:
    told = (
        ("input", step.input_messages, step.input),
        ("output", step.output_messages, step.output),
    )
    return tuple(
        _Side(label, source.key, sum(map(_message_size, messages)) if messages else len(text or ""))
        for label, messages, text in told
        for source in (step.sources.get(label), step.sources.get(f"{label}_messages"))
        if source is not None
    )


def _message_size(message: Message) -> int:
    return sum(
        len(part.text) + (len(str(part.value)) if part.value is not None else 0) for part in message.parts
    )


def attribute_views(
    attributes: Mapping[str, Any], quoter: Quoter, sides: tuple[_Side, ...] = ()
) -> tuple[AttributeView, ...]:
    """Attributes by key; a long value that a side of the step shows is named instead of repeated."""
    return tuple(_attribute_view(key, attributes[key], quoter, sides) for key in sorted(attributes))


def _attribute_view(key: str, value: Any, quoter: Quoter, sides: tuple[_Side, ...]) -> AttributeView:
    label = clip(key)
    size = len(value if isinstance(value, str) else str(value))
    if size > _SHORT_VALUE:
        for side in sides:
            if side.shows(key, size):
                return AttributeView(label, shown_as=side.label)
        return AttributeView(label, quote=quoter.value(value))
    quote = quoter.value(value)
    return (
        AttributeView(label, quote=quote)
        if "\n" in quote.text or quote.rest
        else AttributeView(label, text=quote.text)
    )


def _event_view(event: Event, step: Step, quoter: Quoter) -> EventView:
    at = wording.duration(event.time_ns - step.start_ns) if event.time_ns >= step.start_ns > 0 else ""
    return EventView(
        name=clip(event.name) or "(no name)",
        at=f"after {at}" if at else "",
        attributes=attribute_views(event.attributes, quoter),
        body=None if event.body is None else quoter.value(event.body),
    )
