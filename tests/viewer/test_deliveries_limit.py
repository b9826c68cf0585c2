"""The contract of a queue of deliveries: what counts against the limit, and what is known of the target."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.viewer.delivery_scene import HOUR_NS, LATER, URL, WAITS, Scene, opened_scene, outgoing
from tests.viewer.stores import NOW, Open
from viewer.store.base import NS_PER_S, Limit
from viewer.store.deliveries import HIT_MARGIN_NS, MAX_HOLD_NS, DeliveryState

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(open_store: Open) -> AsyncIterator[Scene]:
    async with opened_scene(open_store) as made:
        yield made


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


async def test_standing_waits_as_the_ledger_does(scene: Scene) -> None:
    """Where the limit was lowered, not the oldest that counts must leave the window, but the n-th newest."""
    await scene.send(1, 2, 3)
    await scene.feed()
    for minute in (0, 10, 20):
        await scene.deliver(LATER + minute * 60 * NS_PER_S)
    now_ns = LATER + 21 * 60 * NS_PER_S
    queue = await scene.store.deliveries(URL, now_ns, limit=Limit(1, 3600))
    expected = await queue.wait_ns((Limit(1, 3600),), now_ns)
    assert (await queue.standing(now_ns)).wait_ns == expected == 59 * 60 * NS_PER_S + HIT_MARGIN_NS


async def test_every_limit_that_is_told_is_kept_until_it_is_told_no_more(scene: Scene) -> None:
    """Of two windows both, over restarts; those that the next answer does not tell are forgotten."""
    burst, day = Limit(10, 60), Limit(1_000, 86_400)
    await scene.queue.learn_limits([burst, day])
    await scene.restart()
    assert set((await scene.queue.target()).limits) == {burst, day}
    await scene.queue.learn_limits([burst])
    assert (await scene.queue.target()).limits == (burst,)
    await scene.queue.learn_limits([])
    assert (await scene.queue.target()).limits == (Limit(),)


async def test_past_is_looked_for_once_for_each_choice_of_accounts(scene: Scene) -> None:
    """With the same choice nothing is read again."""
    await scene.send(1)
    for accounts, expected in (("a@team.example", 1), ("a@team.example", 0), ("", 1), ("", 0)):
        scene.queue = await scene.store.deliveries(URL, NOW, with_past=True, accounts=accounts)
        assert await scene.feed() == expected


async def test_standing_names_the_traces_that_were_not_taken(scene: Scene) -> None:
    """And since when the oldest waits, what failed and when a post was accepted last."""
    await scene.send(1, 2, 3)
    await scene.feed()
    await scene.deliver()
    delivery, _ = await scene.due()
    await scene.queue.set_aside(delivery, DeliveryState.REFUSED, "steps[0].name")
    await scene.queue.hold(0, "", "it failed", LATER)
    standing = await scene.queue.standing(LATER)
    (refused,) = standing.troubled
    assert (refused.otel_trace_id, refused.reason) == (delivery.otel_trace_id, "steps[0].name")
    assert standing.oldest_ns == NOW
    assert (standing.target.failures, standing.target.succeeded_ns) == (1, LATER)


# -- the target ----------------------------------------------------------------------------------------


async def test_what_is_learnt_of_a_target_is_kept(scene: Scene) -> None:
    """Its limit, what it takes, why nothing is sent and until when; the operator's own limit holds beside its."""
    await scene.queue.learn_limits([Limit(7, 60)])
    await scene.queue.learn(is_extended=False)
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


@pytest.mark.parametrize("state", [DeliveryState.REFUSED, DeliveryState.LATE])
async def test_what_was_not_taken_is_tried_again_with_the_next_start(
    scene: Scene, state: DeliveryState
) -> None:
    """Once, in its whole size: the target may be another release by then."""
    await scene.send(1)
    await scene.feed()
    await scene.queue.withdraw((await scene.due())[0], max_bytes=1_000)
    await scene.queue.set_aside((await scene.due())[0], state, "why")
    assert await scene.next() is None
    await scene.restart()
    delivery, _ = await scene.due()
    assert delivery.max_bytes is None


async def test_held_trace_is_looked_at_within_an_hour_of_a_start(scene: Scene) -> None:
    """Whatever the clock said when it was held."""
    await scene.send(1)
    await scene.feed()
    await scene.queue.set_aside((await scene.due())[0], DeliveryState.HELD, "private", NOW + 9_000 * HOUR_NS)
    await scene.restart()
    assert await scene.queue.held(NOW + HOUR_NS, 10)


async def test_target_is_the_same_however_it_is_written(scene: Scene) -> None:
    """Scheme and host in capitals, the port that is meant anyway, a slash at the end."""
    await scene.store.deliveries(URL.replace("https", "HTTPS").upper() + ":443/", NOW)
    assert [one.target.url for one in await scene.store.delivery_standings(NOW)] == [URL]
