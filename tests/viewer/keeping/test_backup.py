"""Copies of a store: of one moment, whole or not there, and with nothing in them that was deleted."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.viewer.keeping.whole import back_up, fill, filled, findings, page_ids, spans, unwatched
from tests.viewer.stores import NOW
from viewer.store.aside import BackupFailed, BackupRefused, move_aside, put_back
from viewer.store.backup import copied, put_in_place
from viewer.store.base import StoreUnusable
from viewer.store.check import Depth
from viewer.store.durable import present
from viewer.store.engines import open_store
from viewer.store.people import Key
from viewer.store.sqlite import SqliteStore

CANARY = "canary-7f3a"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_copy_is_a_store_with_everything(tmp_path: Path) -> None:
    """A server opens it and finds every page; its files are for their owner alone, without logs beside them."""
    store = filled(tmp_path / "a.db")
    (tmp_path / "b").mkdir()
    back_up(store.path, tmp_path / "b" / "b.db")
    assert names_in(tmp_path / "b") == {"b.db", "b.db-bodies", "b.db.lock"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "b").iterdir()} == {0o600}
    assert not findings(tmp_path / "b" / "b.db")
    assert page_ids(tmp_path / "b" / "b.db") == {page.id for page in store.pages}


def test_copy_is_told_in_bytes(tmp_path: Path) -> None:
    """Never backwards, and to the end."""
    store = filled(tmp_path / "a.db")
    told: list[tuple[int, int]] = []
    with copied(store.path, tmp_path / "b.db", lambda done, total: told.append((done, total))) as copy:
        pass
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {copy.size_bytes}
    assert told[-1][0] == copy.size_bytes
    assert not (tmp_path / "b.db").exists()  # nobody put it in place
    assert not [name for name in names_in(tmp_path) if "backup" in name]


@pytest.mark.anyio
async def test_copies_beside_a_busy_server_are_each_of_one_moment(tmp_path: Path) -> None:
    """What was acknowledged before is in it; what is told of is there; what was deleted before is gone from it."""
    store = SqliteStore(tmp_path / "a.db")
    key, _ = await fill(store)
    kept: list[str] = []
    is_over = asyncio.Event()

    async def send() -> None:
        while not is_over.is_set():
            page = await store.append(spans(key, os.urandom(16)))
            assert page is not None
            kept.append(page.id)

    async def delete() -> None:
        while not is_over.is_set():
            trace = os.urandom(16)
            await store.append(spans(key, trace, os.urandom(16)))
            page = await store.page_of(key.account_id, trace, NOW)
            assert page is not None
            await store.delete(page, NOW)

    tasks = [asyncio.create_task(work) for work in (send(), send(), delete())]
    for number in range(4):
        before = set(kept)
        target = tmp_path / f"b{number}.db"
        await asyncio.to_thread(back_up, tmp_path / "a.db", target)
        assert not await asyncio.to_thread(findings, target)
        with closing(sqlite3.connect(target)) as copy:
            assert before <= {page_id for (page_id,) in copy.execute("select id from pages")}
    is_over.set()
    await asyncio.gather(*tasks)
    await store.close()


@pytest.mark.anyio
async def test_deleted_content_is_in_no_copy(tmp_path: Path) -> None:
    """Not in a free page, not in the rest of one; while the server still runs."""
    store = SqliteStore(tmp_path / "a.db")
    key, _ = await fill(store)
    for number in range(10):
        trace = os.urandom(16)
        page = await store.append(spans(key, trace, name=f"{CANARY} {number} " * 40))
        assert page is not None
        await store.save_document(page, 1, "1", {"head": CANARY.encode() * 100})
        if number == 0:
            await asyncio.to_thread(back_up, tmp_path / "a.db", tmp_path / "with.db")
        await store.delete(page, NOW)
    assert CANARY.encode() in (tmp_path / "with.db-bodies").read_bytes()
    await asyncio.to_thread(back_up, tmp_path / "a.db", tmp_path / "b.db")
    for file in present(tmp_path / "b.db"):
        assert CANARY.encode() not in file.beside(tmp_path / "b.db").read_bytes()
    await store.close()


@pytest.mark.anyio
async def test_store_that_a_crash_left_is_copied_with_its_log(tmp_path: Path) -> None:
    """What was committed and not yet in the files themselves; nobody has opened them since."""
    store = SqliteStore(tmp_path / "a.db")
    _, pages = await fill(store)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("a.db", "a.db-wal", "a.db-bodies", "a.db-bodies-wal"):
        shutil.copy(tmp_path / name, crashed)
    await store.close()
    assert (crashed / "a.db-wal").stat().st_size > 50_000
    await asyncio.to_thread(back_up, crashed / "a.db", crashed / "b.db")
    assert not await asyncio.to_thread(findings, crashed / "b.db")
    assert await asyncio.to_thread(page_ids, crashed / "b.db") == {page.id for page in pages}


def test_copies_belong_to_nothing_but_themselves(tmp_path: Path) -> None:
    """One file of a copy beside one of another, or of the store, is refused and not taken for a pair."""
    store = filled(tmp_path / "a.db")
    for name in ("b.db", "c.db"):
        back_up(store.path, tmp_path / name)
    (tmp_path / "c.db-bodies").rename(tmp_path / "b.db-bodies")
    with pytest.raises(StoreUnusable, match="does not belong"):
        SqliteStore(tmp_path / "b.db")


def test_restored_store_makes_its_lists_anew(tmp_path: Path) -> None:
    """A copy takes the place of the store with all that lay beside it: its lists told of what is not there."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    later = asyncio.run(_one_more(store.path, store.key))
    assert later in page_ids(store.path)
    back_up(tmp_path / "b.db", store.path)
    assert not (tmp_path / "a.db-search").exists()
    assert page_ids(store.path) == {page.id for page in store.pages}


