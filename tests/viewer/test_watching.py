"""Readers hear of news once, together, until there will be none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.viewer.stores import NOW, TRACE, batch, key_in
from viewer import watching
from viewer.store.base import Page, Sharing
from viewer.store.sqlite import SqliteStore
from viewer.watching import TooManyReaders, Watcher

pytestmark = pytest.mark.anyio


async def seen(watcher: Watcher, page: Page, count: int) -> list[int | None]:
    """The versions that one reader hears of, until there are so many."""
    told: list[int | None] = []
    async for progress in watcher.changes(page, timeout_s=5):
        told.append(progress.version if progress else None)
        if len(told) == count:
            break
    return told


async def test_every_reader_hears_of_each_change(tmp_path: Path) -> None:
    """The store is asked for one page by one look, however many read it."""
    store = SqliteStore(tmp_path / "t.db")
    key = await key_in(store)
    page = await store.append(batch(key, b"one", TRACE))
    assert page is not None
    watcher = Watcher(store, look_every_s=0.01)
    readers = [asyncio.create_task(seen(watcher, page, 2)) for _ in range(5)]
    await asyncio.sleep(0.05)
    await store.append(batch(key, b"two", TRACE))
    assert await asyncio.gather(*readers) == [[1, 2]] * 5
    await store.close()


async def test_deletion_and_the_end_of_the_server_end_a_watch(tmp_path: Path) -> None:
    """Nobody holds a connection for ever."""
    store = SqliteStore(tmp_path / "t.db")
    page = await store.append(batch(await key_in(store), b"one", TRACE))
    assert page is not None
    watcher = Watcher(store, look_every_s=0.01)
    reader = asyncio.create_task(seen(watcher, page, 9))
    await asyncio.sleep(0.05)
    await store.delete(page, NOW)
    assert await asyncio.wait_for(reader, 5) == [1]
    again = asyncio.create_task(seen(watcher, page, 9))
    await asyncio.sleep(0.05)
    watcher.stop()
    await asyncio.wait_for(again, 5)
    await store.close()


async def test_readers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a connection; one too many is asked to come back."""
    monkeypatch.setattr(watching, "MAX_READERS", 1)
    store = SqliteStore(tmp_path / "t.db")
    page = await store.append(batch(await key_in(store), b"one", TRACE))
    assert page is not None
    watcher = Watcher(store, look_every_s=0.01)
    watcher.check_room(page)
    reader = asyncio.create_task(seen(watcher, page, 9))
    await asyncio.sleep(0.05)
    with pytest.raises(TooManyReaders):
        watcher.check_room(page)
    watcher.stop()
    await asyncio.wait_for(reader, 5)
    watcher.check_room(page)
    await store.close()


async def test_news_that_come_while_a_reader_is_slow_are_told(tmp_path: Path) -> None:
    """The last batch of a run is the one that ends it: it must not be missed."""
    store = SqliteStore(tmp_path / "t.db")
    key = await key_in(store)
    page = await store.append(batch(key, b"one", TRACE))
    assert page is not None
    changes = Watcher(store, look_every_s=0.01).changes(page, timeout_s=5)
    await anext(changes)
    await store.append(batch(key, b"two", TRACE))
    second = await anext(changes)
    await store.append(batch(key, b"three", TRACE))
    await asyncio.sleep(0.1)  # looked at while nobody waits for news
    third = await anext(changes)
    assert second is not None
    assert third is not None
    assert third.version > second.version
    await changes.aclose()
    await store.close()


async def test_watch_ends_for_who_may_see_no_more(tmp_path: Path) -> None:
    """Others go on; a link that was withdrawn ends it for all."""
    store = SqliteStore(tmp_path / "t.db")
    page = await store.append(batch(await key_in(store), b"one", TRACE))
    assert page is not None
    watcher = Watcher(store, look_every_s=0.01)
    stranger = watcher.changes(page, 5, lambda now, progress: not now.is_private)
    owner = watcher.changes(page, 0.05)
    assert (await anext(stranger), await anext(owner)) == (await store.progress(page),) * 2
    await store.set_sharing(page, Sharing(is_private=True))
    assert [told async for told in stranger] == []
    assert await anext(owner) is None
    await store.reissue(page, NOW)
    assert {told async for told in owner} <= {None}
    await store.close()
