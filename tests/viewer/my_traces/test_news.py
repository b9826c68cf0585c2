"""Open lists hear that they have changed, from one look at the store, for as long as they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from tests.viewer.stores import key_in, post
from viewer.my_traces import news
from viewer.my_traces.news import MAX_LISTS_OF_ACCOUNT, News
from viewer.store.base import Store
from viewer.watching import TooManyReaders

pytestmark = pytest.mark.anyio

LOOK_S = 0.01


async def following(stream: AsyncGenerator[str | None]) -> str | None:
    return await asyncio.wait_for(anext(stream), 10)


async def changed(stream: AsyncGenerator[str | None]) -> str:
    """The next edition, whatever silence comes before it."""
    while (edition := await following(stream)) is None:
        pass
    return edition


async def test_change_is_told_to_every_list_of_the_account(store: Store) -> None:
    """Now, and at each change; another account's lists hear nothing of it."""
    key, other = await key_in(store), await key_in(store, "eve@example.com")
    told = News(store.catalogue.edition, LOOK_S)
    streams = [told.editions(key.account_id, 60) for _ in range(3)]
    quiet = told.editions(other.account_id, 0.05)
    first = {await following(stream) for stream in streams}
    assert len(first) == 1
    await following(quiet)
    outcome = await store.post(post(key))
    page = await store.page(outcome.page_id)
    assert page
    await store.delete(page, 0)
    second = {await changed(stream) for stream in streams}
    assert len(second) == 1
    assert second != first
    assert await following(quiet) is None
    for stream in (*streams, quiet):
        await stream.aclose()


async def test_silence_is_told_as_well(store: Store) -> None:
    """So that what sits in between does not close the connection, and a dead one is noticed."""
    key = await key_in(store)
    stream = News(store.catalogue.edition, LOOK_S).editions(key.account_id, 0.02)
    assert await following(stream) is not None
    assert await following(stream) is None
    await stream.aclose()


async def test_streams_end_with_the_server(store: Store) -> None:
    """At once: a server that ends waits for nobody's list."""
    key = await key_in(store)
    told = News(store.catalogue.edition, 60)
    stream = told.editions(key.account_id, 60)
    await following(stream)
    waiting = asyncio.ensure_future(anext(stream, "ended"))
    await asyncio.sleep(0)
    told.stop()
    assert await asyncio.wait_for(waiting, 10) == "ended"


async def test_streams_end_by_themselves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, so that whoever has logged out hears no more."""
    monkeypatch.setattr(news, "LONGEST_S", 0.05)
    key = await key_in(store)
    stream = News(store.catalogue.edition, LOOK_S).editions(key.account_id, 60)
    assert [edition async for edition in stream] != []


async def test_lists_of_an_account_are_bounded(store: Store) -> None:
    """One more is told to come back; one that is closed makes room."""
    key, other = await key_in(store), await key_in(store, "eve@example.com")
    told = News(store.catalogue.edition, LOOK_S)
    streams = [told.editions(key.account_id, 60) for _ in range(MAX_LISTS_OF_ACCOUNT)]
    for stream in streams:
        told.check_room(key.account_id)
        await following(stream)
    with pytest.raises(TooManyReaders):
        told.check_room(key.account_id)
    told.check_room(other.account_id)
    await streams.pop().aclose()
    told.check_room(key.account_id)
    for stream in streams:
        await stream.aclose()
