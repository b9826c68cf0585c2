"""Messages, and what went into and came out of a step, as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    results = _results((*step.input_messages, *step.output_messages))
    teller = _Teller(quoter, results)
    given = teller.exchange("Input", step.input_messages, step.input)
    gave = teller.exchange("Output", step.output_messages, step.output)
    if given and gave and not (step.input_messages or step.output_messages):
        return pieces.SIDES(given, gave)  # what a tool was called with, beside what it answered
    return joined((given, gave))


def _results(messages: Iterable[Message]) -> dict[str, Part]:
    """The results of tool calls that are made in the same conversation, by the id of the call."""
    parts = [part for message in messages for part in message.parts if part.id]
    called = {part.id for part in parts if part.type == "tool_call"}
    return {part.id: part for part in parts if part.type == "tool_call_response" and part.id in called}


@dataclass(frozen=True, slots=True)
class _Teller:
    """Shows the messages of a step. A tool's result stands beside its call, not once more where it came."""

    quoter: Quoter
    results: Mapping[str, Part]

    def exchange(self, label: str, messages: Sequence[Message], text: str | None) -> Draft:
        if not messages:
            if not text:
                return pieces.NOTHING
            return pieces.EXCHANGE(label, pieces.quoted(self.quoter.value(text)))
        turns = [self._turn(message) for message in messages if not self._is_beside(message)]
        if len(turns) <= _RECENT + 1:
            return pieces.EXCHANGE(label, pieces.TURNS(joined(turns)))
        earlier, recent = turns[:-_RECENT], turns[-_RECENT:]
        folded = pieces.EARLIER_TURNS(plural(len(earlier), "earlier message"), joined(earlier))
        return pieces.EXCHANGE(label, joined((folded, pieces.TURNS(joined(recent)))))

    def _is_beside(self, message: Message) -> bool:
        """Whether all of a message is shown beside the calls that it answers."""
        return bool(message.parts) and all(self.results.get(part.id) is part for part in message.parts)

    def _turn(self, message: Message) -> Draft:
        said = joined(map(self._part, message.parts)) or pieces.EMPTY_TURN
        form = _FORM_BY_ROLE.get(message.role.lower(), "other")
        return pieces.TURN(form, clip(message.role) or "no role", said)

    def _part(self, part: Part) -> Draft:
        if part.type == "tool_call_response" and self.results.get(part.id) is part:
            return pieces.NOTHING
        if part.type == "tool_call" and part.id in self.results:
            return pieces.PAIR(_part(part, self.quoter), _part(self.results[part.id], self.quoter))
        return _part(part, self.quoter)


def _part(part: Part, quoter: Quoter) -> Draft:
    if part.type == "media":
        return pieces.MEDIA(clip(media_words(part.text)))
    if part.type == "text" and len(part.text) <= MIN_QUOTE and not (part.name or part.id or part.value):
        return _text_part(part.text, quoter)
    form = _FORM_BY_PART_TYPE.get(part.type, "other")
    verb = _LABEL_BY_FORM.get(form, clip(part.type))
    label = f"{verb} {clip(part.name)}".strip() if part.name else _NAMELESS.get(form, verb)
    return pieces.PART(form, _label(label, clip(part.id)), joined(_quotes(part, quoter)))


def _text_part(text: str, quoter: Quoter) -> Draft:
    """What most parts are, in one piece where it is short and plain."""
    quote = quoter.text(text)
    if not quote.rest and not quote.prose:
        return pieces.TEXT_PART(quote.text)
    return pieces.PART("text", pieces.NOTHING, pieces.quoted(quote))


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
