"""A batch holds the spans of many traces, as its sender put them together. To take it apart is to replace its body by
one for each trace: after that a page reads its own spans alone, and a trace can be deleted without its neighbours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from tracen_otel.otlp import split
from viewer.store import batches
from viewer.store.writer import Writer
from viewer.workers import run_sized

T = TypeVar("T")


class Read(Protocol):
    """Runs a function on a reading connection."""

    def __call__(self, read: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class Splitting:
    """Takes batches apart, over one pair of files."""

    def __init__(self, writer: Writer, read: Read) -> None:
        self._writer = writer
        self._read = read

    async def take_apart(self, row: batches.Row) -> None:
        """Nothing happens where that was done. Raises UndecodableBody where it can not be."""
        body = await self._read(lambda connection: batches.body(connection, row.id))
        if body is None:
            return
        encoding, signal = row.kind.otlp()
        pieces = await run_sized(len(body), split, body, encoding, signal)
        await self._writer.submit(
            bodies=lambda connection: batches.take_apart(connection, row, pieces), size=len(body)
        )
