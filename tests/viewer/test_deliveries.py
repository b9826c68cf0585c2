"""The contract of a queue of deliveries: what is in it, in which order, what is under way, what counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.viewer.listed import trace
from tests.viewer.stores import NOW, Open, batch, key_in, post
from viewer.store.base import NS_PER_S, Limit, Page, Store
from viewer.store.deliveries import (
    HIT_MARGIN_NS,
    MAX_HOLD_NS,
    Deliveries,
    Delivery,
    DeliveryState,
    Outgoing,
    Waits,
)
from viewer.store.people import Key

pytestmark = pytest.mark.anyio

URL = "https://target.example"
WAITS = Waits(2 * NS_PER_S, 300 * NS_PER_S)
LATER = NOW + 3 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S


@dataclass
class Scene:
    """A store with a key, and the queue of one target."""

    open_store: Open
    store: Store
    key: Key
    queue: Deliveries

    async def restart(self, now_ns: int = NOW) -> None:
        await self.store.close()
        self.store = self.open_store()
        self.queue = await self.store.deliveries(URL, now_ns)

    async def send(self, *numbers: int) -> None:
        await self.store.append(batch(self.key, b"spans", *map(trace, numbers)))

    async def feed(self, now_ns: int = NOW) -> int:
        """Put all that has come in the queue; how many traces it told of."""
        count = 0
        while (found := await self.queue.discover(10)).arrived:
            await self.queue.enqueue(found, found.arrived, WAITS, now_ns)
            count += len(found.arrived)
        return count

    async def next(self, now_ns: int = LATER, *, newest_first: bool = False) -> int | None:
        """The number of the trace that is next."""
        found = await self.queue.next(now_ns, newest_first=newest_first)
        return int.from_bytes(found[0].otel_trace_id, "big") if found else None

    async def due(self, now_ns: int = LATER) -> tuple[Delivery, Outgoing | None]:
        found = await self.queue.next(now_ns, newest_first=False)
        assert found is not None
        return found

    async def page(self, number: int) -> Page:
        page = await self.store.page_of(self.key.account_id, trace(number), NOW)
        assert page is not None
        return page

    async def deliver(self, now_ns: int = LATER, body: bytes = b"body") -> Delivery:
        """The next one, as it goes well."""
        delivery, _ = await self.due(now_ns)
        await self.queue.begin(delivery, outgoing(delivery, body))
        await self.queue.attempt(delivery, now_ns)
        await self.queue.deliver(delivery, f"page-{delivery.id}", now_ns)
        return delivery


def outgoing(delivery: Delivery, body: bytes = b"body") -> Outgoing:
    return Outgoing(f"key-{delivery.id}-{delivery.arrived}", body, delivery.arrived, True, b"digest", "masks")


@pytest.fixture
async def scene(open_store: Open) -> AsyncIterator[Scene]:
    store = open_store()
    made = Scene(open_store, store, await key_in(store), await store.deliveries(URL, NOW))
    yield made
    await made.store.close()


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


# -- under way -----------------------------------------------------------------------------------------


async def test_what_is_under_way_survives_a_restart_to_the_byte(scene: Scene) -> None:
    """Body, key and version; in doubt once it was attempted, and first then, whatever else is due."""
    await scene.send(1)
    await scene.feed()
    await scene.send(2)
    await scene.feed(NOW + 1)
    await scene.queue.put_off((await scene.due())[0], LATER + 1)
    delivery, nothing = await scene.due()
    assert (nothing, int.from_bytes(delivery.otel_trace_id, "big")) == (None, 2)
    sent = outgoing(delivery, b"\x00 any bytes \xff" * 1_000)
    await scene.queue.begin(delivery, sent)
    await scene.restart()
    assert (await scene.due())[1] == sent
    await scene.queue.attempt(delivery, LATER)
    await scene.restart()
    found = await scene.queue.next(LATER + 1, newest_first=False, counted_since_ns=LATER)
    assert found is not None
    assert found[1] == replace(sent, in_doubt=True)
    assert await scene.next(LATER + 1) == 2


async def test_delivered_trace_waits_again_for_what_came_meanwhile(scene: Scene) -> None:
    """The version that was sent is what counts, not when the answer came; the page is remembered."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.send(1)
    await scene.feed(LATER)
    await scene.queue.deliver(delivery, "page", LATER)
    again, under_way = await scene.due(LATER + 10 * NS_PER_S)
    assert under_way is None
    assert (again.page_id, again.delivered_version, again.is_extended) == ("page", delivery.arrived, True)
    assert again.arrived > again.delivered_version
    await scene.queue.settle(again, again.arrived)
    assert await scene.next(LATER + HOUR_NS) is None


