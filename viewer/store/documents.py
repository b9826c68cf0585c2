"""The saved documents of pages, statement by statement, and how a large one is written: in parts, a few at a time."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from viewer.store.base import Document, Page
from viewer.store.writer import Writer

_SLICE_BYTES = 512 * 1024
_SLICE_PARTS = 16
"""Of a document, written in one go: a large one must not keep ingest waiting."""
_DOCUMENTS_OF = "(select coalesce(documents_id, id) from pages where otel_trace_id = ? and account_id = ?)"
"""The id under which the document of a page is kept. By trace: the page may have got another id meanwhile."""


def read(
    connection: sqlite3.Connection, page: Page, version: int, meaning: str, names: Sequence[str]
) -> Document | None:
    sql = f"""select page_id, edition from documents where page_id = {_DOCUMENTS_OF}
              and version = ? and meaning = ?"""  # noqa: S608 - constants
    row = connection.execute(sql, (*_trace(page), version, meaning)).fetchone()
    if row is None:
        return None
    sql = """select name, body from document_parts where page_id = ? and edition = ?
             and name in (select value from json_each(?))"""
    parts = connection.execute(sql, (*row, json.dumps(list(names)))).fetchall()
    return Document(row[1], dict(parts))


async def save(writer: Writer, page: Page, version: int, meaning: str, parts: Mapping[str, bytes]) -> str:
    """See `viewer.store.base.Store.save_document`."""
    edition = uuid.uuid4().hex
    for some in _slices(parts.items()):
        size = sum(len(body) for _, body in some)
        work = partial(_save_parts, page=page, edition=edition, parts=some)
        await writer.submit(work, size=size)
    await writer.submit(lambda c: _publish(c, page, version, meaning, edition))
    while await writer.submit(lambda c: _forget_parts(c, page, _SLICE_PARTS)):
        pass
    return edition


def remove(connection: sqlite3.Connection, trace: tuple[bytes, int]) -> None:
    """Remove what is saved for the page of a trace, which is told as OTel trace id and account."""
    connection.execute(f"delete from documents where page_id = {_DOCUMENTS_OF}", trace)  # noqa: S608 - constants
    connection.execute(f"delete from document_parts where page_id = {_DOCUMENTS_OF}", trace)  # noqa: S608


def _save_parts(
    connection: sqlite3.Connection, page: Page, edition: str, parts: Iterable[tuple[str, bytes]]
) -> None:
    """Keep parts that nobody sees before `_publish`; nothing happens for a deleted page."""
    sql = """insert into document_parts (page_id, edition, name, body)
             select coalesce(documents_id, id), ?, ?, ? from pages
             where otel_trace_id = ? and account_id = ? and deleted_ns is null"""
    connection.executemany(sql, [(edition, name, body, *_trace(page)) for name, body in parts])


def _publish(connection: sqlite3.Connection, page: Page, version: int, meaning: str, edition: str) -> None:
    """Show an edition, unless a newer version is shown, or the page is deleted."""
    sql = """insert into documents (page_id, version, meaning, edition)
             select coalesce(documents_id, id), ?, ?, ? from pages
             where otel_trace_id = ? and account_id = ? and deleted_ns is null
             on conflict (page_id) do update set version = excluded.version, meaning = excluded.meaning,
             edition = excluded.edition where excluded.version >= documents.version"""
    connection.execute(sql, (version, meaning, edition, *_trace(page)))


def _forget_parts(connection: sqlite3.Connection, page: Page, limit: int) -> int:
    """Delete some parts of editions that are not shown; how many they were."""
    sql = f"""delete from document_parts where id in (select id from document_parts
              where page_id = {_DOCUMENTS_OF} and edition not in
              (select edition from documents where page_id = {_DOCUMENTS_OF}) limit ?)"""  # noqa: S608 - constants
    return connection.execute(sql, (*_trace(page), *_trace(page), limit)).rowcount


def _trace(page: Page) -> tuple[bytes, int]:
    """What _DOCUMENTS_OF asks for."""
    return page.otel_trace_id, int(page.account_id)


def _slices(parts: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Parts in order, as many at a time as are written in one go."""
    some: list[tuple[str, bytes]] = []
    size = 0
    for name, body in parts:
        if some and (size + len(body) > _SLICE_BYTES or len(some) == _SLICE_PARTS):
            yield some
            some, size = [], 0
        some.append((name, body))
        size += len(body)
    if some:
        yield some
