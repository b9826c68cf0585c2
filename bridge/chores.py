"""What a server does beside answering, for as long as its store is open: upkeep, summaries, deliveries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from bridge.forwarding.forwarding import Forwarding
from bridge.forwarding.terms import terms_of
from viewer.housekeeping import Housekeeping
from viewer.metrics import Metrics
from viewer.settings import Settings
from viewer.store.base import Store
from viewer.summariser import Summariser


class Chores:
    """The tasks of it. What is being delivered has its time to end; the others are cut off."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._delivering: tuple[Forwarding, asyncio.Task[None]] | None = None

    @classmethod
    async def begun(cls, store: Store, settings: Settings, metrics: Metrics) -> Chores:
        """All that the settings ask for. Raises StoreUnusable, StoreUnavailable."""
        chores = cls()
        if terms := terms_of(settings):
            forwarding = await Forwarding.opened(store, terms)
            for gauge in forwarding.gauges():
                metrics.watch(*gauge)
            for counter in forwarding.counters():
                metrics.watch_count(*counter)
            chores._delivering = forwarding, asyncio.create_task(forwarding.run())
        chores.begin(Housekeeping(store, settings.retention_ns, time.time_ns).run())
        chores.begin(Summariser(store, time.time_ns, redacts=settings.redact).run())
        return chores

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """One more."""
        self._tasks.append(asyncio.create_task(work))

    def cancel(self) -> None:
        """Begin to end: at once, before what they work with ends."""
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Wait until nothing is done any more."""
        if self._delivering:
            forwarding, running = self._delivering
            await forwarding.stop(running)
        await asyncio.gather(*self._tasks, return_exceptions=True)
