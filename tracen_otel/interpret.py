"""One span → one step: the tables of the dialects applied in order, field by field.

Knows what a step needs; which attribute keys say it is the tables' business alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracen_otel.attributes import attribute, clean, encode_json, is_cut_json, read_integer
from tracen_otel.dialects import DIALECTS, Reading
from tracen_otel.dialects.otel_genai import OTEL_GENAI
from tracen_otel.dialects.readings import kind_of_model
from tracen_otel.dialects.vocabulary import VocabularyIndex
from tracen_otel.envelopes import (
    ANSWER,
    QUESTION,
    Side,
    Told,
    open_envelope,
    open_tool_envelope,
    told_messages,
    tool_words,
)
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, Provider, Source, Span, Status, StatusCode, Step, StepKind, Usage
from tracen_otel.providers import provider_of
from tracen_otel.usage import whole

_USAGE_FIELDS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_MODEL_KINDS = frozenset({StepKind.LLM, StepKind.EMBEDDING, StepKind.RERANK, StepKind.AGENT})
_SILENT = Told()
_NO_USAGE = Usage()
_NO_SOURCES: Mapping[str, Source] = {}
_EXPECTED_BY_FIELD = {
    **dict.fromkeys(_USAGE_FIELDS, "a count of tokens"),
    **dict.fromkeys(("model", "provider_name", "tool_name"), "text"),
}
"""Fields that only one type of value can tell; all others show whatever came."""
_MAX_SHOWN = 40

_VOCABULARY = VocabularyIndex(DIALECTS)


@dataclass(frozen=True, slots=True)
class Found:
    """What the tables say about a span: a value per field, the key it was read from, and what is odd about it."""

    values: Mapping[str, Any]
    sources: Mapping[str, Source]
    unread: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A step, and the id of the response it tells of, by which two tellings of one call are known."""

    step: Step
    response_id: str | None = None


def interpret(span: Span) -> Interpretation:
    """Tell what a span means."""
    found = _without_own_name(span, _look_up(span))
    told = found.values.get
    model = told("model")
    kind = _kind(told("kind"), model)
    asked = _told(told("input"), QUESTION, kind)
    answered = _with_calls(_told(told("output"), ANSWER, kind), told("tool_calls"))
    status, error_message = _outcome(span, found, asked, answered)
    provider_name = told("provider_name")
    has_provider = (provider_name or model) and kind in _MODEL_KINDS
    usage = _usage(found.values)
    step = Step(
        name=_name(span, kind, told("tool_name"), told("label")),
        id=span.span_id,
        parent_id=span.parent_id,
        scope=span.scope.name,
        kind=kind,
        start_ns=span.start_ns,
        latency_ns=latency_ns(span.start_ns, span.end_ns),
        status=status,
        error_message=error_message,
        input=asked.text,
        output=answered.text,
        input_messages=_with_system(asked.messages, told("system")),
        output_messages=answered.messages,
        model=model,
        provider=provider_of(provider_name, model) if has_provider else None,
        provider_name=provider_name,
        usage=usage,
        attributes=span.attributes,
        events=span.events,
        warnings=(*_warnings(span), *found.refused),
        sources=_with_calls_source(found.sources, answered),
        unread=found.unread,
        tokens_counted=kind is StepKind.LLM and bool(usage),  # until the trace as a whole says otherwise
    )
    return Interpretation(step, told("response_id"))


def response_id_of(step: Step) -> str | None:
    """Tell the id of the response that a step tells of, out of the attribute that its sources name."""
    source = step.sources.get("response_id")
    if source is None:
        return None
    told = step.attributes.get(source.key)
    readings = (r for d in DIALECTS if d.name == source.dialect for r in d.response_id if r.key == source.key)
    return next((value for r in readings if isinstance(value := r.read(told), str)), None)


MAX_LATENCY_NS = 2**63 - 1
"""Beyond, 292 years, an end was never told; databases and the payload hold 64 bits."""


def latency_ns(start_ns: int, end_ns: int) -> int | None:
    """Duration, or None where start and end make no sense."""
    return end_ns - start_ns if 0 < start_ns <= end_ns <= start_ns + MAX_LATENCY_NS else None


# -- looking up ---------------------------------------------------------------------------------------


def _look_up(span: Span) -> Found:
    attributes = span.attributes
    vocabulary = _VOCABULARY.vocabulary_of(span)
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    faults: dict[str, str] = {}
    for field, chain in vocabulary.chains:
        for reading, source in chain:
            key = reading.key
            told = attributes.get(key) if reading.find is attribute else reading.find(span, key)
            if told is None:
                continue
            if (value := reading.read(told)) is not None:
                values[field], sources[field] = value, source
                break
            if field in _EXPECTED_BY_FIELD and _is_of_wrong_type(reading, told):
                faults[key] = f"{key}: expected {_EXPECTED_BY_FIELD[field]}, got {_shown(told)}"
    return Found(values, sources or _NO_SOURCES, vocabulary.unread, tuple(faults.values()))


