"""What is due → the endpoint, one trace at a time: what goes, what waits, what is set aside, and why.

Every decision is on disk before the request that follows from it: whatever breaks off, the next start goes on with
the same bytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from bridge.forwarding import verdicts
from bridge.forwarding.endpoint import Endpoint
from bridge.forwarding.parcel import outgoing_of, parcel_of
from bridge.forwarding.pauses import Pauses
from bridge.forwarding.terms import Terms
from bridge.forwarding.verdicts import Verdict
from tracen_otel.client import TracenError
from viewer.sharing.masks import digest_of
from viewer.store.base import NS_PER_S, Limit, Page, Store
from viewer.store.deliveries import Deliveries, Delivery, DeliveryState, Outgoing
from viewer.tellings import MAX_READ_BYTES

logger = logging.getLogger("tracen.forward")

IDLE_NS = NS_PER_S // 2
HELD_NS = 600 * NS_PER_S
"""Between two looks at a trace that nobody may see."""
HELD_AT_ONCE = 50
TRIES = 3
"""Of one trace that the endpoint breaks on, before it goes to the end of the queue."""
_LAST_NS = 600 * NS_PER_S
_NOT_INDEXED_NS = NS_PER_S // 5
_PAUSE, _LEAST_PAUSE_NS, _MOST_PAUSE_NS = 20, NS_PER_S, 600 * NS_PER_S
"""A trace that grows is not read again for so many times as long as it took."""

PRIVATE = "private, or its sharing has ended"
DELETED = "deleted here"
NO_MODEL = "no model, agent or tool was at work"
LATE = "late spans that the endpoint can not take"
TOO_LARGE = "larger than the endpoint takes"
REFUSES_ALL = "the endpoint refuses all traces"
UNCERTAIN = "perhaps delivered before they were masked"


class Courier:
    """Delivers to one endpoint."""

    def __init__(
        self, store: Store, queue: Deliveries, endpoint: Endpoint, terms: Terms, clock_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._queue = queue
        self._endpoint = endpoint
        self._terms = terms
        self._clock_ns = clock_ns
        self._pauses = Pauses()
        self._is_extended: bool | None = None
        self._deletes = True
        self._told: Limit | None = None
        self._packed_ns = 0

    async def step(self) -> int:
        """Do what there is to do next; answers for how many nanoseconds there is nothing. Raises StoreUnavailable."""
        now_ns, self._packed_ns = self._clock_ns(), 0
        await self._look_at_held(now_ns)
        target = await self._queue.target()
        if target.hold_until_ns > now_ns:
            return target.hold_until_ns - now_ns
        wait_ns = await self._queue.wait_ns(target.limits, now_ns)
        found = await self._queue.next(now_ns, newest_first=self._terms.is_newest_first, in_doubt=wait_ns > 0)
        if found is None:
            return max(wait_ns, IDLE_NS)
        await self._carry(*found)
        return 0

    def rest_ns(self) -> int:
        """How long reading and packing took in the last step: others have the machine for as long."""
        return self._packed_ns

    async def _look_at_held(self, now_ns: int) -> None:
        for delivery in await self._queue.held(now_ns, HELD_AT_ONCE):
            page = await self._page_of(delivery)
            if page is None or not _is_hidden(page, now_ns):
                await self._queue.put_off(delivery, now_ns)
            else:
                await self._hold_back(delivery)

    async def _page_of(self, delivery: Delivery) -> Page | None:
        """None where nothing of the trace is there any more."""
        page = await self._store.page_of(delivery.account_id, delivery.otel_trace_id, self._clock_ns())
        return None if page is None or page.deleted else page

    async def _hold_back(self, delivery: Delivery) -> None:
        due_ns = self._clock_ns() + HELD_NS
        await self._queue.set_aside(delivery, DeliveryState.HELD, PRIVATE, due_ns)

    # -- one trace -------------------------------------------------------------------------------------

    async def _carry(self, delivery: Delivery, outgoing: Outgoing | None) -> None:
        page = await self._visible(delivery)
        if page is None:
            return
        if outgoing and _is_stale(outgoing, delivery, page):
            await self._queue.withdraw(delivery)  # it comes up again at once
            return
        try:
            if outgoing is None:
                outgoing = await self._begun(delivery, page)
            if outgoing is not None:
                await self._send(delivery, outgoing)
        except TracenError as error:  # while the endpoint was asked what it can do
            await self._pause(error)

    async def _visible(self, delivery: Delivery) -> Page | None:
        """The page of a trace that may be delivered; one that may not is dealt with."""
        page = await self._page_of(delivery)
        if page is None:
            await self._queue.set_aside(delivery, DeliveryState.LEFT_OUT, DELETED)
        elif _is_hidden(page, self._clock_ns()):
            await self._hold_back(delivery)
            return None
        return page

    async def _begun(self, delivery: Delivery, page: Page) -> Outgoing | None:
        """What is to be sent of a trace, on disk; None where nothing is, for now or for good."""
        if self._is_extended is None:
            await self._ask(page)  # with the limit that it tells, it may not be this one's turn
            return None
        outgoing = await self._packed(delivery, page, is_extended=self._is_extended)
        if outgoing is None or not await self._make_room(delivery, outgoing):
            return None
        await self._queue.begin(delivery, outgoing)
        now = await self._visible(delivery)  # it may have been deleted, hidden or masked while it was read
        if now is None or digest_of(now.masks) != outgoing.masks:
            if now is not None:
                await self._queue.withdraw(delivery)
            return None
        return outgoing

    async def _ask(self, page: Page) -> None:
        """Find out what the endpoint takes. Raises TracenError."""
        self._is_extended = await self._endpoint.is_extended(page.otel_trace_id.hex())
        await self._queue.learn(None, is_extended=self._is_extended)
        await self._heed()

    async def _packed(self, delivery: Delivery, page: Page, *, is_extended: bool) -> Outgoing | None:
        started_s = time.perf_counter()
        telling = await self._store.telling(page, MAX_READ_BYTES)
        if telling.version < delivery.arrived:  # the index of traces is a moment behind
            await self._queue.put_off(delivery, self._clock_ns() + _NOT_INDEXED_NS)
            return None
        if telling.version <= delivery.delivered_version:
            await self._queue.settle(delivery, telling.version)
            return None
        is_extended = is_extended and not delivery.is_documented_only
        latest_ns = min(
            delivery.last_ns + self._terms.rootless_ns, delivery.first_ns + self._terms.longest_ns
        )
        parcel = await parcel_of(
            telling,
            page,
            redacts=self._terms.redacts,
            is_extended=is_extended,
            needs_root=self._clock_ns() < latest_ns,
            max_bytes=delivery.max_bytes,
        )
        self._packed_ns = int((time.perf_counter() - started_s) * NS_PER_S)
        if not parcel.has_root and self._clock_ns() < latest_ns:
            await self._queue.put_off(delivery, latest_ns, self._clock_ns() + self._rest_ns())
        elif self._terms.is_llm_only and not parcel.is_wanted and not delivery.page_id:
            await self._queue.set_aside(delivery, DeliveryState.LEFT_OUT, NO_MODEL)
        elif parcel.body is None:
            await self._queue.set_aside(delivery, DeliveryState.REFUSED, TOO_LARGE)
        elif delivery.page_id and parcel.digest == delivery.digest and is_extended == delivery.is_extended:
            await self._queue.settle(delivery, telling.version)  # nothing new is in it
        else:
            return outgoing_of(parcel, telling, page, is_extended=is_extended)
        return None

    async def _make_room(self, delivery: Delivery, outgoing: Outgoing) -> bool:
        """Whether a post makes one page of the trace, and not a second one."""
        joins = outgoing.is_extended and (delivery.is_extended or not delivery.page_id)
        if joins:
            return True
        if delivery.is_uncertain:
            await self._queue.set_aside(delivery, DeliveryState.REFUSED, UNCERTAIN)
            return False
        if not delivery.page_id:
            return True
        if self._deletes:
            self._deletes = await self._endpoint.remove(delivery.page_id)
        if not self._deletes:
            await self._queue.set_aside(delivery, DeliveryState.LATE, LATE)
            return False
        await self._queue.page_removed(delivery)
        return True

    # -- the request -----------------------------------------------------------------------------------

    async def _send(self, delivery: Delivery, outgoing: Outgoing) -> None:
        await self._queue.attempt(delivery, self._clock_ns())
        try:
            page = await self._endpoint.post(outgoing)
        except TracenError as error:
            await self._refused(delivery, outgoing, error)
            return
        await self._queue.deliver(delivery, page.trace_id, self._clock_ns(), self._rest_ns())
        self._pauses.succeeded()
        await self._heed()
        logger.debug("delivered a trace, %d bytes", len(outgoing.body))

    async def _heed(self) -> None:
        """Keep what the endpoint told of its limit, and wait where nothing is left of it: others may use it up."""
        await self._learn()
        told = self._endpoint.allowance
        if told and told.remaining == 0 and told.reset_s:
            now_ns = self._clock_ns()
            until_ns = now_ns + told.reset_s * NS_PER_S
            await self._queue.hold(until_ns, "the limit of the endpoint is used up", "", now_ns)

    async def _learn(self) -> None:
        told = self._endpoint.allowance
        if (
            told
            and told.limit
            and told.window_s
            and (limit := Limit(told.limit, told.window_s)) != self._told
        ):
            self._told = limit
            await self._queue.learn(limit, is_extended=None)

    def _rest_ns(self) -> int:
        return min(max(_LEAST_PAUSE_NS, _PAUSE * self._packed_ns), _MOST_PAUSE_NS)

    async def _refused(self, delivery: Delivery, outgoing: Outgoing, error: TracenError) -> None:
        verdict = verdicts.verdict_of(error)
        is_about_it = verdict in (Verdict.ANOTHER_FORM, Verdict.SMALLER, Verdict.SET_ASIDE)
        if not verdicts.may_have_arrived(error):
            # What it refuses for what it says, it has not taken before either.
            await self._queue.not_taken(delivery, was_in_doubt=outgoing.in_doubt and not is_about_it)
        if is_about_it:
            await self._change(delivery, outgoing, error, verdict)
        elif verdict is Verdict.BROKEN and delivery.tries + 1 >= TRIES:
            logger.warning("a trace goes to the end of the queue: %s", error)
            await self._queue.put_last(delivery, self._clock_ns() + _LAST_NS)
        else:
            await self._pause(error)

    async def _change(
        self, delivery: Delivery, outgoing: Outgoing, error: TracenError, verdict: Verdict
    ) -> None:
        """Another form of the trace, or none."""
        if verdict is Verdict.SMALLER:
            await self._queue.withdraw(delivery, max_bytes=len(outgoing.body) * 2 // 3)
        elif verdict is Verdict.ANOTHER_FORM and outgoing.is_extended:
            await self._queue.withdraw(delivery, is_documented_only=True)
        else:
            logger.warning("a trace is set aside: %s", error)
            await self._queue.set_aside(delivery, DeliveryState.REFUSED, str(error))

    async def _pause(self, error: TracenError) -> None:
        """Send nothing for a while; what is under way stays what it is."""
        await self._learn()
        now_ns, words = self._clock_ns(), verdicts.in_words(error)
        verdict = verdicts.verdict_of(error)
        if verdict is Verdict.STOP:
            self._is_extended = None  # it may be another server next time
            wait_ns, reason = self._pauses.stop_ns(), REFUSES_ALL
        elif verdict is Verdict.WAIT and error.retry_after_s is not None:
            wait_ns, reason = int(error.retry_after_s * NS_PER_S), "the endpoint asks to wait"
        else:
            wait_ns, reason = self._pauses.retry_ns(), "the endpoint does not answer as it should"
        self._pauses.say(f"no trace is delivered for now: {words}", is_loud=verdict is Verdict.STOP)
        await self._queue.hold(now_ns + wait_ns, reason, words, now_ns)


def _is_hidden(page: Page, now_ns: int) -> bool:
    """Whether nobody but its owner may see a page."""
    return page.is_private or (page.shared_until_ns is not None and page.shared_until_ns <= now_ns)


def _is_stale(outgoing: Outgoing, delivery: Delivery, page: Page) -> bool:
    """Whether something else is to be sent than what was: it must not be known, or nobody can have it."""
    is_old = outgoing.version < delivery.arrived and not outgoing.in_doubt
    return outgoing.masks != digest_of(page.masks) or is_old
