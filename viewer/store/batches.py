"""What FILE-bodies holds, statement by statement: batches as they came, and the pieces of those taken apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from viewer.store.base import Batch, BodyKind

WORTH_TAKING_APART = 64 * 1024
"""Bytes; of a smaller batch the traces beside the wanted one are read in no time."""

_WORTH_A_HANDLE = 64 * 1024
"""Bytes; a body given to a statement is copied twice on its way to SQLite's pages, one written to a handle never."""

_INSERT = "insert into batches values (?, ?, ?, ?, ?, ?, ?)"
_INSERT_LARGE = "insert into batches values (?, ?, ?, ?, ?, ?, zeroblob(?))"


@dataclass(frozen=True, slots=True)
class Row:
    """A batch without its body."""

    id: int
    account_id: int
    kind: BodyKind
    otel_trace_ids: bytes
    is_whole: bool

    def traces(self) -> list[bytes]:
        return each_id(self.otel_trace_ids)


def each_id(otel_trace_ids: bytes) -> list[bytes]:
    """The ids, of 16 bytes each, that were written one after the other."""
    return [otel_trace_ids[at : at + 16] for at in range(0, len(otel_trace_ids), 16)]


_SELECT_ROW = "select id, account_id, kind, otel_trace_ids, body is not null from batches"


def insert(connection: sqlite3.Connection, batch_id: int, batch: Batch, otel_trace_ids: bytes) -> int:
    """Keep a batch as it came; returns its id."""
    size = len(batch.body)
    is_large = size >= _WORTH_A_HANDLE
    connection.execute(
        _INSERT_LARGE if is_large else _INSERT,
        (
            batch_id,
            int(batch.account_id),
            batch.kind.value,
            batch.received_ns,
            size,
            otel_trace_ids,
            size if is_large else batch.body,
        ),
    )
    if is_large:
        with connection.blobopen("batches", "body", batch_id) as body:
            body.write(batch.body)
    return batch_id


def largest_id(connection: sqlite3.Connection) -> int:
    row = connection.execute("select max(id) from batches").fetchone()
    return row[0] or 0


def bytes_by_account(connection: sqlite3.Connection) -> dict[int, int]:
    """Read from the index alone: without it, every page of the file would be."""
    sql = "select account_id, sum(size) from batches indexed by idx_batches_account_id_received_ns_size"
    return dict(connection.execute(f"{sql} group by account_id").fetchall())


def row(connection: sqlite3.Connection, batch_id: int) -> Row | None:
    return _row(connection.execute(f"{_SELECT_ROW} where id = ?", (batch_id,)).fetchone())


def next_row(connection: sqlite3.Connection, after_id: int, received_before_ns: int) -> Row | None:
    """The next batch in order of arrival, if it was received before a time."""
    where = "where id = (select min(id) from batches where id > ?) and received_ns < ?"
    return _row(connection.execute(f"{_SELECT_ROW} {where}", (after_id, received_before_ns)).fetchone())


def next_mixed(
    connection: sqlite3.Connection, after_id: int, up_to_id: int, received_before_ns: int
) -> Row | None:
    """The next batch of several traces that is worth taking apart, of those up to an id."""
    sql = f"""{_SELECT_ROW} where id > ? and id <= ? and received_ns < ? and size >= ?
              and length(otel_trace_ids) > 16 and body is not null order by id limit 1"""
    values = (after_id, up_to_id, received_before_ns, WORTH_TAKING_APART)
    return _row(connection.execute(sql, values).fetchone())


def mixed(connection: sqlite3.Connection, batch_ids: Iterable[int]) -> list[Row]:
    """Those of some batches that are worth taking apart."""
    sql = f"""{_SELECT_ROW} where id = ? and size >= ? and length(otel_trace_ids) > 16
              and body is not null"""
    rows = (connection.execute(sql, (one, WORTH_TAKING_APART)).fetchone() for one in batch_ids)
    return [row for row in map(_row, rows) if row is not None]


def _row(values: tuple[int, int, str, bytes, int] | None) -> Row | None:
    if values is None:
        return None
    return Row(values[0], values[1], BodyKind(values[2]), values[3], bool(values[4]))


def body(connection: sqlite3.Connection, batch_id: int) -> bytes | None:
    found = connection.execute("select body from batches where id = ?", (batch_id,)).fetchone()
    return found[0] if found else None


def take_apart(connection: sqlite3.Connection, row: Row, pieces: Mapping[bytes, bytes]) -> None:
    """Replace a batch's body by one for each of its traces."""
    connection.execute("update batches set body = null where id = ?", (row.id,))
    connection.executemany(
        "insert or ignore into pieces (batch_id, otel_trace_id, body) values (?, ?, ?)",
        [(row.id, trace, pieces[trace]) for trace in row.traces() if trace in pieces],
    )


def remove(connection: sqlite3.Connection, batch_ids: Iterable[int], traces: Set[bytes]) -> int:
    """Remove traces from batches that were taken apart or hold nothing else; returns the bytes that are gone."""
    removed_bytes = 0
    for batch_id in batch_ids:
        found = connection.execute(
            "select otel_trace_ids, size from batches where id = ?", (batch_id,)
        ).fetchone()
        if found is None:
            continue
        all_traces = each_id(found[0])
        kept = [trace for trace in all_traces if trace not in traces]
        if not kept:
            connection.execute("delete from pieces where batch_id = ?", (batch_id,))
            connection.execute("delete from batches where id = ?", (batch_id,))
            removed_bytes += found[1]
            continue
        gone = _remove_pieces(connection, batch_id, [trace for trace in all_traces if trace in traces])
        size = max(0, found[1] - gone)
        sql = "update batches set otel_trace_ids = ?, size = ? where id = ?"
        connection.execute(sql, (b"".join(kept), size, batch_id))
        removed_bytes += found[1] - size
    return removed_bytes


def _remove_pieces(connection: sqlite3.Connection, batch_id: int, traces: Sequence[bytes]) -> int:
    gone = 0
    for trace in traces:
        sql = "delete from pieces where batch_id = ? and otel_trace_id = ? returning length(body)"
        gone += sum(size for (size,) in connection.execute(sql, (batch_id, trace)).fetchall())
    return gone
