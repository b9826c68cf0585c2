"""Smaller forms of a trace whose payload is larger than a server takes: a page with gaps beats no page.

Every form tells the reader what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.model import Event, Message, Part, Step, Trace

_TEXT_LIMITS = (100_000, 10_000, 1_000)
_STEP_LIMITS = (2_000, 200)


def forms(trace: Trace) -> Iterator[Trace]:
    """Yield `trace` as it is, then ever smaller: texts cut, attributes left out, at last the later steps."""
    yield trace
    for limit in _TEXT_LIMITS:
        yield _noted(_cut_texts(trace, limit), f"texts were cut at {limit:,} characters")
    bare = replace(_cut_texts(trace, _TEXT_LIMITS[-1]), steps=tuple(_bare(step) for step in trace.steps))
    note = f"texts were cut at {_TEXT_LIMITS[-1]:,} characters, attributes, events and messages left out"
    yield _noted(bare, note)
    for count in _STEP_LIMITS:
        if len(bare.steps) > count:
            shorter = replace(bare, steps=bare.steps[:count])
            yield _noted(shorter, f"{note}, and all but the first {count:,} of {len(bare.steps):,} steps")


def _noted(trace: Trace, what: str) -> Trace:
    return replace(trace, notes=(*trace.notes, f"The trace was too large to send: {what}."))


def _cut_texts(trace: Trace, limit: int) -> Trace:
    return replace(
        trace,
        prompt=_cut(trace.prompt, limit),
        response=_cut(trace.response, limit),
        title=_cut(trace.title, limit),
        system=_cut_optional(trace.system, limit),
        error_message=_cut_optional(trace.error_message, limit),
        steps=tuple(_cut_step(step, limit) for step in trace.steps),
    )


def _cut_step(step: Step, limit: int) -> Step:
    return replace(
        step,
        name=_cut(step.name, limit),
        error_message=_cut_optional(step.error_message, limit),
        input=_cut_optional(step.input, limit),
        output=_cut_optional(step.output, limit),
        input_messages=tuple(_cut_message(message, limit) for message in step.input_messages),
        output_messages=tuple(_cut_message(message, limit) for message in step.output_messages),
        attributes=_cut_value(step.attributes, limit),
        events=tuple(_cut_event(event, limit) for event in step.events),
    )


def _cut_message(message: Message, limit: int) -> Message:
    return Message(message.role, tuple(_cut_part(part, limit) for part in message.parts))


def _cut_part(part: Part, limit: int) -> Part:
    return replace(part, text=_cut(part.text, limit), value=_cut_value(part.value, limit))


def _cut_event(event: Event, limit: int) -> Event:
    return replace(event, attributes=_cut_value(event.attributes, limit), body=_cut_value(event.body, limit))


def _cut_value(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return _cut(value, limit)
    if isinstance(value, bytes):
        return value if len(value) <= limit else f"[{len(value):,} bytes left out]"
    if isinstance(value, Mapping):
        return {_cut(key, limit): _cut_value(inner, limit) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut_value(inner, limit) for inner in value]
    return value


def _cut_optional(text: str | None, limit: int) -> str | None:
    return None if text is None else _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit:,} characters left out]"


def _bare(step: Step) -> Step:
    """The step without what it holds twice or in bulk; place, time, status, tokens and short texts stay."""
    short = _cut_step(replace(step, attributes={}, events=(), input_messages=(), output_messages=()), 1_000)
    return replace(short, sources={})
