"""What only the lists of the SQLite engine have: a file of their own, shards, words that must be gone from it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.viewer.listed import (
    LATER,
    Told,
    dues_of,
    found,
    listed,
    number_of,
    page_of,
    paged,
    received,
    summarise,
    trace,
)
from tests.viewer.stores import NOW, key_in, post
from viewer.store import shards, sharing, sqlite_catalogue
from viewer.store.base import NS_PER_S, Page, Store, StoreUnavailable
from viewer.store.catalogue import Query
from viewer.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

CANARY = "kanarienvogelwort"


def files_with(folder: Path, word: str) -> list[str]:
    """The files that hold a word, or the half of it that FTS5 keeps after a word before it."""
    return [
        path.name
        for path in folder.iterdir()
        if path.is_file() and (word.encode() in path.read_bytes() or word[4:].encode() in path.read_bytes())
    ]


def canary(n: int = 1) -> Told:
    return Told(
        f"{CANARY}title", f"{CANARY}text number {n}", model=f"{CANARY}model", provider=f"{CANARY}provider"
    )


@pytest.mark.parametrize("merged", [False, True])
async def test_words_of_a_deleted_trace_are_in_no_file(tmp_path: Path, merged: bool) -> None:
    """Title, text and labels, of every summary that there ever was of it, merged by FTS5 or not."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {n: Told(f"other {n}", f"{CANARY[:5]}s other words {n}") for n in range(2, 50)})
    for n in range(3):
        await listed(store, key, {1: canary(n)})
        if merged:
            await store.catalogue._submit(lambda connection: shards._optimize(connection, 1))
    assert "store.db-search-wal" in files_with(tmp_path, CANARY)
    await store.delete(await page_of(store, key, 1), NOW)
    assert files_with(tmp_path, CANARY) == []
    assert len(await found(store, key, Query(text="other"))) == 48
    await store.close()
    assert files_with(tmp_path, CANARY) == []


async def test_words_of_forgotten_and_expired_traces_are_in_no_file(tmp_path: Path) -> None:
    """Forgotten ones at once, expired ones once nothing is due."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: canary(), 2: Told()})
    await store.catalogue.forget(await page_of(store, key, 1))
    assert files_with(tmp_path, CANARY) == []
    await summarise(store, {1: canary()})
    while await store.expire(LATER, LATER):
        pass
    assert await dues_of(store, LATER + 60 * NS_PER_S) == []
    assert files_with(tmp_path, CANARY) == []
    await store.close()


async def test_crash_before_words_are_wiped_is_made_good(tmp_path: Path) -> None:
    """The next start knows which shard still holds what was deleted."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: canary(), 2: Told()})
    async with store.catalogue.leaving(int(key.account_id), {trace(1)}):
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for path in tmp_path.glob("store.db*"):
            shutil.copy(path, crashed / path.name)
    await store.close()
    store = SqliteStore(crashed / "store.db")
    assert await found(store, key) == [2]
    assert [due.otel_trace_id for due in await dues_of(store)] == [trace(1)]
    await summarise(store, {1: Told("it was never deleted")})
    assert await dues_of(store) == []
    assert files_with(crashed, CANARY) == []
    await store.close()


async def test_crash_while_masks_are_set_leaves_the_trace_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that are to be masked are out of the list before the masks are there, never after."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: canary(), 2: Told()})
    crashed = tmp_path / "crashed"
    set_masks = sharing.set_masks

    def crash(connection: sqlite3.Connection, page: Page, masks: Sequence[str]) -> None:
        set_masks(connection, page, masks)
        connection.execute("commit")
        connection.execute("begin immediate")
        crashed.mkdir()
        for path in tmp_path.glob("store.db*"):
            shutil.copy(path, crashed / path.name)

    monkeypatch.setattr(sharing, "set_masks", crash)
    await store.set_masks(await page_of(store, key, 1), (CANARY,))
    await store.close()
    monkeypatch.undo()
    store = SqliteStore(crashed / "store.db")
    assert (await page_of(store, key, 1)).masks == (CANARY,)
    assert await found(store, key) == [2]
    assert [due.otel_trace_id for due in await dues_of(store)] == [trace(1)]
    await store.close()


