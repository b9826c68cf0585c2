"""JSON of any size → its records, one in memory at a time: the spans of a trace each, then what is told around them.

Knows where arrays of records stand in the exports of all formats, and no format's fields.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import ijson

from bridge.importing.literals import Holdable, Readable
from bridge.importing.source import Source
from bridge.importing.spans import Skipped

MAX_RECORD_BYTES = 1 << 28
"""Of a record, and of a line: what is more would have to be held whole."""
_TOO_LARGE = f"has more than {MAX_RECORD_BYTES >> 20} MiB in one record"
PARTS = ("spans", "observations", "resourceSpans")
"""Arrays of a trace whose items are records of their own."""
_AROUND = ("data", "traces", "result")
"""What answers of an API put their records under."""
CUT_OFF = "is cut off"
"""How the reason begins for what is skipped of a text that ends too early."""
_EARLY_END = ("premature EOF", "ncomplete JSON")
"""What ijson's parsers say at an end that comes too early."""
UNPARSED = (ijson.JSONError, ValueError, ArithmeticError)
"""What ijson raises at text that is no JSON, no UTF-8, or has a number beyond what Python makes of digits."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An object of the export. `part_of`: the array of a trace in which it stands, "" for one by itself.

    An object with such an array comes after its parts, without them; `parts` counts them.
    """

    value: dict[str, Any]
    line: int
    part_of: str = ""
    parts: int = 0


def pieces_of_document(source: Source) -> Iterator[Piece | Skipped]:
    """The records of one JSON text, or of several after each other; what is whole of one that is cut off."""
    cutter = _Cutter(lambda: source.line, lambda: source.byte)
    yield from _cut(Holdable(_Bounded(source, cutter)), cutter)
    if cutter.fault:
        yield Skipped(source.line, cutter.fault, source.byte)


def pieces_of_lines(source: Source) -> Iterator[Piece | Skipped]:
    """The records of JSON Lines; a line that is broken costs itself alone."""
    while line := source.whole_line(MAX_RECORD_BYTES):
        number = source.line
        if not line.strip():
            continue
        if len(line) >= MAX_RECORD_BYTES:
            yield Skipped(number, _TOO_LARGE)
            continue
        cutter = _Cutter(lambda number=number: number, lambda: 0)  # type: ignore[misc]
        yield from _cut(Holdable(io.BytesIO(line.rstrip())), cutter)
        if cutter.fault:
            is_last = not line.endswith(b"\n")
            yield Skipped(number, cutter.fault, source.byte if is_last else None)


def is_in_lines(name: str, head: bytes) -> bool:
    """Tell JSON Lines: by the name, else one of the first two lines is an object by itself."""
    if name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        return True
    lines = [line for line in head.split(b"\n", 8)[:8] if line.strip()]
    if len(lines) < 2 or not all(line.lstrip().startswith(b"{") for line in lines[:2]):
        return False
    return any(_is_whole(line) for line in lines[:2])


def _is_whole(line: bytes) -> bool:
    try:
        for _ in ijson.basic_parse(Holdable(io.BytesIO(line))):
            pass
    except UNPARSED:
        return False
    return True


def _cut(readable: Readable, cutter: _Cutter) -> Iterator[Piece | Skipped]:
    try:
        for event, value in ijson.basic_parse(readable, multiple_values=True):
            if (piece := cutter.take(event, value)) is not None:
                yield piece
    except ijson.IncompleteJSONError as error:
        is_cut_off = any(words in str(error) for words in _EARLY_END)
        cutter.stop(CUT_OFF if is_cut_off else f"is not JSON from here on ({_reason(error)})")
    except _TooLarge:
        cutter.stop(_TOO_LARGE)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        cutter.stop(f"is not JSON from here on ({_reason(error)})")
    except UNPARSED:
        cutter.stop("has a number that is too large to be read")


def _reason(error: Exception) -> str:
    """The first line of what the parser says: those below it show the text."""
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).splitlines()[0][:100]


class _TooLarge(Exception):
    """A record that can not be held."""


