"""What readers ask of the two files together: what was received of a trace, and of which traces.

Connections are those of `Files.open_reading`. Every statement sees its own moment; what a batch or its pieces hold
is the same before and after it is taken apart, so the order of reading is the whole: row, then pieces.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter

from viewer.store import pages, posts
from viewer.store.base import BodyKind, Page, Progress, RecentTrace, Telling
from viewer.store.batches import each_id
from viewer.store.trace_index import TraceIndex


def was_received(
    connection: sqlite3.Connection, index: TraceIndex, account_id: str, otel_trace_id: bytes
) -> bool:
    """Tell whether anything is kept of a trace."""
    if posts.newest_of_trace(connection, account_id, otel_trace_id)[0]:
        return True
    return newest_batch(connection, index, account_id, otel_trace_id) is not None


def version_of(connection: sqlite3.Connection, index: TraceIndex, page: Page) -> int:
    """Grows with each batch and each post."""
    return _version(connection, page, index.candidates(connection, int(page.account_id), page.otel_trace_id))


def _version(connection: sqlite3.Connection, page: Page, candidates: Sequence[int]) -> int:
    newest_post, _ = posts.newest_of_trace(connection, page.account_id, page.otel_trace_id)
    return (candidates[-1] if candidates else 0) + newest_post


def progress(connection: sqlite3.Connection, index: TraceIndex, page: Page) -> Progress:
    """See `viewer.store.base.Store.progress`."""
    return Progress(
        version_of(connection, index, page),
        _newest_ns(connection, index, page.account_id, page.otel_trace_id),
    )


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Something received of a trace. `posted` is its body; that of a batch is read when it is wanted."""

    received_ns: int
    kind: BodyKind
    size: int
    batch_id: int = 0
    post_id: int = 0
    posted: bytes | None = None


def of_page(
    connection: sqlite3.Connection,
    index: TraceIndex,
    page: Page,
    max_bytes: int,
    version: int | None = None,
) -> Telling:
    """Posts and batches of a trace in order of arrival, up to the body that is more than `max_bytes` together.

    With `version` those that made it, less what was deleted since.
    """
    candidates = index.candidates(connection, int(page.account_id), page.otel_trace_id)
    arrivals: Iterable[_Arrival] = merge(
        _batches(connection, page, candidates), _posts(connection, page), key=_received_ns
    )
    if version is None:
        version = _version(connection, page, candidates)
    else:
        arrivals = _until(arrivals, version)
    bodies: list[tuple[BodyKind, bytes]] = []
    size = omitted = 0
    for arrival in arrivals:
        if size > max_bytes:
            omitted += 1
            continue
        size += arrival.size
        body = arrival.posted
        if body is None:
            body = _body(connection, arrival.batch_id, page.otel_trace_id)
        bodies.append((arrival.kind, body))
    return Telling(version, tuple(bodies), omitted)


def _received_ns(arrival: _Arrival) -> int:
    return arrival.received_ns


def _until(arrivals: Iterable[_Arrival], version: int) -> Iterator[_Arrival]:
    """What had come when the newest batch and the newest post were `version` together."""
    batch_id = post_id = 0
    for arrival in arrivals:
        batch_id, post_id = max(batch_id, arrival.batch_id), max(post_id, arrival.post_id)
        if batch_id + post_id > version:
            return
        yield arrival


def _posts(connection: sqlite3.Connection, page: Page) -> Iterator[_Arrival]:
    for post_id, received_ns, body in posts.of_trace(connection, page.account_id, page.otel_trace_id):
        yield _Arrival(received_ns, BodyKind.PAYLOAD, len(body), post_id=post_id, posted=body)


def _batches(connection: sqlite3.Connection, page: Page, candidates: Iterable[int]) -> Iterator[_Arrival]:
    for batch_id in candidates:
        row = head(connection, batch_id, page.account_id, page.otel_trace_id)
        if row:
            yield _Arrival(row[0], BodyKind(row[1]), row[2], batch_id)


