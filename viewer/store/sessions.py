"""The rows of sessions and tickets, statement by statement."""

from __future__ import annotations

import sqlite3

from viewer.store.people import Ticket, TicketKind

MAX_SESSIONS = 100
"""Of an account; with one more, the one that was seen longest ago ends."""


def begin(connection: sqlite3.Connection, session_id: bytes, account_id: str, now_ns: int) -> None:
    sql = """insert into sessions (id, account_id, created_ns, seen_ns)
             select ?, id, ?, ? from accounts where id = ? and deleted_ns is null"""
    connection.execute(sql, (session_id, now_ns, now_ns, int(account_id)))
    sql = """delete from sessions where id in (select id from sessions where account_id = ?
             order by seen_ns desc, rowid desc limit -1 offset ?)"""
    connection.execute(sql, (int(account_id), MAX_SESSIONS))


def end_all(connection: sqlite3.Connection, account_id: str, keep: bytes | None) -> int:
    sql = "delete from sessions where account_id = ? and id is not ?"
    return connection.execute(sql, (int(account_id), keep)).rowcount


def expire(connection: sqlite3.Connection, created_before_ns: int, seen_before_ns: int) -> None:
    sql = "delete from sessions where created_ns < ? or seen_ns < ?"
    connection.execute(sql, (created_before_ns, seen_before_ns))


def expire_tickets(connection: sqlite3.Connection, now_ns: int) -> int:
    """Forget tickets that nobody can use any more; how many they were."""
    return connection.execute("delete from tickets where expires_ns <= ?", (now_ns,)).rowcount


def add_ticket(connection: sqlite3.Connection, ticket: Ticket) -> None:
    values = (ticket.sha256, ticket.kind.value, ticket.subject, ticket.expires_ns)
    connection.execute("insert into tickets values (?, ?, ?, ?)", values)


def ticket(connection: sqlite3.Connection, sha256: bytes, now_ns: int) -> Ticket | None:
    sql = "select kind, subject, expires_ns from tickets where sha256 = ? and expires_ns > ?"
    row = connection.execute(sql, (sha256, now_ns)).fetchone()
    return Ticket(sha256, TicketKind(row[0]), row[1], row[2]) if row else None


def take_ticket(
    connection: sqlite3.Connection, sha256: bytes, kind: TicketKind, now_ns: int
) -> Ticket | None:
    found = ticket(connection, sha256, now_ns)
    if found is None or found.kind is not kind:
        return None
    connection.execute("delete from tickets where sha256 = ?", (sha256,))
    return found
