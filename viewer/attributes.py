"""What a step's span told, as it came: attributes, events, and which of them the step was read from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Event, Message, Step
from viewer import pieces
from viewer.legible import Draft, clip, joined
from viewer.quotes import Quoter
from viewer.wording import duration

_SHORT_VALUE = 120
"""Characters of a value that need no folding, and that are cheaper to repeat than to look for above."""

_WRAPPING = 150
"""Characters of JSON around a message."""

USED = "Used for what is shown above"
UNUSED = "Not used above, kept as they came"


@dataclass(frozen=True, slots=True)
class _Side:
    """What a step shows as its input or output: the attribute it was read from, and how many characters.

    `wrapping`: those that a conversation has beside its words, in JSON.
    """

    label: str
    key: str
    size: int
    wrapping: int

    def shows(self, key: str, size: int) -> bool:
        """Whether an attribute is what is shown, and not far more than that."""
        return (key == self.key or key.startswith(self.key + ".")) and size <= 2 * self.size + self.wrapping


def attributes_of(step: Step, unused: Set[str], quoter: Quoter) -> Draft:
    """A step's attributes by key; those of which nothing is shown elsewhere stand by themselves."""
    if not step.attributes:
        return pieces.NOTHING
    sides = _sides(step)
    keys = sorted(step.attributes)
    if not unused:
        return _table(keys, step.attributes, quoter, sides)
    used = [key for key in keys if key not in unused]
    told = [
        pieces.CAPTION(UNUSED),
        _table([key for key in keys if key in unused], step.attributes, quoter),
    ]
    if used:
        told[:0] = [pieces.CAPTION(USED), _table(used, step.attributes, quoter, sides)]
    return joined(told)


def events_of(step: Step, quoter: Quoter) -> Draft:
    """What happened during a step, in the order it was told."""
    return pieces.EVENTS(joined(_event(event, step, quoter) for event in step.events))


def sources_of(step: Step) -> Draft:
    """For each field of a step the attribute it was read from, under the convention whose word it is."""
    told: dict[str, list[str]] = {}
    for field, source in step.sources.items():
        told.setdefault(source.dialect, []).extend((clip(field.replace("_", " ")), clip(source.key)))
    return joined(pieces.SOURCES(clip(dialect), pieces.SOURCE.each(texts)) for dialect, texts in told.items())


def _table(
    keys: Iterable[str], attributes: Mapping[str, Any], quoter: Quoter, sides: tuple[_Side, ...] = ()
) -> Draft:
    rows: list[Draft] = []
    short: list[str] = []
    for key in keys:
        text = _short_text(attributes[key])
        if text is not None:
            short += clip(key), text
            continue
        if short:
            rows.append(pieces.ATTRIBUTE.each(short))
            short = []
        rows.append(pieces.QUOTED_ATTRIBUTE(clip(key), _long_value(key, attributes[key], quoter, sides)))
    if short:
        rows.append(pieces.ATTRIBUTE.each(short))
    return pieces.ATTRIBUTES(joined(rows))


def _long_value(key: str, value: Any, quoter: Quoter, sides: tuple[_Side, ...]) -> Draft:
    """A value quoted, or the name of the side of the step that shows it already."""
    if sides:
        size = len(value if isinstance(value, str) else str(value))
        for side in sides:
            if size > _SHORT_VALUE and side.shows(key, size):
                return pieces.SHOWN_AS(side.label)
    return pieces.quoted(quoter.value(value))


def _short_text(value: Any) -> str | None:
    """A value that needs neither folding nor layout; None for others."""
    if type(value) is str:
        is_plain = len(value) <= _SHORT_VALUE and "\n" not in value and value.lstrip()[:1] not in ("{", "[")
        return value if is_plain else None
    if type(value) is bool:
        return "true" if value else "false"
    is_number = type(value) is int or (type(value) is float and math.isfinite(value))
    return repr(value) if is_number else None


def _event(event: Event, step: Step, quoter: Quoter) -> Draft:
    is_timed = event.time_ns >= step.start_ns > 0
    at = pieces.EVENT_TIME(duration(event.time_ns - step.start_ns)) if is_timed else pieces.NOTHING
    body = pieces.NOTHING if event.body is None else pieces.quoted(quoter.value(event.body))
    attributes = (
        _table(sorted(event.attributes), event.attributes, quoter) if event.attributes else pieces.NOTHING
    )
    return pieces.EVENT(clip(event.name) or "(no name)", at, body, attributes)


def _sides(step: Step) -> tuple[_Side, ...]:
    told = (
        ("input", step.input_messages, step.input),
        ("output", step.output_messages, step.output),
    )
    return tuple(
        _Side(
            label,
            source.key,
            sum(map(_message_size, messages)) if messages else len(text or ""),
            _WRAPPING * len(messages),
        )
        for label, messages, text in told
        for source in (step.sources.get(label), step.sources.get(f"{label}_messages"))
        if source is not None
    )


def _message_size(message: Message) -> int:
    return sum(
        len(part.text) + (len(str(part.value)) if part.value is not None else 0) for part in message.parts
    )
