"""A page that was removed for what the endpoint then refuses is there again, with what was taken before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.forwarding.courier import SHOWS_EARLIER, TOO_LARGE
from tests.bridge.forwarding.own_tracen import OwnTracen
from tests.bridge.forwarding.scene import later, posted, reasons, steps
from tests.bridge.forwarding.source import Source, name_of
from tests.bridge.forwarding.strict_tracen import ANSWER_LOST, RESET, Fault, RunningStrictTracen, refused
from viewer.store.base import StoreUnavailable
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio

FIRST = [name_of(1, 0)]


async def grown(source: Source, *spans: int, trace: int = 1) -> None:
    """A trace of which one span was delivered, and then more came."""
    await source.send((trace, 0))
    await source.drain()
    await source.send(*((trace, span) for span in spans))


@pytest.mark.parametrize("status", [400, 422])
async def test_what_was_taken_is_there_again(
    source: Source, strict: RunningStrictTracen, status: int
) -> None:
    """At once, as one page, and once; the refusal is told in words."""
    strict.manners.most_steps, strict.manners.steps_refusal = 1, status
    await grown(source, 1, 2)
    await source.drain()
    assert steps(strict) == [FIRST]
    assert strict.accepted[0].payload == strict.accepted[1].payload
    assert [request.method for request in strict.requests[1:]] == ["POST", "DELETE", "POST", "POST"]
    ((state, reason),) = await reasons(source)
    assert state is DeliveryState.REFUSED
    assert str(status) in reason
    assert reason.endswith(SHOWS_EARLIER)


async def test_refusal_is_remembered(source: Source, strict: RunningStrictTracen) -> None:
    """Neither a start nor a request that is sent again costs the page its URL; what is new is tried."""
    strict.manners.most_steps = 1
    await grown(source, 1)
    await source.drain()
    before = len(strict.requests)
    await source.restart()
    await source.drain()
    await source.send((1, 1))
    await source.drain()
    assert [request.method for request in strict.requests[before:]] in ([], ["PUT"])
    assert await source.count(DeliveryState.REFUSED) == 1
    strict.manners.most_steps = 3
    await source.send((1, 2))
    await source.drain()
    assert steps(strict) == [[name_of(1, n) for n in range(3)]]
    assert await source.count(DeliveryState.DELIVERED) == 1


async def test_page_is_there_again_within_the_limit(source: Source, strict: RunningStrictTracen) -> None:
    """The room of what was refused is its own, whoever else waits."""
    strict.manners.most_steps, strict.manners.limit, strict.manners.tells_limit = 1, 2, True
    await source.send((1, 0))
    await source.drain()
    for number in (1, 2, 3):
        await source.send((number, 1), root=1)
    await source.work()
    await later(source, 5)
    assert [name_of(1, 0)] in steps(strict)
    await source.drain()
    assert sorted(steps(strict)) == [[name_of(1, 0)], [name_of(2, 1)], [name_of(3, 1)]]
    assert strict.accepted_within(3600) <= 2
    assert strict.refused_by_limit == 0


async def test_page_is_as_large_as_it_was(source: Source, strict: RunningStrictTracen) -> None:
    """What is too large in every form makes what was taken no smaller."""
    await grown(source, 1)
    strict.manners.max_body_bytes = len(strict.requests[-1].body)
    most = strict.accepted[0].payload
    strict.poison[name_of(1, 1)] = refused(413)
    await source.drain()
    assert list(strict.pages.values()) == [most]
    assert await reasons(source) == {(DeliveryState.REFUSED, TOO_LARGE + SHOWS_EARLIER): 1}


async def test_page_is_masked_as_it_is_today(source: Source, strict: RunningStrictTracen) -> None:
    """What was masked since it was taken is not sent again."""
    strict.manners.most_steps = 1
    await grown(source, 1)
    await source.store.set_masks(await source.page(1), [name_of(1, 0)])
    await source.drain()
    ((name,),) = steps(strict)
    assert name_of(1, 0) not in name


async def test_what_is_refused_itself_is_not_sent_for_ever(
    source: Source, strict: RunningStrictTracen
) -> None:
    """The endpoint takes less than it did: there is no page, and no more requests, until something comes."""
    await grown(source, 1)
    strict.manners.most_steps = 0
    await source.drain()
    assert (posted(strict), strict.pages) == (3, {})
    assert await source.count(DeliveryState.REFUSED) == 1
    strict.manners.most_steps = None
    await source.restart()
    await source.drain()
    assert steps(strict) == [[name_of(1, 0), name_of(1, 1)]]


@pytest.mark.parametrize("fault", [RESET, ANSWER_LOST, refused(503, Retry_After="5")], ids=str)
async def test_one_page_is_there_whatever_breaks_off(
    source: Source, strict: RunningStrictTracen, fault: Fault
) -> None:
    """While it is sent again."""
    strict.manners.most_steps = 1
    await grown(source, 1)
    strict.faults.extend([Fault(204, is_done=True), refused(422), fault])
    await source.drain()
    assert steps(strict) == [FIRST]
    assert await source.count(DeliveryState.REFUSED) == 1


async def test_news_that_come_meanwhile_are_tried(source: Source, strict: RunningStrictTracen) -> None:
    """Where the answer to what was sent again is lost, the same bytes go first."""
    strict.manners.most_steps = 1
    await grown(source, 1)
    strict.faults.extend([Fault(204, is_done=True), refused(422), ANSWER_LOST])
    await source.work()
    await later(source, 5)
    strict.manners.most_steps = None
    await source.send((1, 2))
    await source.drain()
    assert steps(strict) == [[name_of(1, n) for n in range(3)]]


async def test_own_service_has_its_page_again(to_own: Source, own: OwnTracen) -> None:
    """One that dislikes what comes late in each form: as the documented fields, under another URL."""
    await to_own.send((1, 0))
    await to_own.drain()
    own.poison[name_of(1, 1)] = refused(422)
    await to_own.send((1, 1))
    await to_own.drain()
    assert list(own.steps_by_page().values()) == [FIRST]
    assert await to_own.count(DeliveryState.REFUSED) == 1


class _Killed(BaseException):
    """The process is gone."""


def _kill_at(source: Source, write: int, *, is_done: bool) -> None:
    """End at so many writes of the queue from now: just before it, or just after."""
    file = source.queue._file  # type: ignore[attr-defined]
    done, left = file.write, iter(range(write))

    async def counted(work: Callable[..., Any]) -> Any:
        is_last = next(left, None) is None
        if is_last and not is_done:
            raise _Killed
        outcome = await done(work)
        if is_last:
            raise _Killed
        return outcome

    file.write = counted


@pytest.mark.parametrize("is_done", [False, True])
async def test_page_is_there_wherever_the_process_is_killed(
    source: Source, strict: RunningStrictTracen, is_done: bool
) -> None:
    """Before and after each write of the queue; two pages are never there."""
    strict.manners.most_steps, kills = 1, 0
    for trace in range(1, 30):
        await grown(source, 1, trace=trace)
        await source.forwarding.feeder.feed()
        source.clock.forward(10)
        _kill_at(source, trace - 1, is_done=is_done)
        try:
            await source.work()
        except _Killed:
            kills += 1
            assert len(strict.pages) <= trace
            await source.restart()
        else:
            break
        await source.drain()
        assert steps(strict)[-1] == [name_of(trace, 0)]
        assert len(strict.pages) == trace
    assert kills >= 8


async def test_page_waits_while_the_store_fails(
    source: Source, strict: RunningStrictTracen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken can not be packed for now: it is tried again, and is there in the end."""
    strict.manners.most_steps = 1
    await grown(source, 1)
    telling = source.store.telling

    async def failing(page: Any, max_bytes: int, version: int | None = None) -> Any:
        if version is not None:
            raise StoreUnavailable("the disk is slow")
        return await telling(page, max_bytes)

    monkeypatch.setattr(source.store, "telling", failing)
    await source.work()
    with pytest.raises(StoreUnavailable):
        await later(source, 5)
    assert strict.pages == {}
    monkeypatch.undo()
    await source.drain()
    assert steps(strict) == [FIRST]
