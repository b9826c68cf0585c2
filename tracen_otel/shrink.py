"""Smaller forms of a trace whose payload is larger than a server takes: a page with gaps beats no page.

What is given up, in this order: attributes and events (which hold what steps say once more), the bodies of steps, the
middle of the question and the answer, at last the steps in the middle. Every form tells the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tracen_otel.model import Event, Message, Part, Step, Trace

_ATTRIBUTE_LIMIT = 1_000
_BODY_LIMITS = (100_000, 10_000, 1_000)
_PROMPT_LIMITS = (1_000_000, 100_000, 10_000, 1_000)
_NAME_LIMIT = 1_000
_STEP_LIMITS = (2_000, 200)
_HEAD = 2 / 3
"""Of a text that is cut: how a text begins mostly tells more than how it ends."""


def forms(trace: Trace) -> Iterator[Trace]:
    """Yield `trace` as it is, then ever smaller; a form that leaves out nothing more is skipped."""
    last = trace
    yield trace
    for smaller, what in _forms(trace):
        if smaller != last:
            last = smaller
            note = f"The trace was too large to send: {what}."
            yield replace(smaller, notes=(*smaller.notes, note))


def _forms(trace: Trace) -> Iterator[tuple[Trace, str]]:
    """Each is cut from what nobody has cut before, so that it tells the lengths that there were."""
    cut = "attributes and events"
    yield (
        _each_step(trace, _with_short_attributes),
        f"{cut} were cut at {_ATTRIBUTE_LIMIT:,} characters",
    )
    bare = _each_step(trace, _without_attributes)
    yield bare, f"{cut} were left out"
    for limit in _BODY_LIMITS:
        short = _each_step(bare, partial(_with_short_body, limit=limit))
        yield short, f"{cut} were left out, and the texts of steps cut at {limit:,} characters"
    cut = f"attributes, events and messages were left out, and the texts of steps cut at {limit:,} characters"
    for limit in _PROMPT_LIMITS:
        shorter = _with_short_prompt(short, limit)
        cut_all = f"{cut}, question and answer at {limit:,}"
        yield shorter, cut_all
    for count in _STEP_LIMITS:
        if len(shorter.steps) > count:
            ends = (*shorter.steps[: count // 2], *shorter.steps[-count // 2 :])
            middle = (
                f"{len(shorter.steps) - count:,} of {len(shorter.steps):,} steps, in the middle, left out"
            )
            yield replace(shorter, steps=ends), f"{cut_all}, and {middle}"


def _each_step(trace: Trace, change: Callable[[Step], Step]) -> Trace:
    return replace(trace, steps=tuple([change(step) for step in trace.steps]))


# -- attributes and events ----------------------------------------------------------------------------


def _with_short_attributes(step: Step) -> Step:
    return replace(
        step,
        attributes=_cut_value(step.attributes, _ATTRIBUTE_LIMIT),
        events=tuple(_cut_event(event, _ATTRIBUTE_LIMIT) for event in step.events),
    )


def _without_attributes(step: Step) -> Step:
    return replace(step, attributes={}, events=(), sources={}, unread=())


def _cut_event(event: Event, limit: int) -> Event:
    return replace(event, attributes=_cut_value(event.attributes, limit), body=_cut_value(event.body, limit))


# -- what steps say -----------------------------------------------------------------------------------


def _with_short_body(step: Step, limit: int) -> Step:
    """At the shortest without the conversation: input and output are the end of it."""
    is_shortest = limit == _BODY_LIMITS[-1]
    return replace(
        step,
        name=_cut(step.name, _NAME_LIMIT),
        error_message=_cut_optional(step.error_message, limit),
        input=_cut_optional(step.input, limit),
        output=_cut_optional(step.output, limit),
        input_messages=() if is_shortest else tuple(_cut_message(m, limit) for m in step.input_messages),
        output_messages=() if is_shortest else tuple(_cut_message(m, limit) for m in step.output_messages),
    )


def _cut_message(message: Message, limit: int) -> Message:
    return Message(message.role, tuple(_cut_part(part, limit) for part in message.parts))


def _cut_part(part: Part, limit: int) -> Part:
    return replace(part, text=_cut(part.text, limit), value=_cut_value(part.value, limit))


# -- question and answer ------------------------------------------------------------------------------


def _with_short_prompt(trace: Trace, limit: int) -> Trace:
    return replace(
        trace,
        prompt=_cut(trace.prompt, limit),
        response=_cut(trace.response, limit),
        title=_cut(trace.title, _NAME_LIMIT),
        model=_cut(trace.model, _NAME_LIMIT),
        system=_cut_optional(trace.system, limit),
        error_message=_cut_optional(trace.error_message, limit),
    )


# -- cutting ------------------------------------------------------------------------------------------


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
    """The text without its middle, and with its length; one that is hardly longer stays whole."""
    if len(text) <= limit + 100:
        return text
    head = int(limit * _HEAD)
    tail = limit - head
    left_out = f"{len(text) - limit:,} of {len(text):,} characters left out"
    return f"{text[:head]}… [{left_out}] …{text[-tail:]}"
