"""What a dialect is: a table from the fields of a step to ordered readings of attributes.

A reading names one key, where it stands and how it is read. The tables are the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from tracen_otel.attributes import attribute, read_text
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.model import Span

Find = Callable[[Span, str], Any]
Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One key: `find` looks it up on the span, `read` tells its value, or None where it says nothing."""

    key: str
    read: Read = read_text
    find: Find = attribute


Readings = tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class OfEvents:
    """Marks a `find` that looks at the span's events alone, so spans without events need not be asked."""

    find: Find

    def __call__(self, span: Span, key: str) -> Any:
        return self.find(span, key)


@dataclass(frozen=True, slots=True)
class OfKeys:
    """Marks a `find` that looks at some attributes alone; `are_there` tells by its keys if a span need be asked."""

    find: Find
    are_there: Callable[[Collection[str]], bool]

    def __call__(self, span: Span, key: str) -> Any:
        return self.find(span, key)


def always(span: Span) -> bool:
    """The gate of a dialect that needs none."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A convention. `applies` need only be told where its keys are words that others use as well.

    `input` and `output` read messages, text or a JSON value; `tool_calls` the calls told beside the output's
    text; `usage` an object that holds several counts; `failed` a verdict that may come without a message.
    `title` names the whole run, where its root tells another name than its own.
    `capture` tells how those who speak the dialect are made to record content; `scopes` how the names of their
    instrumentation scopes begin, where that is known: content or not, it tells who made a span.
    """

    name: str
    applies: Callable[[Span], bool] = always
    capture: tuple[CaptureSwitch, ...] = ()
    scopes: tuple[str, ...] = ()
    kind: Readings = ()
    label: Readings = ()
    title: Readings = ()
    tool_name: Readings = ()
    system: Readings = ()
    input: Readings = ()
    output: Readings = ()
    tool_calls: Readings = ()
    model: Readings = ()
    provider_name: Readings = ()
    input_tokens: Readings = ()
    output_tokens: Readings = ()
    cache_read_tokens: Readings = ()
    cache_write_tokens: Readings = ()
    reasoning_tokens: Readings = ()
    usage: Readings = ()
    response_id: Readings = ()
    error_message: Readings = ()
    failed: Readings = ()


FIELDS = tuple(
    name for name in Dialect.__dataclass_fields__ if name not in ("name", "applies", "capture", "scopes")
)


def fields_of(dialect: Dialect) -> Iterator[tuple[str, Readings]]:
    """Every field of the table that has readings."""
    return ((name, readings) for name in FIELDS if (readings := getattr(dialect, name)))


# -- gates --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfShape:
    """A gate that looks at a span's scope and keys alone: spans alike in both need not be asked one by one."""

    gate: Callable[[Span], bool]

    def __call__(self, span: Span) -> bool:
        return self.gate(span)


def from_scope(*prefixes: str) -> OfShape:
    """A gate: the instrumentation scope's name starts with one of these."""
    return OfShape(lambda span: span.scope.name.startswith(prefixes))


def marked_by(*keys: str) -> OfShape:
    """A gate: the span has one of these attributes."""
    return OfShape(lambda span: any(key in span.attributes for key in keys))


def either(*gates: OfShape) -> OfShape:
    """A gate: one of these gates is open."""
    return OfShape(lambda span: any(gate(span) for gate in gates))
