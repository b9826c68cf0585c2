"""What follows from what the endpoint answers, and from its limit."""

from __future__ import annotations

import json
import logging
from email.utils import formatdate

import pytest

from bridge.forwarding.courier import TOO_LARGE
from tests.bridge.forwarding.scene import later, posted, reasons, reopened, steps
from tests.bridge.forwarding.source import Source, name_of, trace_id
from tests.bridge.forwarding.strict_tracen import (
    HTML,
    KEY,
    Fault,
    RunningStrictTracen,
    redirect,
    refused,
    strict_tracen,
)
from tests.viewer.samples import PLAIN
from tests.viewer.stores import post
from viewer.store.base import NS_PER_S
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio


# -- what the endpoint says ----------------------------------------------------------------------------


async def test_wait_that_is_asked_for_is_kept_exactly(source: Source, strict: RunningStrictTracen) -> None:
    """In seconds or as a date, over a restart; what makes no sense is a wait of ours."""
    date = formatdate(source.clock() / NS_PER_S + 2 + 100, usegmt=True)
    for retry_after, wait_s in (("100", 100), (date, 100), ("garbage", 1), ("999999999", 3600)):
        strict.faults.append(refused(429, Retry_After=retry_after))
        before = posted(strict)
        if retry_after == date:
            strict.faults[-1] = refused(429, Retry_After=formatdate(_now_s(source) + 102, usegmt=True))
        await source.send((before + 1, 0))
        await source.work()
        await later(source, 2)
        await source.restart()
        await later(source, wait_s - 1)
        assert posted(strict) == before + 1
        await later(source, 1)
        assert posted(strict) == before + 2


def _now_s(source: Source) -> float:
    return source.clock() / NS_PER_S


@pytest.mark.parametrize(
    "fault", [refused(401), refused(402), refused(403), refused(404), refused(405), HTML], ids=str
)
async def test_refusal_of_everything_stops_it_and_drops_nothing(
    source: Source, strict: RunningStrictTracen, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    """One line in the log, a try a minute, then slower; when it is mended, all is delivered."""
    strict.faults.extend([fault] * 20)
    for number in (1, 2, 3):
        await source.send((number, 0))
    await source.work()
    with caplog.at_level(logging.WARNING, "tracen.forward"):
        for _ in range(20 * 60 // 30):
            await later(source, 30)
    assert 7 <= posted(strict) <= 10
    assert len(caplog.records) == 1
    assert KEY not in caplog.text
    standing = await source.queue.standing(source.clock())
    assert standing.target.failure
    strict.faults.clear()
    await source.drain()
    assert len(strict.pages) == 3


async def test_redirect_is_not_followed(source: Source, strict: RunningStrictTracen) -> None:
    """It would take the key along."""
    with strict_tracen() as elsewhere:
        strict.faults.extend([redirect(f"{elsewhere.endpoint}/api/traces", status) for status in (301, 308)])
        await source.send((1, 0))
        await source.drain()
        assert elsewhere.requests == []
    assert len(strict.pages) == 1


async def test_trace_that_breaks_the_endpoint_goes_to_the_end(
    source: Source, strict: RunningStrictTracen
) -> None:
    """After three tries; the others are delivered, and it is tried again."""
    strict.poison[name_of(1, 0)] = refused(500)
    await source.send((1, 0))
    await source.forwarding.feeder.feed()
    await source.send((2, 0))
    await source.work()
    for _ in range(10):
        await later(source, 2)
    assert steps(strict) == [[name_of(2, 0)]]
    assert posted(strict) == 5
    strict.poison.clear()
    await source.drain()
    assert steps(strict) == [[name_of(2, 0)], [name_of(1, 0)]]


async def test_trace_that_is_refused_is_set_aside_with_the_fields(
    source: Source, strict: RunningStrictTracen
) -> None:
    """By name, never by value; the next one goes at once."""
    body = json.dumps({"errors": [{"field": "steps[0].name", "message": "what? A secret!"}]}).encode()
    strict.faults.append(Fault(422, {"Content-Type": "application/json"}, body))
    await source.send((1, 0))
    await source.forwarding.feeder.feed()
    await source.send((2, 0))
    await source.work()
    await later(source, 2)
    ((state, reason),) = await reasons(source)
    assert state is DeliveryState.REFUSED
    assert "steps[0].name" in reason
    assert "secret" not in reason
    assert steps(strict) == [[name_of(2, 0)]]


async def test_trace_that_is_gone_at_the_endpoint_keeps_no_other_waiting(
    source: Source, strict: RunningStrictTracen
) -> None:
    """A 410 is about that trace, whose page somebody has deleted there."""
    strict.faults.append(refused(410))
    for number in (1, 2):
        await source.send((number, 0))
    await source.drain()
    assert await source.count(DeliveryState.REFUSED) == 1
    assert len(strict.pages) == 1


async def test_trace_that_is_too_large_goes_smaller(source: Source, strict: RunningStrictTracen) -> None:
    """As large as the endpoint takes; where nothing of it is small enough it is set aside."""
    payload = PLAIN | {"prompt": "word " * 100_000}
    await source.store.post(post(source.key, trace_id(1), source.clock(), json.dumps(payload).encode()))
    strict.manners.max_body_bytes = 200_000
    await source.drain()
    (told,) = strict.pages.values()
    assert "left out" in told["prompt"]
    strict.manners.max_body_bytes = 10
    await source.send((2, 0))
    await source.drain()
    assert await reasons(source) == {(DeliveryState.REFUSED, TOO_LARGE): 1}


# -- the limit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False])
async def test_limit_is_kept_without_being_refused(
    source: Source, strict: RunningStrictTracen, tells: bool
) -> None:
    """Told by the endpoint or by the operator, over restarts: never one more in an hour, and no 429."""
    strict.manners.limit, strict.manners.tells_limit = 3, tells
    await reopened(source, per_hour=0 if tells else 3)
    for number in range(1, 11):
        await source.send((number, 0))
    for turn in range(60):
        await later(source, 300)
        if turn % 5 == 0:
            await source.restart()
    assert len(strict.pages) == 10
    assert (strict.refused_by_limit, strict.accepted_within(3600)) == (0, 3)


async def test_limit_that_others_use_up_is_waited_for(source: Source, strict: RunningStrictTracen) -> None:
    """The answer says that nothing is left, though we sent but one."""
    strict.manners.limit, strict.manners.tells_limit = 1, True
    await reopened(source, per_hour=100)
    for number in (1, 2):
        await source.send((number, 0))
    await source.work()
    await later(source, 2)
    await later(source, 3590)
    assert len(strict.pages) == 1
    await later(source, 20)
    assert (len(strict.pages), strict.refused_by_limit) == (2, 0)
