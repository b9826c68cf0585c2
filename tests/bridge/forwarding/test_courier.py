"""What is delivered, when and how; what is held back, set aside and tried again: at strict endpoints and at ours."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from bridge.forwarding import forwarding as forwarding_module
from bridge.forwarding.courier import DELETED, LATE, NO_MODEL, PRIVATE, TOO_LARGE
from bridge.forwarding.terms import Terms
from tests.bench.load import SMALL, Load
from tests.bridge.forwarding.own_tracen import OwnTracen
from tests.bridge.forwarding.source import Source, name_of, trace_id
from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    HTML,
    KEY,
    SLOW,
    Fault,
    RunningStrictTracen,
    redirect,
    refused,
    strict_tracen,
)
from tests.viewer.accounts.portal import Clock
from tests.viewer.samples import PLAIN
from tests.viewer.stores import key_in, post
from viewer.store.base import NS_PER_S, Batch, BodyKind
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio

SECRET = "sk-ant-api03-" + "A1b2C3d4" * 11


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strict(clock: Clock) -> Iterator[RunningStrictTracen]:
    with strict_tracen(clock_s=lambda: clock() / NS_PER_S) as service:
        yield service


@pytest.fixture
async def source(tmp_path: Path, strict: RunningStrictTracen, clock: Clock) -> AsyncIterator[Source]:
    """Forwarding to the strict endpoint."""
    made = await Source(tmp_path, Terms(strict.endpoint, KEY), clock).open()
    yield made
    await made.close()


@pytest.fixture
def own(tmp_path: Path, clock: Clock) -> Iterator[OwnTracen]:
    service = OwnTracen(tmp_path, 100, clock)
    yield service
    service.end()


@pytest.fixture
async def to_own(tmp_path: Path, own: OwnTracen, clock: Clock) -> AsyncIterator[Source]:
    """Forwarding to our own service."""
    made = await Source(tmp_path, Terms(own.endpoint, own.key), clock).open()
    yield made
    await made.close()


async def reopened(source: Source, **changes: object) -> None:
    """With other terms."""
    source.terms = replace(source.terms, **changes)  # type: ignore[arg-type]
    await source.restart()


async def later(source: Source, seconds: float) -> None:
    source.clock.forward(seconds)
    await source.work()


async def reasons(source: Source) -> dict[tuple[DeliveryState, str], int]:
    return dict((await source.queue.standing(source.clock())).reasons)


def steps(strict: RunningStrictTracen) -> list[list[str]]:
    return [[step["name"] for step in payload["steps"]] for payload in strict.pages.values()]


def posted(strict: RunningStrictTracen) -> int:
    return sum(request.method == "POST" for request in strict.requests)


# -- when it is finished -------------------------------------------------------------------------------


async def test_trace_goes_when_its_root_has_come_and_it_is_quiet(
    source: Source, strict: RunningStrictTracen
) -> None:
    """Not a moment before; children that come first wait for it."""
    await source.send((1, 1), (1, 2))
    await later(source, 0)
    await later(source, 30)
    assert posted(strict) == 0
    await source.send((1, 0))
    await later(source, 0)
    await later(source, 1)
    assert posted(strict) == 0
    await later(source, 1)
    assert steps(strict) == [[name_of(1, 0), name_of(1, 1), name_of(1, 2)]]


@pytest.mark.parametrize(("every_s", "expected_s"), [(None, 60), (10, 300)])
async def test_trace_without_a_root_goes_in_the_end(
    source: Source, strict: RunningStrictTracen, every_s: int | None, expected_s: int
) -> None:
    """A minute after its last span, or five after its first, however it goes on."""
    await source.send((1, 1))
    for second in range(400):
        await source.work()
        if posted(strict):
            break
        if every_s and second % every_s == 0:
            await source.send((1, 2 + second))
        source.clock.forward(1)
    assert expected_s <= second <= expected_s + 3


async def test_posts_are_finished_as_they_come(source: Source, strict: RunningStrictTracen) -> None:
    """Their documented fields are delivered as they were."""
    await source.store.post(post(source.key, trace_id(1), source.clock(), json.dumps(PLAIN).encode()))
    await source.work()
    await later(source, 2)
    assert list(strict.pages.values()) == [PLAIN | {"error_message": None}]


async def test_order_is_kept_as_it_is_chosen(source: Source, strict: RunningStrictTracen) -> None:
    """Oldest first, or newest."""
    for newest in (False, True):
        await reopened(source, is_newest_first=newest)
        for number in range(1, 4):
            await source.send((number + 10 * newest, 0))
            await source.forwarding.feeder.feed()
        await later(source, 2)
    assert [names[0] for names in steps(strict)] == [name_of(n, 0) for n in (1, 2, 3, 13, 12, 11)]


async def test_what_brings_nothing_new_is_not_posted(source: Source, strict: RunningStrictTracen) -> None:
    """A request that a sender repeats, hours later, costs nothing of the limit."""
    await source.send((1, 0), (1, 1))
    await source.work()
    await later(source, 2)
    await source.send((1, 0), (1, 1))
    await later(source, 4000)
    await later(source, 4000)
    assert posted(strict) == 1
    assert await source.count(DeliveryState.DELIVERED) == 1


# -- whose, and which ----------------------------------------------------------------------------------


async def test_only_named_accounts_are_delivered_and_the_sample_never(
    source: Source, strict: RunningStrictTracen
) -> None:
    """By address, also of an account that is made later."""
    await reopened(source, accounts=frozenset({"eve@example.com"}))
    await source.send((1, 0))
    for email in ("eve@example.com", "sample@tracen"):
        source.key = await key_in(source.store, email)
        await source.send((2, 0))
    await reopened(source)
    await source.work()
    await later(source, 5)
    assert steps(strict) == [[name_of(2, 0)]]
    await reopened(source, accounts=frozenset())
    source.key = await key_in(source.store, "sample@tracen")
    await source.send((3, 0))
    await source.drain()
    assert len(strict.pages) == 1


async def test_traces_without_a_model_are_left_out_where_that_is_wanted(
    source: Source, strict: RunningStrictTracen
) -> None:
    """Until a model call comes late; what was delivered once goes on."""
    await reopened(source, is_llm_only=True)
    await source.send((1, 0))
    await source.work()
    await later(source, 2)
    assert await reasons(source) == {(DeliveryState.LEFT_OUT, NO_MODEL): 1}
    body = Load(SMALL, spans=1, traces=1, requests=1)
    message = body.bodies[0].replace(body.trace_ids[0], trace_id(1))
    await source.store.append(
        Batch(
            source.key.account_id,
            BodyKind.OTLP_PROTOBUF,
            message,
            frozenset({trace_id(1)}),
            source.clock(),
        )
    )
    await source.work()
    await later(source, 10)
    assert [len(names) for names in steps(strict)] == [2]


async def test_private_trace_is_held_until_it_is_public(source: Source, strict: RunningStrictTracen) -> None:
    """Looked at every ten minutes; one whose sharing has ended as well."""
    await source.send((1, 0))
    await source.share(1, is_private=True)
    await source.work()
    await later(source, 2)
    assert await reasons(source) == {(DeliveryState.HELD, PRIVATE): 1}
    await later(source, 600)
    assert posted(strict) == 0
    await source.share(1, is_private=False)
    await later(source, 590)
    assert posted(strict) == 0
    await later(source, 10)
    assert len(strict.pages) == 1


async def test_deleted_trace_is_never_sent(source: Source, strict: RunningStrictTracen) -> None:
    """Neither what waited nor what comes of it later."""
    await source.send((1, 0))
    await source.store.delete(await source.page(1), source.clock())
    await source.send((1, 1))
    await source.drain()
    assert (posted(strict), await reasons(source)) == (0, {(DeliveryState.LEFT_OUT, DELETED): 1})


async def test_secrets_and_masks_stay_here(source: Source, strict: RunningStrictTracen) -> None:
    """What the page does not show is not sent; nor is it in what waits on disk."""
    payload = PLAIN | {"prompt": f"Use {SECRET} for Lisbon."}
    await source.store.post(post(source.key, trace_id(1), source.clock(), json.dumps(payload).encode()))
    await source.store.set_masks(await source.page(1), ["Lisbon"])
    await source.drain()
    (told,) = strict.pages.values()
    assert SECRET not in told["prompt"]
    assert "Lisbon" not in told["prompt"]


async def test_mask_that_is_set_amid_doubt_is_kept(source: Source, strict: RunningStrictTracen) -> None:
    """The bytes are gone; a strict endpoint may have a page of them, so it gets no second one."""
    await source.store.post(post(source.key, trace_id(1), source.clock(), json.dumps(PLAIN).encode()))
    strict.faults.append(Fault())
    await source.work()
    await later(source, 2)
    await source.store.set_masks(await source.page(1), ["Paris"])
    await source.drain()
    assert strict.pages == {}
    assert await source.count(DeliveryState.REFUSED) == 1


# -- one page ------------------------------------------------------------------------------------------


async def test_late_span_replaces_the_page_of_a_strict_endpoint(
    source: Source, strict: RunningStrictTracen
) -> None:
    """The old one is deleted first."""
    await source.send((1, 0))
    await source.drain()
    await source.send((1, 1))
    await source.drain()
    assert steps(strict) == [[name_of(1, 0), name_of(1, 1)]]
    assert [request.method for request in strict.requests] == ["PUT", "POST", "DELETE", "POST"]


@pytest.mark.parametrize("refusal", [403, 404, 405, 501])
async def test_late_span_is_told_where_the_endpoint_can_not_take_it(
    source: Source, strict: RunningStrictTracen, refusal: int
) -> None:
    """The first page stays; a 404 is not believed while the page is there. Asked once, not for each trace."""
    strict.manners.delete_refusal = refusal
    for number in (1, 2, 3):
        await source.send((number, 0))
    await source.drain()
    for number in (1, 2, 3):
        await source.send((number, 1))
    await source.drain()
    assert sorted(steps(strict)) == [[name_of(n, 0)] for n in (1, 2, 3)]
    assert await reasons(source) == {(DeliveryState.LATE, LATE): 3}
    assert sum(request.method == "DELETE" for request in strict.requests) == 1
    strict.manners.delete_refusal = None
    await source.restart()
    await source.drain()
    assert [len(names) for names in steps(strict)] == [2, 2, 2]


async def test_lost_answer_is_asked_for_with_the_same_bytes(
    source: Source, strict: RunningStrictTracen
) -> None:
    """Over a restart too; only then does the newer telling go."""
    strict.faults.append(ANSWER_LOST)
    await source.send((1, 0))
    await source.work()
    await later(source, 2)
    await source.send((1, 1))
    await source.restart()
    await source.drain()
    posts = [request for request in strict.requests if request.method == "POST"]
    assert posts[0].body == posts[1].body
    assert posts[0].headers["idempotency-key"] == posts[1].headers["idempotency-key"]
    assert steps(strict) == [[name_of(1, 0), name_of(1, 1)]]


async def test_traces_that_tell_the_same_are_pages_of_their_own(
    source: Source, strict: RunningStrictTracen
) -> None:
    """A strict endpoint sees two bodies that are equal to the byte."""
    for number in (1, 2):
        await source.store.post(
            post(source.key, trace_id(number), source.clock(), json.dumps(PLAIN).encode())
        )
    await source.drain()
    assert len(strict.pages) == 2


async def test_post_without_an_otel_id_is_one_page_at_our_own_service(to_own: Source, own: OwnTracen) -> None:
    """By the id that our store gave it; a later post of the same trace joins it."""
    for prompt in ("first", "second"):
        payload = PLAIN | {"prompt": prompt}
        await to_own.store.post(post(to_own.key, trace_id(1), to_own.clock(), json.dumps(payload).encode()))
        await to_own.drain()
    assert [len(names) for names in own.steps_by_page().values()] == [2]


async def test_endpoint_that_dislikes_the_extension_gets_the_documented_fields(
    to_own: Source, own: OwnTracen
) -> None:
    """And one page all the same, whatever comes later."""
    own.faults.append(refused(422))
    await to_own.send((1, 0))
    await to_own.drain()
    await to_own.send((1, 1))
    await to_own.drain()
    assert list(own.steps_by_page().values()) == [[name_of(1, 0), name_of(1, 1)]]


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
    strict.faults.extend([refused(500)] * 3)
    await source.send((1, 0))
    await source.forwarding.feeder.feed()
    await source.send((2, 0))
    await source.work()
    for _ in range(10):
        await later(source, 2)
    assert steps(strict) == [[name_of(2, 0)]]
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


# -- beside the server ---------------------------------------------------------------------------------


def figure(source: Source, wanted: str) -> float:
    figures = (*source.forwarding.gauges(), *source.forwarding.counters())
    return next(read() for name, _, read in figures if name == wanted)


async def test_forwarding_runs_and_ends_by_itself(
    source: Source, strict: RunningStrictTracen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figures are there; what hangs at the end is left, and goes with the next start."""
    monkeypatch.setattr(forwarding_module, "GRACE_S", 0.2)
    monkeypatch.setattr(forwarding_module, "_STANDING_S", 0.0)
    await source.send((1, 0))
    running = asyncio.create_task(source.forwarding.run())
    while not await source.count(DeliveryState.WAITING):
        await asyncio.sleep(0.01)
    source.clock.forward(2)
    while not figure(source, "tracen_forward_posts"):
        await asyncio.sleep(0.01)
    await source.send((2, 0))
    strict.faults.append(SLOW)
    while not await source.count(DeliveryState.WAITING):
        await asyncio.sleep(0.01)
    source.clock.forward(2)
    while posted(strict) < 2:
        await asyncio.sleep(0.01)
    await source.forwarding.stop(running)
    assert running.done()
    strict.close()
    strict.open()
    await source.restart()
    await source.drain()
    assert len(strict.pages) == 2
