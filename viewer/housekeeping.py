"""What is done to the store while nobody waits: batches are taken apart, what is old or nobody's any more is removed.

Paced by its own cost: it works a tenth of the time at most, so that ingest comes first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from viewer.accounts.sessions import IDLE_NS, LONGEST_NS
from viewer.store.base import NS_PER_S, RESERVATIONS, Store, StoreUnavailable

logger = logging.getLogger("tracen.housekeeping")

COMPACT_AFTER_NS = 120 * NS_PER_S
"""A trace is mostly whole by then, and a page that was opened at once is cached."""
IDLE_S = 15.0
_REST = 9.0
"""Times as long as it worked."""


class Housekeeping:
    """Runs beside the doors for as long as the store is open."""

    def __init__(self, store: Store, retention_ns: int | None, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._retention_ns = retention_ns
        self._clock_ns = clock_ns

    async def run(self) -> None:
        """Work for ever."""
        while True:
            try:
                await self._while_any(self._compact)
                await self._while_any(self._expire)
                await self._while_any(self._expire_reservations)
                await self._while_any(self._purge)
                await self._expire_sessions()
            except StoreUnavailable as error:
                logger.warning("put off: %s", error)
            except Exception:  # one odd batch is no reason never to tidy up again
                logger.exception("unexpected error while tidying up")
            await asyncio.sleep(IDLE_S)

    async def _compact(self) -> bool:
        return await self._store.compact(self._clock_ns() - COMPACT_AFTER_NS)

    async def _expire(self) -> bool:
        if self._retention_ns is None:
            return False
        now_ns = self._clock_ns()
        return await self._store.expire(now_ns - self._retention_ns, now_ns)

    async def _expire_reservations(self) -> bool:
        return await self._store.expire_reservations(self._clock_ns() - RESERVATIONS.window_s * NS_PER_S)

    async def _purge(self) -> bool:
        return await self._store.purge(self._clock_ns())

    async def _expire_sessions(self) -> None:
        now_ns = self._clock_ns()
        await self._store.accounts.expire_sessions(now_ns - LONGEST_NS, now_ns - IDLE_NS, now_ns)

    async def _while_any(self, step: Callable[[], Awaitable[bool]]) -> None:
        started_s = time.perf_counter()
        while await step():
            await asyncio.sleep((time.perf_counter() - started_s) * _REST)
            started_s = time.perf_counter()