def _without_own_name(span: Span, found: Found) -> Found:
    """The same without a provider that is the program itself: Strands for JavaScript names its service there."""
    name = found.values.get("provider_name")
    if name is None or name not in (span.scope.name, span.resource.get("service.name")):
        return found
    if provider_of(name, None) is not Provider.CUSTOM:
        return found
    values, sources = dict(found.values), dict(found.sources)
    del values["provider_name"], sources["provider_name"]
    return replace(found, values=values, sources=sources)


def _is_of_wrong_type(reading: Reading, told: Any) -> bool:
    """Tell a value of the wrong type from one that says nothing; an object may hold what is looked for."""
    if reading.read is read_integer:
        return bool(told != "")
    return isinstance(told, bool | int | float | list)


def _shown(value: Any) -> str:
    text = encode_json(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


# -- fields -------------------------------------------------------------------------------------------


def _kind(told: Any, model: Any) -> StepKind:
    """The kind that was told; but a model that embeds was not asked in words, whatever its span says."""
    if model and told is StepKind.LLM and kind_of_model(model) is StepKind.EMBEDDING:
        return StepKind.EMBEDDING
    return told or StepKind.OTHER


def _name(span: Span, kind: StepKind, tool_name: Any, label: Any) -> str:
    """The span's name, unless a tool's name is missing in it or the dialect tells a better one."""
    if kind is StepKind.TOOL and tool_name and tool_name not in span.name:
        return str(tool_name)
    return clean(str(label or span.name))


def _told(value: Any, side: Side, kind: StepKind) -> Told:
    """The words of one side. A tool's arguments and result stay as they are: nobody asked or answered."""
    if value is None:
        return _SILENT
    is_conversation = isinstance(value, tuple) and all(isinstance(item, Message) for item in value)
    if kind is StepKind.TOOL:
        return Told(tool_words(value) if is_conversation else open_tool_envelope(value))
    return told_messages(value, side) if is_conversation else open_envelope(value, side)


def _with_calls(told: Told, calls: Any) -> Told:
    if not isinstance(calls, list) or not calls:
        return told
    turn = read_messages([{"role": "assistant", "tool_calls": calls}], "assistant")
    parts = tuple(part for message in (*told.messages, *turn) for part in message.parts)
    return replace(told, messages=(Message("assistant", parts),))


def _with_calls_source(sources: Mapping[str, Source], answered: Told) -> Mapping[str, Source]:
    """Where calls are all that was answered, they are the output, and were read where they stand."""
    if "output" in sources or "tool_calls" not in sources or not answered.messages:
        return sources
    return {**sources, "output": sources["tool_calls"]}


def _with_system(messages: tuple[Message, ...], system: Any) -> tuple[Message, ...]:
    if not system or any(message.role == "system" for message in messages):
        return messages
    return (*system, *messages)


def _usage(values: Mapping[str, Any]) -> Usage:
    """Counts told one by one win over those in a usage object."""
    told = {field: values[field] for field in _USAGE_FIELDS if field in values}
    usage = values.get("usage") or _NO_USAGE
    if told:
        usage = Usage(**told) if usage is _NO_USAGE else replace(usage, **told)
    return usage if usage is _NO_USAGE else whole(usage)


def _outcome(span: Span, found: Found, asked: Told, answered: Told) -> tuple[Status, str | None]:
    """Status and message: as the span's status tells, or as what else it tells of a failure."""
    if span.status is not StatusCode.ERROR and not _failed_silently(span, found, asked, answered):
        return Status.SUCCESS, None
    return Status.ERROR, clean(span.status_message) or found.values.get("error_message")


def _failed_silently(span: Span, found: Found, asked: Told, answered: Told) -> bool:
    """Tell a failure that the status does not tell, by an error that was told otherwise.

    A vendor's own verdict holds; an exception or error type that all use, only where nothing was answered.
    Where the status is OK nothing but an exception counts, and only of a step that was asked: LangSmith sets
    OK when a run starts, which the SDK then refuses to change.
    """
    source = found.sources.get("failed") or found.sources.get("error_message")
    if source is None:
        return False
    is_silent = answered.text is None and not answered.messages
    if span.status is StatusCode.OK:
        has_thrown = any(event.name == "exception" for event in span.events)
        return has_thrown and is_silent and asked.text is not None
    return is_silent or source.dialect != OTEL_GENAI.name


def _warnings(span: Span) -> list[str]:
    told = []
    if span.start_ns and span.end_ns and span.end_ns < span.start_ns:
        told.append("ends before it starts")
    if span.dropped_attributes:
        told.append(f"the SDK dropped {span.dropped_attributes} attributes")
    if span.dropped_events:
        told.append(f"the SDK dropped {span.dropped_events} events")
    for key, value in span.attributes.items():
        if "\0" in key:
            told.append(f"{_shown(key)}: a key with a NUL, which nothing is known by")
        if is_cut_json(value):
            told.append(f"{_shown(key)}: JSON that breaks off after {len(value)} characters")
    return told
