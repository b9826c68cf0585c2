"""The rows of pages, statement by statement."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import Any

from viewer.store import documents, sharing
from viewer.store.base import Page

DEFAULT_OF_OTLP = "(select otlp_is_private from accounts where accounts.id = pages.account_id)"
"""Whether a page begins as a private one whose trace comes over OTLP. A page that waits may be about to."""
_SELECT = f"""select id, account_id, otel_trace_id,
    coalesce(deleted_ns, (select accounts.deleted_ns from accounts where accounts.id = pages.account_id)),
    opened_ns, reserved_ns, created_ns, coalesce(is_private, iif(reserved_ns is null, 0, {DEFAULT_OF_OTLP})),
    shared_until_ns, is_indexed, masks from pages"""  # noqa: S608 - constants


def by_id(connection: sqlite3.Connection, page_id: str) -> Page | None:
    """A page by the id that it has, or that it had before its link was withdrawn."""
    page = _page(connection.execute(f"{_SELECT} where id = ?", (page_id,)).fetchone())
    return page or sharing.withdrawn(connection, page_id)


def of_trace(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> Page | None:
    where = "where otel_trace_id = ? and account_id = ?"
    return _page(connection.execute(f"{_SELECT} {where}", (otel_trace_id, int(account_id))).fetchone())


def made_of_post(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """The page of a trace that was posted, made now if there is none: a public one."""
    sql = "insert or ignore into pages (id, account_id, otel_trace_id, created_ns) values (?, ?, ?, ?)"
    page_id = str(uuid.uuid4())
    if connection.execute(sql, (page_id, int(account_id), otel_trace_id, now_ns)).rowcount:
        return Page(page_id, account_id, otel_trace_id)
    return _filled(connection, account_id, otel_trace_id, "reserved_ns = null")


def begun_by_otlp(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """The page of a trace that came over OTLP, made now if there is none, as its account has such pages begin.

    Which page it is, is all that is told: the rest would take a third as long again, with every request.
    """
    sql = """insert or ignore into pages (id, account_id, otel_trace_id, created_ns, is_private)
             values (?, ?, ?, ?, (select otlp_is_private from accounts where id = ?))"""
    page_id, account = str(uuid.uuid4()), int(account_id)
    if connection.execute(sql, (page_id, account, otel_trace_id, now_ns, account)).rowcount:
        return Page(page_id, account_id, otel_trace_id)
    sql = "select id, reserved_ns from pages where otel_trace_id = ? and account_id = ?"
    page_id, reserved_ns = connection.execute(sql, (otel_trace_id, account)).fetchone()
    if reserved_ns is not None:
        return _filled(connection, account_id, otel_trace_id, FILLED_BY_OTLP)
    return Page(page_id, account_id, otel_trace_id)


def made_of_otlp(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """The same, and all that is known of it."""
    begun = begun_by_otlp(connection, account_id, otel_trace_id, now_ns)
    return by_id(connection, begun.id) or begun


FILLED_BY_OTLP = f"reserved_ns = null, is_private = coalesce(is_private, {DEFAULT_OF_OTLP})"


def _filled(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, change: str) -> Page:
    """The page that a trace has; with `change` it no longer waits."""
    page = of_trace(connection, account_id, otel_trace_id)
    assert page is not None  # noqa: S101 - seen in this very transaction
    if page.waits_since_ns is None:
        return page
    connection.execute(f"update pages set {change} where id = ?", (page.id,))  # noqa: S608 - constants
    page = of_trace(connection, account_id, otel_trace_id)
    assert page is not None  # noqa: S101
    return page


def reserved(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    """A new page, made ahead of its trace."""
    page = Page(str(uuid.uuid4()), account_id, otel_trace_id, waits_since_ns=now_ns)
    sql = "insert into pages (id, account_id, otel_trace_id, created_ns, reserved_ns) values (?, ?, ?, ?, ?)"
    connection.execute(sql, (page.id, int(account_id), otel_trace_id, now_ns, now_ns))
    return page


def _page(row: tuple[Any, ...] | None) -> Page | None:
    if row is None:
        return None
    page_id, account_id, otel_trace_id, deleted_ns, opened_ns, reserved_ns, created_ns, *shared = row
    is_private, shared_until_ns, is_indexed, masks = shared
    return Page(
        page_id,
        str(account_id),
        otel_trace_id,
        deleted=deleted_ns is not None,
        opened=opened_ns is not None,
        waits_since_ns=None if reserved_ns is None or deleted_ns is not None else created_ns,
        is_private=bool(is_private),
        shared_until_ns=shared_until_ns,
        is_indexed=bool(is_indexed),
        masks=tuple(json.loads(masks)) if masks else (),
    )


def mark_opened(connection: sqlite3.Connection, page: Page, now_ns: int) -> None:
    sql = "update pages set opened_ns = ? where id = ? and opened_ns is null"
    connection.execute(sql, (now_ns, page.id))


def mark_deleted(
    connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes, now_ns: int, *, had_content: bool
) -> None:
    """Take away what is shown of a trace, and what its owner had masked; nothing happens where it has no page.

    A reservation that nothing came for is counted on: who deletes it makes no room for another.
    """
    trace = (otel_trace_id, account_id)
    documents.remove(connection, trace)
    sql = """update pages set deleted_ns = ?, reserved_ns = iif(?, null, reserved_ns), masks = null
             where otel_trace_id = ? and account_id = ? and deleted_ns is null"""
    connection.execute(sql, (now_ns, had_content, *trace))
