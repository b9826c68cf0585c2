"""The contract of a queue of deliveries: what is in it, in which order, and when it is due."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.viewer.delivery_scene import HOUR_NS, LATER, URL, WAITS, Scene, opened_scene
from tests.viewer.listed import trace
from tests.viewer.stores import NOW, Open, batch, key_in, post
from viewer.store.base import NS_PER_S
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(open_store: Open) -> AsyncIterator[Scene]:
    async with opened_scene(open_store) as made:
        yield made


# -- into the queue ------------------------------------------------------------------------------------


async def test_batches_and_posts_are_discovered_once(scene: Scene) -> None:
    """Each trace of each, in order; a restart discovers nothing twice, and nothing is missed before it."""
    await scene.send(1, 2)
    await scene.store.post(post(scene.key, trace(3)))
    assert await scene.feed() == 3
    await scene.send(4)
    await scene.restart()
    assert await scene.feed() == 1
    assert await scene.feed() == 0
    assert (await scene.queue.standing(NOW)).counts[DeliveryState.WAITING] == 4


async def test_discovery_is_the_same_until_it_is_enqueued(scene: Scene) -> None:
    """A crash between the two loses nothing."""
    await scene.send(1)
    first = await scene.queue.discover(10)
    assert await scene.queue.discover(10) == first
    await scene.restart()
    assert await scene.queue.discover(10) == first


async def test_queue_begins_with_what_comes_from_then_on(open_store: Open) -> None:
    """Unless the past is asked for, at once or later; what was delivered by then is not news."""
    store = open_store()
    key = await key_in(store)
    await store.append(batch(key, b"spans", trace(1)))
    await store.post(post(key, trace(2)))
    scene = Scene(open_store, store, key, await store.deliveries(URL, NOW))
    assert await scene.feed() == 0
    await scene.send(3)
    await scene.feed()
    await scene.deliver()
    for expected in (3, 0):
        scene.queue = await store.deliveries(URL, NOW, with_past=True)
        assert await scene.feed() == expected
    counts = (await scene.queue.standing(NOW)).counts
    assert (counts[DeliveryState.WAITING], counts[DeliveryState.DELIVERED]) == (2, 1)
    await store.close()


async def test_targets_have_queues_of_their_own(scene: Scene) -> None:
    """Another one begins anew; the one that was used last is told last."""
    await scene.send(1)
    await scene.feed()
    other = await scene.store.deliveries("https://other.example", NOW + 1)
    assert (await other.discover(10)).arrived == []
    assert [one.target.url for one in await scene.store.delivery_standings(NOW)] == [
        URL,
        "https://other.example",
    ]
    await scene.store.deliveries(URL, NOW + 2)
    assert [one.target.url for one in await scene.store.delivery_standings(NOW)][-1] == URL


async def test_unwanted_traces_are_passed_over(scene: Scene) -> None:
    """They are not in the queue, and not discovered again."""
    await scene.send(1, 2)
    found = await scene.queue.discover(10)
    await scene.queue.enqueue(found, found.arrived[:1], WAITS, NOW)
    assert await scene.feed() == 0
    assert (await scene.queue.standing(NOW)).counts[DeliveryState.WAITING] == 1


async def test_ids_go_on_where_the_store_is_older_than_the_queue(open_store: Open, tmp_path: Path) -> None:
    """What comes after an older backup was restored is discovered, though the queue has seen such ids."""
    store = open_store()
    key = await key_in(store)
    await store.deliveries(URL, NOW)
    await store.close()
    kept = {path: path.read_bytes() for path in tmp_path.glob("store.db*") if "-forward" not in path.name}
    store = open_store()
    scene = Scene(open_store, store, key, await store.deliveries(URL, NOW))
    for number in range(1, 4):
        await scene.send(number)
        await store.post(post(key, trace(number + 100)))
    await scene.feed()
    await store.close()
    for path in tmp_path.glob("store.db*"):
        if "-forward" not in path.name:
            path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    scene.store = open_store()
    scene.queue = await scene.store.deliveries(URL, NOW)
    await scene.send(1)
    await scene.store.post(post(key, trace(101)))
    assert await scene.feed() == 2
    await scene.store.close()


# -- when ----------------------------------------------------------------------------------------------


async def test_trace_is_due_when_it_is_quiet(scene: Scene) -> None:
    """Two seconds after its last news, however often there was some; 300 after the first in any case."""
    for second in range(0, 400, 1):
        at_ns = NOW + second * NS_PER_S
        if await scene.next(at_ns) is not None:
            break
        await scene.send(1)
        await scene.feed(at_ns)
    assert second == 300


async def test_news_that_is_known_changes_nothing(scene: Scene) -> None:
    """The same discovery twice."""
    await scene.send(1)
    found = await scene.queue.discover(10)
    await scene.queue.enqueue(found, found.arrived, WAITS, NOW)
    await scene.queue.enqueue(found, found.arrived, WAITS, NOW + NS_PER_S)
    assert await scene.next(NOW + WAITS.quiet_ns) == 1


async def test_order_is_oldest_or_newest_first(scene: Scene) -> None:
    """By when each was first heard of, or in the order of its arrival."""
    await scene.send(5)
    await scene.feed()
    await scene.send(4)
    await scene.send(3)
    await scene.feed(NOW + 1)
    assert (await scene.next(), await scene.next(newest_first=True)) == (5, 3)


async def test_what_is_put_off_lets_others_go_first(scene: Scene) -> None:
    """Until it is due, or there is news of it; at the end of the queue it stands behind all others."""
    await scene.send(1, 2)
    await scene.feed()
    first, _ = await scene.due()
    await scene.queue.put_off(first, NOW + 60 * NS_PER_S)
    second, _ = await scene.due()
    assert first.id != second.id
    await scene.queue.put_last(second, LATER)
    assert (await scene.due())[0].id == second.id
    assert (await scene.due(NOW + 61 * NS_PER_S))[0].id == first.id


async def test_news_of_what_is_put_off_comes_first(scene: Scene) -> None:
    """A root that comes after a while is not kept waiting; nor does an answer to older news hide it."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.send(1)
    await scene.feed(LATER)
    await scene.queue.put_off(delivery, NOW + 60 * NS_PER_S)
    assert await scene.next(LATER + WAITS.quiet_ns) == 1


