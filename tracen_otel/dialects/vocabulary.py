"""Which readings can say anything about a span: found by the keys it has, remembered for spans alike.

So a span costs what its own keys cost, however many dialects there are. Reads no value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tracen_otel.attributes import attribute, in_events, indexed, is_of_family
from tracen_otel.dialects.table import FIELDS, Dialect, OfEvents, OfKeys, OfShape, Reading, always, fields_of
from tracen_otel.model import Source, Span

_MAX_SHAPES = 2048
_MAX_SHAPE_CHARACTERS = 8192
"""Shapes remembered, and the longest one: keys are a stranger's, and memory is not endless."""

Chain = tuple[tuple[Reading, Source], ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """For each field that can be told the readings in order, and the attribute keys that nobody reads."""

    chain_by_field: Mapping[str, Chain]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A reading in its table; `rank` orders fields, then dialects, then readings."""

    rank: int
    field: str
    reading: Reading
    source: Source
    applies: Callable[[Span], bool]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Spans of the same scope and keys: the readings that have something to look at; gates that look at values."""

    keys: tuple[str, ...]
    entries: tuple[_Entry, ...]
    gates: tuple[Callable[[Span], bool], ...]
    vocabulary_by_open: dict[tuple[bool, ...], Vocabulary] = field(default_factory=dict)

    def vocabulary(self, opened: tuple[bool, ...]) -> Vocabulary:
        closed = {gate for gate, is_open in zip(self.gates, opened, strict=True) if not is_open}
        entries = [entry for entry in self.entries if entry.applies not in closed]
        chain_by_field: defaultdict[str, list[tuple[Reading, Source]]] = defaultdict(list)
        for entry in entries:
            chain_by_field[entry.field].append((entry.reading, entry.source))
        vocabulary = Vocabulary(
            {name: tuple(chain) for name, chain in chain_by_field.items()},
            _unread(self.keys, [entry.reading for entry in entries]),
        )
        self.vocabulary_by_open[opened] = vocabulary
        return vocabulary


class VocabularyIndex:
    """The readings of all dialects by what they look at. Thread-safe: what is remembered is only repeated."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._by_key: defaultdict[str, list[_Entry]] = defaultdict(list)
        self._by_family: defaultdict[str, list[_Entry]] = defaultdict(list)
        self._of_events: list[_Entry] = []
        self._of_keys: list[_Entry] = []
        self._anywhere: list[_Entry] = []
        for entry in _entries(dialects):
            self._place_of(entry.reading).append(entry)
        self._families = tuple(self._by_family)
        self._shapes: dict[tuple[bool, str, tuple[str, ...]], _Shape] = {}

    def vocabulary_of(self, span: Span) -> Vocabulary:
        """Tell what can be read of a span."""
        name = bool(span.events), span.scope.name, tuple(span.attributes)
        shape = self._shapes.get(name) or self._shape(name, span)
        opened = tuple([gate(span) for gate in shape.gates]) if shape.gates else ()
        return shape.vocabulary_by_open.get(opened) or shape.vocabulary(opened)

    def _place_of(self, reading: Reading) -> list[_Entry]:
        if reading.find is attribute:
            return self._by_key[reading.key]
        if reading.find is indexed:
            return self._by_family[reading.key]
        if isinstance(reading.find, OfKeys):
            return self._of_keys
        return self._of_events if _is_of_events(reading) else self._anywhere

    def _shape(self, name: tuple[bool, str, tuple[str, ...]], span: Span) -> _Shape:
        has_events, scope, keys = name
        entries = list(self._anywhere)
        if has_events:
            entries += self._of_events
        entries += [entry for entry in self._of_keys if _are_there(entry.reading, keys)]
        for key in self._by_key.keys() & keys:
            entries += self._by_key[key]
        for family in self._families:
            if any(is_of_family(key, family) for key in keys):
                entries += self._by_family[family]
        entries.sort(key=lambda entry: entry.rank)
        gates = dict.fromkeys(entry.applies for entry in entries if entry.applies is not always)
        closed = {gate for gate in gates if isinstance(gate, OfShape) and not gate(span)}
        shape = _Shape(
            keys,
            tuple(entry for entry in entries if entry.applies not in closed),
            tuple(gate for gate in gates if not isinstance(gate, OfShape)),
        )
        if len(scope) + sum(map(len, keys)) <= _MAX_SHAPE_CHARACTERS:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            self._shapes[name] = shape
        return shape


def _entries(dialects: Sequence[Dialect]) -> list[_Entry]:
    """Every reading of every table, ranked."""
    told = [
        (name, dialect, reading)
        for dialect in dialects
        for name, readings in fields_of(dialect)
        for reading in readings
    ]
    told.sort(key=lambda item: FIELDS.index(item[0]))  # stable: dialects and readings stay in order
    return [
        _Entry(rank, name, reading, Source(dialect.name, reading.key), dialect.applies)
        for rank, (name, dialect, reading) in enumerate(told)
    ]


def _are_there(reading: Reading, keys: tuple[str, ...]) -> bool:
    return isinstance(reading.find, OfKeys) and reading.find.are_there(keys)


def _is_of_events(reading: Reading) -> bool:
    return reading.find is in_events or isinstance(reading.find, OfEvents)


def _unread(keys: Iterable[str], readings: Iterable[Reading]) -> tuple[str, ...]:
    """The keys that none of the readings names, in order."""
    named, families = set(), set()
    for reading in readings:
        if reading.find is indexed:
            families.add(reading.key)
        elif not _is_of_events(reading):
            named.add(reading.key)
    return tuple(
        key for key in keys if key not in named and not any(is_of_family(key, family) for family in families)
    )
