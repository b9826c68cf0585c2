"""Messages, and what went into and came out of a step, as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracen_otel.model import Message, Part, Step
from viewer import pieces
from viewer.legible import Draft, clip, joined
from viewer.quotes import MIN_QUOTE, Quoter
from viewer.wording import plural, size

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
}
_LABEL_BY_FORM = {
    "text": "",
    "reasoning": "Reasoning",
    "call": "Calls",
    "result": "Result of",
}
_NAMELESS = {"call": "Calls a tool", "result": "Result"}
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,100},", re.ASCII)


def exchanges(step: Step, quoter: Quoter) -> Draft:
    """What a step was given and what it gave back; a side that was not told is left out."""
    given = _exchange("Input", step.input_messages, step.input, quoter)
    return joined((given, _exchange("Output", step.output_messages, step.output, quoter)))


def _exchange(label: str, messages: Sequence[Message], text: str | None, quoter: Quoter) -> Draft:
    if not messages:
        return pieces.EXCHANGE(label, pieces.quoted(quoter.value(text))) if text else pieces.NOTHING
    turns = [_turn(message, quoter) for message in messages]
    if len(turns) <= _RECENT + 1:
        return pieces.EXCHANGE(label, pieces.TURNS(joined(turns)))
    earlier, recent = turns[:-_RECENT], turns[-_RECENT:]
    folded = pieces.EARLIER_TURNS(plural(len(earlier), "earlier message"), joined(earlier))
    return pieces.EXCHANGE(label, joined((folded, pieces.TURNS(joined(recent)))))


def _turn(message: Message, quoter: Quoter) -> Draft:
    said = joined(_part(part, quoter) for part in message.parts) or pieces.EMPTY_TURN
    form = _FORM_BY_ROLE.get(message.role.lower(), "other")
    return pieces.TURN(form, clip(message.role) or "no role", said)


def _part(part: Part, quoter: Quoter) -> Draft:
    if part.type == "media":
        return pieces.MEDIA(clip(media_words(part.text)))
    if part.type == "text" and len(part.text) <= MIN_QUOTE and not (part.name or part.id or part.value):
        quote = quoter.text(part.text)
        if not quote.rest:
            return pieces.TEXT_PART(quote.text)
        return pieces.PART("text", pieces.NOTHING, pieces.quoted(quote))
    form = _FORM_BY_PART_TYPE.get(part.type, "other")
    verb = _LABEL_BY_FORM.get(form, clip(part.type))
    label = f"{verb} {clip(part.name)}".strip() if part.name else _NAMELESS.get(form, verb)
    return pieces.PART(form, _label(label, clip(part.id)), joined(_quotes(part, quoter)))


def _label(label: str, id: str) -> Draft:
    if id:
        return pieces.PART_LABEL_WITH_ID(label, id)
    return pieces.PART_LABEL(label) if label else pieces.NOTHING


def _quotes(part: Part, quoter: Quoter) -> Iterator[Draft]:
    if part.text:
        yield pieces.quoted(quoter.text(part.text))
    if part.value is not None:
        yield pieces.quoted(quoter.value(part.value))


def media_words(text: str) -> str:
    """What a medium is, or where; of a data URL its type and size, never its bytes."""
    match = _DATA_URL.match(text)
    if match is None:
        return text or "of an unknown kind"
    return f"{match[1] or 'a file'}, {size((len(text) - match.end()) * 3 // 4)}"
