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
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from tracen_otel.dialects import DIALECTS, Dialect
from tracen_otel.model import Attributes, Event, Message, Part, Source, Step, Trace
from tracen_otel.redact import Redaction
from viewer.sharing.needles import Automaton, Needle
from viewer.sharing.spellings import Reading, core_of, folded, reading_of

MAX_MASKS = 100
"""Of one trace."""
MIN_MASK, MAX_MASK = 4, 1_000
"""Characters of one."""
MARK = "[masked: by its owner]"
ANY_MARK = re.compile(r"\[(?:masked|withheld): ([^\[\]\"\\]{1,60})\]")
"""What stands in the place of what was masked, by whomever. See tracen_otel/redact.py."""
_ESCAPES = frozenset("nrtbfu\"'\\/")
"""What a backslash before it makes another character of."""
_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_UNIT = re.compile(r"\\u[0-9a-fA-F]{4}")
_SIGNS = ("\\", "%", "&", "+", "  ", *"\t\n\v\f\r\b\x1c\x1d\x1e\x1f")
"""What is read otherwise than it is written."""
_UNSEEN = (
    *"\u00ad\u200b\u200c\u200d\u2060\ufeff",
    "\\u00ad",
    "\\u00AD",
    "\\u200",
    "\\ufeff",
    "\\uFEFF",
    "&shy;",
)
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
        low = folded(text)
        if not _has_unseen(text) and not any(_may_stand(mask, text, low) for mask in self._texts):
            return []
        automaton = _automaton(self._texts)
        found = [_whole(text, *place) for place in automaton.places(low, _never)]
        if not _is_read_as_written(text):
            found += _read(automaton, text)
        return _apart(text, found) if found else []

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


# -- in a text -----------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _automaton(texts: tuple[str, ...]) -> Automaton:
    """The last ones are kept: to build it takes long where texts are many and long."""
    return Automaton(needle for text in texts for needle in _needles(text))


def _needles(mask: str) -> Iterator[Needle]:
    """A mask as it is written, as it is read, and as it is read after a backslash before it."""
    verbatim = folded(mask)
    yield Needle(verbatim)
    told = reading_of(mask).text.strip(" ")
    if told and told != verbatim:
        yield Needle(told, least=_least(told, mask))
    if (letter := verbatim[0]) in _ESCAPES:
        escaped = reading_of(f"\\{letter}{mask[1:]}").text.rstrip(" ")
        if escaped[:1] == " " and escaped[1:]:
            yield Needle(escaped, letter, _least(escaped, mask))


def _least(told: str, mask: str) -> int:
    """What little is left of a mask may stand in too many words: it must be spelled as long as the mask is."""
    return len(mask) if len(told) < MIN_MASK else 0


@lru_cache(maxsize=1_000)
def _trace_of(mask: str) -> str:
    return core_of(mask)


def _may_stand(mask: str, text: str, low: str) -> bool:
    """Whether a mask may stand in a text, folded in `low`: most stand in few."""
    if core := _trace_of(mask):
        return core in low
    return mask.isascii() or not text.isascii() or any(sign in text for sign in ("\\u", "%", "&"))


def _has_unseen(text: str) -> bool:
    """Whether characters that are not seen may part a word."""
    return any(sign in text for sign in _UNSEEN)


def _is_read_as_written(text: str) -> bool:
    return text.isascii() and not any(sign in text for sign in _SIGNS)


def _never(index: int, needle: Needle) -> bool:
    """What is found as it is written asks for nothing more."""
    return False


def _read(automaton: Automaton, text: str) -> list[tuple[int, int]]:
    """The places of what a text is read as."""
    reading = reading_of(text)

    def fits(index: int, needle: Needle) -> bool:
        if needle.letter and not text.endswith(f"\\{needle.letter}", 0, reading.start(index + 1)):
            return False
        return reading.end(index + len(needle.text) - 1) - reading.start(index) >= needle.least

    found = automaton.places(reading.text, fits)
    return [(_begin(text, reading, first), reading.end(last - 1)) for first, last in found]


def _begin(text: str, reading: Reading, first: int) -> int:
    """Where a place begins: of whitespace, only with the last escape is a letter that it begins with."""
    if reading.text[first] != " ":
        return reading.start(first)
    letter = reading.start(first + 1) - 1
    return _before_backslashes(text, letter) if text[letter] in _ESCAPES else reading.start(first)


def _before_backslashes(text: str, at: int) -> int:
    while at and text[at - 1] == "\\":
        at -= 1
    return at


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """A place with what it has a part of: JSON in the text stays JSON."""
    if (begun := _BEGUN.search(text, max(0, start - 5), start)) and _UNIT.match(text, begun.start()):
        start = _before_backslashes(text, begun.start())
    elif text[start] in _ESCAPES:
        start = _before_backslashes(text, start)
    if (begun := _BEGUN.search(text, max(start, end - 5), end)) and (
        unit := _UNIT.match(text, begun.start())
    ):
        end = unit.end()
    elif text[end - 1] == "\\":
        end = _after_backslashes(text, end)
    return start, end


def _after_backslashes(text: str, at: int) -> int:
    """Where those end that go on at a place; one is left to a quote that has one."""
    end = at
    while end < len(text) and text[end] == "\\":
        end += 1
    first = _before_backslashes(text, at)
    return end - 1 if text[end : end + 1] == '"' and (end - first) % 2 and end > at else end


def _apart(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Places that do not overlap, of some that may; none within a mark, and none that holds a part of one."""
    marks = [match.span() for match in ANY_MARK.finditer(text)]
    starts, ends = [start for start, _ in marks], [end for _, end in marks]
    apart: list[tuple[int, int]] = []
    for start, end in sorted(found):
        first, last = bisect_right(ends, start), bisect_left(starts, end)  # the marks that it reaches into
        if first < last:
            if last - first == 1 and starts[first] <= start and end <= ends[first]:
                continue
            start, end = min(start, starts[first]), max(end, ends[last - 1])
        if apart and start < apart[-1][1]:
            apart[-1] = min(start, apart[-1][0]), max(end, apart[-1][1])
        else:
            apart.append((start, end))
    return apart


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
