"""A trace as it is saved for its page: in parts, so that a page reads what it shows and no more.

    head      the extended payload without its steps (JSON)
    outline   what the page tells of all steps together (outline.py)
    rows-N    the rows of ROWS_PER_PART steps
    steps-N   whole steps as the extended payload has them: as many as make up STEPS_PER_PART or PART_BYTES

Each is compressed: an agent sends the same conversation again with every call. Knows no store.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import zstandard

from tracen_otel import payload
from tracen_otel.model import Step, Trace
from viewer.timeline.outline import Entry, Outline, entries_of, outline_of
from viewer.timeline.waterfall import arrange

FORMAT = 4
"""Raised with every change of what is saved, or of its meaning."""
HEAD, OUTLINE, STARTS, ROWS = "head", "outline", "starts", "rows-"
ROWS_PER_PART = 200
STEPS_PER_PART = 32
PART_BYTES = 32 * 1024
NEEDED = (HEAD, OUTLINE, STARTS)
"""Parts that every document has."""
FIRST = (*NEEDED, "rows-0", "steps-0")
"""Parts that every page reads."""
MAX_PART_BYTES = 1 << 31
_LEVEL = 3


class PartMissing(Exception):
    """A part that is needed was not read."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def encode(trace: Trace) -> dict[str, bytes]:
    """Take a trace apart. Steps are in reading order: a parent before its children."""
    rows = arrange(trace.steps)
    outline = outline_of(trace, rows)
    parts = {HEAD: _json(_head(trace)), OUTLINE: outline.encoded()}
    starts: list[int] = []
    for number, (start, steps) in enumerate(_shares(row.step for row in rows)):
        starts.append(start)
        parts[f"steps-{number}"] = b"[" + b",".join(steps) + b"]"
    parts[STARTS] = _json(starts)
    entries = [entry.encoded() for entry in entries_of(rows, outline.axis)]
    for at in range(0, len(entries), ROWS_PER_PART):
        parts[rows_part(at // ROWS_PER_PART)] = _json(entries[at : at + ROWS_PER_PART])
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return {name: compressor.compress(body) for name, body in parts.items()}


def _head(trace: Trace) -> dict[str, object]:
    head = payload.encode(replace(trace, steps=()))
    del head["steps"]
    return head


def _shares(steps: Iterable[Step]) -> Iterator[tuple[int, list[bytes]]]:
    """Steps in JSON, as many as one part holds, with the index of the first one."""
    share: list[bytes] = []
    start = size = 0
    for index, step in enumerate(steps):
        body = _json(payload.encode_step(step))
        if share and (size + len(body) > PART_BYTES or len(share) == STEPS_PER_PART):
            yield start, share
            share, start, size = [], index, 0
        share.append(body)
        size += len(body)
    if share:
        yield start, share


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Document:
    """Some parts of a saved trace, read as they are asked for. Raises PartMissing where one was not fetched."""

    def __init__(self, edition: str, parts: Mapping[str, bytes]) -> None:
        self.edition = edition
        self._parts = parts
        self._decompressor = zstandard.ZstdDecompressor()
        self._outline: Outline | None = None
        self._starts: Sequence[int] | None = None
        self._entries: dict[int, list[Entry]] = {}
        self._steps: dict[int, list[Step]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Document, (self.edition, self._parts)  # handed to another process as it was read

    def with_parts(self, more: Mapping[str, bytes]) -> Document:
        """The same edition with more of its parts."""
        return Document(self.edition, {**self._parts, **more})

    def with_parts_of(self, other: Document, prefix: str) -> Document:
        """The same with parts of another reading: those of which the names begin so."""
        more = {name: body for name, body in other._parts.items() if name.startswith(prefix)}
        return self.with_parts(more) if other.edition == self.edition else other

    @property
    def size(self) -> int:
        """Bytes of the parts that are here, before they were compressed: what reading them has to do with."""
        return sum(map(self.size_of, self._parts))

    def size_of(self, name: str) -> int:
        """Bytes of a part before it was compressed; 0 for one that is not here."""
        return zstandard.frame_content_size(self._parts[name]) if name in self._parts else 0

    def has(self, name: str) -> bool:
        """Whether a part was fetched."""
        return name in self._parts

    def body(self, name: str) -> bytes:
        """A part as it was before it was compressed."""
        try:
            part = self._parts[name]
        except KeyError:
            raise PartMissing(name) from None
        return self._decompressor.decompress(part, max_output_size=MAX_PART_BYTES)

    @property
    def outline(self) -> Outline:
        if self._outline is None:
            self._outline = Outline.decoded(self.body(OUTLINE))
        return self._outline

    def head(self) -> Trace:
        """The trace without its steps."""
        return payload.restored(json.loads(self.body(HEAD)) | {"steps": []})

    @property
    def step_parts(self) -> int:
        return len(self._step_starts)

    @property
    def _step_starts(self) -> Sequence[int]:
        if self._starts is None:
            self._starts = json.loads(self.body(STARTS))
        return self._starts

    def all_parts(self) -> Iterator[str]:
        """The names of the parts that `trace` needs."""
        return map(steps_part, range(self.step_parts))

    def part_of_step(self, number: int) -> int:
        """The number of the part that holds a step."""
        return bisect_right(self._step_starts, number - 1) - 1

    def steps_in(self, part: int) -> range:
        """The numbers of the steps that a part holds."""
        starts = [*self._step_starts, self.outline.step_count]
        return range(starts[part] + 1, starts[part + 1] + 1)

    def steps(self, part: int) -> list[Step]:
        """The steps of a part."""
        if part not in self._steps:
            self._steps[part] = [
                payload.decode_step(step) for step in json.loads(self.body(steps_part(part)))
            ]
        return self._steps[part]

    def step(self, number: int) -> Step:
        """A step by its number, from 1 to the outline's `step_count`."""
        part = self.part_of_step(number)
        return self.steps(part)[number - 1 - self._step_starts[part]]

    def entries(self, numbers: range) -> Iterator[Entry]:
        """The rows of some steps."""
        for number in numbers:
            part, index = divmod(number - 1, ROWS_PER_PART)
            if part not in self._entries:
                self._entries[part] = [Entry(*told) for told in json.loads(self.body(rows_part(part)))]
            yield self._entries[part][index]

    def trace(self) -> Trace:
        """All of it."""
        steps = [step for part in range(self.step_parts) for step in self.steps(part)]
        return replace(self.head(), steps=tuple(steps))


def steps_part(part: int) -> str:
    return f"steps-{part}"


def rows_part(part: int) -> str:
    return f"{ROWS}{part}"


def rows_parts(numbers: range) -> list[str]:
    """The parts that hold the rows of some steps."""
    if not numbers:
        return []
    first, last = (numbers[0] - 1) // ROWS_PER_PART, (numbers[-1] - 1) // ROWS_PER_PART
    return [rows_part(part) for part in range(first, last + 1)]


def json_pieces(document: Document) -> Iterator[bytes]:
    """The extended payload as one JSON document, unpacked part by part: it may be hundreds of megabytes."""
    yield document.body(HEAD)[:-1] + b',"steps":['
    for part, name in enumerate(document.all_parts()):
        yield (b"," if part else b"") + document.body(name)[1:-1]
    yield b"]}"
