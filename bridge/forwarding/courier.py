"""What is due → the endpoint, one trace at a time: what goes, what waits, what is set aside, and why.

Every decision is on disk before the request that follows from it: whatever breaks off, the next start goes on with
the same bytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from bridge.forwarding import verdicts
from bridge.forwarding.blame import Blame, Evidence, rest_ns
from bridge.forwarding.endpoint import Endpoint
from bridge.forwarding.parcel import Parcel, outgoing_of, parcel_of
from bridge.forwarding.pauses import Pauses
from bridge.forwarding.remarks import Remark, place_of
from bridge.forwarding.terms import Terms
from bridge.forwarding.verdicts import Verdict
from tracen_otel.client import TracenError
from viewer.sharing.masks import digest_of
from viewer.store.base import NS_PER_S, Limit, Page, Store, StoreUnavailable, Telling
from viewer.store.deliveries import Deliveries, Delivery, DeliveryState, Outgoing
from viewer.tellings import MAX_READ_BYTES

logger = logging.getLogger("tracen.forward")

IDLE_NS = NS_PER_S // 2
HELD_NS = 600 * NS_PER_S
"""Between two looks at a trace that nobody may see."""
HELD_AT_ONCE = 50
ASKED_AGAIN_NS = 3600 * NS_PER_S
"""Between two times that an endpoint without the extension is asked whether it has it; a proxy may have answered."""
_ASKED_JUST_NOW_NS = 10 * NS_PER_S
_LOST_NS = 60 * NS_PER_S
"""An endpoint may go on with a request for so long whose connection has ended."""
_NOT_INDEXED_NS = NS_PER_S // 5
_PAUSE, _LEAST_PAUSE_NS, _MOST_PAUSE_NS = 20, NS_PER_S, 600 * NS_PER_S
"""A trace that grows is not read again for so many times as long as it took."""
_ASKS_ALL_TO_WAIT = 429
_MAY_BE_OF_A_FILTER = frozenset({401, 402, 403, 404})
"""A firewall before the endpoint refuses what it dislikes in a body with these, as the endpoint refuses a key."""

PRIVATE = "private, or its sharing has ended"
DELETED = "deleted here"
NO_MODEL = "no model, agent or tool was at work"
LATE = "late spans that the endpoint can not take"
TOO_LARGE = "larger than the endpoint takes"
REFUSES_ALL = "the endpoint refuses all traces"
UNCERTAIN = "perhaps delivered before they were masked"
UNPACKED = "can not be packed here for now"
SHOWS_EARLIER = "; its page there shows what was taken before"
"""Said of what is refused where what was taken before was sent again."""


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
        self._evidence = Evidence()
        self._last, self._aside, self._unpacked = Remark(), Remark(), Remark()
        self._is_extended: bool | None = None
        self._asked_ns = 0
        self._deletes = True
        self._windows: tuple[Limit, ...] | None = None
        self._packed_ns = 0

    async def step(self) -> int:
        """Do what there is to do next; answers for how many nanoseconds there is nothing. Raises StoreUnavailable."""
        now_ns, self._packed_ns = self._clock_ns(), 0
        await self._look_at_held(now_ns)
        target = await self._queue.target()
        if target.hold_until_ns > now_ns:
            return target.hold_until_ns - now_ns
        wait_ns = await self._queue.wait_ns(target.limits, now_ns)
        window_ns = min(limit.window_s for limit in target.limits) * NS_PER_S
        found = await self._queue.next(
            now_ns,
            newest_first=self._terms.is_newest_first,
            counted_since_ns=now_ns - window_ns if wait_ns else None,
        )
        if found is None:
            return max(wait_ns, IDLE_NS)
        await self._carry(*found)
        return 0

    def rest_ns(self) -> int:
        """How long reading and packing took in the last step: others have the machine for as long."""
        return self._packed_ns

    async def _look_at_held(self, now_ns: int) -> None:
        due = await self._queue.held(now_ns, HELD_AT_ONCE)
        pages = [await self._page_of(delivery) for delivery in due]
        is_hidden = [page is not None and _is_hidden(page, now_ns) for page in pages]
        if hidden := [delivery for delivery, hides in zip(due, is_hidden, strict=True) if hides]:
            await self._queue.hold_back(hidden, PRIVATE, now_ns + HELD_NS)
        if shown := [delivery for delivery, hides in zip(due, is_hidden, strict=True) if not hides]:
            await self._queue.release(shown, now_ns)

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
            await self._failed(delivery, error, is_plain=True)

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
        if self._is_extended is None or self._must_ask_again(delivery):
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
        self._asked_ns = self._clock_ns()
        await self._queue.learn(is_extended=self._is_extended)
        await self._heed()

    def _must_ask_again(self, delivery: Delivery) -> bool:
        """Whether an answer that it has no extension is too old; to delete a page it must be fresh."""
        if self._is_extended:
            return False
        age_ns = self._clock_ns() - self._asked_ns
        is_replaced = bool(delivery.page_id) and not delivery.is_documented_only
        return not 0 <= age_ns < (_ASKED_JUST_NOW_NS if is_replaced else ASKED_AGAIN_NS)

    async def _packed(self, delivery: Delivery, page: Page, *, is_extended: bool) -> Outgoing | None:
        started_s = time.perf_counter()
        restored = delivery.restored_version
        telling = await self._store.telling(page, MAX_READ_BYTES, restored)
        if restored is None and await self._is_known(delivery, telling):
            return None
        is_extended = is_extended and not delivery.is_documented_only
        latest_ns = min(
            delivery.last_ns + self._terms.rootless_ns, delivery.first_ns + self._terms.longest_ns
        )
        needs_root = restored is None and self._clock_ns() < latest_ns
        parcel = await self._parcel(delivery, telling, page, is_extended=is_extended, needs_root=needs_root)
        if parcel is None:
            return None
        self._packed_ns = int((time.perf_counter() - started_s) * NS_PER_S)
        if needs_root and not parcel.has_root:
            await self._queue.put_off(delivery, latest_ns, self._clock_ns() + self._rest_ns())
        elif self._terms.is_llm_only and not parcel.is_wanted and not delivery.delivered_version:
            await self._queue.set_aside(delivery, DeliveryState.LEFT_OUT, NO_MODEL)
        elif parcel.body is None:
            await self._give_up(delivery, telling.version, TOO_LARGE)
        elif delivery.page_id and delivery.is_refused and parcel.digest == delivery.refused_digest:
            await self._queue.set_aside(delivery, DeliveryState.REFUSED, delivery.refusal + SHOWS_EARLIER)
        elif delivery.page_id and parcel.digest == delivery.digest and is_extended == delivery.is_extended:
            await self._queue.settle(delivery, telling.version)  # nothing new is in it
        else:
            return outgoing_of(parcel, telling, page, is_extended=is_extended)
        return None

    async def _is_known(self, delivery: Delivery, telling: Telling) -> bool:
        """Whether a telling has nothing new for the endpoint, or not yet all that has come; then it is dealt with."""
        if telling.version < delivery.arrived:  # the index of traces is a moment behind
            await self._queue.put_off(delivery, self._clock_ns() + _NOT_INDEXED_NS)
        elif not delivery.page_id:
            return False
        elif telling.version <= delivery.delivered_version:
            await self._queue.settle(delivery, telling.version)
        elif telling.version <= delivery.refused_version:
            await self._queue.set_aside(delivery, DeliveryState.REFUSED, delivery.refusal + SHOWS_EARLIER)
        else:
            return False
        return True

    async def _parcel(
        self, delivery: Delivery, telling: Telling, page: Page, *, is_extended: bool, needs_root: bool
    ) -> Parcel | None:
        """None where it can not be made: no trace may keep the others waiting for what is wrong with it."""
        try:
            return await parcel_of(
                telling,
                page,
                redacts=self._terms.redacts,
                is_extended=is_extended,
                needs_root=needs_root,
                max_bytes=delivery.max_bytes if page.masks else delivery.most_bytes,  # masks make it longer
            )
        except StoreUnavailable as error:  # too much of it, or too large for the memory there is
            why = str(error)
        except Exception as error:  # whatever it says may quote the trace
            why = f"{type(error).__name__} {place_of(error)}"
        self._unpacked.say(
            f"a trace goes to the end of the queue, it can not be packed: {why}", self._clock_ns()
        )
        await self._queue.put_last(delivery, self._clock_ns() + rest_ns(delivery), UNPACKED)
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
            self._deletes = await self._endpoint.remove(delivery.page_id, delivery.page_url)
        if not self._deletes:
            await self._queue.set_aside(delivery, DeliveryState.LATE, LATE)
            return False
        await self._queue.page_removed(delivery)
        return True

    # -- the request -----------------------------------------------------------------------------------

    async def _send(self, delivery: Delivery, outgoing: Outgoing) -> None:
        if not await self._queue.attempt(delivery, self._clock_ns()):
            return
        try:
            page = await self._endpoint.post(outgoing, delivery.tries + delivery.behind)
        except TracenError as error:
            await self._refused(delivery, outgoing, error)
            return
        await self._queue.deliver(
            delivery, page.trace_id, self._clock_ns(), self._rest_ns(), page_url=page.url
        )
        self._pauses.succeeded()
        self._evidence.succeeded()
        await self._heed(is_taken=True)
        logger.debug("delivered a trace, %d bytes", len(outgoing.body))

    async def _heed(self, *, is_taken: bool = False) -> None:
        """Keep what the endpoint told of its limit, and wait where nothing is left of it: others may use it up."""
        await self._learn(is_taken=is_taken)
        told = self._endpoint.allowance
        if told and told.remaining == 0 and told.reset_s:
            now_ns = self._clock_ns()
            until_ns = now_ns + told.reset_s * NS_PER_S
            await self._queue.hold(until_ns, "the limit of the endpoint is used up", "", now_ns)

    async def _learn(self, *, is_taken: bool = False) -> None:
        """Keep all limits that the last answer told; none are, where a post is taken without a word of any.

        What refuses one may be something that stands before the endpoint.
        """
        told = self._endpoint.allowance
        windows = tuple(Limit(count, window_s) for count, window_s in told.windows) if told else ()
        if windows != self._windows and (windows or is_taken):
            await self._queue.learn_limits(windows)
            self._windows = windows

    def _rest_ns(self) -> int:
        return min(max(_LEAST_PAUSE_NS, _PAUSE * self._packed_ns), _MOST_PAUSE_NS)

    async def _refused(self, delivery: Delivery, outgoing: Outgoing, error: TracenError) -> None:
        verdict = verdicts.verdict_of(error)
        if verdicts.may_have_arrived(error) or (outgoing.in_doubt and not verdicts.has_left_nothing(error)):
            lost_ns = 0 if error.status else _LOST_NS
            await self._queue.missed(delivery, self._clock_ns() + lost_ns)
        else:
            await self._queue.not_taken(delivery)
        if verdict in (Verdict.ANOTHER_FORM, Verdict.SMALLER, Verdict.SET_ASIDE):
            await self._change(delivery, outgoing, error, verdict)
        else:
            await self._failed(delivery, error)

    async def _change(
        self, delivery: Delivery, outgoing: Outgoing, error: TracenError, verdict: Verdict
    ) -> None:
        """Another form of the trace, or none."""
        if verdict is Verdict.SMALLER:
            await self._queue.withdraw(delivery, max_bytes=len(outgoing.body) * 2 // 3)
        elif verdict is Verdict.ANOTHER_FORM and outgoing.is_extended:
            await self._queue.withdraw(delivery, is_documented_only=True)
        else:
            self._aside.say(f"a trace is set aside: {error}", self._clock_ns())
            await self._give_up(delivery, outgoing.version, str(error))

    async def _give_up(self, delivery: Delivery, version: int, refusal: str) -> None:
        """Set aside what is refused for good; where its page was removed for it, what that had is sent again at once.

        A refusal takes nothing of the limit, so there is room for it now.
        """
        again = await self._queue.refuse(delivery, version, refusal)
        if again and again.restored_version:
            await self._carry(again, None)

    # -- what goes wrong -------------------------------------------------------------------------------

    async def _failed(self, delivery: Delivery, error: TracenError, *, is_plain: bool = False) -> None:
        """Rest with this trace, with all, or both. `is_plain`: to ask the same again would tell nothing."""
        await self._learn()
        verdict = verdicts.verdict_of(error)
        blame = Blame.NOBODY
        if not verdicts.is_about_any(error):
            blame = self._evidence.blame_for(delivery, is_plain=is_plain or verdict is Verdict.STOP)
        if blame is Blame.TRACE:
            await self._put_last(delivery, error)
            if error.status != _ASKS_ALL_TO_WAIT:
                return
        elif blame is Blame.ENDPOINT:
            alone_ns = self._evidence.alone_ns(delivery) if verdict is Verdict.BROKEN else 0
            await self._queue.put_last(delivery, self._clock_ns() + alone_ns)
        if verdict is Verdict.STOP and await self._takes_key(delivery, error):
            verdict = Verdict.RETRY
        await self._pause(error, verdict)

    async def _put_last(self, delivery: Delivery, error: TracenError) -> None:
        """Others are taken, this one is not: it rests alone, ever longer."""
        now_ns, words = self._clock_ns(), verdicts.in_words(error)
        asked_ns = int((error.retry_after_s or 0) * NS_PER_S)
        await self._queue.put_last(delivery, now_ns + max(rest_ns(delivery), asked_ns))
        await self._queue.hold(now_ns, "", words, now_ns)
        self._last.say(f"a trace goes to the end of the queue, others are delivered: {error}", now_ns)

    async def _takes_key(self, delivery: Delivery, error: TracenError) -> bool:
        """Whether an endpoint that can be asked so says that it would take a trace, after it has refused one."""
        if not self._is_extended or error.status not in _MAY_BE_OF_A_FILTER:
            return False
        try:
            return await self._endpoint.is_extended(delivery.otel_trace_id.hex())
        except TracenError:
            return False

    async def _pause(self, error: TracenError, verdict: Verdict) -> None:
        """Send nothing for a while; what is under way stays what it is."""
        now_ns, words = self._clock_ns(), verdicts.in_words(error)
        if verdict is Verdict.STOP:
            self._is_extended = None  # it may be another server next time
            wait_ns, reason = self._pauses.stop_ns(), REFUSES_ALL
        elif verdict is Verdict.WAIT and error.retry_after_s is not None:
            wait_ns, reason = self._pauses.wait_ns(error.retry_after_s), "the endpoint asks to wait"
        else:
            wait_ns, reason = self._pauses.retry_ns(), "the endpoint does not answer as it should"
        is_loud = verdict is Verdict.STOP
        self._pauses.say(f"no trace is delivered for now: {words}", now_ns, is_loud=is_loud)
        await self._queue.hold(now_ns + wait_ns, reason, words, now_ns)


def _is_hidden(page: Page, now_ns: int) -> bool:
    """Whether nobody but its owner may see a page."""
    return page.is_private or (page.shared_until_ns is not None and page.shared_until_ns <= now_ns)


def _is_stale(outgoing: Outgoing, delivery: Delivery, page: Page) -> bool:
    """Whether something else is to be sent than what was: it must not be known, or nobody can have it."""
    is_newest = outgoing.version >= delivery.arrived or outgoing.version == delivery.restored_version
    is_old = not is_newest and not outgoing.in_doubt
    return outgoing.masks != digest_of(page.masks) or is_old