async def _one_more(path: Path, key: Key) -> str:
    store = SqliteStore(path)
    page = await store.append(spans(key, os.urandom(16)))
    await store.close()
    assert page is not None
    return page.id


def test_log_of_a_replaced_copy_is_not_taken_for_one_of_the_new(tmp_path: Path) -> None:
    """Somebody served from the old copy and was killed: what lay beside it is gone with it."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    log = tmp_path / "b.db-wal"
    with closing(sqlite3.connect(tmp_path / "b.db", isolation_level=None)) as old:
        old.execute("pragma journal_mode = wal")
        old.execute("create table leftover (x)")
        content = log.read_bytes()
    log.write_bytes(content)
    (tmp_path / "b.db-search").write_bytes(b"of the old one")
    back_up(store.path, tmp_path / "b.db")
    assert not log.exists()
    assert not (tmp_path / "b.db-search").exists()
    assert not findings(tmp_path / "b.db")


# -- cut short while it is put in place -----------------------------------------------------------------


def test_store_moved_aside_is_opened_by_nobody(tmp_path: Path) -> None:
    """An empty store in its place would hide it: neither a server nor a command beside one makes anything."""
    store = filled(tmp_path / "a.db")
    move_aside(store.path)
    before = names_in(tmp_path)
    for exclusive in (True, False):
        with pytest.raises(
            StoreUnusable, match=r"cut short .* `tracen check --db .* --repair` puts it right"
        ):
            open_store(str(store.path), exclusive=exclusive)
    with pytest.raises(StoreUnusable, match="cut short"):
        back_up(store.path, tmp_path / "b.db")
    assert names_in(tmp_path) == before
    put_back(store.path)
    assert page_ids(store.path) == {page.id for page in store.pages}


def test_what_was_made_in_place_of_a_store_moved_aside_is_kept_as_well(tmp_path: Path) -> None:
    """Neither is removed: nobody but their owner knows which is wanted."""
    store = filled(tmp_path / "a.db")
    (tmp_path / "b").mkdir()
    other = filled(tmp_path / "b" / "b.db")
    move_aside(store.path, "0123")
    for suffix in ("", "-bodies"):
        shutil.copy(f"{other.path}{suffix}", f"{store.path}{suffix}")
    before = {path: path.read_bytes() for path in tmp_path.glob("a.db*")}
    for _ in range(2):
        with pytest.raises(BackupRefused, match="move one of the two away"):
            put_back(store.path)
        with pytest.raises(BackupRefused, match="move one of the two away"):
            back_up(other.path, store.path, is_forced=True)
    assert {path: path.read_bytes() for path in before} == before
    with pytest.raises(StoreUnusable, match="cut short"):
        SqliteStore(store.path)


def test_log_moves_aside_with_its_file(tmp_path: Path) -> None:
    """What is put back has what was committed last."""
    store = filled(tmp_path / "a.db")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as served:
        served.execute("pragma journal_mode = wal")
        served.execute("create table latest (x)")
        crashed = {path: path.read_bytes() for path in tmp_path.glob("a.db*")}
    for path, content in crashed.items():
        path.write_bytes(content)
    move_aside(store.path)
    assert not (tmp_path / "a.db-wal").exists()
    put_back(store.path)
    with closing(sqlite3.connect(store.path)) as again:
        assert again.execute("select name from sqlite_master where name = 'latest'").fetchone()


def test_store_that_somebody_has_open_is_not_replaced(tmp_path: Path) -> None:
    """Its log can not be emptied then, and is left as it is."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("pragma journal_mode = wal")
        other.execute("create table latest (x)")
        with pytest.raises(BackupFailed, match="as it was"):
            back_up(tmp_path / "b.db", store.path)
        assert other.execute("select * from latest").fetchall() == []
    assert page_ids(store.path) == {page.id for page in store.pages}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_restored_store_belongs_to_whom_it_belonged(tmp_path: Path) -> None:
    """Also what was not there before: a server that runs as another user opens what root restored."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    os.chown(store.path, 4321, 4322)
    store.path.chmod(0o640)
    (tmp_path / "a.db-bodies").unlink()
    (tmp_path / "a.db.lock").unlink()
    back_up(tmp_path / "b.db", store.path)
    for name in ("a.db", "a.db-bodies", "a.db.lock"):
        told = (tmp_path / name).stat()
        assert (told.st_uid, told.st_gid, stat.S_IMODE(told.st_mode)) == (4321, 4322, 0o640), name


@pytest.mark.parametrize("name", ["pipe", "/dev/null"])
def test_what_is_no_regular_file_is_neither_copied_nor_replaced(tmp_path: Path, name: str) -> None:
    """Whatever is said; a pipe is not waited for."""
    store = filled(tmp_path / "a.db")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackupRefused, match="no regular file"):
        back_up(store.path, tmp_path / name, is_forced=True)
    with pytest.raises(StoreUnusable, match="no regular file"):
        back_up(tmp_path / name, tmp_path / "b.db")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_what_can_not_be_read_is_not_called_no_backup(tmp_path: Path) -> None:
    """It may well be one: it is locked."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(BackupRefused, match="can not be read"):
            back_up(store.path, tmp_path / "b.db")


