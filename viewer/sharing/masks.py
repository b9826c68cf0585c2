"""Texts that the owner of a trace has masked in it, wherever they stand: names, keys, texts, numbers, JSON in strings.

    [masked: by its owner]

They are looked for in what was made of a trace, when its spans have been read: a word that happens to be part of
`gen_ai.request.model` does not take its meaning away. Times, counts, closed sets and OTel's ids are nobody's words.
Knows no store and no page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from tracen_otel.dialects import DIALECTS, Dialect
from tracen_otel.model import Attributes, Event, Message, Part, Source, Step, Trace
from tracen_otel.redact import Redaction
from viewer.sharing.places import places

MAX_MASKS = 100
"""Of one trace."""
MAX_MASK = 1_000
"""Characters of one."""
MARK = "[masked: by its owner]"
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_FIELDS = frozenset({field.name for field in fields(Dialect)} | {"prompt", "response", "provider"})
_DIALECTS = frozenset(dialect.name for dialect in DIALECTS)
_PARTS = frozenset({"text", "reasoning", "tool_call", "tool_call_response", "media"})


def cleaned(text: str) -> str:
    """A text as it is kept: browsers send a form's newlines as CRLF, and a selection ends with one."""
    return text.replace("\r\n", "\n").strip()


def digest_of(masks: Sequence[str]) -> str:
    """Tells documents apart that were made with other masks; "" without any."""
    return hashlib.sha256(json.dumps(list(masks)).encode()).hexdigest()[:16] if masks else ""


class Masks:
    """Masks texts. What is given back is the same object wherever none of them stands."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.is_on = bool(texts)
        self._texts = tuple(dict.fromkeys(texts))

    def text(self, text: str) -> tuple[str, int]:
        """The text with every mask in its place, and how many places those were."""
        places = self.places(text)
        if not places:
            return text, 0
        pieces: list[str] = []
        at = 0
        for start, end in places:
            pieces += (text[at:start], MARK)
            at = end
        return "".join((*pieces, text[at:])), len(places)

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where something is masked in a text, in order; what overlaps is one place."""
        return places(self._texts, text)

    def json(self, value: Any) -> tuple[Any, int]:
        """A JSON value with its texts, names and numbers masked."""
        work = _Work(self)
        return work.value(value), work.count

    def trace(self, trace: Trace) -> Trace:
        """A trace with everything in it masked, and counted in `masked`."""
        if not self.is_on:
            return trace
        ids = _Ids(self, trace.steps)
        steps = tuple(_step(self, step, ids) for step in trace.steps)
        count = sum(step.masked for step in steps) - sum(step.masked for step in trace.steps)
        step_ids = {step.id for step in trace.steps}
        of_steps = {name for name, step_id in trace.sources.items() if step_id in step_ids}
        work = _Work(self)
        own = {name: work.text(getattr(trace, name)) for name in _OF_TRACE if name not in of_steps}
        count += work.count  # what a step tells as well is one place
        own |= {name: work.text(getattr(trace, name)) for name in _OF_TRACE if name in of_steps}
        return replace(
            trace,
            steps=steps,
            notes=tuple(map(work.text, trace.notes)),
            sources={work.text_but(f, _FIELDS): ids.of(step_id) for f, step_id in trace.sources.items()},
            masked=trace.masked + count,
            **own,
        )


class Both:
    """Masks secrets, then what the owner has masked: whoever chose that saw no secret either."""

    def __init__(self, redaction: Redaction, masks: Masks) -> None:
        self.is_on = redaction.is_on or masks.is_on
        self._each = (redaction, masks)
        self.attributes = redaction.attributes
        self.resource = redaction.resource

    def text(self, text: str) -> tuple[str, int]:
        return self._in_turn(text, [one.text for one in self._each])

    def json(self, value: Any) -> tuple[Any, int]:
        return self._in_turn(value, [one.json for one in self._each])

    def _in_turn(self, value: Any, steps: Iterable[Callable[[Any], tuple[Any, int]]]) -> tuple[Any, int]:
        total = 0
        for step in steps:
            value, count = step(value)
            total += count
        return value, total