def head(
    connection: sqlite3.Connection, batch_id: int, account_id: str, otel_trace_id: bytes
) -> tuple[int, str, int] | None:
    """Time, kind and size of a batch; None where it does not tell of the trace, or is gone."""
    sql = """select received_ns, kind, size from batches where id = ? and account_id = ?
             and instr(otel_trace_ids, ?)"""
    row: tuple[int, str, int] | None = connection.execute(
        sql, (batch_id, int(account_id), otel_trace_id)
    ).fetchone()
    return row


def _body(connection: sqlite3.Connection, batch_id: int, otel_trace_id: bytes) -> bytes:
    """The whole batch, or the piece of the trace where it was taken apart; empty where it was deleted meanwhile."""
    (body,) = connection.execute("select body from batches where id = ?", (batch_id,)).fetchone() or (None,)
    if body is None:
        sql = "select body from pieces where batch_id = ? and otel_trace_id = ?"
        (body,) = connection.execute(sql, (batch_id, otel_trace_id)).fetchone() or (b"",)
    return bytes(body)


# -- the newest traces ---------------------------------------------------------------------------------


def recent(
    connection: sqlite3.Connection,
    index: TraceIndex,
    account_id: str,
    after: RecentTrace | None,
    limit: int,
) -> list[RecentTrace]:
    """See `viewer.store.base.Store.recent_traces`."""
    found: list[RecentTrace] = []
    for arrival in _each_once(connection, account_id, after):
        if len(found) == limit:
            break
        if _newest_ns(connection, index, account_id, arrival.otel_trace_id) != arrival.received_ns:
            continue  # listed above, or on an earlier page of the list
        if not _is_deleted(connection, account_id, arrival.otel_trace_id):
            found.append(arrival)
    return found


def _each_once(
    connection: sqlite3.Connection, account_id: str, after: RecentTrace | None
) -> Iterator[RecentTrace]:
    """Newest first, those of one time by their ids; from behind `after`."""
    from_ns, last_id = (after.received_ns, after.otel_trace_id) if after else (1 << 62, b"")
    seen: set[bytes] = set()
    for received_ns, arrivals in groupby(_arrivals(connection, account_id, from_ns), itemgetter(0)):
        ids = sorted({otel_trace_id for _, otel_trace_id in arrivals} - seen)
        seen.update(ids)
        for otel_trace_id in ids:
            if received_ns < from_ns or otel_trace_id > last_id:
                yield RecentTrace(otel_trace_id, received_ns)


def _arrivals(connection: sqlite3.Connection, account_id: str, from_ns: int) -> Iterator[tuple[int, bytes]]:
    """Time and trace of what was received until then, newest first; a trace may come several times."""
    sql = "select received_ns, {} from {} where account_id = ? and received_ns <= ? order by received_ns desc"
    values = (int(account_id), from_ns)
    return merge(
        _each_trace(connection.execute(sql.format("otel_trace_ids", "batches"), values)),
        _each_trace(connection.execute(sql.format("otel_trace_id", "posts"), values)),
        key=itemgetter(0),
        reverse=True,
    )


def _each_trace(rows: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for received_ns, otel_trace_ids in rows:
        for otel_trace_id in each_id(otel_trace_ids):
            yield received_ns, otel_trace_id


def _newest_ns(
    connection: sqlite3.Connection, index: TraceIndex, account_id: str, otel_trace_id: bytes
) -> int:
    _, posted_ns = posts.newest_of_trace(connection, account_id, otel_trace_id)
    newest = newest_batch(connection, index, account_id, otel_trace_id)
    return max(posted_ns, newest[1] if newest else 0)


def newest_batch(
    connection: sqlite3.Connection, index: TraceIndex, account_id: str, otel_trace_id: bytes
) -> tuple[int, int] | None:
    """Id and time of the newest batch that tells of a trace."""
    for batch_id in reversed(index.candidates(connection, int(account_id), otel_trace_id)):
        row = head(connection, batch_id, account_id, otel_trace_id)
        if row:
            return batch_id, row[0]
    return None


def _is_deleted(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> bool:
    page = pages.of_trace(connection, account_id, otel_trace_id)
    return page is not None and page.deleted
