"""No single trace keeps the others waiting for ever, whatever the endpoint answers to it, or goes wrong here."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bridge.forwarding.courier import HELD_AT_ONCE, UNPACKED
from bridge.forwarding.endpoint import MOST_TIMEOUT_S, TIMEOUT_S, Endpoint
from bridge.forwarding.pauses import Pauses
from tests.bridge.forwarding.own_tracen import OwnTracen
from tests.bridge.forwarding.scene import later, posted, reasons, reopened, steps
from tests.bridge.forwarding.source import Source, name_of
from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    RESET,
    Fault,
    RunningStrictTracen,
    refused,
)
from viewer.store.base import NS_PER_S, StoreUnavailable
from viewer.store.deliveries import Delivery, DeliveryState
from viewer.tellings import trace_of

pytestmark = pytest.mark.anyio


async def some(source: Source, *numbers: int) -> None:
    """Traces that arrive in this order, a moment after each other."""
    for number in numbers:
        await source.send((number, 0))
        await source.forwarding.feeder.feed()
        source.clock.forward(0.01)


async def hours(source: Source, count: float, every_s: int = 60) -> None:
    for _ in range(int(count * 3600 / every_s)):
        await later(source, every_s)


@pytest.mark.parametrize(
    "fault",
    [
        RESET,
        refused(403),
        refused(404),
        refused(500),
        refused(502),
        refused(503, Retry_After="1"),
        refused(504),
    ],
    ids=str,
)
async def test_trace_that_always_fails_lets_the_others_go(
    source: Source, strict: RunningStrictTracen, fault: Fault
) -> None:
    """It waits behind them and is never lost: when the endpoint takes it, it goes."""
    strict.poison[name_of(1, 0)] = fault
    await some(source, 1, 2, 3)
    await hours(source, 0.2)
    assert sorted(steps(strict)) == [[name_of(2, 0)], [name_of(3, 0)]]
    before = posted(strict)
    await hours(source, 3)
    assert posted(strict) - before <= 8
    strict.poison.clear()
    await source.drain()
    assert len(strict.pages) == 3


async def test_many_traces_that_fail_let_the_others_go(source: Source, strict: RunningStrictTracen) -> None:
    """Those that are known to fail lengthen nobody's pause: what comes then is delivered at once."""
    for number in range(1, 9):
        strict.poison[name_of(number, 0)] = refused(500)
    await some(source, *range(1, 12))
    await hours(source, 0.5, 20)
    assert sorted(steps(strict)) == sorted([name_of(number, 0)] for number in (9, 10, 11))
    await hours(source, 1)
    await some(source, 20)
    await later(source, 3)
    assert [name_of(20, 0)] in steps(strict)


async def test_traces_that_fail_leave_the_limit_to_the_others(
    source: Source, strict: RunningStrictTracen
) -> None:
    """What was answered counts for an hour, and not for as long as it is in doubt."""
    strict.manners.limit = 2
    await reopened(source, per_hour=2)
    for number in (1, 2):
        strict.poison[name_of(number, 0)] = refused(500)
    await some(source, 1, 2, 3)
    await hours(source, 5, 120)
    assert steps(strict) == [[name_of(3, 0)]]
    assert strict.refused_by_limit == 0


async def test_outage_is_nobodys_fault(source: Source, strict: RunningStrictTracen) -> None:
    """However long it takes, all goes within two minutes of its end."""
    strict.poison["POST"] = refused(502)
    await some(source, 1, 2, 3)
    await hours(source, 5)
    strict.poison.clear()
    await later(source, 60)
    await later(source, 60)
    assert len(strict.pages) == 3


async def test_trace_that_fails_alone_is_sent_ever_more_seldom(
    source: Source, strict: RunningStrictTracen
) -> None:
    """Each minute at first, every ten in the end; what comes then goes at once, and so does it when it is taken."""
    strict.poison[name_of(1, 0)] = refused(500)
    await some(source, 1)
    await hours(source, 1)
    before = posted(strict)
    await hours(source, 5)
    assert 5 * 6 - 5 <= posted(strict) - before <= 5 * 6 + 1
    await some(source, 2)
    await later(source, 60)
    assert steps(strict) == [[name_of(2, 0)]]
    strict.poison.clear()
    await source.drain()
    assert len(strict.pages) == 2


async def test_own_service_is_asked_before_all_is_refused(to_own: Source, own: OwnTracen) -> None:
    """A filter before it refuses one body: the probe tells that the key is taken, and the next goes at once."""
    own.faults.append(refused(403))
    await some(to_own, 1, 2)
    await later(to_own, 3)
    await later(to_own, 2)
    assert len(own.steps_by_page()) == 2


