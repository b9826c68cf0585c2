"""Tells open lists that they have changed. One look at the store serves every list of an account."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from viewer.store.base import StoreUnavailable
from viewer.watching import LOOK_EVERY_S, MAX_READERS, TooManyReaders

Edition = Callable[[str], Coroutine[Any, Any, str]]

MAX_LISTS_OF_ACCOUNT = 10
"""Streams at a time; each holds a connection."""
LONGEST_S = 600.0
"""A stream ends then, and the browser asks again: whoever has logged out meanwhile hears no more."""


class News:
    """Watches the lists that somebody has open."""

    def __init__(self, edition: Edition, look_every_s: float = LOOK_EVERY_S) -> None:
        """`edition` tells that of an account's list."""
        self._edition = edition
        self._look_every_s = look_every_s
        self._lists: Counter[str] = Counter()
        self._looks: dict[str, asyncio.Task[str]] = {}
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """End every stream: the server ends."""
        self._ended.set()

    def check_room(self, account_id: str) -> None:
        """Raise TooManyReaders where one more can not be served."""
        if self._lists.total() >= MAX_READERS or self._lists[account_id] >= MAX_LISTS_OF_ACCOUNT:
            raise TooManyReaders("too many lists are open", 30)

    async def editions(self, account_id: str, heartbeat_s: float) -> AsyncGenerator[str | None]:
        """Yield the edition of an account's list: now, at each change, and None after each while without any."""
        self._lists[account_id] += 1
        try:
            async for edition in self._told(account_id, heartbeat_s):
                yield edition
        finally:
            self._lists[account_id] -= 1
            if not self._lists[account_id]:
                del self._lists[account_id]
                self._looks.pop(account_id, None)

    async def _told(self, account_id: str, heartbeat_s: float) -> AsyncGenerator[str | None]:
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + LONGEST_S
        seen, told_s = "", 0.0
        while not self._ended.is_set() and loop.time() < ends_s:
            with contextlib.suppress(StoreUnavailable):  # the next look may succeed
                edition = await self._look(account_id)
                if edition != seen:
                    seen, told_s = edition, loop.time()
                    yield edition
            if loop.time() - told_s > heartbeat_s:
                told_s = loop.time()
                yield None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), self._look_every_s)

    async def _look(self, account_id: str) -> str:
        """Ask the store, unless somebody else has just done so."""
        look = self._looks.get(account_id)
        if look is None:
            look = asyncio.create_task(self._edition(account_id))
            self._looks[account_id] = look
            asyncio.get_running_loop().call_later(
                self._look_every_s / 2, lambda: self._looks.pop(account_id, None)
            )
        return await asyncio.shield(look)
