"""What a store promises of the traces that are delivered to another Tracen endpoint: interface and records.

A queue for each target, what is under way to it, and what counts against its limit. Knows nothing of how a trace is
assembled or sent (bridge/forwarding), nor of what a target is but its URL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from viewer.store.base import NS_PER_S, Limit

MAX_HOLD_NS = 3600 * NS_PER_S
"""A hold that lies further ahead was made by a clock that has been set back since."""
HIT_MARGIN_NS = NS_PER_S
"""Longer than the window: the target's clock may run a little slower than ours."""


class DeliveryState(StrEnum):
    """What becomes of a trace."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    HELD = "held"
    """Nobody may see it for now; it is looked at again when it is due."""
    LATE = "late"
    """It was delivered, and the target can not take what has come since."""
    REFUSED = "refused"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a trace waits after news, and after the first news at most."""

    quiet_ns: int
    longest_ns: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A trace of which something came. One of the ids is 0."""

    account_id: str
    otel_trace_id: bytes
    batch_id: int = 0
    post_id: int = 0


@dataclass(frozen=True, slots=True)
class Discovery:
    """What came next, and how far that is: all batches and posts up to these ids."""

    arrived: Sequence[Arrived]
    batch_id: int
    post_id: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A trace in the queue. `arrived`: the least version (as in Telling) that has all that is known to have come.

    `delivered_version` is what the target has of it, on the page `page_id` there (at `page_url`, "" where that is not
    known), told in bytes of `digest`. At most `max_bytes` are sent, and the documented fields alone, where that has
    shown to be needed. `is_uncertain`: an answer was lost, and the bytes it belongs to are gone. `tries`: how often it
    was sent since it has its place in the queue; `behind`: how often it was put last.

    `refused_version` is what the target refused for good, with the words `refusal` to bytes of `refused_digest`, after
    the page of what it had taken before, in `delivered_bytes` bytes, was removed for it; 0: nothing.
    """

    id: int
    account_id: str
    otel_trace_id: bytes
    first_ns: int
    last_ns: int
    arrived: int
    delivered_version: int = 0
    page_id: str = ""
    is_extended: bool = False
    digest: bytes = b""
    tries: int = 0
    max_bytes: int | None = None
    is_documented_only: bool = False
    is_uncertain: bool = False
    behind: int = 0
    page_url: str = ""
    delivered_bytes: int = 0
    refused_version: int = 0
    refused_digest: bytes = b""
    refusal: str = ""

    @property
    def restored_version(self) -> int | None:
        """What is to be sent again, as the target refuses what has come since; None where nothing is."""
        has_lost_its_page = self.delivered_version and not self.page_id
        is_all = self.refused_version >= self.arrived
        return self.delivered_version if has_lost_its_page and is_all and self.is_refused else None

    @property
    def is_refused(self) -> bool:
        """Whether the target took less than it was sent last."""
        return self.refused_version > self.delivered_version

    @property
    def most_bytes(self) -> int | None:
        """How many are sent; what is sent again is no larger than it was. None: as many as there are."""
        bounds = (self.max_bytes, self.delivered_bytes if self.restored_version else None)
        return min((bound for bound in bounds if bound), default=None)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The bytes that are sent of a trace, made from the telling of `version` with these masks.

    `in_doubt`: they may have reached the target.
    """

    idempotency_key: str
    body: bytes
    version: int
    is_extended: bool
    digest: bytes
    masks: str = ""
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a target. Nothing is sent before `hold_until_ns`, for `hold_reason`.

    `own_limit` is the operator's, `told_limit` as the target told it last, of several (`told_limits`) the one with the
    longest window. `is_extended`: whether it takes more than the documented fields; None: not known. `failure`: in
    words, the last one; `succeeded_ns`: when a post was accepted last; 0: never.
    """

    url: str
    own_limit: Limit | None = None
    told_limit: Limit | None = None
    is_extended: bool | None = None
    hold_until_ns: int = 0
    hold_reason: str = ""
    failure: str = ""
    failure_ns: int = 0
    told_limits: tuple[Limit, ...] = ()
    succeeded_ns: int = 0
    failures: int = 0

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Every one of them is kept; where none is known, the one that the contract of such an endpoint has."""
        known = (self.own_limit, self.told_limit, *self.told_limits)
        return tuple(dict.fromkeys(limit for limit in known if limit)) or (Limit(),)

    @property
    def strictest(self) -> Limit:
        """The one that is felt first."""
        return min(self.limits, key=lambda limit: (limit.count / limit.window_s, limit.count))


@dataclass(frozen=True, slots=True)
class Troubled:
    """A trace that the target did not take, or not all of, and why."""

    state: DeliveryState
    account_id: str
    otel_trace_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target's queue stands. `posts`: how many were accepted ever; `recent`: those that count now.

    `due_ns`: when the next trace is due; None where none waits. `wait_ns`: how long the limits keep it waiting.
    `reasons`: how many traces are held back or left out, by state and reason. `oldest_ns`: since when the one waits
    that has waited longest. `troubled`: the newest that were refused or are late.
    """

    target: Target
    counts: Mapping[DeliveryState, int]
    reasons: Mapping[tuple[DeliveryState, str], int]
    posts: int
    recent: int
    due_ns: int | None
    wait_ns: int = 0
    oldest_ns: int | None = None
    troubled: Sequence[Troubled] = ()


