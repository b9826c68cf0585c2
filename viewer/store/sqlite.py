"""The embedded store: one SQLite file, one writing thread, readers of their own.

SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at the same instant: so one
connection writes, it alone checkpoints, readers are read-only, and a second server on the file is refused.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from viewer.store import base
from viewer.store.base import Account, Batch, BodyKind, Key, Limit, Page, Post, PostOutcome, Quota, Telling
from viewer.store.schema import migrations
from viewer.store.writer import Writer

T = TypeVar("T")

logger = logging.getLogger("tracen.store")

_SELECT_PAGE = "select id, account_id, otel_trace_id, deleted_ns from pages"

_PRAGMAS = (
    "busy_timeout = 5000",
    "journal_mode = wal",
    "synchronous = full",
    "mmap_size = 0",
    "journal_size_limit = 67108864",  # of a WAL that once was large
)
READERS = 4
CHECKPOINT_PAGES = 1000  # 4 MB of WAL; larger was no faster, see RATIONALE.md


class SqliteStore:
    """A `viewer.store.base.Store` on one file. `exclusive` is for the server: it alone checkpoints."""

    def __init__(
        self,
        path: Path,
        *,
        exclusive: bool = True,
        on_broken: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """Open the file, made and migrated as needed. Raises StoreUnusable.

        `on_broken` hears, on another thread, why no write will succeed any more.
        """
        path = path.resolve()  # the lock is beside the file itself, whatever links lead to it
        self._path = path
        _make_private(path)
        self._lock = _lock(path) if exclusive else None
        try:
            connection = _open_writing(path, checkpoint_pages=CHECKPOINT_PAGES if exclusive else 0)
        except BaseException:
            if self._lock:
                self._lock.close()
            raise
        self._connection = connection
        self._inode = path.stat().st_ino
        self._writer = Writer(connection, self._check_in_place, on_broken)
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, "tracen-reader")

    # -- accounts and keys -----------------------------------------------------------------------------

    async def create_account(self, email: str, now_ns: int) -> Account:
        folded = email.strip().casefold()

        def work(connection: sqlite3.Connection) -> Account:
            connection.execute(
                "insert or ignore into accounts (id, email, created_ns) values (?, ?, ?)",
                (secrets.token_hex(8), folded, now_ns),  # short: it stands in every row of the ingest index
            )
            row = connection.execute("select id from accounts where email = ?", (folded,)).fetchone()
            return Account(row[0], folded)

        return await self._writer.submit(work)

    async def is_empty(self) -> bool:
        return await self._read(lambda c: c.execute("select 1 from accounts limit 1").fetchone() is None)

    async def add_key(self, account_id: str, sha256: bytes, label: str, now_ns: int) -> Key:
        key = Key(uuid.uuid4().hex, account_id)

        def work(connection: sqlite3.Connection) -> Key:
            connection.execute(
                "insert into keys (id, account_id, sha256, label, created_ns) values (?, ?, ?, ?, ?)",
                (key.id, account_id, sha256, label, now_ns),
            )
            return key

        return await self._writer.submit(work)

    async def key(self, sha256: bytes) -> Key | None:
        def read(connection: sqlite3.Connection) -> Key | None:
            sql = "select id, account_id, revoked_ns from keys where sha256 = ?"
            row = connection.execute(sql, (sha256,)).fetchone()
            return Key(row[0], row[1], row[2] is not None) if row else None

        return await self._read(read)

    async def revoke_key(self, key_id: str, now_ns: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            sql = "update keys set revoked_ns = ? where id = ? and revoked_ns is null"
            connection.execute(sql, (now_ns, key_id))

        await self._writer.submit(work)

    # -- what came in ----------------------------------------------------------------------------------

    async def append(self, batch: Batch) -> Page | None:
        return await self._writer.submit(lambda connection: _append(connection, batch), len(batch.body))

    async def post(self, post: Post) -> PostOutcome:
        return await self._writer.submit(lambda connection: _post(connection, post), len(post.body))

    async def quota(self, key_id: str, limit: Limit, now_ns: int) -> Quota:
        return await self._read(lambda connection: _quota(connection, key_id, limit, now_ns))

    # -- pages -----------------------------------------------------------------------------------------

    async def page_of(self, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page | None:
        page = await self._read(lambda connection: _find_page(connection, account_id, otel_trace_id))
        if page is not None:
            return page
        if not await self._read(lambda connection: _was_received(connection, account_id, otel_trace_id)):
            return None
        return await self._writer.submit(lambda c: _page_of(c, account_id, otel_trace_id, now_ns))

    async def page(self, page_id: str) -> Page | None:
        def read(connection: sqlite3.Connection) -> Page | None:
            return _page(connection.execute(f"{_SELECT_PAGE} where id = ?", (page_id,)).fetchone())

        return await self._read(read)

    async def telling(self, page: Page, max_bytes: int) -> Telling:
        sql = """select batch_id, kind, case when total - size <= ? then body end from (
                   select batch_id, kind, body, length(body) as size,
                          sum(length(body)) over (order by batch_id) as total
                   from batch_traces join batches on batches.id = batch_id
                   where otel_trace_id = ? and batch_traces.account_id = ?) order by batch_id"""

        def read(connection: sqlite3.Connection) -> Telling:
            bodies: list[tuple[BodyKind, bytes]] = []
            newest = omitted = 0
            values = (max_bytes, page.otel_trace_id, page.account_id)
            for batch_id, kind, body in connection.execute(sql, values):
                newest = batch_id
                if body is None:
                    omitted += 1
                else:
                    bodies.append((BodyKind(kind), body))
            return Telling(newest, tuple(bodies), omitted)

        return await self._read(read)

    async def document(self, page: Page, meaning: str) -> bytes | None:
        sql = """select body from documents where page_id = ? and meaning = ? and version =
                 (select max(batch_id) from batch_traces where otel_trace_id = ? and account_id = ?)"""

        def read(connection: sqlite3.Connection) -> bytes | None:
            values = (page.id, meaning, page.otel_trace_id, page.account_id)
            row = connection.execute(sql, values).fetchone()
            return row[0] if row else None

        return await self._read(read)

    async def save_document(self, page: Page, version: int, meaning: str, document: bytes) -> None:
        sql = """insert into documents (page_id, version, meaning, body) values (?, ?, ?, ?)
                 on conflict (page_id) do update set version = excluded.version, meaning = excluded.meaning,
                 body = excluded.body where excluded.version >= documents.version"""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(sql, (page.id, version, meaning, document))

        await self._writer.submit(work, len(document))

    # -- the file --------------------------------------------------------------------------------------

    async def check_writable(self) -> None:
        def work(connection: sqlite3.Connection) -> None:
            sql = "insert into heartbeat (id) values (1) on conflict do update set beats = beats + 1"
            connection.execute(sql)

        await self._writer.submit(work)

    def _check_in_place(self) -> None:
        """Raise where the file was deleted or replaced: what is written then is gone with the process."""
        try:
            inode = self._path.stat().st_ino
        except OSError:
            inode = None
        if inode != self._inode:
            raise base.StoreUnavailable(f"{self._path} was deleted or replaced while it was in use")

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        for connection in self._reading:
            connection.close()
        self._connection.close()
        if self._lock:
            self._lock.close()

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._read_here, read)
        except sqlite3.Error as error:  # a broken file included: nobody is helped by the details
            logger.error("the store can not be read: %s", error)
            raise base.StoreUnavailable("the store can not be read") from None

    def _read_here(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = _open_reading(self._path)
            self._local.connection = connection
            self._reading.append(connection)
        return read(connection)


# -- the statements of a transaction -------------------------------------------------------------------


def _append(connection: sqlite3.Connection, batch: Batch) -> Page | None:
    _insert_batch(connection, batch)
    if len(batch.otel_trace_ids) != 1:
        return None
    (otel_trace_id,) = batch.otel_trace_ids
    return _page_of(connection, batch.account_id, otel_trace_id, batch.received_ns)


def _insert_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    cursor = connection.execute(
        "insert into batches (account_id, kind, received_ns, body) values (?, ?, ?, ?)",
        (batch.account_id, batch.kind.value, batch.received_ns, batch.body),
    )
    rows = [(otel_trace_id, batch.account_id, cursor.lastrowid) for otel_trace_id in batch.otel_trace_ids]
    connection.executemany("insert into batch_traces values (?, ?, ?)", rows)


def _post(connection: sqlite3.Connection, post: Post) -> PostOutcome:
    body_sha256 = hashlib.sha256(post.body).digest()
    quota = _quota(connection, post.key_id, post.limit, post.received_ns)
    if post.idempotency_key is not None:
        sql = "select body_sha256, page_id from idempotency_keys where account_id = ? and idempotency_key = ?"
        row = connection.execute(sql, (post.account_id, post.idempotency_key)).fetchone()
        if row and row[0] != body_sha256:
            raise base.IdempotencyConflict("this Idempotency-Key was used with another body")
        if row:
            return PostOutcome(row[1], replayed=True, quota=quota)
    if quota.remaining == 0:
        raise base.LimitReached(quota)
    _log_hit(connection, post)
    traces = frozenset((post.otel_trace_id,))
    _insert_batch(connection, Batch(post.account_id, BodyKind.PAYLOAD, post.body, traces, post.received_ns))
    page = _page_of(connection, post.account_id, post.otel_trace_id, post.received_ns)
    if post.idempotency_key is not None:
        connection.execute(
            "insert into idempotency_keys values (?, ?, ?, ?, ?)",
            (post.account_id, post.idempotency_key, body_sha256, page.id, post.received_ns),
        )
    return PostOutcome(page.id, False, _quota(connection, post.key_id, post.limit, post.received_ns))


def _log_hit(connection: sqlite3.Connection, post: Post) -> None:
    left_window_ns = post.received_ns - post.limit.window_s * base.NS_PER_S
    connection.execute("delete from key_hits where key_id = ? and at_ns <= ?", (post.key_id, left_window_ns))
    connection.execute("insert into key_hits (key_id, at_ns) values (?, ?)", (post.key_id, post.received_ns))


def _quota(connection: sqlite3.Connection, key_id: str, limit: Limit, now_ns: int) -> Quota:
    """The sliding log: accepted requests in (now - window, now] count."""
    window_ns = limit.window_s * base.NS_PER_S
    sql = "select at_ns from key_hits where key_id = ? and at_ns > ? order by at_ns desc limit ?"
    hits = [at_ns for (at_ns,) in connection.execute(sql, (key_id, now_ns - window_ns, limit.count))]
    reset_ns = hits[-1] + window_ns - now_ns if hits else window_ns
    return Quota(limit, limit.count - len(hits), max(1, -(-reset_ns // base.NS_PER_S)))


def _page_of(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page:
    connection.execute(
        "insert or ignore into pages (id, account_id, otel_trace_id, created_ns) values (?, ?, ?, ?)",
        (str(uuid.uuid4()), account_id, otel_trace_id, now_ns),
    )
    page = _find_page(connection, account_id, otel_trace_id)
    assert page is not None  # noqa: S101 - inserted in this very transaction
    return page


def _find_page(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> Page | None:
    where = "where otel_trace_id = ? and account_id = ?"
    return _page(connection.execute(f"{_SELECT_PAGE} {where}", (otel_trace_id, account_id)).fetchone())


def _page(row: tuple[str, str, bytes, int | None] | None) -> Page | None:
    return Page(row[0], row[1], row[2], row[3] is not None) if row else None


def _was_received(connection: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> bool:
    sql = "select 1 from batch_traces where otel_trace_id = ? and account_id = ? limit 1"
    return connection.execute(sql, (otel_trace_id, account_id)).fetchone() is not None


# -- connections ---------------------------------------------------------------------------------------


def _lock_path(path: Path) -> Path:
    return Path(f"{path}.lock")


def _make_private(path: Path) -> None:
    """Make folder and files for their owner alone: they hold prompts. SQLite gives the WAL the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in (path, _lock_path(path)):
            file.touch(mode=0o600)
    except OSError as error:
        raise base.StoreUnusable(f"{path}: {error.strerror}") from None


