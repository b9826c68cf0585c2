"""What has come → the queue of deliveries. Reads which traces, never what they say; ingest does not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bridge.forwarding.spell import Spell
from bridge.forwarding.terms import Terms
from viewer.front.sample import EMAIL as SAMPLE
from viewer.store.base import Store
from viewer.store.deliveries import Deliveries

SLICE = 500
"""Traces that are put in the queue together."""
IDLE_S = 0.5
_REST = 9.0
"""Times as long as it worked."""
_UNAVAILABLE_S = 2.0
_UNEXPECTED = "unexpected error while traces were put in the queue"


class Feeder:
    """Runs for as long as the store is open."""

    def __init__(self, store: Store, queue: Deliveries, terms: Terms, clock_ns: Callable[[], int]) -> None:
        self._accounts = store.accounts
        self._queue = queue
        self._terms = terms
        self._clock_ns = clock_ns
        self._is_wanted_by_account: dict[str, bool] = {}
        self._spell = Spell("traces are not put in the queue of deliveries for now", _UNEXPECTED)

    async def run(self) -> None:
        """Work for ever."""
        while True:
            started_s = time.perf_counter()
            try:
                count = await self.feed()
            except Exception as error:  # whatever it was: the next round begins with what is on disk
                self._spell.failed(error)
                await asyncio.sleep(_UNAVAILABLE_S)
            else:
                self._spell.ended()
                await asyncio.sleep((time.perf_counter() - started_s) * _REST if count else IDLE_S)

    async def feed(self) -> int:
        """Put what came next in the queue; how many traces it told of. Raises StoreUnavailable."""
        discovery = await self._queue.discover(SLICE)
        if not discovery.arrived:
            return 0
        for account_id in {one.account_id for one in discovery.arrived}:
            await self._know(account_id)
        wanted = [one for one in discovery.arrived if self._is_wanted_by_account[one.account_id]]
        await self._queue.enqueue(discovery, wanted, self._terms.waits, self._clock_ns())
        return len(discovery.arrived)

    async def _know(self, account_id: str) -> None:
        if account_id not in self._is_wanted_by_account:
            account = await self._accounts.by_id(account_id)
            email = account.email if account else SAMPLE  # of a closed account nothing is there any more
            is_named = not self._terms.accounts or email in self._terms.accounts
            self._is_wanted_by_account[account_id] = is_named and email != SAMPLE