class Deliveries(Protocol):
    """The queue of one target. All methods may be called concurrently, and raise StoreUnavailable.

    Rules of `viewer.store.base.Store` hold: time is an argument, what raises has changed nothing, what has returned
    survives a crash. One courier uses it at a time.
    """

    # -- into the queue --------------------------------------------------------------------------------

    async def discover(self, limit: int) -> Discovery:
        """Return what came next, in order of arrival, some `limit` traces of batches, and of posts.

        MUST return each batch and post once `enqueue` has taken all before it, and no content of any.
        """
        ...

    async def enqueue(
        self, discovery: Discovery, wanted: Sequence[Arrived], waits: Waits, now_ns: int
    ) -> None:
        """Put the wanted ones of a discovery in the queue, and go on behind it, all or nothing.

        A trace is due `quiet_ns` after its last news, `longest_ns` after its first at the latest; twice as long after
        each delivery of it. News that the queue knows already MUST change nothing.
        """
        ...

    # -- out of the queue ------------------------------------------------------------------------------

    async def next(
        self, now_ns: int, *, newest_first: bool, counted_since_ns: int | None = None
    ) -> tuple[Delivery, Outgoing | None] | None:
        """Return what is due, and what is under way of it: what is in doubt, then the others, then what was put last.

        With `counted_since_ns` (a limit is used up) only what is in doubt, was not put last, and has counted since
        then; and whatever counts until its attempt has an end.
        """
        ...

    async def held(self, now_ns: int, limit: int) -> list[Delivery]:
        """Return held traces that are to be looked at again."""
        ...

    async def put_off(self, delivery: Delivery, due_ns: int, rest_until_ns: int = 0) -> None:
        """Let a trace wait until then, unless there is news of it. It is not read again before `rest_until_ns`."""
        ...

    async def put_last(self, delivery: Delivery, due_ns: int, reason: str = "") -> None:
        """Put a trace at the end of the queue, behind all that were put there less often; news do not change that."""
        ...

    async def hold_back(self, deliveries: Sequence[Delivery], reason: str, due_ns: int) -> None:
        """The same as `set_aside` as HELD, for many."""
        ...

    async def release(self, deliveries: Sequence[Delivery], now_ns: int) -> None:
        """Let held ones wait as others do."""
        ...

    async def set_aside(self, delivery: Delivery, state: DeliveryState, reason: str, due_ns: int = 0) -> None:
        """Take a trace out of the queue, unless there is news of it; HELD until `due_ns`.

        What is under way of it is forgotten, less what is in doubt of a held one. Of what is REFUSED and has no page
        nothing is sent again.
        """
        ...

    async def settle(self, delivery: Delivery, version: int) -> None:
        """Note that the target has all that the telling of `version` says, as it had before."""
        ...

    # -- under way -------------------------------------------------------------------------------------

    async def begin(self, delivery: Delivery, outgoing: Outgoing) -> None:
        """Keep what will be sent of a trace, in place of what was."""
        ...

    async def attempt(self, delivery: Delivery, now_ns: int) -> bool:
        """Count what is under way of a trace as sent, and in doubt: it will be, now. Once for all its attempts.

        False where nothing is under way any more: the trace was deleted or masked a moment ago.
        """
        ...

    async def missed(self, delivery: Delivery, at_ns: int) -> None:
        """Note that the last attempt has ended, and may have been taken: until the next it counts from `at_ns` on."""
        ...

    async def not_taken(self, delivery: Delivery) -> None:
        """Note that no attempt has left anything at the target: what is under way does not count."""
        ...

    async def withdraw(
        self, delivery: Delivery, *, max_bytes: int | None = None, is_documented_only: bool | None = None
    ) -> None:
        """Forget what is under way of a trace: another form is made of it, as given."""
        ...

    async def deliver(
        self, delivery: Delivery, page_id: str, now_ns: int, rest_ns: int = 0, *, page_url: str = ""
    ) -> None:
        """Note that the target has taken what was under way, and the page that shows it.

        Where more has come meanwhile, the trace waits again.
        """
        ...

    async def refuse(self, delivery: Delivery, version: int, refusal: str) -> Delivery | None:
        """Note that the target refuses the telling of `version` for good, and forget what is under way of a trace.

        Where a page was removed for it the trace waits on, and is returned as it is now: what that page had is to be
        sent again. In other cases it is set aside as REFUSED.
        """
        ...

    async def page_removed(self, delivery: Delivery) -> None:
        """Note that the target has no page of the trace any more."""
        ...

    # -- the target ------------------------------------------------------------------------------------

    async def target(self) -> Target:
        """What is known of the target."""
        ...

    async def learn(self, *, is_extended: bool) -> None:
        """Keep whether the target takes more than the documented fields."""
        ...

    async def learn_limits(self, limits: Collection[Limit]) -> None:
        """Keep all limits that the target told, in place of those it told before."""
        ...

    async def hold(self, until_ns: int, reason: str, failure: str, now_ns: int) -> None:
        """Send nothing until then, over restarts. `failure`: what has gone wrong, if anything has."""
        ...

    async def wait_ns(self, limits: Collection[Limit], now_ns: int) -> int:
        """Tell how long a post has to wait so that no limit can be exceeded; 0: it may go now."""
        ...

    async def standing(self, now_ns: int) -> Standing:
        """Tell how the queue stands."""
        ...