async def test_set_aside_stays_so_until_there_is_news(scene: Scene) -> None:
    """Refused and left out; the reason is told and counted."""
    await scene.send(1)
    await scene.feed()
    for state in (DeliveryState.REFUSED, DeliveryState.LEFT_OUT, DeliveryState.LATE):
        delivery, _ = await scene.due(LATER + HOUR_NS)
        await scene.queue.set_aside(delivery, state, "no good")
        assert await scene.next(LATER + HOUR_NS) is None
        standing = await scene.queue.standing(NOW)
        assert standing.counts[state] == 1
        assert standing.reasons == {(state, "no good"): 1}
        await scene.send(1)
        await scene.feed(LATER)


async def test_held_is_looked_at_again_when_it_is_due(scene: Scene) -> None:
    """And goes on when it is put off till now."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.set_aside(delivery, DeliveryState.HELD, "private", LATER + 600 * NS_PER_S)
    assert await scene.queue.held(LATER, 10) == []
    (held,) = await scene.queue.held(LATER + 600 * NS_PER_S, 10)
    await scene.queue.put_off(held, LATER)
    assert await scene.next() == 1


async def test_late_ones_are_tried_again_with_the_next_start(scene: Scene) -> None:
    """The endpoint may have learnt to delete."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.set_aside(delivery, DeliveryState.LATE, "late")
    await scene.restart(LATER)
    assert await scene.next() == 1