def _lock(path: Path) -> IO[bytes]:
    try:
        file = _lock_path(path).open("wb")  # held open for as long as the store is
    except OSError as error:
        raise base.StoreUnusable(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise base.StoreUnusable(
            f"{path}: another `tracen serve` is using this file; stop it or give --db another"
        ) from None
    return file


def _open_writing(path: Path, checkpoint_pages: int) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for pragma in _PRAGMAS:
            connection.execute(f"pragma {pragma}")
        connection.execute(f"pragma wal_autocheckpoint = {checkpoint_pages}")
        _migrate(path, connection)
    except sqlite3.DatabaseError as error:
        raise base.StoreUnusable(f"{path}: {error}") from None
    return connection


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    db = Database(connection)
    if db.table_names() and Migrations.migrations_table not in db.table_names():
        raise base.StoreUnusable(f"{path}: a database of another program")
    known = {migration.name for migration in migrations.pending(Database(memory=True))}
    unknown = [m.name for m in migrations.applied(db) if m.name not in known]
    if unknown:
        raise base.StoreUnusable(f"{path}: made by a newer Tracen (it has {unknown[0]!r}); update this one")
    migrations.apply(db)


def _open_reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    connection.execute("pragma query_only = 1")
    connection.execute("pragma busy_timeout = 5000")
    return connection
