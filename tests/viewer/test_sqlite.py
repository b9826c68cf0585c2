"""What only the SQLite engine has: its file, its lock, its one writer."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import cast

import pytest

from tests.viewer.stores import MANY_BYTES, NOW, OTHER_TRACE, TRACE, accepted, batch, key_in, post
from viewer.store import trace_index
from viewer.store.base import RESERVATIONS, StoreUnavailable, StoreUnusable
from viewer.store.sqlite import SqliteStore
from viewer.store.writer import Writer

pytestmark = pytest.mark.anyio


async def test_sqlite_second_server_on_the_file_is_refused(tmp_path: Path) -> None:
    """Two checkpointers could corrupt the file, so the second is told to go elsewhere."""
    store = SqliteStore(tmp_path / "store.db")
    with pytest.raises(StoreUnusable, match="another `tracen serve`"):
        SqliteStore(tmp_path / "store.db")
    await store.close()
    await SqliteStore(tmp_path / "store.db").close()


async def test_sqlite_limit_is_exact_over_two_connections(tmp_path: Path) -> None:
    """The decision and its record are one transaction, so processes that share the file share the limit."""
    server, beside = SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db", exclusive=False)
    key = await key_in(server)
    counts = await asyncio.gather(
        *(accepted(s, *(post(key, os.urandom(16)) for _ in range(80))) for s in (server, beside))
    )
    assert sum(counts) == 100
    await beside.close()
    await server.close()


@pytest.mark.parametrize("merge_rows", [1, 1000])
async def test_sqlite_process_beside_the_server_reads_what_came_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merge_rows: int
) -> None:
    """Whether the server has its index of it in memory alone, or merged it."""
    monkeypatch.setattr(trace_index, "MERGE_ROWS", merge_rows)
    server, beside = SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db", exclusive=False)
    key = await key_in(server)

    for body in (b"first", b"second"):
        await server.append(batch(key, body, TRACE))
        page = await beside.page_of(key.account_id, TRACE, NOW)
        assert page is not None
        assert await beside.progress(page) == await server.progress(page)
        assert await beside.telling(page, MANY_BYTES) == await server.telling(page, MANY_BYTES)
    await server.append(batch(key, b"of another", OTHER_TRACE))

    assert page is not None
    assert [body for _, body in (await beside.telling(page, MANY_BYTES)).bodies] == [b"first", b"second"]
    await beside.close()
    await server.close()


async def test_sqlite_knows_no_trace_before_the_first_server(tmp_path: Path) -> None:
    """Accounts may be there already."""
    beside = SqliteStore(tmp_path / "store.db", exclusive=False)
    key = await key_in(beside)
    assert await beside.page_of(key.account_id, TRACE, NOW) is None
    await beside.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"this is no database" * 100, "not a database"), (b"SQLite format 3\x00" + b"\xff" * 4080, "store.db")],
)
def test_sqlite_foreign_file_is_refused_untouched(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is not ours is named, and left as it is."""
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnusable, match=message):
        SqliteStore(path)
    assert path.read_bytes() == content


async def test_sqlite_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """Nothing is added to it."""
    with sqlite3.connect(tmp_path / "places.db") as connection:
        connection.execute("create table places (name)")
    connection.close()
    before = (tmp_path / "places.db").stat().st_size
    with pytest.raises(StoreUnusable, match="another program"):
        SqliteStore(tmp_path / "places.db")
    assert (tmp_path / "places.db").stat().st_size == before