@pytest.mark.parametrize(
    "error", [KeyError("a word of the trace"), StoreUnavailable("large work was ended before it was done")]
)
async def test_trace_that_can_not_be_packed_lets_the_others_go(
    source: Source,
    strict: RunningStrictTracen,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """It is told once, without a word of it, and tried again later."""

    def broken(telling: Any, otel_trace_id: str, *more: Any) -> Any:
        if otel_trace_id.endswith("01"):
            raise error
        return trace_of(telling, otel_trace_id, *more)

    monkeypatch.setattr("bridge.forwarding.parcel.trace_of", broken)
    await some(source, 1, 2)
    with caplog.at_level(logging.WARNING, "tracen.forward"):
        await later(source, 3)
    assert steps(strict) == [[name_of(2, 0)]]
    assert await reasons(source) == {(DeliveryState.WAITING, UNPACKED): 1}
    assert len(caplog.records) == 1
    assert "a word" not in caplog.text
    monkeypatch.undo()
    await source.drain()
    assert len(strict.pages) == 2


@pytest.mark.parametrize("retry_after", ["0", "Mon, 01 Jan 2024 00:00:00 GMT"])
async def test_wait_for_nothing_is_no_hot_loop(
    source: Source, strict: RunningStrictTracen, retry_after: str
) -> None:
    """A second at least, then ever longer."""
    strict.poison["POST"] = refused(429, Retry_After=retry_after)
    await some(source, 1)
    for _ in range(120):
        await later(source, 1)
    assert 4 <= posted(strict) <= 9


@pytest.mark.parametrize("status", [408, 409, 413, 425])
async def test_answer_to_a_replay_proves_nothing_of_what_was_lost(
    source: Source, strict: RunningStrictTracen, status: int
) -> None:
    """One page, and it counts."""
    strict.manners.limit = 2
    await reopened(source, per_hour=2)
    strict.faults.extend([ANSWER_LOST, refused(status)])
    await some(source, 1)
    await later(source, 3)
    for number in (2, 3):
        await some(source, number)
    for _ in range(20):
        await later(source, 10)
    assert len(strict.pages) == 2
    assert strict.refused_by_limit == 0


@pytest.mark.parametrize("status", [302, 403, 503])
async def test_page_is_gone_only_where_the_endpoint_says_so(
    source: Source, strict: RunningStrictTracen, status: int
) -> None:
    """Anything else that its URL answers is asked again; meanwhile there is no second page."""
    strict.manners.delete_refusal = 404
    await some(source, 1)
    await later(source, 3)
    strict.poison["GET"] = refused(status)
    await source.send((1, 1))
    await hours(source, 0.2)
    await some(source, 2)
    await hours(source, 0.1)
    assert sorted(steps(strict)) == [[name_of(1, 0)], [name_of(2, 0)]]
    strict.poison.clear()
    await source.drain()
    assert len(strict.pages) == 2
    assert await source.count(DeliveryState.LATE) == 1


async def test_page_is_asked_for_where_the_endpoint_said_that_it_is(
    source: Source, strict: RunningStrictTracen
) -> None:
    """Which need not be where ours would be."""
    strict.manners.delete_refusal = 404
    strict.pages_path = "/shown/at/"
    await some(source, 1)
    await later(source, 3)
    await source.send((1, 1))
    await source.drain()
    assert steps(strict) == [[name_of(1, 0)]]
    assert await source.count(DeliveryState.LATE) == 1


async def test_trace_that_is_deleted_at_the_last_moment_is_not_sent(
    source: Source, strict: RunningStrictTracen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look at it and the request."""
    attempt = source.queue.attempt

    async def deleted_before(delivery: Delivery, now_ns: int) -> bool:
        await source.store.delete(await source.page(1), source.clock())
        return await attempt(delivery, now_ns)

    monkeypatch.setattr(source.queue, "attempt", deleted_before)
    await some(source, 1)
    await later(source, 3)
    assert posted(strict) == 0


async def test_endpoint_is_asked_again_what_it_takes(to_own: Source, own: OwnTracen) -> None:
    """A proxy answered for it once: before a page is replaced, and hourly, it is asked anew."""
    to_own.forwarding.courier._is_extended = False
    to_own.forwarding.courier._asked_ns = to_own.clock()
    await some(to_own, 1)
    await later(to_own, 3)
    assert (await to_own.queue.target()).is_extended is None
    await to_own.send((1, 1))
    await later(to_own, 1)
    await later(to_own, 20)
    assert (await to_own.queue.target()).is_extended
    assert list(own.steps_by_page().values()) == [[name_of(1, 0), name_of(1, 1)]]


async def test_large_body_has_the_time_that_a_slow_line_needs(strict: RunningStrictTracen) -> None:
    """Twice as long after each failure, within bounds."""
    endpoint = Endpoint(strict.endpoint, "key", lambda: 0.0)
    assert endpoint.deadline_s(0, 0) == TIMEOUT_S
    assert endpoint.deadline_s(5_000_000, 0) >= 120
    assert endpoint.deadline_s(5_000_000, 1) == 2 * endpoint.deadline_s(5_000_000, 0)
    assert endpoint.deadline_s(5_000_000, 9) == MOST_TIMEOUT_S
    endpoint.close()


async def test_what_is_held_is_looked_at_in_one_write(
    source: Source, strict: RunningStrictTracen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are looked at together."""
    for number in range(1, 6):
        await source.send((number, 0))
        await source.share(number, is_private=True)
    await source.work()
    await later(source, 3)
    writes: list[int] = []
    hold_back = source.queue.hold_back

    async def counted(deliveries: Any, reason: str, due_ns: int) -> None:
        writes.append(len(deliveries))
        await hold_back(deliveries, reason, due_ns)

    monkeypatch.setattr(source.queue, "hold_back", counted)
    await later(source, 600)
    assert writes == [5]
    assert max(writes) <= HELD_AT_ONCE
    assert posted(strict) == 0


def test_spell_of_failures_is_told_hourly(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever words it has by turns; a refusal of everything at once."""
    pauses = Pauses()
    with caplog.at_level(logging.WARNING, "tracen.forward"):
        for minute in range(24 * 60):
            pauses.say(f"status {502 + minute % 2}", minute * 60 * NS_PER_S, is_loud=False)
        assert len(caplog.records) == 24
        assert "60 failures" in caplog.text
        pauses.say("the key is refused", 24 * 3600 * NS_PER_S - 1, is_loud=True)
    assert len(caplog.records) == 25
