"""Forwarding beside a running server: its parts put together, its tasks, its figures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from bridge.forwarding.courier import REFUSES_ALL, Courier
from bridge.forwarding.endpoint import Endpoint
from bridge.forwarding.feeder import Feeder
from bridge.forwarding.spell import Spell
from bridge.forwarding.terms import Terms
from viewer.limits import SteadyClock
from viewer.store.base import NS_PER_S, Gauge, Store
from viewer.store.deliveries import Deliveries, DeliveryState, Standing

logger = logging.getLogger("tracen.forward")

GRACE_S = 8
"""For what is in flight at the end, as the doors have it; it stays on disk in any case."""
_LOOK_S = 1.0
"""Between two looks at a queue that waits."""
_REST = 4.0
"""Times as long as it read and packed."""
_STANDING_S = 5.0
_STANDING_REST = 50
_PAUSE_S = 2.0
"""After a step that failed."""
_UNEXPECTED = "unexpected error while a trace was delivered"


class Forwarding:
    """What delivers the traces of a store to one endpoint, for as long as the store is open."""

    def __init__(
        self,
        store: Store,
        queue: Deliveries,
        terms: Terms,
        clock_ns: Callable[[], int],
        endpoint: Endpoint | None = None,
    ) -> None:
        self._queue = queue
        self._terms = terms
        self._clock_ns = clock_ns
        self._endpoint = endpoint or Endpoint(terms.url, terms.key, lambda: clock_ns() / NS_PER_S)
        self.feeder = Feeder(store, queue, terms, clock_ns)
        self.courier = Courier(store, queue, self._endpoint, terms, clock_ns)
        self._stopping = asyncio.Event()
        self._standing: Standing | None = None
        self._looked_s = self._look_took_s = 0.0
        self._looked_ns = 0
        self._spell = Spell("no trace is delivered for now", _UNEXPECTED)

    @classmethod
    async def opened(
        cls, store: Store, terms: Terms, clock_ns: Callable[[], int] | None = None
    ) -> Forwarding:
        """Forwarding over a store, which goes on where it was. Raises StoreUnusable, StoreUnavailable."""
        clock_ns = clock_ns or SteadyClock()
        queue = await store.deliveries(
            terms.url, clock_ns(), with_past=terms.has_past, accounts=terms.scope, limit=terms.limit
        )
        # whoever starts it anew may have changed the key
        if (await queue.target()).hold_reason == REFUSES_ALL:
            await queue.hold(0, "", "", clock_ns())
        for email in sorted(terms.accounts):
            if await store.accounts.by_email(email) is None:
                logger.warning(
                    "--forward-accounts names %s, which is no account of this server: nothing of it is delivered",
                    email,
                )
        return cls(store, queue, terms, clock_ns)

    async def run(self) -> None:
        """Work until `stop`."""
        logger.info("finished traces are delivered to %s", self._terms.url)
        if self._terms.travels_in_clear:
            logger.warning(
                "%s: without TLS anybody on the way can read the key and the traces", self._terms.url
            )
        feeding = asyncio.create_task(self.feeder.run())
        try:
            await self._deliver()
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            self._endpoint.close()

    async def stop(self, running: asyncio.Task[None]) -> None:
        """End `run`, when what is in flight is answered or has had its time."""
        self._stopping.set()
        await asyncio.wait((running,), timeout=GRACE_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def _deliver(self) -> None:
        while not self._stopping.is_set():
            try:
                wait_s = await self.courier.step() / NS_PER_S
                await self._look()
            except Exception as error:  # whatever it was: the next step begins with what is on disk
                self._spell.failed(error)
                await self._pause(_PAUSE_S)
                continue
            self._spell.ended()
            await self._pause(max(min(wait_s, _LOOK_S), self.courier.rest_ns() / NS_PER_S * _REST))

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    # -- figures ---------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """How the queue stands, counted now and then: it may be long."""
        started_s = time.monotonic()
        if started_s - self._looked_s < max(_STANDING_S, _STANDING_REST * self._look_took_s):
            return
        self._standing = await self._queue.standing(self._clock_ns())
        self._looked_ns = self._clock_ns()
        self._looked_s = time.monotonic()
        self._look_took_s = self._looked_s - started_s

    def gauges(self) -> list[Gauge]:
        """What an operator watches of it."""
        return [
            *(self._counted(state) for state in DeliveryState),
            (
                "tracen_forward_recent_posts",
                "Those that count against its limit now.",
                lambda: self._standing.recent if self._standing else 0,
            ),
            ("tracen_forward_limit", "How many may count against it.", self._limit),
            (
                "tracen_forward_held_seconds",
                "For how long nothing is sent: its limit, its wish, or a failure.",
                self._held_s,
            ),
            (
                "tracen_forward_oldest_waiting_seconds",
                "For how long the trace waits that has waited longest.",
                self._oldest_s,
            ),
            (
                "tracen_forward_last_success_timestamp_seconds",
                "When the endpoint accepted a post last; 0: never.",
                lambda: self._standing.target.succeeded_ns / NS_PER_S if self._standing else 0,
            ),
        ]

    def counters(self) -> list[Gauge]:
        """What only grows, over restarts too."""
        return [
            (
                "tracen_forward_posts",
                "Posts that the endpoint accepted, ever.",
                lambda: self._standing.posts if self._standing else 0,
            ),
            (
                "tracen_forward_failures",
                "Times that something kept a trace from being delivered.",
                lambda: self._standing.target.failures if self._standing else 0,
            ),
        ]

    def _counted(self, state: DeliveryState) -> Gauge:
        def count() -> float:
            return self._standing.counts[state] if self._standing else 0

        return (f"tracen_forward_{state.name.lower()}", f"Traces of the queue: {_STATES[state]}.", count)

    def _limit(self) -> float:
        return self._standing.target.strictest.count if self._standing else 0

    def _held_s(self) -> float:
        if self._standing is None:
            return 0
        until_ns = max(self._standing.target.hold_until_ns, self._looked_ns + self._standing.wait_ns)
        return max(0.0, (until_ns - self._clock_ns()) / NS_PER_S)

    def _oldest_s(self) -> float:
        if self._standing is None or self._standing.oldest_ns is None:
            return 0
        return max(0.0, (self._clock_ns() - self._standing.oldest_ns) / NS_PER_S)


_STATES = {
    DeliveryState.WAITING: "wait to be delivered",
    DeliveryState.DELIVERED: "were delivered as they are now",
    DeliveryState.HELD: "held back, since nobody may see them",
    DeliveryState.LATE: "delivered without late spans, which the endpoint can not take",
    DeliveryState.REFUSED: "refused by the endpoint",
    DeliveryState.LEFT_OUT: "left out: not wanted, or deleted",
}
