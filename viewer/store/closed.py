"""What is left of accounts that were deleted, statement by statement."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from viewer.store.base import NS_PER_S
from viewer.store.batches import each_id

_SLICE = 200
"""Traces that are removed at a time."""
_LATE_NS = 24 * 3600 * NS_PER_S
"""After a purge nothing comes any more that was sent before."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """A closed account, and some of the traces of which something is still kept."""

    account_id: int
    deleted_ns: int
    traces: frozenset[bytes]


def leftovers(connection: sqlite3.Connection, now_ns: int) -> Leftovers | None:
    """The account that was closed first and is not purged; its traces are empty where nothing is left.

    One that was purged is found again where a batch has come since, which was under way: nothing keeps it from that.
    """
    sql = """select id, deleted_ns from accounts where deleted_ns is not null and (purged_ns is null or (
             purged_ns > ? and exists (select 1 from batches where batches.account_id = accounts.id)))
             order by deleted_ns limit 1"""
    row = connection.execute(sql, (now_ns - _LATE_NS,)).fetchone()
    if row is None:
        return None
    account_id, deleted_ns = row
    sql = "select otel_trace_id from posts where account_id = ? limit ?"
    traces = {trace for (trace,) in connection.execute(sql, (account_id, _SLICE))}
    sql = "select otel_trace_ids from batches where account_id = ? limit ?"
    for (otel_trace_ids,) in connection.execute(sql, (account_id, _SLICE)):
        traces.update(each_id(otel_trace_ids))
        if len(traces) >= _SLICE:
            break
    return Leftovers(account_id, deleted_ns, frozenset(traces))


def finish(connection: sqlite3.Connection, account_id: int, now_ns: int) -> None:
    """Forget what remains: pages for which nothing ever came, answers that were remembered."""
    connection.execute("delete from idempotency_keys where account_id = ?", (account_id,))
    sql = """update pages set deleted_ns = ?, reserved_ns = null, masks = null
             where account_id = ? and deleted_ns is null"""
    connection.execute(sql, (now_ns, account_id))
    connection.execute("update accounts set purged_ns = ? where id = ?", (now_ns, account_id))
