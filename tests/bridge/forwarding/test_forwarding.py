"""Forwarding as a whole: what it learns of the endpoint, what it warns of, what it says while something fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.forwarding.forwarding import Forwarding
from bridge.forwarding.spell import Spell
from bridge.forwarding.terms import Terms
from tests.bridge.forwarding.source import Source
from tests.bridge.forwarding.strict_tracen import KEY, Manners, RunningStrictTracen
from tests.viewer.accounts.portal import Clock
from viewer.store.base import NS_PER_S, StoreUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strict(clock: Clock) -> Iterator[RunningStrictTracen]:
    running = RunningStrictTracen(Manners(50, tells_limit=True), lambda: clock() / NS_PER_S)
    yield running
    running.close()


@pytest.fixture
async def source(tmp_path: Path, strict: RunningStrictTracen, clock: Clock) -> AsyncIterator[Source]:
    opened = await Source(tmp_path, Terms(strict.endpoint, KEY), clock).open()
    yield opened
    await opened.close()


async def test_limit_that_is_told_no_more_is_forgotten(source: Source, strict: RunningStrictTracen) -> None:
    """Once a post was accepted without it; a refusal may come from something that stands before the endpoint."""
    for number, tells_limit, expected in ((1, True, 50), (2, False, 100)):
        strict.manners.tells_limit = tells_limit
        await source.send((number, 0))
        await source.drain()
        assert (await source.queue.target()).strictest.count == expected


async def test_account_that_is_not_there_is_warned_of(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    """Its traces would be passed over without a word."""
    terms = Terms(source.terms.url, KEY, accounts=frozenset({"tpyo@team.example"}))
    await Forwarding.opened(source.store, terms, source.clock)
    assert "tpyo@team.example, which is no account" in caplog.text


async def test_held_seconds_are_those_of_the_ledger(source: Source, strict: RunningStrictTracen) -> None:
    """Where the limit is used up, and nothing else holds."""
    source.terms = Terms(strict.endpoint, KEY, per_hour=1)
    await source.restart()
    await source.send((1, 0))
    await source.drain()
    await source.send((2, 0))
    source.clock.forward(10)
    running = asyncio.create_task(source.forwarding.run())
    figures = {name: read for name, _, read in source.forwarding.gauges()}
    async with asyncio.timeout(20):
        while figures["tracen_forward_held_seconds"]() < 3_000:
            await asyncio.sleep(0.05)
    assert figures["tracen_forward_last_success_timestamp_seconds"]() > 0
    await source.forwarding.stop(running)


def test_spell_is_told_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """However often it fails meanwhile."""
    caplog.set_level(logging.WARNING)
    spell = Spell("nothing goes", "unexpected")
    for _ in range(3):
        spell.failed(StoreUnavailable("the disk is full"))
    spell.ended()
    spell.ended()
    assert [record.getMessage() for record in caplog.records] == [
        "nothing goes: the disk is full",
        "that is over: nothing goes",
    ]


def test_terms_show_no_key() -> None:
    """Wherever they are printed."""
    assert KEY not in repr(Terms("https://traces.example", KEY))
