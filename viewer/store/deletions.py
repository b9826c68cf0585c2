"""Deletions that are asked for one by one: those that come while some are under way are done after them, at once.

Each is answered when its own bytes are gone: what is shared are the transactions, and the emptying of the logs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from viewer.store.base import Page

_GATHER_S = 0.01
"""Whoever was just answered asks for the next one meanwhile."""


class Deletions:
    """Rounds of deletions, one after the other, each of everything that was asked for before it began."""

    def __init__(self, delete_many: Callable[[Sequence[Page], int], Awaitable[None]]) -> None:
        self._delete_many = delete_many
        self._asked: list[Page] = []
        self._next: asyncio.Task[None] | None = None
        self._under_way: asyncio.Task[None] | None = None

    async def delete(self, page: Page, now_ns: int) -> None:
        """Delete a page, with others. Raises what deleting them raises; it goes on if nobody waits any more."""
        self._asked.append(page)
        if self._next is None:
            self._next = asyncio.create_task(self._round(self._under_way, now_ns))
        await asyncio.shield(self._next)

    async def _round(self, before: asyncio.Task[None] | None, now_ns: int) -> None:
        if before is not None and not before.done():
            await asyncio.wait((before,))
            await asyncio.sleep(_GATHER_S)
        asked, self._asked = self._asked, []
        self._under_way, self._next = self._next, None
        await self._delete_many(asked, now_ns)
