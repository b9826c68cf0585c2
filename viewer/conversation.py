"""Messages, and what went into and came out of a step, as views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracen_otel.model import Message, Part, Step
from viewer.contexts import Exchange, MessageView, PartView, Quote
from viewer.legible import clip
from viewer.quotes import Quoter
from viewer.wording import plural

_RECENT = 4
"""Turns of a long conversation that are shown at once; the earlier ones are folded."""

_FORM_BY_ROLE = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
_FORM_BY_PART_TYPE = {
    "text": "text",
    "reasoning": "reasoning",
    "tool_call": "call",
    "tool_call_response": "result",
    "media": "media",
}
_LABEL_BY_FORM = {
    "text": "",
    "reasoning": "Reasoning",
    "call": "Calls",
    "result": "Result of",
    "media": "Media",
}


def exchanges(step: Step, quoter: Quoter) -> tuple[Exchange, ...]:
    """What a step was given and what it gave back; a side that was not told is left out."""
    sides = (
        _exchange("Input", step.input_messages, step.input, quoter),
        _exchange("Output", step.output_messages, step.output, quoter),
    )
    return tuple(side for side in sides if side is not None)


def _exchange(label: str, messages: Sequence[Message], text: str | None, quoter: Quoter) -> Exchange | None:
    if not messages:
        return Exchange(label, text=quoter.value(text)) if text else None
    views = tuple(_message(message, quoter) for message in messages)
    if len(views) <= _RECENT + 1:
        return Exchange(label, messages=views)
    earlier = views[:-_RECENT]
    return Exchange(
        label,
        earlier=earlier,
        earlier_count=plural(len(earlier), "earlier message"),
        messages=views[-_RECENT:],
    )


def _message(message: Message, quoter: Quoter) -> MessageView:
    return MessageView(
        form=_FORM_BY_ROLE.get(message.role.lower(), "other"),
        role=clip(message.role) or "no role",
        parts=tuple(_part(part, quoter) for part in message.parts),
    )


def _part(part: Part, quoter: Quoter) -> PartView:
    form = _FORM_BY_PART_TYPE.get(part.type, "other")
    label = _LABEL_BY_FORM.get(form, clip(part.type))
    if part.name:
        label = f"{label} {clip(part.name)}".strip()
    elif form in ("call", "result"):
        label = {"call": "Calls a tool", "result": "Result"}[form]
    return PartView(form=form, label=label, id=clip(part.id), quotes=tuple(_part_quotes(part, quoter)))


def _part_quotes(part: Part, quoter: Quoter) -> Iterator[Quote]:
    if part.text:
        yield quoter.text(part.text)
    if part.value is not None:
        yield quoter.value(part.value)
