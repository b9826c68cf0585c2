"""Deletions that are asked for one by one: which of them are done together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from viewer.store.base import Page, StoreUnavailable
from viewer.store.deletions import Deletions

pytestmark = pytest.mark.anyio


def page(number: int) -> Page:
    return Page(str(number), "1", bytes([number]) * 16)


class Rounds:
    """What was deleted at once, each time; a round ends when it may."""

    def __init__(self) -> None:
        self.deleted: list[list[str]] = []
        self.may_end = asyncio.Event()
        self.is_failing = False

    async def delete(self, doomed: Sequence[Page], now_ns: int) -> None:
        self.deleted.append([page.id for page in doomed])
        await self.may_end.wait()
        if self.is_failing:
            raise StoreUnavailable("the disk is full")


async def asked(deletions: Deletions, *numbers: int) -> list[asyncio.Task[None]]:
    """Deletions that are asked for, and wait."""
    tasks = [asyncio.create_task(deletions.delete(page(number), 1)) for number in numbers]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_a_deletion_is_under_way_is_deleted_at_once_after_it() -> None:
    """A lone one begins without waiting for others; nobody is answered before their own is done."""
    rounds = Rounds()
    deletions = Deletions(rounds.delete)
    (first,) = await asked(deletions, 1)
    waiting = await asked(deletions, 2, 3, 4)
    assert rounds.deleted == [["1"]]
    assert not first.done()
    rounds.may_end.set()
    await asyncio.gather(first, *waiting)
    assert rounds.deleted == [["1"], ["2", "3", "4"]]
    await deletions.delete(page(5), 1)
    assert rounds.deleted[-1] == ["5"]


async def test_a_round_that_fails_is_told_to_all_of_it_and_to_no_other() -> None:
    """Each of them was asked for once, and is not known to be done."""
    rounds = Rounds()
    deletions = Deletions(rounds.delete)
    rounds.is_failing = True
    first = await asked(deletions, 1)
    second = await asked(deletions, 2, 3)
    rounds.may_end.set()
    told = await asyncio.gather(*first, *second, return_exceptions=True)
    assert [type(error) for error in told] == [StoreUnavailable] * 3
    rounds.is_failing = False
    await deletions.delete(page(4), 1)
    assert rounds.deleted == [["1"], ["2", "3"], ["4"]]


async def test_a_deletion_goes_on_when_nobody_waits_for_it_any_more() -> None:
    """Whoever asked may be gone, with others still waiting for the same round."""
    rounds = Rounds()
    deletions = Deletions(rounds.delete)
    (first,) = await asked(deletions, 1)
    gone, other = await asked(deletions, 2, 3)
    gone.cancel()
    first.cancel()
    rounds.may_end.set()
    await other
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert rounds.deleted == [["1"], ["2", "3"]]
