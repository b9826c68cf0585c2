"""A step of a trace as a row of the timeline, and the facts that the row unfolds to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tracen_otel.model import Provider, Status, Step, StepKind, Usage
from viewer import pieces, wording
from viewer.attributes import attributes_of, events_of, sources_of
from viewer.conversation import exchanges
from viewer.legible import Draft, clip, joined, one_line
from viewer.quotes import Quoter
from viewer.waterfall import Axis, Bar, Row

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


def timeline(rows: Sequence[Row], axis: Axis, quoter: Quoter) -> Draft:
    """Every row with what it unfolds to, in lists that nest as the steps do."""
    level_before = -1
    made: list[Draft] = []
    for number, row in enumerate(rows, start=1):
        if row.level > level_before:
            made.append(_OPENED if number > 1 else pieces.NOTHING)
        else:
            made.append(_closed(level_before - row.level))
        made.append(_step(number, row, axis, quoter))
        level_before = row.level
    return joined((*made, _closed(level_before))) if rows else pieces.NOTHING


_OPENED = Draft("<ol>")


def _closed(levels: int) -> Draft:
    """End a row, and the lists of so many levels with the rows that they hang under."""
    return Draft("</li>" + "</ol></li>" * levels)


def _step(number: int, row: Row, axis: Axis, quoter: Quoter) -> Draft:
    step = row.step
    failed = " is-failed" if step.status is Status.ERROR else ""
    body = pieces.BODY(number, joined(_body(step, axis, quoter)), number, number)
    return pieces.STEP(step.kind.value, failed, _row(number, row, axis), body)


def _row(number: int, row: Row, axis: Axis) -> Draft:
    step, usage = row.step, told_usage(row.step)
    return pieces.ROW(
        min(row.level, _MAX_INDENT),
        step.kind.value,
        number,
        row_name(step),
        joined(_remarks(step)),
        _bar(axis.bar(step)),
        wording.duration(step.latency_ns),
        _row_tokens(usage) if usage else pieces.NOTHING,
    )


def _remarks(step: Step) -> Iterator[Draft]:
    """What a row says beside the name."""
    label, model = _LABEL_BY_KIND[step.kind], one_line(step.model or "", _MODEL)
    if label or model:
        yield pieces.ROW_KIND(label, " · " if label and model else "", model)
    if step.status is Status.ERROR:
        yield pieces.FAILED_TAG
    if step.warnings:
        yield pieces.WARNING_TAG(wording.plural(len(step.warnings), "warning"))
    if step.status is Status.ERROR and step.error_message:
        yield pieces.ROW_ERROR(error_line(step))


def _bar(bar: Bar | None) -> Draft:
    if bar is None:
        return pieces.NOTHING
    return pieces.POINT(bar.x) if bar.is_point else pieces.BAR(bar.x, bar.width)


def _body(step: Step, axis: Axis, quoter: Quoter) -> Iterator[Draft]:
    """What a row unfolds to, in order."""
    if step.error_message:
        yield pieces.ERROR(pieces.quoted(quoter.text(step.error_message)))
    yield from (pieces.WARNING(clip(warning)) for warning in step.warnings)
    yield exchanges(step, quoter)
    yield pieces.SHEET(pieces.FACT.each(tuple(_facts(step, axis))))
    if step.events:
        is_open = pieces.OPEN if step.status is Status.ERROR else pieces.NOTHING
        yield pieces.FOLD(is_open, "Events", wording.count(len(step.events)), events_of(step, quoter))
    if step.attributes:
        unread = len(step.attributes.keys() & step.unread)
        count = wording.count(len(step.attributes)) + (f", {unread:,} not used above" if unread else "")
        yield pieces.FOLD(pieces.NOTHING, "Attributes", count, attributes_of(step, quoter))
    if step.sources:
        told = joined((pieces.ABOUT_SOURCES, sources_of(step)))
        yield pieces.FOLD(pieces.NOTHING, "Where this came from", "", told)


def row_name(step: Step) -> str:
    """The name of a step as far as a row has room for it."""
    return one_line(step.name, _NAME) or "(no name)"


def error_line(step: Step) -> str:
    """The beginning of a step's error as one line."""
    return one_line(step.error_message or "", _ERROR_LINE)


def told_usage(step: Step) -> Usage:
    """What a step tells of tokens. An embedding gives none back, so that is not unknown but none."""
    if step.kind in (StepKind.EMBEDDING, StepKind.RERANK) and step.usage.input_tokens is not None:
        return replace(step.usage, output_tokens=step.usage.output_tokens or 0)
    return step.usage


def _row_tokens(usage: Usage) -> Draft:
    """`1,204 → 356`."""
    return pieces.ROW_TOKENS(_side(usage.input_tokens), _side(usage.output_tokens), token_counts(usage))


def _side(number: int | None) -> str:
    return "?" if number is None else wording.count(number)


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


def _facts(step: Step, axis: Axis) -> Iterable[str]:
    """Label, value and what qualifies the value, for each fact that the row has no room for."""
    if row_name(step) != step.name:
        yield from ("Name", clip(step.name), "")
    yield from ("Duration", wording.duration(step.latency_ns), "")
    if step.start_ns:
        offset_ns = step.start_ns - axis.start_ns
        after = f"{wording.duration(offset_ns)} after the start" if offset_ns else "at the start"
        yield from ("Started", wording.moment(step.start_ns), after)
    if step.model:
        yield from ("Model", clip(step.model), "")
    if provider := provider_label(step.provider, step.provider_name):
        yield from ("Provider", provider, "")
    if step.usage:
        yield from ("Tokens", token_counts(told_usage(step)), token_details(step.usage))
    if step.id:
        yield from ("Step id", clip(step.id), "")
    if step.parent_id:
        yield from ("Part of", clip(step.parent_id), "")
