"""What `POST /api/traces` writes, statement by statement: the payload, the key's hit, the idempotency key."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace

from viewer.store import pages
from viewer.store.base import (
    MAX_SKEW_NS,
    NS_PER_S,
    IdempotencyConflict,
    KeyGone,
    Limit,
    LimitReached,
    Post,
    PostOutcome,
    Quota,
)
from viewer.store.marks import mark, set_mark

_LARGEST = "largest_post"
_INSERT = """insert into posts (id, account_id, otel_trace_id, received_ns, body)
    select 1 + max(coalesce((select max(id) from posts), 0),
                   coalesce((select batch_id from marks where name = ?), 0)), ?, ?, ?, ?"""
"""No id is given twice, even if the post is gone: what came after another has the larger one."""

_VALID_KEY = """select 1 from keys join accounts on accounts.id = keys.account_id
    where keys.id = ? and accounts.id = ? and keys.revoked_ns is null and accounts.deleted_ns is null
    and (keys.expires_ns is null or keys.expires_ns > ?)"""


def keep(connection: sqlite3.Connection, post: Post) -> PostOutcome | LimitReached:
    """Keep a payload under its key's limit. Raises IdempotencyConflict, KeyGone.

    LimitReached is returned: what was settled on the way stays, and nobody's work in the same commit is done again.
    """
    if (
        connection.execute(_VALID_KEY, (post.key_id, int(post.account_id), post.received_ns)).fetchone()
        is None
    ):
        raise KeyGone("the key was revoked or has expired, or its account was closed")
    body_sha256 = post.digest or hashlib.sha256(post.body).digest()
    now_ns = post.received_ns if post.counted_ns is None else post.counted_ns
    settle(connection, post.key_id, now_ns)
    quota = quota_of(connection, post.key_id, post.limit, now_ns)
    if post.idempotency_key is not None:
        row = answered(connection, post.account_id, post.idempotency_key)
        if row and row[0] != body_sha256:
            raise IdempotencyConflict("this Idempotency-Key was used with another body")
        if row:
            return PostOutcome(row[1], replayed=True, quota=quota)
    if quota.remaining == 0:
        return LimitReached(quota)
    _log_hit(connection, post.key_id, post.limit, now_ns)
    values = (_LARGEST, int(post.account_id), post.otel_trace_id, post.received_ns, post.body)
    connection.execute(_INSERT, values)
    page = pages.made_of_post(connection, post.account_id, post.otel_trace_id, post.received_ns)
    if post.idempotency_key is not None:
        connection.execute(
            "insert into idempotency_keys values (?, ?, ?, ?, ?)",
            (int(post.account_id), _hashed(post.idempotency_key), body_sha256, page.id, post.received_ns),
        )
    # The oldest that counts is the same as before; where there was none, it is this one.
    return PostOutcome(page.id, False, replace(quota, remaining=quota.remaining - 1))


def answered(
    connection: sqlite3.Connection, account_id: str, idempotency_key: str
) -> tuple[bytes, str] | None:
    """The digest and the page of what came with an Idempotency-Key, which earlier releases kept as it was.

    The page by the id that it has now: its link may have been withdrawn since.
    """
    sql = """select body_sha256, coalesce((select pages.id from withdrawn join pages using (otel_trace_id, account_id)
             where withdrawn.page_id = idempotency_keys.page_id), page_id) from idempotency_keys
             where account_id = ? and idempotency_key in (?, ?)"""
    row: tuple[bytes, str] | None = connection.execute(
        sql, (int(account_id), _hashed(idempotency_key), idempotency_key)
    ).fetchone()
    return row


def _hashed(idempotency_key: str) -> str:
    """What is kept of it: it is a stranger's words, and may hold anything."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest()


# -- the sliding log -----------------------------------------------------------------------------------