def test_copy_knows_whether_it_restores(tmp_path: Path) -> None:
    """From a backup, or over a store that was served; not where a backup replaces an older one."""
    store = filled(tmp_path / "a.db")

    def is_restored(source: str, target: str) -> bool:
        with copied(tmp_path / source, tmp_path / target, unwatched) as copy:
            put_in_place(copy)
            return copy.is_restored

    assert [is_restored("a.db", "b.db") for _ in range(2)] == [False, False]
    assert is_restored("b.db", store.path.name)
    assert page_ids(store.path)
    assert is_restored("b.db", store.path.name)


# -- what is refused -----------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with a store, a letter, a folder, and somebody else's database."""
    filled(tmp_path / "a.db")
    (tmp_path / "letter.txt").write_text("Dear Ada,")
    (tmp_path / "stray.db-bodies").write_text("whose?")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("create table recipes (name)")
    yield tmp_path
    assert (tmp_path / "letter.txt").read_text() == "Dear Ada,"
    assert not [name for name in names_in(tmp_path) if "backup" in name]


@pytest.mark.parametrize(
    ("target", "words", "is_forced"),
    [
        ("a.db", "a part of the store itself", True),
        ("link.db", "a part of the store itself", True),
        ("a.db-bodies", "a part of the store itself", True),
        ("a.db-search", "a part of the store itself", True),
        ("a.db.lock", "a part of the store itself", True),
        ("folder", "is a folder; give a file in it", True),
        ("no/b.db", "there is no folder", True),
        ("letter.txt", "is there and no backup of Tracen; --force", False),
        ("other.db", "is there and no backup of Tracen; --force", False),
        ("stray.db", "stray.db-bodies is there and no backup", False),
    ],
)
def test_copy_is_not_written_there(place: Path, target: str, words: str, is_forced: bool) -> None:
    """Over the store, and without being told to over what is somebody else's."""
    with pytest.raises(BackupRefused, match=words):
        back_up(place / "a.db", place / target, is_forced=is_forced)


@pytest.mark.parametrize("broken", [b"", b"\x00" * 20_480, b"SQLite format 3\x00 and no more"])
def test_force_restores_over_what_is_broken(tmp_path: Path, broken: bytes) -> None:
    """A store that nothing can be read of, with a log beside it that belongs to it no more."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    store.path.write_bytes(broken)
    (tmp_path / "a.db-wal").write_bytes(b"\x37\x7f\x06\x82 torn")
    back_up(tmp_path / "b.db", store.path, is_forced=True)
    assert not (tmp_path / "a.db-wal").exists()
    assert not findings(store.path)


def test_force_writes_over_what_is_somebody_elses(tmp_path: Path) -> None:
    """When that is what is wanted."""
    filled(tmp_path / "a.db")
    (tmp_path / "b.db").write_text("Dear Ada,")
    back_up(tmp_path / "a.db", tmp_path / "b.db", is_forced=True)
    assert not findings(tmp_path / "b.db")


@pytest.mark.anyio
async def test_store_of_a_running_server_is_not_replaced(tmp_path: Path) -> None:
    """Whatever is said."""
    await asyncio.to_thread(filled, tmp_path / "a.db")
    store = SqliteStore(tmp_path / "b.db")
    with pytest.raises(BackupRefused, match="in use, by `tracen serve`"):
        await asyncio.to_thread(back_up, tmp_path / "a.db", tmp_path / "b.db", is_forced=True)
    await store.close()


def test_half_a_store_is_not_copied(tmp_path: Path) -> None:
    """FILE without its bodies is none."""
    filled(tmp_path / "a.db")
    (tmp_path / "a.db-bodies").unlink()
    with pytest.raises(StoreUnusable, match=r"a\.db-bodies"):
        back_up(tmp_path / "a.db", tmp_path / "b.db")
    assert not (tmp_path / "b.db").exists()


def test_quick_depth_is_enough_for_a_pair(tmp_path: Path) -> None:
    """All depths find a whole copy whole."""
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    assert not [depth for depth in Depth if findings(tmp_path / "b.db", depth)]