async def test_failed_deletion_leaves_the_trace_due(tmp_path: Path) -> None:
    """It is listed again."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: Told()})
    with contextlib.suppress(StoreUnavailable):
        async with store.catalogue.leaving(int(key.account_id), {trace(1)}):
            assert await found(store, key) == []
            assert await dues_of(store) == []
            raise StoreUnavailable("the disk is full")
    await summarise(store, {1: Told()})
    assert await found(store, key) == [1]
    await store.close()


# -- shards --------------------------------------------------------------------------------------------


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_TRACES", 20)


@pytest.mark.usefixtures("small_shards")
async def test_shards_are_searched_as_one(tmp_path: Path) -> None:
    """In order of start over all of them, whatever the order of arrival, before and after deletions."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    numbers = list(range(1, 201))
    random.Random(1).shuffle(numbers)
    told = {n: Told(text="third" if n % 3 == 0 else "not", started_ns=NOW - n * NS_PER_S) for n in numbers}
    for at in range(0, 200, 10):
        await listed(store, key, {n: told[n] for n in numbers[at : at + 10]})
    expected = [n for n in range(1, 201) if n % 3 == 0]
    assert await paged(store, key, Query(text="third"), 7) == expected
    for n in expected[:20]:
        await store.delete(await page_of(store, key, n), NOW)
    await listed(store, key, {150: Told(text="changed", started_ns=NOW)})
    assert await paged(store, key, Query(text="third"), 7) == [n for n in expected[20:] if n != 150]
    assert await found(store, key, Query(text="changed")) == [150]
    await store.close()


@pytest.mark.usefixtures("small_shards")
async def test_empty_shard_is_given_up(tmp_path: Path) -> None:
    """Old traces expire: their tables go with them."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    for first in (1, 21, 41):
        await listed(store, key, {n: canary(n) for n in range(first, first + 20)})
    for n in range(1, 21):
        await store.delete(await page_of(store, key, n), NOW)
    with sqlite3.connect(tmp_path / "store.db-search") as connection:
        tables = {
            name for (name,) in connection.execute("select name from sqlite_schema where name like 'words__'")
        }
    connection.close()
    assert tables == {"words_2", "words_3"}
    assert sorted(await found(store, key, Query(text=f"{CANARY}text"))) == list(range(21, 61))
    await store.close()


async def test_parallel_deletions_share_the_wiping(tmp_path: Path) -> None:
    """A bulk of them leaves nothing either."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {n: canary(n) for n in range(1, 30)} | {99: Told(text="stays")})
    pages = [await page_of(store, key, n) for n in range(1, 30)]
    await asyncio.gather(*(store.delete(page, NOW) for page in pages))
    assert await found(store, key) == [99]
    assert files_with(tmp_path, CANARY) == []
    await store.close()


# -- the file ------------------------------------------------------------------------------------------


def lose(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1_000)


def garble_header(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8_000)


def replace_by_foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("create table places (name)")
    connection.close()


def come_from_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name) values ('tracen-search', 'later')"
        )
    connection.close()


