"""What a dialect is: a table from the fields of a step to ordered readings of attributes.

A reading names one key, where it stands and how it is read. The tables are the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracen_otel.attributes import attribute, decode_json, event_fields, events_named, read_text
from tracen_otel.model import Span, StepKind

Find = Callable[[Span, str], Any]
Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One key: `find` looks it up on the span, `read` tells its value, or None where it says nothing."""

    key: str
    read: Read = read_text
    find: Find = attribute

    def of(self, span: Span) -> Any:
        """The value on this span, or None."""
        found = self.find(span, self.key)
        return None if found is None else self.read(found)


Readings = tuple[Reading, ...]


def _always(span: Span) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A convention. `applies` need only be told where its keys are words that others use as well.

    `input` and `output` read messages, text or a JSON value; `tool_calls` the calls told beside the output's
    text; `usage` an object that holds several counts.
    """

    name: str
    applies: Callable[[Span], bool] = _always
    kind: Readings = ()
    label: Readings = ()
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


FIELDS = tuple(name for name in Dialect.__dataclass_fields__ if name not in ("name", "applies"))


def fields_of(dialect: Dialect) -> Iterator[tuple[str, Readings]]:
    """Every field of the table that has readings."""
    return ((name, readings) for name in FIELDS if (readings := getattr(dialect, name)))


# -- gates --------------------------------------------------------------------------------------------


def from_scope(*prefixes: str) -> Callable[[Span], bool]:
    """A gate: the instrumentation scope's name starts with one of these."""
    return lambda span: span.scope.name.startswith(prefixes)


def marked_by(*keys: str) -> Callable[[Span], bool]:
    """A gate: the span has one of these attributes."""
    return lambda span: any(key in span.attributes for key in keys)


def either(*gates: Callable[[Span], bool]) -> Callable[[Span], bool]:
    """A gate: one of these gates is open."""
    return lambda span: any(gate(span) for gate in gates)


# -- readings that several tables use -----------------------------------------------------------------


def kinds(kind_by_name: Mapping[str, StepKind]) -> Read:
    """Read a kind by its name in this dialect, in any case; None for a name that is not in the mapping."""

    def read(value: Any) -> StepKind | None:
        name = read_text(value)
        return None if name is None else kind_by_name.get(name.lower())

    return read


def means(kind: StepKind) -> Read:
    """Read a kind from the mere presence of the key."""
    return lambda value: None if value == "" else kind


def span_name(span: Span, key: str) -> Any:
    """Look at the span's name, for conventions that say there what others say in an attribute."""
    return span.name


def on_event(*names: str) -> Find:
    """Look for the key on the events of these names, the last one first."""
    wanted = frozenset(names)

    def find(span: Span, key: str) -> Any:
        values = [
            value
            for event in events_named(span, wanted)
            if (value := event_fields(event).get(key)) is not None
        ]
        return values[-1] if values else None

    return find


def field_of(*path: str) -> Read:
    """Read a text inside a JSON value, by its path."""

    def read(value: Any) -> str | None:
        for name in path:
            value = decode_json(value)
            value = value.get(name) if isinstance(value, Mapping) else None
        return read_text(value)

    return read
