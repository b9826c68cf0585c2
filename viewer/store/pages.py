"""The rows of pages and of their saved documents, statement by statement."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Sequence

from viewer.store.base import Document, Page

_SELECT = "select id, account_id, otel_trace_id, deleted_ns, opened_ns from pages"


def by_id(connection: sqlite3.Connection, page_id: str) -> Page | None:
    return _page(connection.execute(f"{_SELECT} where id = ?", (page_id,)).fetchone())


def of_trace(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> Page | None:
    where = "where otel_trace_id = ? and account_id = ?"
    return _page(connection.execute(f"{_SELECT} {where}", (otel_trace_id, int(account_id))).fetchone())


def made_of_trace(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """The page of a trace, made now if there is none."""
    sql = "insert or ignore into pages (id, account_id, otel_trace_id, created_ns) values (?, ?, ?, ?)"
    page_id = str(uuid.uuid4())
    if connection.execute(sql, (page_id, int(account_id), otel_trace_id, now_ns)).rowcount:
        return Page(page_id, account_id, otel_trace_id)
    page = of_trace(connection, account_id, otel_trace_id)
    assert page is not None  # noqa: S101 - seen in this very transaction
    return page


def _page(row: tuple[str, int, bytes, int | None, int | None] | None) -> Page | None:
    if row is None:
        return None
    return Page(row[0], str(row[1]), row[2], deleted=row[3] is not None, opened=row[4] is not None)


def mark_opened(connection: sqlite3.Connection, page: Page, now_ns: int) -> None:
    sql = "update pages set opened_ns = ? where id = ? and opened_ns is null"
    connection.execute(sql, (now_ns, page.id))


def mark_deleted(connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes, now_ns: int) -> None:
    """Take away what is shown of a trace; nothing happens where it has no page."""
    page = of_trace(connection, str(account_id), otel_trace_id)
    if page is not None and not page.deleted:
        connection.execute("delete from documents where page_id = ?", (page.id,))
        connection.execute("delete from document_parts where page_id = ?", (page.id,))
        connection.execute("update pages set deleted_ns = ? where id = ?", (now_ns, page.id))


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