def belong_to_another(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("update search_file set name = 'another'")
    connection.close()


@pytest.mark.parametrize(
    "harm", [lose, empty, garble, garble_header, replace_by_foreign, come_from_the_future, belong_to_another]
)
async def test_list_that_can_not_be_used_is_made_anew(tmp_path: Path, harm: object) -> None:
    """It is made from what was received; nothing else is lost, and nobody is asked."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: Told(), 2: Told()})
    await store.post(post(key, trace(3)))
    await store.close()
    harm(tmp_path / "store.db-search")  # type: ignore[operator]
    store = SqliteStore(tmp_path / "store.db")
    assert await found(store, key) == []
    assert await store.catalogue.backlog(key.account_id) == 2
    await summarise(store, {n: Told() for n in (1, 2, 3)})
    assert sorted(await found(store, key, Query(model="gpt-5"))) == [1, 2, 3]
    await store.close()
    assert (tmp_path / "store.db-search").stat().st_mode & 0o777 == 0o600


async def test_list_that_proves_broken_in_use_is_made_anew(tmp_path: Path) -> None:
    """Behind a sound beginning it can be anything: who asks is told to come back, ingest does not notice."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {n: Told(text=os.urandom(900).hex()) for n in range(1, 200)})
    await store.close()
    path = tmp_path / "store.db-search"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * (path.stat().st_size // 2))
    store = SqliteStore(tmp_path / "store.db")
    refused = 0
    for _ in range(10):
        try:
            await dues_of(store)
            await summarise(store, {n: Told(text="again") for n in range(1, 200)})
            await found(store, key)
        except StoreUnavailable:
            refused += 1
            await received(store, key, 1)
    assert 0 < refused < 3
    assert len(await paged(store, key, Query(text="again"), 50)) == 199
    await store.close()


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_list_whose_file_is_taken_away_in_use_is_made_anew(tmp_path: Path, is_replaced: bool) -> None:
    """Somebody removed it, or put a copy in its place: deleting goes on at once, and the rest is listed again."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: Told(), 2: Told(), 3: Told()})
    path = tmp_path / "store.db-search"
    shutil.copy(path, tmp_path / "copy")
    path.unlink()
    if is_replaced:
        (tmp_path / "copy").rename(path)
    await store.delete(await page_of(store, key, 1), NOW)
    await listed(store, key, {4: Told()})
    await summarise(store, {2: Told(), 3: Told()})
    assert sorted(await found(store, key)) == [2, 3, 4]
    await store.close()
    store = SqliteStore(tmp_path / "store.db")
    assert sorted(await found(store, key)) == [2, 3, 4]
    await store.close()


async def test_list_whose_file_is_taken_away_is_made_anew_where_nothing_arrives(tmp_path: Path) -> None:
    """The next look for what is due notices."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {1: Told()})
    (tmp_path / "store.db-search").unlink()
    await summarise(store, {1: Told()})
    assert (tmp_path / "store.db-search").exists()
    assert await found(store, key) == [1]
    await store.close()


async def test_list_of_a_store_that_was_restored_is_made_anew(tmp_path: Path) -> None:
    """FILE and FILE-bodies are older than FILE-search: what came after the backup is not there any more."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await store.post(post(key, trace(1)))
    await store.close()
    backup = tmp_path / "backup"
    backup.mkdir()
    for name in ("store.db", "store.db-bodies"):
        shutil.copy(tmp_path / name, backup / name)
    store = SqliteStore(tmp_path / "store.db")
    await store.post(post(key, trace(2)))
    await received(store, key, 3)
    await summarise(store, {n: Told() for n in (1, 2, 3)})
    await store.close()
    for name in ("store.db", "store.db-bodies"):
        shutil.copy(backup / name, tmp_path / name)
    store = SqliteStore(tmp_path / "store.db")
    await received(store, key, 4)
    await summarise(store, {n: Told() for n in (1, 2, 3, 4)})
    assert sorted(await found(store, key)) == [1, 4]
    await store.close()


async def test_traces_that_are_not_there_are_not_listed(tmp_path: Path) -> None:
    """A row of a trace that nothing is kept of, from whatever accident, makes no page."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    await listed(store, key, {n: Told(started_ns=NOW - n * NS_PER_S) for n in range(1, 6)})
    await store.catalogue._submit(
        lambda connection: connection.execute(
            "update summaries set otel_trace_id = ? where otel_trace_id = ?", (trace(77), trace(2))
        )
    )
    traces = await store.catalogue.find(key.account_id, Query(), None, 2)
    assert [number_of(one) for one in traces] == [1, 3]
    await store.close()


async def test_list_is_the_servers_alone(tmp_path: Path) -> None:
    """Other commands work beside it, and leave FILE-search alone."""
    server, beside = SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db", exclusive=False)
    with pytest.raises(StoreUnavailable, match="server alone"):
        beside.catalogue  # noqa: B018 - reading it is the call
    await beside.close()
    await server.close()


async def test_upgraded_store_is_listed_from_its_beginning(tmp_path: Path) -> None:
    """A store of before there were lists: all that it holds is due, in slices, and counted meanwhile."""
    store = SqliteStore(tmp_path / "store.db")
    key = await key_in(store)
    for first in range(1, 500, 10):
        await received(store, key, *range(first, first + 10), at_ns=NOW + first)
    await store.close()
    (tmp_path / "store.db-search").unlink()
    store = SqliteStore(tmp_path / "store.db")
    assert await store.catalogue.backlog(key.account_id) == 50
    assert store.catalogue.behind == 50
    dues = await store.catalogue.due(20, LATER)
    assert len(dues) == 20
    assert {int.from_bytes(due.otel_trace_id, "big") for due in dues} == set(range(481, 501))
    while dues := await store.catalogue.due(20, LATER):
        assert len(dues) <= 20
        items = {int.from_bytes(due.otel_trace_id, "big"): Told() for due in dues}
        await summarise(store, items)
    assert len(await paged(store, key, Query(), 200)) == 500
    assert (await store.catalogue.backlog(key.account_id), store.catalogue.behind) == (0, 0)
    await store.close()


def test_limits_fit_each_other() -> None:
    """More traces may be due than one call asks for."""
    assert sqlite_catalogue.MAX_READY >= 1_000


async def test_closed_account_leaves_no_words(store: Store, tmp_path: Path) -> None:
    """What a closed account owned leaves the file of words as well, once that is removed."""
    key = await key_in(store)
    await listed(store, key, {number: Told(title=CANARY, text=CANARY) for number in range(3)})
    assert files_with(tmp_path, CANARY)
    await store.accounts.close_account(key.account_id, NOW)
    while await store.purge(LATER):
        pass
    await store.catalogue.due(100, LATER + 3600 * NS_PER_S)
    assert files_with(tmp_path, CANARY) == []