# -- in a trace ----------------------------------------------------------------------------------------

_OF_TRACE = (
    "prompt",
    "response",
    "model",
    "title",
    "system",
    "provider_name",
    "error_message",
    "service_name",
)
_OF_STEP = ("name", "scope", "error_message", "input", "output", "model", "provider_name")


def _step(masks: Masks, step: Step, ids: _Ids) -> Step:
    work = _Work(masks)
    told = {name: work.text(getattr(step, name)) for name in _OF_STEP}
    told |= {
        "input_messages": tuple(map(work.message, step.input_messages)),
        "output_messages": tuple(map(work.message, step.output_messages)),
        "attributes": work.mapping(step.attributes),
        "events": tuple(map(work.event, step.events)),
        "warnings": tuple(map(work.text, step.warnings)),
    }
    count = work.count  # keys are told once more below
    told["sources"] = {
        work.text_but(name, _FIELDS): Source(work.text_but(source.dialect, _DIALECTS), work.text(source.key))
        for name, source in step.sources.items()
    }
    told["unread"] = tuple(map(work.text, step.unread))
    own_id, parent_id = ids.of(step.id), ids.of(step.parent_id)
    return replace(step, id=own_id, parent_id=parent_id, masked=step.masked + count, **told)


class _Ids:
    """The ids of steps, masked so that they stay apart. Those of spans are as random as they came."""

    def __init__(self, masks: Masks, steps: Sequence[Step]) -> None:
        told = dict.fromkeys(name for step in steps for name in (step.id, step.parent_id) if name)
        self._masked_by_id: dict[str, str] = {}
        taken = set(told)
        for name in told:
            masked, count = (name, 0) if _SPAN_ID.fullmatch(name) else masks.text(name)
            if count:
                self._masked_by_id[name] = _another(masked, taken)

    def of(self, step_id: Any) -> Any:
        return self._masked_by_id.get(step_id, step_id)


def _another(name: str, taken: set[str]) -> str:
    """A name that is not taken, and is from now on."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    taken.add(free)
    return free


class _Work:
    """One walk through a value: counts what is masked."""

    __slots__ = ("_masks", "count")

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self.count = 0

    def text(self, text: Any) -> Any:
        """A text, or None where there is none."""
        if not text:
            return text
        masked, count = self._masks.text(text)
        self.count += count
        return masked

    def text_but(self, text: str, ours: frozenset[str]) -> str:
        """A text, unless it is one of some words that mean something to us."""
        told: str = text if text in ours else self.text(text)
        return told

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        if isinstance(value, Mapping):
            return self.mapping(value)
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def mapping(self, value: Attributes) -> dict[str, Any]:
        """An object whose members all stay, whatever becomes of their names."""
        members: dict[str, Any] = {}
        taken = set(map(str, value))
        for name, item in value.items():
            masked = self.text(str(name))
            members[masked if masked == str(name) else _another(masked, taken)] = self.value(item)
        return members

    def message(self, message: Message) -> Message:
        return Message(self.text_but(message.role, _ROLES), tuple(map(self.part, message.parts)))

    def part(self, part: Part) -> Part:
        return Part(
            self.text_but(part.type, _PARTS),
            self.text(part.text),
            self.text(part.name),
            self.text(part.id),
            self.value(part.value),
        )

    def event(self, event: Event) -> Event:
        name, attributes = self.text(event.name), self.mapping(event.attributes)
        return replace(event, name=name, attributes=attributes, body=self.value(event.body))

    def _number(self, value: float) -> Any:
        """A number that holds a mask is a text from then on."""
        digits = str(value)
        masked = self.text(digits)
        return value if masked == digits else masked

    def _bytes(self, value: bytes) -> bytes:
        """Bytes are looked through as the text that they may be."""
        text = value.decode("utf-8", "surrogateescape")
        masked = self.text(text)
        return value if masked == text else masked.encode("utf-8", "surrogateescape")
