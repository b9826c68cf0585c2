"""What a step was given and gave back, as Markdown: its messages, calls, results, texts and errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tracen_otel.attributes import encode_json
from tracen_otel.model import Message, Part, Status, Step
from tracen_otel.payload import json_value
from viewer import wording
from viewer.conversation import media_words
from viewer.forms.markdown_text import Sheet, inline
from viewer.quotes import layout

_NAME = 100
_RECENT = 4
"""Messages of a long conversation that are shown: agents send the earlier ones again with each call."""
_VERB_BY_TYPE = {"tool_call": "calls", "tool_call_response": "result", "reasoning": "reasoning", "text": ""}


def has_details(step: Step) -> bool:
    """Whether a step says more than its line in the timeline."""
    return bool(
        step.input_messages
        or step.output_messages
        or step.input
        or step.output
        or step.error_message
        or step.warnings
    )


def details(number: int, step: Step, limit: int) -> str:
    """A step's part of the page in at most `limit` characters; "" where not even its beginning fits."""
    sheet = Sheet(limit - len(_OMITTED.format("999,999,999 parts")) - 2)
    if not sheet.add(f"### {number}. {inline(step.name, _NAME) or '(no name)'}"):
        return ""
    omitted = 0
    for label, text in _quotes(step):
        fits = sheet.add_quote(label, text, max(limit // 2, sheet.left // 2)) if text else sheet.add(label)
        omitted += not fits
    if len(sheet.blocks) == 1:
        return ""
    end = [_OMITTED.format(wording.plural(omitted, "part"))] if omitted else []
    return "\n\n".join((sheet.text(), *end))


_OMITTED = "*Left out of this step: {}.*"


def _quotes(step: Step) -> Iterator[tuple[str, str]]:
    """Label and text of each part, what matters most first; a label without text says all there is."""
    if step.status is Status.ERROR and step.error_message:
        yield "**Error**", step.error_message
    for warning in step.warnings:
        yield f"Warning: {inline(warning, 2 * _NAME)}", ""
    yield from _exchange("Input", step.input_messages, step.input)
    yield from _exchange("Output", step.output_messages, step.output)


def _exchange(label: str, messages: Sequence[Message], text: str | None) -> Iterator[tuple[str, str]]:
    if not messages:
        if text:
            yield f"**{label}**", text
        return
    if len(messages) > _RECENT + 1:
        earlier = wording.plural(len(messages) - _RECENT, "earlier message")
        yield f"**{label}**: {earlier} left out", ""
        messages = messages[-_RECENT:]
    for message in messages:
        role = inline(message.role, _NAME) or "no role"
        if not message.parts:
            yield f"**{label}**, {role}: nothing in this message", ""
        for part in message.parts:
            yield _part(f"**{label}**, {role}", part)


def _part(label: str, part: Part) -> tuple[str, str]:
    if part.type == "media":
        return f"{label}: media, {inline(media_words(part.text), _NAME)}", ""
    verb = _VERB_BY_TYPE.get(part.type, inline(part.type, _NAME))
    about = " ".join(filter(None, (verb, inline(part.name, _NAME), _id(part))))
    told = [part.text] if part.text else []
    if part.value is not None:
        told.append(_laid_out(part.value))
    return f"{label}: {about}" if about else label, "\n".join(told)


def _id(part: Part) -> str:
    return f"({inline(part.id, _NAME)})" if part.id else ""


def _laid_out(value: Any) -> str:
    """A value for reading; a text as it is."""
    if isinstance(value, str):
        return value
    try:
        return layout(json_value(value))
    except (ValueError, TypeError, RecursionError):
        return encode_json(value)
