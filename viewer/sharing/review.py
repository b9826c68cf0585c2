"""What readers of a trace would see, gone through before it is shared: what is masked where, and where a text stands.

Documents in, values out: what is masked already is not known here, so it can not be shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tracen_otel.model import Message, Step, Trace
from viewer import summary, wording
from viewer.document import Document
from viewer.labels import row_name
from viewer.legible import clip
from viewer.sharing.contexts import MaskedKind, PreviewPart, PreviewRow, Segment
from viewer.sharing.masks import Masks
from viewer.sharing.places import ANY_MARK

MAX_PLACES = 40
"""That are shown; all are counted."""
MAX_PREVIEW = 40_000
"""Characters of the preview; the page itself has all of them."""
_MAX_TEXT = 3_000
_CONTEXT = 48
"""Characters on each side of what was found."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """Where something stands: in how many places, of how many steps, and the first of them."""

    count: int
    step_count: int
    is_in_steps_alone: bool
    parts: tuple[PreviewPart, ...]
    more: int
    """Places that are not shown."""


@dataclass(frozen=True, slots=True)
class Review:
    """What is told of a trace before it is shared."""

    heading: str
    kinds: tuple[MaskedKind, ...]
    masked: Found
    sought: Found | None
    preview: tuple[PreviewPart, ...]
    is_cut: bool


def reviewed(document: Document, text: str) -> Review:
    """Go through a whole document; `text`: what is looked for, "" for nothing."""
    trace = document.trace()
    parts = _parts(trace)
    masks = Masks((text,) if text else ())
    preview, is_cut = _preview(parts)
    return Review(
        heading=summary.heading(trace),
        kinds=tuple(_kinds(parts)),
        masked=_found(parts, _marks),
        sought=_found(parts, masks.places) if text else None,
        preview=preview,
        is_cut=is_cut,
    )


# -- the texts of a trace ------------------------------------------------------------------------------

_WHOLE = "The trace"
_OF_TRACE = (
    "title",
    "prompt",
    "response",
    "system",
    "error_message",
    "service_name",
    "model",
    "provider_name",
)
_Texts = Iterable[tuple[str, str]]
"""Each with where it stands."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A step, or the trace as a whole: its texts, each once, and where it stands first."""

    heading: str
    where_by_text: Mapping[str, str]


def _each_once(texts: _Texts) -> dict[str, str]:
    """A message is told as an input and as a part of a conversation, and reads the same."""
    where_by_text: dict[str, str] = {}
    for where, text in texts:
        where_by_text.setdefault(text, where)
    return where_by_text


def _parts(trace: Trace) -> list[_Part]:
    """The trace with what no step tells, then its steps."""
    steps = [
        _Part(f"Step {number} · {clip(row_name(step))}", _each_once(texts_of_step(step)))
        for number, step in enumerate(trace.steps, start=1)
    ]
    own = _each_once(_of_trace(trace))
    told = {text for step in steps for text in step.where_by_text}
    return [_Part(_WHOLE, {text: where for text, where in own.items() if text not in told}), *steps]


def _of_trace(trace: Trace) -> Iterator[tuple[str, str]]:
    for name in _OF_TRACE:
        if text := getattr(trace, name):
            yield name.replace("_", " "), text
    yield from (("note", note) for note in trace.notes)


def texts_of_step(step: Step) -> Iterator[tuple[str, str]]:
    """Everything in a step that somebody may have written."""
    for name in ("name", "input", "output", "error_message", "model", "provider_name", "scope"):
        if text := getattr(step, name):
            yield name.replace("_", " "), text
    yield from chain.from_iterable(_of_message(m) for m in (*step.input_messages, *step.output_messages))
    yield from _of_members("attribute", step.attributes)
    for event in step.events:
        yield "event", event.name
        yield from _of_members("event attribute", event.attributes)
        yield from _of_value("event", event.body)
    yield from (("warning", warning) for warning in step.warnings)


def _of_message(message: Message) -> Iterator[tuple[str, str]]:
    for part in message.parts:
        yield from ((message.role, text) for text in (part.text, part.name, part.id) if text)
        yield from _of_value(message.role, part.value)


def _of_members(where: str, members: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        yield where, name
        yield from _of_value(name, value)


def _of_value(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield where, str(name)
            yield from _of_value(where, item)
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(_of_value(where, item) for item in value)
    elif isinstance(value, bytes | bytearray):
        yield where, bytes(value).decode("utf-8", "replace")
    elif value is not None and not isinstance(value, bool):
        yield where, str(value)


# -- what stands there ---------------------------------------------------------------------------------


def _marks(text: str) -> list[Span]:
    return [match.span() for match in ANY_MARK.finditer(text)]


def _kinds(parts: Iterable[_Part]) -> Iterator[MaskedKind]:
    """What is masked, by kind, the commonest first."""
    counts: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        for text in part.where_by_text:
            for match in ANY_MARK.finditer(text):
                counts[match[1]].append(part.heading)
    for kind, headings in sorted(counts.items(), key=lambda item: -len(item[1])):
        steps = len(set(headings) - {_WHOLE})
        yield MaskedKind(kind, wording.plural(len(headings), "place"), wording.plural(steps, "step"))


def _found(parts: Iterable[_Part], search: Callable[[str], list[Span]]) -> Found:
    """Where `search` finds something in the texts of some parts."""
    count = step_count = shown = 0
    told: list[PreviewPart] = []
    for part in parts:
        rows: list[PreviewRow] = []
        before = count
        for text, where in part.where_by_text.items():
            for start, end in search(text):
                count += 1
                if shown < MAX_PLACES:
                    shown += 1
                    rows.append(PreviewRow(where, _context(text, start, end)))
        step_count += count > before and part.heading != _WHOLE
        if rows:
            told.append(PreviewPart(part.heading, tuple(rows)))
    is_in_steps_alone = all(part.heading != _WHOLE for part in told)
    return Found(count, step_count, is_in_steps_alone, tuple(told), count - shown)


def _context(text: str, start: int, end: int) -> tuple[Segment, ...]:
    before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
    return (
        Segment(("…" if start > _CONTEXT else "") + before),
        Segment(text[start:end], True),
        Segment(after + ("…" if len(text) > end + _CONTEXT else "")),
    )


def _preview(parts: Iterable[_Part]) -> tuple[tuple[PreviewPart, ...], bool]:
    """The texts of each step, once each, up to MAX_PREVIEW characters together; whether there are more."""
    left, is_cut = MAX_PREVIEW, False
    told: list[PreviewPart] = []
    for part in parts:
        rows: list[PreviewRow] = []
        for text, where in part.where_by_text.items():
            shown = text[: min(_MAX_TEXT, left)]
            is_cut = is_cut or len(shown) < len(text)
            left -= len(shown)
            if shown:
                rows.append(PreviewRow(where, tuple(_segments(shown))))
        if rows:
            told.append(PreviewPart(part.heading, tuple(rows)))
    return tuple(told), is_cut


def _segments(text: str) -> Iterator[Segment]:
    at = 0
    for start, end in _marks(text):
        yield Segment(text[at:start])
        yield Segment(text[start:end], True)
        at = end
    yield Segment(text[at:])