def quota_of(connection: sqlite3.Connection, key_id: str, limit: Limit, now_ns: int) -> Quota:
    """What the log says: accepted requests in (decided - window, decided] count."""
    window_ns = limit.window_s * NS_PER_S
    since_ns = _decided_ns(connection, key_id, now_ns) - window_ns
    sql = """select count(*), min(at_ns) from
             (select at_ns from key_hits where key_id = ? and at_ns > ? order by at_ns desc limit ?)"""
    count, oldest_ns = connection.execute(sql, (key_id, since_ns, limit.count)).fetchone()
    reset_ns = oldest_ns + window_ns - now_ns if count else window_ns
    return Quota(limit, limit.count - count, max(1, -(-reset_ns // NS_PER_S)))


def has_hits_ahead(connection: sqlite3.Connection, key_id: str, now_ns: int) -> bool:
    """Tell whether there is something to `settle`."""
    newest_ns = _newest_hit_ns(connection, key_id)
    return newest_ns is not None and newest_ns > now_ns + MAX_SKEW_NS


def settle(connection: sqlite3.Connection, key_id: str, now_ns: int) -> None:
    """Date hits of a time that has not come as made now: of all that can be true, what keeps the limit.

    So a clock that was set back frees nothing, and blocks for a window at most.
    """
    if has_hits_ahead(connection, key_id, now_ns):
        sql = "update key_hits set at_ns = ? where key_id = ? and at_ns > ?"
        connection.execute(sql, (now_ns, key_id, now_ns))


def _log_hit(connection: sqlite3.Connection, key_id: str, limit: Limit, now_ns: int) -> None:
    at_ns = _decided_ns(connection, key_id, now_ns)
    left_window_ns = at_ns - limit.window_s * NS_PER_S
    connection.execute("delete from key_hits where key_id = ? and at_ns <= ?", (key_id, left_window_ns))
    connection.execute("insert into key_hits (key_id, at_ns) values (?, ?)", (key_id, at_ns))


def _decided_ns(connection: sqlite3.Connection, key_id: str, now_ns: int) -> int:
    """When a request counts: never before the last that was accepted.

    Processes read their clocks before they get the file, so they may get it in another order; and what left the
    window of a later request is not there any more.
    """
    newest_ns = _newest_hit_ns(connection, key_id)
    return now_ns if newest_ns is None else max(now_ns, newest_ns)


def _newest_hit_ns(connection: sqlite3.Connection, key_id: str) -> int | None:
    sql = "select max(at_ns) from key_hits where key_id = ?"
    newest_ns: int | None = connection.execute(sql, (key_id,)).fetchone()[0]
    return newest_ns


# -- payloads of a trace -------------------------------------------------------------------------------


def of_trace(
    connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes
) -> list[tuple[int, int, bytes]]:
    """Id, time and body of the payloads of a trace, oldest first."""
    sql = "select id, received_ns, body from posts where otel_trace_id = ? and account_id = ? order by id"
    return connection.execute(sql, (otel_trace_id, int(account_id))).fetchall()


def newest_of_trace(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> tuple[int, int]:
    """Id and time of the newest payload of a trace; zeros where none was posted."""
    sql = "select max(id), max(received_ns) from posts where otel_trace_id = ? and account_id = ?"
    row = connection.execute(sql, (otel_trace_id, int(account_id))).fetchone()
    return row[0] or 0, row[1] or 0


def largest_id(connection: sqlite3.Connection) -> int:
    """The largest id that is there."""
    row = connection.execute("select max(id) from posts").fetchone()
    return row[0] or 0


def largest_given(connection: sqlite3.Connection) -> int:
    """The largest id that was ever given."""
    return max(largest_id(connection), mark(connection, _LARGEST))


def skip_to(connection: sqlite3.Connection, post_id: int) -> None:
    """Give no id again up to this one."""
    if post_id > largest_given(connection):
        set_mark(connection, _LARGEST, post_id)


def bytes_by_account(connection: sqlite3.Connection) -> dict[int, int]:
    sql = "select account_id, sum(length(body)) from posts group by account_id"
    return dict(connection.execute(sql).fetchall())


def remove(connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> int:
    """Remove the payloads of a trace; returns the bytes that are gone."""
    newest, _ = newest_of_trace(connection, str(account_id), otel_trace_id)
    if newest and newest == largest_id(connection):
        set_mark(connection, _LARGEST, max(newest, mark(connection, _LARGEST)))
    sql = "delete from posts where otel_trace_id = ? and account_id = ? returning length(body)"
    return sum(size for (size,) in connection.execute(sql, (otel_trace_id, account_id)).fetchall())