async def test_trace_that_was_delivered_often_waits_longer(scene: Scene) -> None:
    """Twice as long after each time: a trace that never ends does not use up the limit."""
    at_ns, waits = NOW, []
    for _ in range(6):
        await scene.send(1)
        await scene.feed(at_ns)
        waits.append(0)
        while await scene.next(at_ns) is None:
            at_ns += NS_PER_S
            waits[-1] += 1
        await scene.deliver(at_ns)
    assert waits == [2, 4, 8, 16, 32, 64]


async def test_another_form_is_made_of_what_is_withdrawn(scene: Scene) -> None:
    """Smaller, or of the documented fields alone, from then on."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.withdraw(delivery, max_bytes=1_000)
    await scene.queue.withdraw(delivery, is_documented_only=True)
    delivery, under_way = await scene.due()
    assert (under_way, delivery.max_bytes, delivery.is_documented_only) == (None, 1_000, True)


@pytest.mark.parametrize("way", ["delete", "mask"])
async def test_what_is_under_way_is_gone_with_its_trace(scene: Scene, tmp_path: Path, way: str) -> None:
    """From every file, when it is deleted, and when more of it is masked; whether it was in doubt is remembered."""
    canary = bytes(range(256)) * 40
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery, canary))
    await scene.queue.attempt(delivery, LATER)
    piece = _compressed(canary)
    assert _holds(tmp_path, piece)
    if way == "delete":
        await scene.store.delete(await scene.page(1), NOW)
    else:
        await scene.store.set_masks(await scene.page(1), ["word"])
    assert not _holds(tmp_path, piece)
    found, under_way = await scene.due()
    assert (under_way, found.is_uncertain) == (None, True)


async def test_what_was_delivered_is_gone_when_its_trace_is_deleted(scene: Scene, tmp_path: Path) -> None:
    """The log of the file may have held it since."""
    canary = bytes(range(256)) * 40
    await scene.send(1)
    await scene.feed()
    await scene.deliver(body=canary)
    await scene.store.delete(await scene.page(1), NOW)
    assert not _holds(tmp_path, _compressed(canary))


def _compressed(body: bytes) -> bytes:
    import zlib

    return zlib.compress(body, 1)[20:60]


def _holds(folder: Path, piece: bytes) -> bool:
    return any(piece in path.read_bytes() for path in folder.iterdir())


async def test_what_is_put_last_waits_behind_all_others_even_in_doubt(scene: Scene) -> None:
    """It keeps its bytes; while a limit is used up it goes only if its last attempt was cut short."""
    await scene.send(1)
    await scene.send(2)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.queue.missed(delivery, LATER)
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER) is None
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER - 1) is not None
    await scene.queue.put_last(delivery, LATER, "it fails")
    assert (await scene.queue.standing(LATER)).reasons == {(DeliveryState.WAITING, "it fails"): 1}
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER - 1) is None
    assert await scene.next() == 2
    await scene.deliver()
    last, under_way = await scene.due()
    assert (last.behind, last.tries) == (1, 0)
    assert under_way == replace(outgoing(delivery), in_doubt=True)
    await scene.queue.attempt(last, LATER)
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER) is not None


async def test_nothing_is_attempted_that_is_not_under_way(scene: Scene) -> None:
    """Its trace was deleted a moment ago: it is told, and nothing is counted."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.store.delete(await scene.page(1), NOW)
    assert not await scene.queue.attempt(delivery, LATER)
    assert await scene.queue.wait_ns((Limit(1),), LATER) == 0


async def test_many_are_held_back_and_released_together(scene: Scene) -> None:
    """In one write each."""
    await scene.send(1, 2, 3)
    await scene.feed()
    await scene.queue.set_aside((await scene.due())[0], DeliveryState.HELD, "private", LATER)
    await scene.queue.set_aside((await scene.due())[0], DeliveryState.HELD, "private", LATER)
    due = await scene.queue.held(LATER, 10)
    await scene.queue.hold_back(due, "still private", LATER + HOUR_NS)
    assert await scene.queue.held(LATER, 10) == []
    await scene.queue.release(due, LATER)
    assert (await scene.queue.standing(LATER)).counts[DeliveryState.WAITING] == 3


# -- the limit -----------------------------------------------------------------------------------------


