"""Which batches tell of a trace.

Trace ids are random: a table of them that is written row by row dirties a page for each. So the newest rows are
kept in memory, and merged into the table in sorted bulk; at the start they are read again from the batches
themselves. What is committed is the batch; the index can always be made from it.

Used by the writer's thread alone, less `candidates`, which any thread may call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import xor
from struct import Struct

from viewer.store.marks import mark, set_mark

MERGE_ROWS = 131_072
"""In memory (some 100 bytes each) before a merge: it rewrites most of the table, so fewer are better."""
CHUNK_ROWS = 2_048
"""Merged between two groups of writes: some 10 ms."""
MAX_ROWS = 8 * MERGE_ROWS
"""In memory while the table can not be written; beyond, no more batches are taken."""

_MARK = "indexed"
_Rows = dict[int, dict[int, "int | list[int]"]]  # account → trace → batch, or batches


class TraceIndex:
    """The index of one store. A trace is looked up by 64 bits of its 128: a batch that is found may tell of another."""

    def __init__(self) -> None:
        self._recent: _Rows = {}
        self._recent_count = 0
        self._merging: _Rows = {}  # kept after the merge, until the next: a reader may see the table as it was before
        self._merging_count = 0
        self._keys: list[tuple[int, int]] = []  # of what is merging, sorted
        self._written = 0  # of them
        self._newest_batch = 0
        self._merged_to = 0

    @property
    def unmerged_count(self) -> int:
        """Rows in memory alone."""
        return self._recent_count + self._merging_count

    def load(self, main: sqlite3.Connection, bodies: sqlite3.Connection) -> None:
        """Read again what was not merged when the store was last open."""
        self._newest_batch = mark(main, _MARK)
        sql = "select account_id, id, otel_trace_ids from batches where id > ? order by id"
        for account_id, batch_id, otel_trace_ids in bodies.execute(sql, (self._newest_batch,)):
            self.add(account_id, batch_id, otel_trace_ids)

    @property
    def newest_batch(self) -> int:
        """The largest batch id ever added."""
        return self._newest_batch

    def add(self, account_id: int, batch_id: int, otel_trace_ids: bytes) -> None:
        """Add a batch that is on disk; `otel_trace_ids` are 16 bytes each."""
        rows = self._recent.setdefault(account_id, {})
        halves = _halves(len(otel_trace_ids) // 16).unpack(otel_trace_ids)
        for trace in map(xor, halves[::2], halves[1::2]):
            known = rows.setdefault(trace, batch_id)
            if known is not batch_id:
                if isinstance(known, list):
                    known.append(batch_id)
                else:
                    rows[trace] = [known, batch_id]
        self._recent_count += len(otel_trace_ids) // 16
        self._newest_batch = batch_id

    def candidates(self, main: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> list[int]:
        """The batches that may tell of a trace, oldest first."""
        trace = key_of(otel_trace_id)
        # Memory first: what is merged meanwhile is seen twice, not never.
        batches = set(_batches(self._recent.get(account_id, {}), trace))
        batches.update(_batches(self._merging.get(account_id, {}), trace))
        sql = "select batch_id from trace_index where trace = ? and account_id = ?"
        batches.update(batch_id for (batch_id,) in main.execute(sql, (trace, account_id)))
        return sorted(batches)

    def forget(self, main: sqlite3.Connection, account_id: int, rows: Iterable[tuple[bytes, int]]) -> None:
        """Remove pairs of trace id and batch, in the transaction that is open."""
        for otel_trace_id, batch_id in rows:
            trace = key_of(otel_trace_id)
            for kept in (self._recent.get(account_id, {}), self._merging.get(account_id, {})):
                left = [other for other in _batches(kept, trace) if other != batch_id]
                if left:
                    kept[trace] = left
                else:
                    kept.pop(trace, None)
            sql = "delete from trace_index where trace = ? and account_id = ? and batch_id = ?"
            main.execute(sql, (trace, account_id, batch_id))

    def merge_some(self, main: sqlite3.Connection) -> bool:
        """Write one chunk of a merge, in a transaction of its own; begin one where enough has come together.

        Returns whether there is more to write.
        """
        if not self._merging_count:
            if self._recent_count < MERGE_ROWS:
                return False
            self._begin()
        chunk = self._keys[self._written : self._written + CHUNK_ROWS]
        is_last = self._written + CHUNK_ROWS >= len(self._keys)
        main.execute("begin immediate")
        main.executemany("insert or ignore into trace_index values (?, ?, ?)", self._rows_of(chunk))
        if is_last:
            set_mark(main, _MARK, self._merged_to)
        main.execute("commit")
        self._written += len(chunk)
        if is_last:
            self._merging_count, self._keys = 0, []
        return not is_last

    def _begin(self) -> None:
        self._merging, self._merging_count = self._recent, self._recent_count
        self._recent, self._recent_count = {}, 0
        self._merged_to = self._newest_batch
        self._keys = [
            (account_id, trace)
            for account_id in sorted(self._merging)
            for trace in sorted(self._merging[account_id])
        ]
        self._written = 0

    def _rows_of(self, keys: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
        for account_id, trace in keys:
            for batch_id in _batches(self._merging[account_id], trace):
                yield account_id, trace, batch_id


class IndexBeside(TraceIndex):
    """That of a process beside the server, which has in its memory what is not merged: it is read from the batches."""

    def candidates(self, main: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> list[int]:
        """The same. `main` has FILE-bodies attached, if there is one: before the first server there is none."""
        if not main.execute("select 1 from pragma_database_list where name = 'bodies'").fetchone():
            return []
        sql = "select id from batches where id > ? and account_id = ? and instr(otel_trace_ids, ?)"
        newer = main.execute(sql, (mark(main, _MARK), account_id, otel_trace_id)).fetchall()
        return sorted(
            {*(batch_id for (batch_id,) in newer), *super().candidates(main, account_id, otel_trace_id)}
        )


def key_of(otel_trace_id: bytes) -> int:
    """The number by which a trace is looked up: both halves of its id, since either may hold little of its own.

    Ids of 64 bits are filled up with zeros; W3C calls the last seven bytes random; some senders count in the first.
    """
    high, low = _halves(1).unpack(otel_trace_id)
    key: int = high ^ low
    return key


def _batches(rows: dict[int, int | list[int]], trace: int) -> tuple[int, ...]:
    found = rows.get(trace, ())
    return (found,) if isinstance(found, int) else tuple(found)


@lru_cache(64)
def _halves(count: int) -> Struct:
    return Struct(f">{2 * count}q")