async def test_sqlite_lock_holds_through_links(tmp_path: Path) -> None:
    """A second server does not get in under another name of the file."""
    store = SqliteStore(tmp_path / "store.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    with pytest.raises(StoreUnusable, match="another `tracen serve`"):
        SqliteStore(tmp_path / "link.db")
    await store.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_sqlite_deleted_file_is_not_written_to(tmp_path: Path, replaced: bool) -> None:
    """What would go into a file that nobody can open again is not acknowledged."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    (tmp_path / "store.db").unlink()
    if replaced:
        (tmp_path / "store.db").touch()
    with pytest.raises(StoreUnavailable):
        await store.append(batch(key, b"lost", TRACE))
    with pytest.raises(StoreUnavailable):
        await store.check_writable()
    await store.close()


class Disk:
    """A connection whose `commit` fails as on a disk that answers EIO: no such disk is at hand."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.fails = False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str) -> sqlite3.Cursor:
        if self.fails and sql == "commit":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return self._connection.execute(sql)


async def test_writer_gives_up_after_a_failed_fsync() -> None:
    """Nothing is acknowledged after it, even if the disk seems to work again, and whoever serves is told."""
    disk = Disk(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))
    reasons: list[str] = []
    writer = Writer(cast("sqlite3.Connection", disk), on_broken=reasons.append)
    assert await writer.submit(lambda connection: 1) == 1
    disk.fails = True
    with pytest.raises(StoreUnavailable):
        await writer.submit(lambda connection: 1)
    disk.fails = False
    with pytest.raises(StoreUnavailable, match="disk failed"):
        await writer.submit(lambda connection: 1)
    assert len(reasons) == 1
    writer.close()


async def test_sqlite_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    """A schema that this release does not know is not written to."""
    await SqliteStore(tmp_path / "store.db").close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name) values ('tracen', 'of_the_future')"
        )
    connection.close()
    with pytest.raises(StoreUnusable, match="newer Tracen"):
        SqliteStore(tmp_path / "store.db")


async def test_sqlite_acknowledges_with_full_synchronisation(tmp_path: Path) -> None:
    """WAL with synchronous=FULL: every commit is synced before it is answered."""
    store = SqliteStore(tmp_path / "store.db")
    pragmas = ("journal_mode", "synchronous", "mmap_size")
    for connection in (store._main, store._bodies):
        assert connection is not None
        values = [connection.execute(f"pragma {pragma}").fetchone()[0] for pragma in pragmas]
        assert values == ["wal", 2, 0]
    await store.close()


async def test_sqlite_full_disk_is_answered_and_survived(tmp_path: Path) -> None:
    """A full disk refuses writes and keeps reads; with space again, writing goes on without a restart."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    page = await store.append(batch(key, b"kept", TRACE))
    assert page is not None
    # Beyond max_page_count SQLite answers SQLITE_FULL, as on a full disk. The writer is idle between awaits.
    bodies = store._bodies
    assert bodies is not None
    (page_count,) = bodies.execute("pragma page_count").fetchone()
    bodies.execute(f"pragma max_page_count = {page_count}")
    with pytest.raises(StoreUnavailable):
        await store.append(batch(key, os.urandom(1_000_000), TRACE))
    assert [body for _, body in (await store.telling(page, MANY_BYTES)).bodies] == [b"kept"]
    bodies.execute("pragma max_page_count = 1073741823")
    await store.append(batch(key, b"after", TRACE))
    assert [body for _, body in (await store.telling(page, MANY_BYTES)).bodies] == [b"kept", b"after"]
    await store.close()


async def test_sqlite_after_close_nothing_is_accepted(tmp_path: Path) -> None:
    """A late caller is told to come back, not left waiting."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.append(batch(key, b"late", TRACE))


async def test_sqlite_reservation_is_kept_where_only_the_bodies_tell_that_its_trace_came(
    tmp_path: Path,
) -> None:
    """After a crash between the two commits FILE does not know it yet: nothing that came is ever given up."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    page = await store.reserve(key.account_id, TRACE, NOW, RESERVATIONS)
    await store.append(batch(key, b"spans", TRACE, OTHER_TRACE))
    await store._writer.submit(
        lambda connection: connection.execute("update pages set reserved_ns = ?", (NOW,))
    )
    assert (await store.progress(page)).received_ns == NOW
    while await store.expire_reservations(NOW):
        pass
    found = await store.page(page.id)
    assert found is not None
    assert found.waits_since_ns is None
    await store.close()
