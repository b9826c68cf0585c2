"""The sliding log in the store, against counting by hand: any arrival times, several keys, clocks that are set."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.viewer.stores import NOW, Open, accepted, key_in
from viewer.store.base import MAX_SKEW_NS, NS_PER_S, Limit, LimitReached, Post, Store
from viewer.store.people import Key

pytestmark = pytest.mark.anyio

WINDOW_NS = 3600 * NS_PER_S


def posted(key: Key, at_ns: int, limit: Limit) -> Post:
    """One post that arrived at `at_ns`."""
    return Post(key.account_id, key.id, b"{}", os.urandom(16), at_ns, limit)


# -- the oracle ----------------------------------------------------------------------------------------


@dataclass
class Oracle:
    """The rule itself: accept where fewer than `count` of the accepted lie in (now - window, now]."""

    limit: Limit
    let_in: list[int] = field(default_factory=list)

    def has_room(self, now_ns: int) -> bool:
        return sum(now_ns - WINDOW_NS < hit <= now_ns for hit in self.let_in) < self.limit.count


@dataclass(frozen=True)
class Arrival:
    """One post: of which key, and when. `border`: so many ns after the key's oldest hit that counts leaves the window,
    else `gap_ns` after the post before.
    """

    key: int
    gap_ns: int
    border: int | None


GAPS = st.one_of(
    st.just(0),
    st.integers(0, 5),
    st.integers(0, 40 * NS_PER_S),
    st.integers(0, WINDOW_NS),
    st.sampled_from([WINDOW_NS - 1, WINDOW_NS, WINDOW_NS + 1, 3 * WINDOW_NS, NS_PER_S, NS_PER_S - 1]),
)
ARRIVALS = st.lists(
    st.builds(Arrival, st.integers(0, 2), GAPS, st.one_of(st.none(), st.none(), st.sampled_from([-1, 0, 1]))),
    min_size=20,
    max_size=60,
)
LIMITS = (Limit(1), Limit(3), Limit(7))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=ARRIVALS)
def test_limit_agrees_with_counting_by_hand(open_store: Open, arrivals: list[Arrival]) -> None:
    """For any arrival times of three keys, each accepted exactly when it should be; whoever waits as told gets in."""

    async def play() -> None:
        store = open_store()
        keys = [await key_in(store) for _ in LIMITS]
        oracles = [Oracle(limit) for limit in LIMITS]
        now_ns = NOW
        for arrival in arrivals:
            key, oracle = keys[arrival.key], oracles[arrival.key]
            now_ns = arrives_at(arrival, oracle, now_ns)
            expected = oracle.has_room(now_ns)
            told = await store.quota(key.id, oracle.limit, now_ns)
            assert (told.remaining > 0) == expected
            assert (await accepted(store, posted(key, now_ns, oracle.limit)) == 1) == expected
            if expected:
                oracle.let_in.append(now_ns)
            else:
                await assert_wait_is_exact(store, key, oracle, now_ns)
        await store.close()

    asyncio.run(play())


def arrives_at(arrival: Arrival, oracle: Oracle, now_ns: int) -> int:
    """Arrivals are in order of time; a border that has passed is now."""
    if arrival.border is None or not oracle.let_in:
        return now_ns + arrival.gap_ns
    oldest_ns = oracle.let_in[-oracle.limit.count :][0]
    return max(now_ns, oldest_ns + WINDOW_NS + arrival.border)


async def assert_wait_is_exact(store: Store, key: Key, oracle: Oracle, now_ns: int) -> None:
    """After the seconds that were told there is room, a second before there was none."""
    with pytest.raises(LimitReached) as refused:
        await store.post(posted(key, now_ns, oracle.limit))
    wait_s = refused.value.quota.reset_s
    assert wait_s >= 1
    slept_ns = now_ns + wait_s * NS_PER_S
    assert oracle.has_room(slept_ns)
    assert (await store.quota(key.id, oracle.limit, slept_ns)).remaining > 0
    if wait_s > 1:
        assert not oracle.has_room(slept_ns - NS_PER_S)
        assert (await store.quota(key.id, oracle.limit, slept_ns - NS_PER_S)).remaining == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps_ns=st.lists(GAPS, min_size=10, max_size=40))
def test_limit_lets_in_at_once_whoever_sleeps_as_told(open_store: Open, gaps_ns: list[int]) -> None:
    """A client that sleeps Retry-After after a refusal, and for as long as it likes after a success, is refused
    never twice in a row; and an answer tells what a look afterwards would.
    """
    limit = Limit(3)

    async def play() -> None:
        store = open_store()
        key, now_ns = await key_in(store), NOW
        for gap_ns in gaps_ns:
            now_ns += gap_ns % (WINDOW_NS // 3)
            try:
                outcome = await store.post(posted(key, now_ns, limit))
            except LimitReached as refused:
                now_ns += refused.quota.reset_s * NS_PER_S
                outcome = await store.post(posted(key, now_ns, limit))
            assert outcome.quota == await store.quota(key.id, limit, now_ns)
        await store.close()

    asyncio.run(play())


async def test_limit_that_is_changed_counts_what_was_accepted_before(store: Store) -> None:
    """A larger plan has room at once, a smaller one again when enough has left the window."""
    key = await key_in(store)
    assert (
        await accepted(store, *(posted(key, NOW + second * NS_PER_S, Limit(5)) for second in range(6))) == 5
    )
    assert await accepted(store, *(posted(key, NOW + 10 * NS_PER_S, Limit(8)) for _ in range(6))) == 3
    told = await store.quota(key.id, Limit(2), NOW + 20 * NS_PER_S)
    assert (told.remaining, told.reset_s) == (
        0,
        3590,
    )  # two of the three last must have left before there is room
    assert await accepted(store, posted(key, NOW + 10 * NS_PER_S + WINDOW_NS - 1, Limit(2))) == 0
    assert await accepted(store, posted(key, NOW + 10 * NS_PER_S + WINDOW_NS, Limit(2))) == 1


# -- clocks that disagree ------------------------------------------------------------------------------


async def test_limit_counts_a_request_when_it_is_decided(store: Store) -> None:
    """Not before the last that was accepted, though its clock was read before: what left that one's window is gone."""
    key, limit = await key_in(store), Limit(2)
    assert await accepted(store, posted(key, NOW, limit), posted(key, NOW, limit)) == 2
    first_ns, late_ns = NOW + WINDOW_NS, NOW + WINDOW_NS - 1
    assert await accepted(store, posted(key, first_ns, limit)) == 1
    assert await accepted(store, posted(key, late_ns, limit)) == 1
    assert await accepted(store, posted(key, late_ns + WINDOW_NS, limit)) == 0
    assert await accepted(store, *(posted(key, first_ns + WINDOW_NS, limit) for _ in range(3))) == 2


