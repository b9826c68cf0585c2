"""One span → one step: the tables of the dialects applied in order, field by field.

Knows what a step needs; which attribute keys say it is the tables' business alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tracen_otel.attributes import attribute, clean, encode_json, is_cut_json, read_integer
from tracen_otel.dialects import DIALECTS, Dialect, Reading
from tracen_otel.dialects.table import FIELDS
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
from tracen_otel.model import Message, Source, Span, Status, StatusCode, Step, StepKind, Usage
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


@dataclass(frozen=True, slots=True)
class Found:
    """What the tables say about a span: a value per field, the key it was read from, and what was no count."""

    values: Mapping[str, Any]
    sources: Mapping[str, Source]
    refused: tuple[str, ...]

    def get(self, field: str) -> Any:
        return self.values.get(field)


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A step, and the id of the response it tells of, by which two tellings of one call are known."""

    step: Step
    response_id: str | None = None


def interpret(span: Span) -> Interpretation:
    """Tell what a span means."""
    found = _look_up(span)
    kind = found.get("kind") or StepKind.OTHER
    asked = _told(found.get("input"), QUESTION, kind)
    answered = _with_calls(_told(found.get("output"), ANSWER, kind), found.get("tool_calls"))
    status, error_message = _outcome(span, found, answered)
    model = found.get("model")
    provider_name = found.get("provider_name")
    step = Step(
        name=_name(span, kind, found),
        id=span.span_id,
        parent_id=span.parent_id,
        kind=kind,
        start_ns=span.start_ns,
        latency_ns=latency_ns(span.start_ns, span.end_ns),
        status=status,
        error_message=error_message,
        input=asked.text,
        output=answered.text,
        input_messages=_with_system(asked.messages, found.get("system")),
        output_messages=answered.messages,
        model=model,
        provider=provider_of(provider_name, model)
        if kind in _MODEL_KINDS and (provider_name or model)
        else None,
        provider_name=provider_name,
        usage=_usage(found),
        attributes=span.attributes,
        events=span.events,
        warnings=(*_warnings(span), *found.refused),
        sources=found.sources,
    )
    return Interpretation(step, found.get("response_id"))


def latency_ns(start_ns: int, end_ns: int) -> int | None:
    """Duration, or None where start and end make no sense."""
    return end_ns - start_ns if 0 < start_ns <= end_ns else None


# -- looking up ---------------------------------------------------------------------------------------


def _look_up(span: Span) -> Found:
    attributes = span.attributes
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    refused = []
    for field, readings in _readings(tuple(i for i, d in enumerate(DIALECTS) if d.applies(span))):
        for reading, source in readings:
            told = (
                attributes.get(reading.key) if reading.find is attribute else reading.find(span, reading.key)
            )
            if told is None:
                continue
            if (value := reading.read(told)) is not None:
                values[field], sources[field] = value, source
                break
            if reading.read is read_integer and told != "":
                refused.append(f"{reading.key}: expected a count of tokens, got {_shown(told)}")
    return Found(values, sources, tuple(refused))


def _shown(value: Any) -> str:
    text = encode_json(value)
    return text if len(text) <= 40 else text[:39] + "…"


@lru_cache(maxsize=64)
def _readings(spoken: tuple[int, ...]) -> tuple[tuple[str, tuple[tuple[Reading, Source], ...]], ...]:
    """For each field the readings of these dialects (indices into DIALECTS), in order."""
    return tuple((field, _chain([DIALECTS[i] for i in spoken], field)) for field in FIELDS)


def _chain(dialects: Iterable[Dialect], field: str) -> tuple[tuple[Reading, Source], ...]:
    return tuple((r, Source(dialect.name, r.key)) for dialect in dialects for r in getattr(dialect, field))


# -- fields -------------------------------------------------------------------------------------------


def _name(span: Span, kind: StepKind, found: Found) -> str:
    """The span's name, unless a tool's name is missing in it or the dialect tells a better one."""
    tool_name = found.get("tool_name")
    if kind is StepKind.TOOL and tool_name and tool_name not in span.name:
        return str(tool_name)
    return clean(str(found.get("label") or span.name))


def _told(value: Any, side: Side, kind: StepKind) -> Told:
    """The words of one side. A tool's arguments and result stay as they are: nobody asked or answered."""
    if value is None:
        return Told()
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


def _with_system(messages: tuple[Message, ...], system: Any) -> tuple[Message, ...]:
    if not system or any(message.role == "system" for message in messages):
        return messages
    return (*system, *messages)


def _usage(found: Found) -> Usage:
    """Counts told one by one win over those in a usage object."""
    usage = found.get("usage") or Usage()
    told = {field: found.get(field) for field in _USAGE_FIELDS if found.get(field) is not None}
    return whole(replace(usage, **told))


def _outcome(span: Span, found: Found, answered: Told) -> tuple[Status, str | None]:
    """Status and message. Where the status is unset, an exception without an answer is a failure."""
    failed = span.status is StatusCode.ERROR
    evidence = found.get("error_message")
    if span.status is StatusCode.UNSET and evidence and answered.text is None:
        failed = True
    if not failed:
        return Status.SUCCESS, None
    return Status.ERROR, clean(span.status_message) or evidence


def _warnings(span: Span) -> Iterable[str]:
    if span.start_ns and span.end_ns and span.end_ns < span.start_ns:
        yield "ends before it starts"
    if span.dropped_attributes:
        yield f"the SDK dropped {span.dropped_attributes} attributes"
    if span.dropped_events:
        yield f"the SDK dropped {span.dropped_events} events"
    for key, value in span.attributes.items():
        if is_cut_json(value):
            yield f"{key}: JSON that breaks off after {len(value)} characters"