async def test_limit_counts_from_the_answer_on(scene: Scene) -> None:
    """The n-th newest must have left the window; what has no answer yet counts, over a restart too."""
    limit = Limit(2, 3600)
    await scene.send(1, 2, 3)
    await scene.feed()
    assert await scene.queue.wait_ns((limit,), LATER) == 0
    await scene.deliver(LATER)
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.restart(LATER)
    assert await scene.queue.wait_ns((limit,), LATER) == HOUR_NS + HIT_MARGIN_NS
    await scene.queue.deliver(delivery, "page", LATER + NS_PER_S)
    for ahead_ns, expected_ns in ((0, HOUR_NS + HIT_MARGIN_NS), (HOUR_NS + HIT_MARGIN_NS, 0)):
        assert await scene.queue.wait_ns((limit,), LATER + ahead_ns) == expected_ns
    assert await scene.queue.wait_ns((Limit(1, 3600),), LATER + HOUR_NS) == 2 * NS_PER_S
    assert await scene.queue.wait_ns((Limit(3, 3600), Limit(1, 60)), LATER) == 62 * NS_PER_S


async def test_several_attempts_of_the_same_count_once(scene: Scene) -> None:
    """Where none was taken it does not count at all; in doubt it counts for an hour from the end of the last one."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.queue.not_taken(delivery)
    assert await scene.queue.wait_ns((Limit(1),), LATER) == 0
    await scene.queue.attempt(delivery, LATER)
    await scene.queue.attempt(delivery, LATER + HOUR_NS)
    assert await scene.queue.wait_ns((Limit(2),), LATER + HOUR_NS) == 0
    assert await scene.queue.wait_ns((Limit(1),), LATER + HOUR_NS) > 0
    await scene.queue.missed(delivery, LATER + HOUR_NS)
    assert await scene.queue.wait_ns((Limit(1),), LATER + HOUR_NS) == HOUR_NS + HIT_MARGIN_NS
    assert await scene.queue.wait_ns((Limit(1),), LATER + 2 * HOUR_NS + HIT_MARGIN_NS) == 0
    await scene.queue.attempt(delivery, LATER + 2 * HOUR_NS)
    await scene.queue.deliver(delivery, "page", LATER + 2 * HOUR_NS)
    assert await scene.queue.wait_ns((Limit(1),), LATER + 2 * HOUR_NS) == HOUR_NS + HIT_MARGIN_NS


async def test_what_is_never_answered_counts_for_a_window(scene: Scene) -> None:
    """Its trace was deleted while it was in doubt."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.store.delete(await scene.page(1), NOW)
    assert await scene.queue.wait_ns((Limit(1),), LATER) == HOUR_NS + HIT_MARGIN_NS
    assert await scene.queue.wait_ns((Limit(1),), LATER + HOUR_NS + HIT_MARGIN_NS) == 0


# -- the target ----------------------------------------------------------------------------------------


async def test_what_is_learnt_of_a_target_is_kept(scene: Scene) -> None:
    """Its limit, what it takes, why nothing is sent and until when; the operator's own limit holds beside its."""
    await scene.queue.learn(Limit(7, 60), is_extended=None)
    await scene.queue.learn(None, is_extended=False)
    await scene.queue.hold(LATER, "it asks to wait", "429", NOW)
    await scene.queue.hold(LATER + 1, "the limit is used up", "", LATER)
    await scene.restart()
    target = await scene.queue.target()
    assert (target.told_limit, target.is_extended) == (Limit(7, 60), False)
    assert (target.hold_until_ns, target.hold_reason) == (LATER + 1, "the limit is used up")
    assert (target.failure, target.failure_ns) == ("429", NOW)
    assert target.limits == (Limit(7, 60),)
    queue = await scene.store.deliveries(URL, NOW, limit=Limit(3, 3600))
    target = await queue.target()
    assert target.limits == (Limit(3, 3600), Limit(7, 60))
    assert target.strictest == Limit(3, 3600)


async def test_clock_that_was_set_back_holds_nothing_for_long(scene: Scene) -> None:
    """A day, between two starts: an hour at most is waited, for whatever it is."""
    day_ns = 24 * HOUR_NS
    await scene.send(1, 2)
    await scene.feed(NOW + day_ns)
    await scene.deliver(NOW + day_ns + LATER - NOW)
    await scene.queue.hold(NOW + day_ns + HOUR_NS, "it asks to wait", "429", NOW + day_ns)
    await scene.restart(NOW)
    assert (await scene.queue.target()).hold_until_ns <= NOW + MAX_HOLD_NS
    assert await scene.queue.wait_ns((Limit(1),), NOW) <= HOUR_NS + HIT_MARGIN_NS
    assert await scene.next(NOW) is not None


async def test_standing_counts_posts_and_traces(scene: Scene) -> None:
    """Told beside the running server as well, which a reader never holds up."""
    await scene.send(1, 2)
    await scene.feed()
    await scene.deliver()
    standing = await scene.queue.standing(LATER)
    assert (standing.posts, standing.recent) == (1, 1)
    assert standing.due_ns == NOW + WAITS.quiet_ns
    assert (await scene.queue.standing(LATER + 2 * HOUR_NS)).recent == 0
    assert await scene.store.delivery_standings(LATER) == [standing]
