"""Who may see a page, and what its owner has masked in it, statement by statement.

All is found by account and trace: the id of a page is what others are given, and may change.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence

from viewer.store.base import Page, Sharing

_OF_TRACE = "where otel_trace_id = ? and account_id = ? and deleted_ns is null"


def withdrawn(connection: sqlite3.Connection, page_id: str) -> Page | None:
    """What is remembered of a page under an id that was withdrawn."""
    sql = "select account_id, otel_trace_id, is_private from withdrawn where page_id = ?"
    row = connection.execute(sql, (page_id,)).fetchone()
    return Page(page_id, str(row[0]), row[1], is_private=bool(row[2]), withdrawn=True) if row else None


def set_sharing(connection: sqlite3.Connection, page: Page, sharing: Sharing) -> None:
    sql = f"update pages set is_private = ?, shared_until_ns = ?, is_indexed = ? {_OF_TRACE}"  # noqa: S608 - constants
    values = (sharing.is_private, sharing.shared_until_ns, sharing.is_indexed)
    connection.execute(sql, (*values, page.otel_trace_id, int(page.account_id)))


def set_masks(connection: sqlite3.Connection, page: Page, masks: Sequence[str]) -> None:
    """Replace the masks of a page; nothing happens where it was deleted."""
    told = json.dumps(list(masks)) if masks else None
    sql = f"update pages set masks = ? {_OF_TRACE}"  # noqa: S608 - constants
    connection.execute(sql, (told, page.otel_trace_id, int(page.account_id)))


def reissue(connection: sqlite3.Connection, page: Page, now_ns: int) -> bool:
    """Give a page another id; False where it no longer has the one that it is asked by, or was deleted."""
    sql = """insert into withdrawn (page_id, account_id, otel_trace_id, withdrawn_ns, is_private)
             select id, account_id, otel_trace_id, ?, coalesce(is_private, 0) from pages
             where id = ? and deleted_ns is null"""
    if not connection.execute(sql, (now_ns, page.id)).rowcount:
        return False
    sql = "update pages set id = ?, documents_id = coalesce(documents_id, id) where id = ?"
    connection.execute(sql, (str(uuid.uuid4()), page.id))
    return True
