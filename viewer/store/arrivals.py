"""Which batches and posts the lists of traces have not looked at yet.

The newest are looked at first, whatever waits: what was skipped is remembered as ranges of ids, and looked at when
nothing newer has come. Kept in FILE-search, so that both are of one moment. Knows nothing of what is in them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from viewer.store.batches import each_id

MAX_RANGES = 100
"""Beyond, two that are neighbours become one: what is between them is looked at again, which does no harm."""
_SHORT = 2_000
"""Rows that are sooner read than all entries of an account in an index."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far arrivals of one sort were looked at: all up to `seen`, less those in ranges (first, last), in order."""

    seen: int = 0
    skipped: tuple[tuple[int, int], ...] = ()

    def reached(self, newest: int) -> Progress:
        """With everything up to `newest` waiting."""
        if newest <= self.seen:
            return self
        ranges = [*self.skipped, (self.seen + 1, newest)]
        if len(ranges) > 1 and ranges[-2][1] + 1 == ranges[-1][0]:
            ranges[-2:] = [(ranges[-2][0], newest)]
        if len(ranges) > MAX_RANGES:
            ranges[:2] = [(ranges[0][0], ranges[1][1])]
        return Progress(newest, tuple(ranges))

    def looked_at(self, first: int, last: int) -> Progress:
        """Without the end of a range, from `first` to its `last`."""
        ranges = [(a, b) if b != last else (a, first - 1) for a, b in self.skipped]
        return Progress(self.seen, tuple((a, b) for a, b in ranges if a <= b))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A trace of which something came, and the id of that."""

    id: int
    account_id: int
    otel_trace_id: bytes
    received_ns: int


BATCHES, POSTS = "batches", "posts"
_SELECT = {
    BATCHES: "select id, account_id, otel_trace_ids, received_ns from batches",
    POSTS: "select id, account_id, otel_trace_id, received_ns from posts",
}

_NEWEST = {BATCHES: "select max(id) from batches", POSTS: "select max(id) from posts"}
_COUNT = "select count(*) from (select 1 from {0} {1} where account_id = ? and id between ? and ? limit ?)"
_INDEX = {
    BATCHES: "indexed by idx_batches_account_id_received_ns_size",
    POSTS: "indexed by idx_posts_account_id_received_ns",
}


def newest_id(connection: sqlite3.Connection, name: str) -> int:
    """The id of what came last."""
    row = connection.execute(_NEWEST[name]).fetchone()
    return row[0] or 0


def read(
    connection: sqlite3.Connection, name: str, first: int, last: int, limit: int
) -> tuple[int, list[Arrival]]:
    """What came last in a range, newest first, some `limit` traces; and from which id on that is all."""
    sql = f"{_SELECT[name]} where id between ? and ? order by id desc"
    found: list[Arrival] = []
    for arrival_id, account_id, otel_trace_ids, received_ns in connection.execute(sql, (first, last)):
        found += [Arrival(arrival_id, account_id, one, received_ns) for one in each_id(otel_trace_ids)]
        if len(found) >= limit:
            return arrival_id, found
    return first, found


def load(connection: sqlite3.Connection, name: str) -> Progress:
    """How far it had come."""
    row = connection.execute("select seen, skipped from arrivals where name = ?", (name,)).fetchone()
    return Progress(row[0], tuple((a, b) for a, b in json.loads(row[1]))) if row else Progress()


def save(connection: sqlite3.Connection, name: str, progress: Progress) -> None:
    values = (name, progress.seen, json.dumps(progress.skipped))
    connection.execute("insert or replace into arrivals values (?, ?, ?)", values)


def count(
    connection: sqlite3.Connection,
    name: str,
    account_id: int,
    ranges: Sequence[tuple[int, int]],
    limit: int,
) -> int:
    """How many of an account are in ranges, `limit` at most."""
    total = 0
    for first, last in ranges:
        how = "not indexed" if last - first < _SHORT else _INDEX[name]
        values = (account_id, first, last, limit - total)
        total += connection.execute(_COUNT.format(name, how), values).fetchone()[0]
        if total >= limit:
            break
    return total
