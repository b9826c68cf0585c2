"""The traces that are to be summarised, statement by statement: found among what arrived, kept until they are saved.

Connections are those of `Files.open_reading` with FILE-search, less for what is written to `dues`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from viewer.store import arrivals, pages, posts, summaries
from viewer.store.arrivals import BATCHES, Arrival
from viewer.store.catalogue import Due
from viewer.store.trace_index import TraceIndex

Trace = tuple[int, bytes]
"""An account and the OTel id of a trace of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trace to be summarised from `version` on, not before a time."""

    account_id: int
    otel_trace_id: bytes
    version: int
    received_ns: int
    not_before_ns: int = 0


def among(
    connection: sqlite3.Connection, index: TraceIndex, name: str, found: Iterable[Arrival]
) -> list[Wanted]:
    """The traces of arrivals that the list does not show as they are now."""
    newest: dict[Trace, Arrival] = {}
    for arrival in found:
        newest.setdefault((arrival.account_id, arrival.otel_trace_id), arrival)
    wanted = (_wanted(connection, index, name, arrival) for arrival in newest.values())
    return [one for one in wanted if one is not None]


def _wanted(connection: sqlite3.Connection, index: TraceIndex, name: str, arrival: Arrival) -> Wanted | None:
    account_id, trace = arrival.account_id, arrival.otel_trace_id
    version = _version(connection, index, name, arrival)
    listed, rest_until_ns = summaries.version_of(connection, account_id, trace)
    if listed == version:
        return None
    page = pages.of_trace(connection, str(account_id), trace)
    if page is not None and page.deleted:
        return None
    return Wanted(account_id, trace, version, arrival.received_ns, rest_until_ns)


def _version(connection: sqlite3.Connection, index: TraceIndex, name: str, arrival: Arrival) -> int:
    """As `tellings.version_of`, with this arrival: a batch can be read a moment before the index knows of it."""
    candidates = index.candidates(connection, arrival.account_id, arrival.otel_trace_id)
    batch = candidates[-1] if candidates else 0
    post, _ = posts.newest_of_trace(connection, str(arrival.account_id), arrival.otel_trace_id)
    if name == BATCHES:
        return max(batch, arrival.id) + post
    return batch + max(post, arrival.id)


def put(connection: sqlite3.Connection, wanted: Iterable[Wanted]) -> None:
    """Keep traces until they are saved."""
    sql = """insert into dues (otel_trace_id, account_id, version, received_ns, not_before_ns)
             values (?, ?, ?, ?, ?) on conflict do update set version = max(version, excluded.version),
             received_ns = max(received_ns, excluded.received_ns),
             not_before_ns = min(not_before_ns, excluded.not_before_ns)"""
    rows = [(d.otel_trace_id, d.account_id, d.version, d.received_ns, d.not_before_ns) for d in wanted]
    connection.executemany(sql, rows)


def drop(connection: sqlite3.Connection, trace: Trace, version: int) -> None:
    """Forget a trace that was summarised from `version`, unless more is wanted."""
    sql = "delete from dues where otel_trace_id = ? and account_id = ? and version <= ?"
    connection.execute(sql, (trace[1], trace[0], version))


def ready(connection: sqlite3.Connection, limit: int, now_ns: int) -> list[Due]:
    """What is due now, the newest first."""
    sql = """select account_id, otel_trace_id, version, received_ns from dues where not_before_ns <= ?
             order by received_ns desc limit ?"""
    rows = connection.execute(sql, (now_ns, limit)).fetchall()
    return [
        Due(str(account_id), trace, version, received_ns, pages.of_trace(connection, str(account_id), trace))
        for account_id, trace, version, received_ns in rows
    ]


def ready_count(connection: sqlite3.Connection, now_ns: int) -> int:
    sql = "select count(*) from dues where not_before_ns <= ?"
    count: int = connection.execute(sql, (now_ns,)).fetchone()[0]
    return count


def unlisted_count(connection: sqlite3.Connection, account_id: int, limit: int) -> int:
    """How many due traces of an account are not in the list at all or not at rest, `limit` at most."""
    sql = """select count(*) from (select 1 from dues where account_id = ? and not_before_ns = 0 limit ?)"""
    count: int = connection.execute(sql, (account_id, limit)).fetchone()[0]
    return count


def backlog(
    connection: sqlite3.Connection,
    account_id: int,
    progress_by_name: dict[str, arrivals.Progress],
    limit: int,
) -> int:
    """How many arrivals of an account were not looked at, and traces not listed since, `limit` at most."""
    count = unlisted_count(connection, account_id, limit)
    for name, progress in progress_by_name.items():
        ranges = progress.reached(arrivals.newest_id(connection, name)).skipped
        count += arrivals.count(connection, name, account_id, ranges, limit - count)
        if count >= limit:
            return limit
    return count
