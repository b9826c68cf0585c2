"""The rows of API keys, statement by statement."""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from viewer.store.base import NS_PER_S, TooManyKeys
from viewer.store.people import Key, NewKey, Scope, Subscription

_SELECT = """select keys.id, keys.account_id, keys.revoked_ns is not null, accounts.plan, keys.scopes, keys.label,
    keys.hint, keys.created_ns, keys.last_used_ns, keys.expires_ns, accounts.is_subscribed,
    accounts.subscribed_until_ns, accounts.customer_id, accounts.subscription_told_ns
    from keys join accounts on accounts.id = keys.account_id
    where accounts.deleted_ns is null"""
_COUNTED_NS = 3600 * NS_PER_S
_KEPT_NS = 3 * 24 * 3600 * NS_PER_S
"""The row of a key that was revoked: what came with it is long told by then."""


def add(
    connection: sqlite3.Connection, account_id: str, new: NewKey, now_ns: int, at_most: int | None = None
) -> Key:
    if at_most is not None and count(connection, account_id, now_ns) >= at_most:
        raise TooManyKeys(at_most)
    key_id = uuid.uuid4().hex
    connection.execute(
        """insert into keys (id, account_id, sha256, label, hint, scopes, created_ns, expires_ns)
           select ?, id, ?, ?, ?, ?, ?, ? from accounts where id = ? and deleted_ns is null""",
        (
            key_id,
            new.sha256,
            new.label,
            new.hint,
            " ".join(sorted(new.scopes)),
            now_ns,
            new.expires_ns,
            int(account_id),
        ),
    )
    row = connection.execute(f"{_SELECT} and keys.id = ?", (key_id,)).fetchone()
    if row is None:
        raise LookupError("no such account")
    return _key(row)


def count(connection: sqlite3.Connection, account_id: str, now_ns: int) -> int:
    sql = """select count(*) from keys where account_id = ?
             and (revoked_ns is null and (expires_ns is null or expires_ns > ?)
             or exists (select 1 from key_hits where key_hits.key_id = keys.id and at_ns > ?))"""
    row = connection.execute(sql, (int(account_id), now_ns, now_ns - _COUNTED_NS)).fetchone()
    counted: int = row[0]
    return counted


def sweep(connection: sqlite3.Connection, now_ns: int) -> int:
    """Remove what is left of keys that were revoked some days ago; how many they were."""
    sql = "delete from keys where revoked_ns < ? returning id"
    gone = connection.execute(sql, (now_ns - _KEPT_NS,)).fetchall()
    connection.executemany("delete from key_hits where key_id = ?", gone)
    return len(gone)


def by_sha256(connection: sqlite3.Connection, sha256: bytes) -> Key | None:
    row = connection.execute(f"{_SELECT} and keys.sha256 = ?", (sha256,)).fetchone()
    return _key(row) if row else None


def of_account(connection: sqlite3.Connection, account_id: str, *, with_revoked: bool = False) -> list[Key]:
    which = "" if with_revoked else " and revoked_ns is null"
    sql = f"{_SELECT} and keys.account_id = ?{which} order by keys.created_ns desc, keys.rowid desc"
    return [_key(row) for row in connection.execute(sql, (int(account_id),))]


def hits(connection: sqlite3.Connection, account_id: str, since_ns: int) -> dict[str, int]:
    sql = """select key_id, count(*) from key_hits where at_ns > ?
             and key_id in (select id from keys where account_id = ?) group by key_id"""
    return dict(connection.execute(sql, (since_ns, int(account_id))).fetchall())


def rotate(
    connection: sqlite3.Connection,
    account_id: str,
    key_id: str,
    new: NewKey,
    now_ns: int,
    until_ns: int,
    at_most: int | None = None,
) -> Key | None:
    """A key in the place of another, with its label and its scopes."""
    sql = """update keys set expires_ns = min(coalesce(expires_ns, ?), ?) where id = ? and account_id = ?
             and revoked_ns is null and coalesce(expires_ns, ?) > ? returning label, scopes"""
    values = (until_ns, until_ns, key_id, int(account_id), now_ns + 1, now_ns)
    row = connection.execute(sql, values).fetchone()
    if row is None:
        return None
    label, scopes = row
    return add(connection, account_id, NewKey(new.sha256, label, new.hint, _scopes(scopes)), now_ns, at_most)


def _key(row: tuple[Any, ...]) -> Key:
    key_id, account_id, is_revoked, plan, scopes, label, hint, created_ns, last_used_ns, expires_ns, *paid = (
        row
    )
    return Key(
        key_id,
        str(account_id),
        bool(is_revoked),
        plan,
        _scopes(scopes),
        label or "",
        hint,
        created_ns or 0,
        last_used_ns,
        expires_ns,
        Subscription(plan, bool(paid[0]), *paid[1:]),
    )


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))