@pytest.mark.parametrize("back_s", [11, 3600, 24 * 3600, 10 * 365 * 24 * 3600])
async def test_limit_with_a_clock_set_back_blocks_for_one_window(open_store: Open, back_s: int) -> None:
    """What was accepted in a time that has not come counts as accepted now: nothing is freed, nobody waits longer."""
    store, limit = open_store(), Limit(3)
    key = await key_in(store)
    assert await accepted(store, *(posted(key, NOW, limit) for _ in range(4))) == 3
    await store.close()
    store = open_store()
    now_ns = NOW - back_s * NS_PER_S
    with pytest.raises(LimitReached) as refused:
        await store.post(posted(key, now_ns, limit))
    assert refused.value.quota.reset_s == 3600
    later_ns = now_ns + 1800 * NS_PER_S
    assert (await store.quota(key.id, limit, later_ns)).reset_s == 1800
    assert await accepted(store, posted(key, now_ns + WINDOW_NS - 1, limit)) == 0
    assert await accepted(store, *(posted(key, now_ns + WINDOW_NS, limit) for _ in range(4))) == 3
    await store.close()


async def test_limit_is_settled_by_whoever_asks_first(store: Store) -> None:
    """Reading what is left starts the window as well, once, and only for this key."""
    key, other, limit = await key_in(store), await key_in(store), Limit(2)
    assert await accepted(store, posted(key, NOW, limit), posted(other, NOW, limit)) == 2
    now_ns = NOW - 3600 * NS_PER_S
    told = await store.quota(key.id, limit, now_ns)
    assert (told.remaining, told.reset_s) == (1, 3600)
    told = await store.quota(key.id, limit, now_ns + 600 * NS_PER_S)
    assert (told.remaining, told.reset_s) == (1, 3000)
    assert (await store.quota(key.id, limit, now_ns + WINDOW_NS)).remaining == 2
    assert (await store.quota(other.id, limit, NOW)).remaining == 1


async def test_limit_takes_clocks_that_differ_a_little_as_they_are(store: Store) -> None:
    """Within the skew of requests under way nothing is dated anew, and the wait that is told is exact."""
    key, limit = await key_in(store), Limit(1)
    assert await accepted(store, posted(key, NOW, limit)) == 1
    early_ns = NOW - MAX_SKEW_NS
    assert (await store.quota(key.id, limit, early_ns)).reset_s == 3610
    assert await accepted(store, posted(key, early_ns + 3609 * NS_PER_S, limit)) == 0
    assert await accepted(store, posted(key, early_ns + 3610 * NS_PER_S, limit)) == 1


async def test_limit_counts_by_its_own_clock_and_keeps_the_time_of_arrival(store: Store) -> None:
    """Where the limiter's clock is another one, the list of traces still goes by the wall's."""
    key, limit = await key_in(store), Limit(1)
    wall_ns = NOW + 5 * WINDOW_NS
    for counted_ns, expected in ((NOW, 1), (NOW + WINDOW_NS - 1, 0), (NOW + WINDOW_NS, 1)):
        one = Post(key.account_id, key.id, b"{}", os.urandom(16), wall_ns, limit, counted_ns=counted_ns)
        assert await accepted(store, one) == expected
    told = await store.recent_traces(key.account_id, None, 10)
    assert [trace.received_ns for trace in told] == [wall_ns] * 2


async def test_idempotency_key_is_known_once_it_was_answered(store: Store) -> None:
    """To the account alone, and not for a post that was refused."""
    ada, eve = await key_in(store, "ada@example.com"), await key_in(store, "eve@example.com")
    limit = Limit(1)
    for name, expected in (("first", 1), ("second", 0)):
        one = Post(ada.account_id, ada.id, b"{}", os.urandom(16), NOW, limit, name)
        assert await accepted(store, one) == expected
        assert await store.is_answered(ada.account_id, name) == (expected == 1)
        assert not await store.is_answered(eve.account_id, name)