class _Bounded:
    """A source that a parser reads on from for as long as the record at hand is not too large."""

    def __init__(self, source: Source, cutter: _Cutter) -> None:
        self._source = source
        self._cutter = cutter

    def read(self, size: int = -1, /) -> bytes:
        if self._source.byte - self._cutter.between > MAX_RECORD_BYTES:
            raise _TooLarge
        return self._source.read(size)


class _Kind(Enum):
    OBJECT = auto()
    """That may be a record, or stand around records."""
    RECORDS = auto()
    PARTS = auto()


@dataclass(slots=True)
class _Level:
    kind: _Kind
    line: int
    name: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    parts: int = 0
    is_around: bool = False


class _Cutter:
    """Takes the parser's events; hands out each record when it is whole."""

    def __init__(self, line: Callable[[], int], byte: Callable[[], int]) -> None:
        self._line = line
        self._byte = byte
        self.between = 0
        """The byte at which no record was at hand."""
        self._levels: list[_Level] = []
        self._built: _Built | None = None
        self.fault = ""

    def take(self, event: str, value: Any) -> Piece | Skipped | None:
        self.between = self.between if self._built else self._byte()
        if self._built is not None:
            return self._finished(self._built) if self._built.take(event, value) else None
        top = self._levels[-1] if self._levels else None
        if top is not None and top.kind is _Kind.OBJECT:
            return self._in_object(top, event, value)
        if event == "end_array":
            self._levels.pop()
        elif event == "start_map" and (top is None or top.kind is _Kind.RECORDS):
            self._open(_Kind.OBJECT)
        elif event == "start_array" and top is None:
            self._open(_Kind.RECORDS)
        else:
            return self._build(event, value)
        return None

    def stop(self, reason: str) -> None:
        """The text ends here, or can not be read on."""
        began = self._built.line if self._built else next((x.line for x in reversed(self._levels)), 0)
        self.fault = f"{reason}, in what begins at line {began}" if began not in (0, self._line()) else reason

    def _in_object(self, top: _Level, event: str, value: Any) -> Piece | Skipped | None:
        if event == "map_key":
            top.name = value
        elif event == "end_map":
            self._levels.pop()
            is_record = top.parts or not top.is_around
            return Piece(top.value, top.line, parts=top.parts) if is_record else None
        elif event == "start_array" and top.name in PARTS:
            self._open(_Kind.PARTS, top.name)
        elif event == "start_array" and top.name in _AROUND and len(self._levels) == 1:
            top.is_around = True
            self._open(_Kind.RECORDS)
        elif event == "start_map" and top.name in _AROUND and len(self._levels) == 1:
            top.is_around = True
            self._open(_Kind.OBJECT)
        else:
            return self._build(event, value)
        return None

    def _open(self, kind: _Kind, name: str = "") -> None:
        self._levels.append(_Level(kind, self._line(), name))

    def _build(self, event: str, value: Any) -> Piece | Skipped | None:
        self._built = _Built(self._line())
        return self._finished(self._built) if self._built.take(event, value) else None

    def _finished(self, built: _Built) -> Piece | Skipped | None:
        self._built = None
        top = self._levels[-1] if self._levels else None
        if top is not None and top.kind is _Kind.OBJECT:
            top.value[top.name] = built.value
        elif top is not None and top.kind is _Kind.PARTS and isinstance(built.value, dict):
            self._levels[-2].parts += 1
            return Piece(built.value, built.line, part_of=top.name)
        elif top is not None and top.kind is _Kind.PARTS:  # ids of parts that are told elsewhere
            self._levels[-2].value.setdefault(top.name, []).append(built.value)
        else:
            return Skipped(built.line, "is no object")
        return None


class _Built:
    """One JSON value, put together of events."""

    def __init__(self, line: int) -> None:
        self.line = line
        self._builder = ijson.ObjectBuilder()
        self._depth = 0

    def take(self, event: str, value: Any) -> bool:
        """Add an event; True where the value is whole."""
        if event == "number" and not isinstance(value, int):
            value = float(value)
        self._builder.event(event, value)
        self._depth += event.startswith("start_") - event.startswith("end_")
        return self._depth == 0 and event != "map_key"

    @property
    def value(self) -> Any:
        return self._builder.value
