"""What `POST /api/traces` writes, statement by statement: the payload, the key's hit, the idempotency key."""

from __future__ import annotations

import hashlib
import sqlite3

from viewer.store import pages
from viewer.store.base import (
    NS_PER_S,
    IdempotencyConflict,
    Limit,
    LimitReached,
    Post,
    PostOutcome,
    Quota,
)


def keep(connection: sqlite3.Connection, post: Post) -> PostOutcome:
    """Keep a payload under its key's limit. Raises LimitReached, IdempotencyConflict."""
    body_sha256 = post.digest or hashlib.sha256(post.body).digest()
    quota = quota_of(connection, post.key_id, post.limit, post.received_ns)
    if post.idempotency_key is not None:
        row = _answered(connection, post.account_id, post.idempotency_key)
        if row and row[0] != body_sha256:
            raise IdempotencyConflict("this Idempotency-Key was used with another body")
        if row:
            return PostOutcome(row[1], replayed=True, quota=quota)
    if quota.remaining == 0:
        raise LimitReached(quota)
    _log_hit(connection, post)
    connection.execute(
        "insert into posts (account_id, otel_trace_id, received_ns, body) values (?, ?, ?, ?)",
        (int(post.account_id), post.otel_trace_id, post.received_ns, post.body),
    )
    page = pages.made_of_post(connection, post.account_id, post.otel_trace_id, post.received_ns)
    if post.idempotency_key is not None:
        connection.execute(
            "insert into idempotency_keys values (?, ?, ?, ?, ?)",
            (int(post.account_id), _hashed(post.idempotency_key), body_sha256, page.id, post.received_ns),
        )
    return PostOutcome(page.id, False, quota_of(connection, post.key_id, post.limit, post.received_ns))


def _answered(
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


def _log_hit(connection: sqlite3.Connection, post: Post) -> None:
    left_window_ns = post.received_ns - post.limit.window_s * NS_PER_S
    connection.execute("delete from key_hits where key_id = ? and at_ns <= ?", (post.key_id, left_window_ns))
    connection.execute("insert into key_hits (key_id, at_ns) values (?, ?)", (post.key_id, post.received_ns))


def quota_of(connection: sqlite3.Connection, key_id: str, limit: Limit, now_ns: int) -> Quota:
    """The sliding log: accepted requests in (now - window, now] count."""
    window_ns = limit.window_s * NS_PER_S
    sql = "select at_ns from key_hits where key_id = ? and at_ns > ? order by at_ns desc limit ?"
    hits = [at_ns for (at_ns,) in connection.execute(sql, (key_id, now_ns - window_ns, limit.count))]
    reset_ns = hits[-1] + window_ns - now_ns if hits else window_ns
    return Quota(limit, limit.count - len(hits), max(1, -(-reset_ns // NS_PER_S)))


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


def bytes_by_account(connection: sqlite3.Connection) -> dict[int, int]:
    sql = "select account_id, sum(length(body)) from posts group by account_id"
    return dict(connection.execute(sql).fetchall())


def remove(connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> int:
    """Remove the payloads of a trace; returns the bytes that are gone."""
    sql = "delete from posts where otel_trace_id = ? and account_id = ? returning length(body)"
    return sum(size for (size,) in connection.execute(sql, (otel_trace_id, account_id)).fetchall())
