"""The words of the listed traces, in tables of FTS5 that hold some thousands of traces each.

What FTS5 is told to forget stays in its file until the segment it stands in is merged with all others of its table. Of
a million traces in one table that takes ten seconds, of a shard a fraction of one: so a deletion can wait for it. A
trace stays in its shard for as long as it is listed; new ones go into the newest.

Statements on the connections of FILE-search. A trace is known here by its place, see `summaries.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from viewer.store.words import TOKENIZER

_CREATE = "create virtual table {0} using fts5(words, content='', columnsize=0, tokenize='{1}')"
_INSERT = "insert into {0}(rowid, words) values (?, ?)"
_DELETE = "insert into {0}({0}, rowid, words) values ('delete', ?, ?)"
_OPTIMIZE = "insert into {0}({0}) values ('optimize')"
_FIND = """select rowid from {0} where {0} match ? and rowid >= ? and rowid < ?
           order by rowid desc limit ?"""

MAX_TRACES = 25_000
MAX_CHARACTERS = 20_000_000
"""Of a shard; what comes next begins another one."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A table of words, and the places between which its traces are; they may be less than that."""

    id: int
    least: int
    greatest: int


def open_shard(connection: sqlite3.Connection) -> int:
    """The shard that new traces go to, made now where the last one is full."""
    sql = "select id, traces, characters from shards order by id desc limit 1"
    shard_id, traces, characters = connection.execute(sql).fetchone() or (0, 0, 0)
    if shard_id and traces < MAX_TRACES and characters < MAX_CHARACTERS:
        return int(shard_id)
    if shard_id:
        _optimize(connection, shard_id)
    shard_id += 1
    connection.execute(_CREATE.format(_table(shard_id), TOKENIZER))
    connection.execute("insert into shards values (?, 0, 0, null, null, 0)", (shard_id,))
    return int(shard_id)


def add(connection: sqlite3.Connection, shard_id: int, places: dict[int, str]) -> None:
    """Keep the words of traces, by place."""
    connection.executemany(_INSERT.format(_table(shard_id)), places.items())
    least, greatest = min(places), max(places)
    sql = """update shards set traces = traces + ?1, characters = characters + ?2,
             least = min(coalesce(least, ?3), ?3), greatest = max(coalesce(greatest, ?4), ?4) where id = ?5"""
    connection.execute(sql, (len(places), sum(map(len, places.values())), least, greatest, shard_id))


def take(connection: sqlite3.Connection, shard_id: int, place: int, kept: str, *, for_good: bool) -> None:
    """Forget the words of a trace. `for_good`: they must be gone from the file, see `scrub`."""
    connection.execute(_DELETE.format(_table(shard_id)), (place, kept))
    sql = """update shards set traces = traces - 1, characters = characters - ?, is_dirty = max(is_dirty, ?)
             where id = ?"""
    connection.execute(sql, (len(kept), for_good, shard_id))


def dirty(connection: sqlite3.Connection) -> list[int]:
    """The shards that still hold what was taken for good."""
    return [shard_id for (shard_id,) in connection.execute("select id from shards where is_dirty")]


def scrub(connection: sqlite3.Connection, shard_ids: Iterable[int]) -> bool:
    """Overwrite what was taken from shards; whether there was anything. One that is empty is given up."""
    scrubbed = False
    for shard_id in shard_ids:
        sql = "select traces, id = (select max(id) from shards) from shards where id = ? and is_dirty"
        found = connection.execute(sql, (shard_id,)).fetchone()
        if found is None:
            continue
        traces, is_open = found
        if traces == 0 and not is_open:
            connection.execute(f"drop table {_table(shard_id)}")
            connection.execute("delete from shards where id = ?", (shard_id,))
        else:
            _optimize(connection, shard_id)
            connection.execute("update shards set is_dirty = 0 where id = ?", (shard_id,))
        scrubbed = True
    return scrubbed


def find(connection: sqlite3.Connection, expression: str, least: int, below: int, limit: int) -> list[int]:
    """Places from `least` on and below `below` whose words are as asked, the greatest first."""
    sql = """select id, least, greatest from shards where greatest >= ? and least < ?
             order by greatest desc"""
    found: list[int] = []
    for shard in [Shard(*row) for row in connection.execute(sql, (least, below))]:
        if len(found) == limit:
            if shard.greatest < found[-1]:
                break  # and so are all that follow
            least = found[-1] + 1
        rows = connection.execute(_FIND.format(_table(shard.id)), (expression, least, below, limit))
        found = sorted((*found, *(place for (place,) in rows)), reverse=True)[:limit]
    return found


def _optimize(connection: sqlite3.Connection, shard_id: int) -> None:
    connection.execute(_OPTIMIZE.format(_table(shard_id)))


def _table(shard_id: int) -> str:
    return f"words_{int(shard_id)}"
