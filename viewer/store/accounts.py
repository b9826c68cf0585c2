"""Accounts on SQLite: a `viewer.store.people.Accounts` over the store's writer and readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

from viewer.store import keys, sessions
from viewer.store.people import Account, Key, NewKey, Session, Subscription, Ticket, TicketKind
from viewer.store.splitting import Read
from viewer.store.write_ahead import WriteAheadLogs
from viewer.store.writer import Writer

T = TypeVar("T")

COLUMNS = """accounts.id, accounts.email, accounts.created_ns, accounts.password_hash is not null,
    accounts.otlp_is_private, accounts.plan, accounts.is_subscribed, accounts.subscribed_until_ns,
    accounts.customer_id, accounts.subscription_told_ns"""
_SELECT = f"select {COLUMNS} from accounts where deleted_ns is null"  # noqa: S608 - constants


class SqliteAccounts:
    """See `viewer.store.people.Accounts`."""

    def __init__(self, writer: Writer, read: Read, logs: WriteAheadLogs) -> None:
        self._writer = writer
        self._read = read
        self._logs = logs

    # -- accounts --------------------------------------------------------------------------------------

    async def is_empty(self) -> bool:
        return await self._read(lambda c: c.execute("select 1 from accounts limit 1").fetchone() is None)

    async def create(self, email: str, now_ns: int) -> Account:
        return await self._writer.submit(lambda c: _made(c, email, None, now_ns)[0])

    async def sign_up(
        self, email: str, password_hash: str, now_ns: int, ticket: bytes | None
    ) -> Account | None:
        def work(connection: sqlite3.Connection) -> Account | None:
            if _one(connection, "email = ?", folded(email)) is not None:
                return None
            if ticket is not None:
                taken = sessions.take_ticket(connection, ticket, TicketKind.INVITATION, now_ns)
                if taken is None or taken.subject not in ("", folded(email)):
                    raise _NotInvited
            return _made(connection, email, password_hash, now_ns)[0]

        try:
            return await self._writer.submit(work)
        except _NotInvited:
            return None

    async def by_email(self, email: str) -> Account | None:
        return await self._read(lambda c: _one(c, "email = ?", folded(email)))

    async def by_id(self, account_id: str) -> Account | None:
        return await self._read(lambda c: _one(c, "id = ?", int(account_id)))

    async def by_customer(self, customer_id: str) -> Account | None:
        return await self._read(lambda c: _one(c, "customer_id = ? and customer_id != ''", customer_id))

    async def all(self, after_id: str, limit: int) -> list[Account]:
        def read(connection: sqlite3.Connection) -> list[Account]:
            rows = connection.execute(
                f"{_SELECT} and id > ? order by id limit ?", (int(after_id or 0), limit)
            )
            return [account_of(row) for row in rows]

        return await self._read(read)

    async def password_hash(self, account_id: str) -> str | None:
        def read(connection: sqlite3.Connection) -> str | None:
            sql = "select password_hash from accounts where id = ? and deleted_ns is null"
            row = connection.execute(sql, (int(account_id),)).fetchone()
            return row[0] if row else None

        return await self._read(read)

    async def set_password(self, account_id: str, password_hash: str, keep: bytes | None) -> None:
        def work(connection: sqlite3.Connection) -> None:
            sql = "update accounts set password_hash = ? where id = ? and deleted_ns is null"
            connection.execute(sql, (password_hash, int(account_id)))
            sessions.end_all(connection, account_id, keep)
            connection.execute("delete from tickets where kind = 'login' and subject = ?", (account_id,))

        await self._writer.submit(work)

    async def rehash(self, account_id: str, old_hash: str, new_hash: str) -> None:
        sql = "update accounts set password_hash = ? where id = ? and password_hash = ?"
        await self._write(sql, new_hash, int(account_id), old_hash)

    async def set_otlp_private(self, account_id: str, is_private: bool) -> None:
        await self._write("update accounts set otlp_is_private = ? where id = ?", is_private, int(account_id))

    async def set_subscription(self, account_id: str, subscription: Subscription) -> bool:
        sql = """update accounts set plan = ?, is_subscribed = ?, subscribed_until_ns = ?, customer_id = ?,
                 subscription_told_ns = ? where id = ? and subscription_told_ns <= ? and deleted_ns is null"""
        told = subscription
        values = (told.plan, told.is_active, told.until_ns, told.customer_id, told.told_ns)
        return await self._write(sql, *values, int(account_id), told.told_ns) > 0

    async def close_account(self, account_id: str, now_ns: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            sql = """delete from tickets where kind = 'invitation'
                     and subject = (select email from accounts where id = ? and deleted_ns is null)"""
            connection.execute(sql, (int(account_id),))
            sql = """update accounts set deleted_ns = ?, email = 'deleted-' || id, password_hash = null,
                     customer_id = '' where id = ? and deleted_ns is null"""
            connection.execute(sql, (now_ns, int(account_id)))
            sql = "delete from key_hits where key_id in (select id from keys where account_id = ?)"
            connection.execute(sql, (int(account_id),))
            connection.execute("delete from keys where account_id = ?", (int(account_id),))
            sessions.end_all(connection, account_id, None)
            connection.execute("delete from tickets where kind = 'login' and subject = ?", (account_id,))
            self._logs.note_deleted()  # address and labels of keys

        await self._writer.submit(work, frees=True)

    # -- keys ------------------------------------------------------------------------------------------

    async def add_key(self, account_id: str, new: NewKey, now_ns: int, at_most: int | None = None) -> Key:
        return await self._writer.submit(lambda c: keys.add(c, account_id, new, now_ns, at_most))

    async def key_count(self, account_id: str, now_ns: int) -> int:
        return await self._read(lambda c: keys.count(c, account_id, now_ns))

    async def key(self, sha256: bytes) -> Key | None:
        return await self._read(lambda c: keys.by_sha256(c, sha256))

    async def keys_of(self, account_id: str, *, with_revoked: bool = False) -> list[Key]:
        return await self._read(lambda c: keys.of_account(c, account_id, with_revoked=with_revoked))

    async def key_hits(self, account_id: str, since_ns: int) -> dict[str, int]:
        return await self._read(lambda c: keys.hits(c, account_id, since_ns))

    async def revoke_key(self, account_id: str, key_id: str, now_ns: int) -> bool:
        sql = "update keys set revoked_ns = ? where id = ? and account_id = ? and revoked_ns is null"
        values = (now_ns, key_id, int(account_id))
        return await self._writer.submit(lambda c: c.execute(sql, values).rowcount, frees=True) > 0

    async def rotate_key(
        self,
        account_id: str,
        key_id: str,
        new: NewKey,
        now_ns: int,
        until_ns: int,
        at_most: int | None = None,
    ) -> Key | None:
        return await self._writer.submit(
            lambda c: keys.rotate(c, account_id, key_id, new, now_ns, until_ns, at_most)
        )

    async def touch_key(self, key_id: str, now_ns: int) -> None:
        await self._write("update keys set last_used_ns = ? where id = ?", now_ns, key_id)

    # -- sessions and tickets --------------------------------------------------------------------------

    async def open_session(self, session_id: bytes, account_id: str, now_ns: int) -> None:
        await self._writer.submit(lambda c: sessions.begin(c, session_id, account_id, now_ns))

    async def session(self, session_id: bytes) -> Session | None:
        def read(connection: sqlite3.Connection) -> Session | None:
            sql = f"""select sessions.created_ns, sessions.seen_ns, {COLUMNS} from sessions
                      join accounts on accounts.id = sessions.account_id
                      where sessions.id = ? and accounts.deleted_ns is null"""  # noqa: S608 - constants
            row = connection.execute(sql, (session_id,)).fetchone()
            return Session(session_id, account_of(row[2:]), row[0], row[1]) if row else None

        return await self._read(read)

    async def touch_session(self, session_id: bytes, now_ns: int) -> None:
        await self._write("update sessions set seen_ns = ? where id = ?", now_ns, session_id)

    async def end_session(self, session_id: bytes) -> None:
        await self._write("delete from sessions where id = ?", session_id)

    async def end_other_sessions(self, account_id: str, keep: bytes) -> int:
        return await self._writer.submit(lambda c: sessions.end_all(c, account_id, keep))

    async def expire_sessions(self, created_before_ns: int, seen_before_ns: int, now_ns: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            sessions.expire(connection, created_before_ns, seen_before_ns)
            gone = sessions.expire_tickets(connection, now_ns) + keys.sweep(connection, now_ns)
            if gone:
                self._logs.note_deleted()  # addresses that were invited, names of keys

        await self._writer.submit(work)

    async def add_ticket(self, ticket: Ticket) -> None:
        await self._writer.submit(lambda c: sessions.add_ticket(c, ticket))

    async def ticket(self, sha256: bytes, now_ns: int) -> Ticket | None:
        return await self._read(lambda c: sessions.ticket(c, sha256, now_ns))

    async def take_ticket(self, sha256: bytes, kind: TicketKind, now_ns: int) -> Ticket | None:
        return await self._writer.submit(lambda c: sessions.take_ticket(c, sha256, kind, now_ns))

    async def _write(self, sql: str, *values: object) -> int:
        """Run one statement; how many rows it changed."""
        return await self._writer.submit(lambda connection: connection.execute(sql, values).rowcount)


class _NotInvited(Exception):
    """Undoes what was written, a ticket that was taken included."""


def folded(email: str) -> str:
    """An address as it is compared."""
    return email.strip().casefold()


def account_of(row: Sequence[Any]) -> Account:
    """Read COLUMNS."""
    account_id, email, created_ns, has_password, otlp_is_private, *subscription = row
    plan, is_active, until_ns, customer_id, told_ns = subscription
    return Account(
        str(account_id),
        email,
        created_ns or 0,
        bool(has_password),
        bool(otlp_is_private),
        Subscription(plan, bool(is_active), until_ns, customer_id, told_ns),
    )


def _one(connection: sqlite3.Connection, where: str, value: object) -> Account | None:
    row = connection.execute(f"{_SELECT} and {where}", (value,)).fetchone()
    return account_of(row) if row else None


def _made(
    connection: sqlite3.Connection, email: str, password_hash: str | None, now_ns: int
) -> tuple[Account, bool]:
    """The account of an address, and whether it was made now."""
    sql = "insert or ignore into accounts (email, created_ns, password_hash) values (?, ?, ?)"
    is_new = connection.execute(sql, (folded(email), now_ns, password_hash)).rowcount > 0
    account = _one(connection, "email = ?", folded(email))
    assert account is not None  # noqa: S101 - seen in this very transaction
    return account, is_new
