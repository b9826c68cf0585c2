"""Every stored body, payload and document, read as a page would read it.

One at a time, and each as it is then: what is read for minutes must not keep a server from emptying its logs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zstandard import ZstdError

from tracen_otel import payload
from tracen_otel.otlp import Signal, decode_logs, decode_spans
from viewer.document import NEEDED, Document
from viewer.store.body_kind import BodyKind
from viewer.store.check.findings import Findings, Watch
from viewer.store.durable import BODIES, MAIN, DurableFile

_TOLD_BYTES = 1024 * 1024
"""Read between two looks of whoever watches."""


_UNREADABLE = (ValueError, ZstdError)
"""What readers raise of broken bytes; UndecodableBody and PayloadError are ValueErrors."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of content: where it is and how it is read. `sql`: id, name, hint and body of the one after an id."""

    file: DurableFile
    sql: str
    size_sql: str
    words: str
    read: Callable[[str, bytes], object]


def check_bodies(reading: sqlite3.Connection, main: Path, findings: Findings, watch: Watch) -> None:
    """Read everything, a body at a time, on a connection that is in no transaction."""
    total = sum(reading.execute(kind.size_sql).fetchone()[0] for kind in _KINDS)
    done = told = 0
    stage = f"{main.name}, contents"
    for kind, name, hint, body in _each(reading):
        try:
            kind.read(hint, _blob(body))
        except _UNREADABLE as error:
            what = f"{kind.words} {name} can not be read ({type(error).__name__})"
            findings.damaged(kind.file.beside(main), what, f"{kind.words}: unreadable")
        done += len(body)
        if done - told >= _TOLD_BYTES:
            told = done
            watch(stage, min(done, total), total)
    for (page_id,) in reading.execute(_INCOMPLETE):
        findings.damaged(main, f"document of page {page_id} has lost a part", "documents: parts lost")
    watch(stage, total, total)


def _blob(body: object) -> bytes:
    if not isinstance(body, bytes):
        raise ValueError("no bytes are stored")
    return body


def _each(reading: sqlite3.Connection) -> Iterator[tuple[_Kind, object, str, bytes]]:
    for kind in _KINDS:
        last = 0
        while row := reading.execute(kind.sql, (last,)).fetchone():
            last, name, hint, body = row
            yield kind, name, hint, body


def _read_otlp(kind: str, body: bytes) -> object:
    encoding, signal = BodyKind(kind).otlp()
    return decode_spans(body, encoding) if signal is Signal.TRACES else decode_logs(body, encoding)


def _read_payload(_: str, body: bytes) -> object:
    return payload.decode(payload.parse(body))


def _read_part(name: str, body: bytes) -> object:
    return Document("", {name: body}).body(name)


_KINDS = (
    _Kind(
        BODIES,
        "select id, id, kind, body from batches where id > ? and body is not null order by id limit 1",
        "select coalesce(sum(length(body)), 0) from batches",
        "batch",
        _read_otlp,
    ),
    _Kind(
        BODIES,
        """select pieces.id, pieces.id, kind, pieces.body from pieces join batches on batches.id = batch_id
           where pieces.id > ? order by pieces.id limit 1""",
        "select coalesce(sum(length(body)), 0) from pieces",
        "piece",
        _read_otlp,
    ),
    _Kind(
        MAIN,
        "select id, id, '', body from posts where id > ? order by id limit 1",
        "select coalesce(sum(length(body)), 0) from posts",
        "post",
        _read_payload,
    ),
    _Kind(
        MAIN,
        "select id, page_id, name, body from document_parts where id > ? order by id limit 1",
        "select coalesce(sum(length(body)), 0) from document_parts",
        "document of page",
        _read_part,
    ),
)
_INCOMPLETE = f"""select page_id from documents where {len(NEEDED)} != (select count(*) from document_parts
    where document_parts.page_id = documents.page_id and document_parts.edition = documents.edition
    and name in ({", ".join(f"'{name}'" for name in NEEDED)}))"""  # noqa: S608 - constants
