"""Data frames of spans as pandas writes them in JSON, in each of its orientations, → rows.

By columns, the default, a row is spread over the whole text: its cells wait in temporary files, one a column.
`records` and `table` need nothing here: their rows are records.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from enum import Enum, auto
from itertools import islice
from typing import IO, Any

import ijson

from bridge.importing.cutting import CUT_OFF, UNPARSED, Piece
from bridge.importing.literals import Holdable
from bridge.importing.source import Source
from bridge.importing.spans import Skipped

_COLUMNS = frozenset(
    [
        "name",
        "span_kind",
        "parent_id",
        "start_time",
        "end_time",
        "status_code",
        "status_message",
        "events",
        "context.span_id",
        "context.trace_id",
    ]
)
_MAX_COLUMNS = 800
"""Each is an open file for a while."""


class Orientation(Enum):
    """What a frame's text begins with."""

    COLUMNS = auto()
    """{column: {row: cell}}"""
    INDEX = auto()
    """{row: {column: cell}}"""
    SPLIT = auto()
    """{"columns": […], "index": […], "data": [[cell]]}"""


def orientation(head: bytes) -> Orientation | None:
    """How the frame that begins so is written; None where it is none, or its rows are records."""
    events: list[tuple[str, Any]] = []
    with contextlib.suppress(*UNPARSED):  # the head is cut off somewhere
        events += islice(ijson.basic_parse(Holdable(io.BytesIO(head))), 4)
    match events:
        case [("start_map", _), ("map_key", "columns"), ("start_array", _), *_]:
            return Orientation.SPLIT
        case [("start_map", _), ("map_key", outer), ("start_map", _), ("map_key", inner)]:
            if _is_column(outer):
                return Orientation.COLUMNS
            return Orientation.INDEX if _is_column(inner) else None
    return None


def _is_column(name: str) -> bool:
    return name in _COLUMNS or name.startswith("attributes.")


def rows(source: Source, written: Orientation) -> Iterator[Piece | Skipped]:
    """The rows of a frame, each with what its cells are called; those that are whole of one that is cut off."""
    read = {Orientation.COLUMNS: _by_columns, Orientation.INDEX: _by_index, Orientation.SPLIT: _by_rows}
    try:
        for line, row in read[written](source):
            if row is None:
                yield Skipped(line, "is no row")
            else:
                yield Piece({name: cell for name, cell in row.items() if cell is not None}, line)
    except UNPARSED:
        told = f"{CUT_OFF} or is not JSON from here on"
        if written is Orientation.COLUMNS:
            told += ", and by columns no row is whole before the end; `to_json(orient='records')` would be"
        yield Skipped(source.line, told, source.byte)


_Rows = Iterator[tuple[int, dict[str, Any] | None]]
"""With their lines; None is one that is none."""


def _by_index(source: Source) -> _Rows:
    for name, row in ijson.kvitems(Holdable(source), "", use_float=True):
        yield source.line, {"context.span_id": name, **row} if isinstance(row, dict) else None


def _by_rows(source: Source) -> _Rows:
    columns = [str(name) for name in next(ijson.items(Holdable(io.BytesIO(source.head)), "columns"), ())]
    for row in ijson.items(Holdable(source), "data.item", use_float=True):
        yield source.line, dict(zip(columns, row, strict=False)) if isinstance(row, list) else None


def _by_columns(source: Source) -> _Rows:
    with contextlib.ExitStack() as stack:
        files: dict[str, IO[str]] = {}
        for column, row, cell in _cells(source):
            if column not in files:
                if len(files) == _MAX_COLUMNS:
                    raise ijson.JSONError(f"more than {_MAX_COLUMNS} columns")
                files[column] = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            files[column].write(json.dumps([row, cell]) + "\n")
        for file in files.values():
            file.seek(0)
        for lines in zip(*files.values(), strict=False):
            cells = [json.loads(line) for line in lines]
            told = {column: cell for column, (_, cell) in zip(files, cells, strict=True)}
            yield source.line, {"context.span_id": cells[0][0], **told}


def _cells(source: Source) -> Iterator[tuple[str, str, Any]]:
    """Column, row and value of each cell, in the order of the text."""
    builder, depth, column, row = ijson.ObjectBuilder(), 0, "", ""
    for event, value in ijson.basic_parse(Holdable(source), use_float=True):
        if depth <= 2 and event == "map_key":
            column, row = (value, "") if depth == 1 else (column, value)
            builder = ijson.ObjectBuilder()
            continue
        depth += event.startswith("start_") - event.startswith("end_")
        if depth > 2 or row:
            builder.event(event, value)
            if depth == 2:
                yield column, row, builder.value
                row = ""
