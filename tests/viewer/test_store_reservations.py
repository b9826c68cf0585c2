"""The contract of a store that hands pages out ahead of their traces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.viewer.stores import MANY_BYTES, NOW, OTHER_TRACE, TRACE, Open, batch, key_in, post
from viewer.store.base import NS_PER_S, Limit, Page, ReservationsUsedUp, Store
from viewer.store.people import Key

pytestmark = pytest.mark.anyio

LIMIT = Limit(3, 60)
LATER = NOW + 60 * NS_PER_S


def trace(number: int) -> bytes:
    return number.to_bytes(16, "big")


async def reserve(store: Store, key: Key, number: int, at_ns: int = NOW, limit: Limit = LIMIT) -> Page:
    return await store.reserve(key.account_id, trace(number), at_ns, limit)


async def send_post(store: Store, key: Key, number: int) -> None:
    await store.post(post(key, trace(number)))


async def send_alone(store: Store, key: Key, number: int) -> None:
    await store.append(batch(key, b"spans", trace(number)))


async def send_among_others(store: Store, key: Key, number: int) -> None:
    await store.append(batch(key, b"spans", trace(number), trace(number + 1_000)))


Send = Callable[[Store, Key, int], Awaitable[None]]
WAYS = pytest.mark.parametrize("send", [send_post, send_alone, send_among_others])


async def was_given_up(store: Store, page: Page) -> bool:
    return await store.page(page.id) is None


async def sweep(store: Store, before_ns: int) -> None:
    while await store.expire_reservations(before_ns):
        pass


async def test_reserved_page_is_one_for_all_who_ask(open_store: Open) -> None:
    """In parallel, later and after a restart; asking for the page of a trace finds it."""
    store = open_store()
    key = await key_in(store)
    made = await asyncio.gather(*(reserve(store, key, 1, NOW, Limit(1, 60)) for _ in range(100)))
    assert {page.waits_since_ns for page in made} == {NOW}
    await store.close()
    store = open_store()
    found = await store.page_of(key.account_id, trace(1), NOW)
    assert {*made, found, await reserve(store, key, 1, NOW + 1)} == {made[0]}
    assert (await store.progress(made[0])).received_ns == 0
    assert await store.recent_traces(key.account_id, None, 10) == []
    await store.close()


@WAYS
async def test_content_comes_to_the_reserved_page(store: Store, send: Send) -> None:
    """Whatever way it takes; after that nothing is left of the reservation."""
    key = await key_in(store)
    page = await reserve(store, key, 1)
    await send(store, key, 1)
    found = await store.page_of(key.account_id, trace(1), NOW)
    assert found == replace(page, waits_since_ns=None)
    assert len((await store.telling(page, MANY_BYTES)).bodies) == 1
    await sweep(store, LATER)
    assert await store.page(page.id) == found


@WAYS
async def test_content_that_was_faster_leaves_nothing_to_wait_for(store: Store, send: Send) -> None:
    """A page that has content from the beginning is no reservation, and counts as none."""
    key = await key_in(store)
    await send(store, key, 1)
    assert (await reserve(store, key, 1, limit=Limit(0, 60))).waits_since_ns is None


async def test_content_that_comes_at_the_same_time_is_seen(store: Store) -> None:
    """Whoever is first: no trace that has come is ever given up."""
    key = await key_in(store)
    works: list[Awaitable[object]] = []
    for number in range(1, 101):
        both = [reserve(store, key, number, limit=Limit(100, 60)), send_among_others(store, key, number)]
        works += both if number % 2 else reversed(both)
    await asyncio.gather(*works)
    await sweep(store, LATER)
    for number in range(1, 101):
        page = await store.page_of(key.account_id, trace(number), NOW)
        assert page is not None
        assert page.waits_since_ns is None


@WAYS
async def test_content_makes_room_for_another_reservation(store: Store, send: Send) -> None:
    """As many wait as may, and no more; one that has waited for so long waits no more; accounts are apart."""
    key, other = await key_in(store, "ada@example.com"), await key_in(store, "eve@example.com")
    for number in (1, 2, 3):
        await reserve(store, key, number, NOW + number)
    with pytest.raises(ReservationsUsedUp) as refused:
        await reserve(store, key, 4, NOW + NS_PER_S)
    assert refused.value.retry_after_s == 60
    await reserve(store, key, 2, NOW + NS_PER_S)
    await reserve(store, other, 4)
    await send(store, key, 3)
    await reserve(store, key, 5, NOW + NS_PER_S)
    with pytest.raises(ReservationsUsedUp):
        await reserve(store, key, 6, NOW + NS_PER_S)
    await reserve(store, key, 6, NOW + NS_PER_S + refused.value.retry_after_s * NS_PER_S)


async def test_refused_reservation_leaves_no_page(store: Store) -> None:
    """Nothing was kept of it, and what is sent of its trace gets a page like any other."""
    key = await key_in(store)
    with pytest.raises(ReservationsUsedUp):
        await reserve(store, key, 1, limit=Limit(0, 60))
    assert await store.page_of(key.account_id, trace(1), NOW) is None
    await send_among_others(store, key, 1)
    assert await store.page_of(key.account_id, trace(1), NOW) is not None


async def test_reservations_are_given_up_oldest_first_but_not_what_has_come(open_store: Open) -> None:
    """A day is a day, also over a restart; who asks again waits anew; more are swept than fit one write."""
    store = open_store()
    key, many = await key_in(store), Limit(1_000, 60)
    pages = [await reserve(store, key, number, NOW, many) for number in range(1, 251)]
    late = await reserve(store, key, 500, NOW + 1, many)
    await reserve(store, key, 1, NOW + 1, many)
    await send_among_others(store, key, 2)
    await sweep(store, NOW - 1)
    assert not await was_given_up(store, pages[2])
    await store.close()
    store = open_store()
    await send_among_others(store, key, 3)
    await sweep(store, NOW)
    assert [n for n, page in enumerate(pages, 1) if not await was_given_up(store, page)] == [1, 2, 3]
    assert not await was_given_up(store, late)
    await store.close()


async def test_trace_that_comes_after_its_reservation_was_given_up_gets_a_new_page(store: Store) -> None:
    """It is as if it had never been reserved."""
    key = await key_in(store)
    page = await reserve(store, key, 1)
    await sweep(store, NOW)
    assert await store.page_of(key.account_id, trace(1), NOW) is None
    await send_alone(store, key, 1)
    found = await store.page_of(key.account_id, trace(1), NOW)
    assert found is not None
    assert found.id != page.id


async def test_deleted_page_waits_for_nothing(store: Store) -> None:
    """It stays deleted, whatever is asked or sent."""
    key = await key_in(store)
    page = await reserve(store, key, 1)
    await store.delete(page, NOW)
    assert (await reserve(store, key, 1)).deleted
    await send_among_others(store, key, 1)
    await sweep(store, LATER)
    found = await store.page(page.id)
    assert found is not None
    assert found.deleted


async def test_deleting_a_page_that_waits_makes_no_room(store: Store) -> None:
    """It counts on, and is given up in its time; then it is as if it had never been."""
    key, limit = await key_in(store), Limit(1, 60)
    page = await reserve(store, key, 1, limit=limit)
    await store.delete(page, NOW + 1)
    with pytest.raises(ReservationsUsedUp):
        await reserve(store, key, 2, limit=limit)
    await sweep(store, NOW)
    assert await was_given_up(store, page)
    await reserve(store, key, 2, limit=limit)


@pytest.mark.parametrize("send", [send_post, send_alone])
async def test_deleted_page_that_had_content_stays_deleted(store: Store, send: Send) -> None:
    """What it waited for had come: that it was deleted is remembered for ever."""
    key = await key_in(store)
    page = await reserve(store, key, 1)
    await send(store, key, 1)
    await store.delete(page, NOW)
    await sweep(store, LATER)
    found = await store.page(page.id)
    assert found is not None
    assert found.deleted
    await reserve(store, key, 2, limit=Limit(1, 60))


async def test_reservations_of_a_trace_id_are_one_for_each_account(store: Store) -> None:
    """Content of one account is not waited for by another."""
    ada, eve = await key_in(store, "ada@example.com"), await key_in(store, "eve@example.com")
    hers, eves = await reserve(store, ada, 1), await reserve(store, eve, 1)
    assert hers.id != eves.id
    await send_among_others(store, eve, 1)
    await sweep(store, NOW)
    assert await was_given_up(store, hers)
    assert not await was_given_up(store, eves)


async def test_trace_that_shares_its_index_row_is_not_mistaken(store: Store) -> None:
    """Traces are looked up by 64 bits of their 128; what came of one is not content of another."""
    key = await key_in(store)
    twin, other = bytes(8) + b"\x07" * 8, b"\x07" * 8 + bytes(8)
    await store.append(batch(key, b"spans", twin, TRACE))
    page = await store.reserve(key.account_id, other, NOW, LIMIT)
    assert page.waits_since_ns == NOW
    await store.append(batch(key, b"spans", twin, OTHER_TRACE))
    await sweep(store, NOW)
    assert await was_given_up(store, page)
