"""What is delivered, when, and of whom: at strict endpoints and at ours."""

from __future__ import annotations

import asyncio
import json

import pytest

from bridge.forwarding import forwarding as forwarding_module
from bridge.forwarding.courier import DELETED, NO_MODEL, PRIVATE
from tests.bench.load import SMALL, Load
from tests.bridge.forwarding.scene import later, posted, reasons, reopened, steps
from tests.bridge.forwarding.source import Source, name_of, trace_id
from tests.bridge.forwarding.strict_tracen import (
    SLOW,
    Fault,
    RunningStrictTracen,
)
from tests.viewer.samples import PLAIN
from tests.viewer.stores import key_in, post
from viewer.store.base import Batch, BodyKind
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio

SECRET = "sk-ant-api03-" + "A1b2C3d4" * 11

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
