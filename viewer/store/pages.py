"""The rows of pages and of their saved documents, statement by statement."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace

from viewer.store.base import Document, Page

_SELECT = """select id, account_id, otel_trace_id,
    coalesce(deleted_ns, (select accounts.deleted_ns from accounts where accounts.id = pages.account_id)),
    opened_ns, reserved_ns, created_ns from pages"""


def by_id(connection: sqlite3.Connection, page_id: str) -> Page | None:
    return _page(connection.execute(f"{_SELECT} where id = ?", (page_id,)).fetchone())


def of_trace(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> Page | None:
    where = "where otel_trace_id = ? and account_id = ?"
    return _page(connection.execute(f"{_SELECT} {where}", (otel_trace_id, int(account_id))).fetchone())


def made_of_trace(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """The page of a trace of which something has come, made now if there is none."""
    sql = "insert or ignore into pages (id, account_id, otel_trace_id, created_ns) values (?, ?, ?, ?)"
    page_id = str(uuid.uuid4())
    if connection.execute(sql, (page_id, int(account_id), otel_trace_id, now_ns)).rowcount:
        return Page(page_id, account_id, otel_trace_id)
    page = of_trace(connection, account_id, otel_trace_id)
    assert page is not None  # noqa: S101 - seen in this very transaction
    if page.waits_since_ns is not None:
        connection.execute("update pages set reserved_ns = null where id = ?", (page.id,))
        page = replace(page, waits_since_ns=None)
    return page


def reserved(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """A new page, made ahead of its trace."""
    page = Page(str(uuid.uuid4()), account_id, otel_trace_id, waits_since_ns=now_ns)
    sql = "insert into pages (id, account_id, otel_trace_id, created_ns, reserved_ns) values (?, ?, ?, ?, ?)"
    connection.execute(sql, (page.id, int(account_id), otel_trace_id, now_ns, now_ns))
    return page


def _page(row: tuple[str, int, bytes, int | None, int | None, int | None, int] | None) -> Page | None:
    if row is None:
        return None
    page_id, account_id, otel_trace_id, deleted_ns, opened_ns, reserved_ns, created_ns = row
    return Page(
        page_id,
        str(account_id),
        otel_trace_id,
        deleted=deleted_ns is not None,
        opened=opened_ns is not None,
        waits_since_ns=None if reserved_ns is None or deleted_ns is not None else created_ns,
    )


def mark_opened(connection: sqlite3.Connection, page: Page, now_ns: int) -> None:
    sql = "update pages set opened_ns = ? where id = ? and opened_ns is null"
    connection.execute(sql, (now_ns, page.id))


def mark_deleted(
    connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes, now_ns: int, *, had_content: bool
) -> None:
    """Take away what is shown of a trace; nothing happens where it has no page.

    A reservation that nothing came for is counted on: who deletes it makes no room for another.
    """
    page = of_trace(connection, str(account_id), otel_trace_id)
    if page is not None and not page.deleted:
        connection.execute("delete from documents where page_id = ?", (page.id,))
        connection.execute("delete from document_parts where page_id = ?", (page.id,))
        sql = "update pages set deleted_ns = ?, reserved_ns = iif(?, null, reserved_ns) where id = ?"
        connection.execute(sql, (now_ns, had_content, page.id))


# -- documents ----------------------------------------------------------------------------------------


def document(
    connection: sqlite3.Connection, page: Page, version: int, meaning: str, names: Sequence[str]
) -> Document | None:
    sql = "select edition from documents where page_id = ? and version = ? and meaning = ?"
    row = connection.execute(sql, (page.id, version, meaning)).fetchone()
    if row is None:
        return None
    sql = """select name, body from document_parts where page_id = ? and edition = ?
             and name in (select value from json_each(?))"""
    values = (page.id, row[0], json.dumps(list(names)))
    return Document(row[0], dict(connection.execute(sql, values).fetchall()))


def save_parts(
    connection: sqlite3.Connection, page: Page, edition: str, parts: Iterable[tuple[str, bytes]]
) -> None:
    """Keep parts that nobody sees before `publish`; nothing happens for a deleted page."""
    sql = """insert into document_parts (page_id, edition, name, body)
             select id, ?, ?, ? from pages where id = ? and deleted_ns is null"""
    connection.executemany(sql, [(edition, name, body, page.id) for name, body in parts])


def publish(connection: sqlite3.Connection, page: Page, version: int, meaning: str, edition: str) -> None:
    """Show an edition, unless a newer version is shown, or the page is deleted."""
    sql = """insert into documents (page_id, version, meaning, edition)
             select id, ?, ?, ? from pages where id = ? and deleted_ns is null
             on conflict (page_id) do update set version = excluded.version, meaning = excluded.meaning,
             edition = excluded.edition where excluded.version >= documents.version"""
    connection.execute(sql, (version, meaning, edition, page.id))


def forget_parts(connection: sqlite3.Connection, page: Page, limit: int) -> int:
    """Delete some parts of editions that are not shown; how many they were."""
    sql = """delete from document_parts where id in (select id from document_parts where page_id = ?
             and edition not in (select edition from documents where page_id = ?) limit ?)"""
    return connection.execute(sql, (page.id, page.id, limit)).rowcount
