"""What a store promises: the interface, its records and its errors. One contract suite tests every engine.

StoreError
├── StoreUnavailable    busy, full, broken disk: nothing was written, trying again later may succeed
├── StoreUnusable       it can not be opened: not ours, of a newer release, served by another process
├── LimitReached        the key has used up its requests for now
├── ReservationsUsedUp  as many pages of the account wait for their traces as may
├── TooManyKeys         the account has as many keys as it may
├── IdempotencyConflict the Idempotency-Key was used with another body
└── KeyGone             the key is not valid any more, or its account was closed
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from viewer.store.body_kind import BodyKind as BodyKind  # told here as well: it is a part of Batch
from viewer.store.people import Accounts

if TYPE_CHECKING:
    from viewer.store.catalogue import Catalogue
    from viewer.store.deliveries import Deliveries, Standing

NS_PER_S = 1_000_000_000


class StoreError(Exception):
    """Something the store could not or would not do."""


class StoreUnavailable(StoreError):
    """Nothing was written; the same call may succeed after `retry_after_s`."""

    def __init__(self, reason: str, retry_after_s: int = 2) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class StoreUnusable(StoreError):
    """The store can not be opened; the message says why and what would help."""


class LimitReached(StoreError):
    """The key's window is full; a request after `quota.reset_s` whole seconds is accepted."""

    def __init__(self, quota: Quota) -> None:
        super().__init__(f"no request left, next in {quota.reset_s} s")
        self.quota = quota


class ReservationsUsedUp(StoreError):
    """As many pages of the account wait for their traces as may; in `retry_after_s` whole seconds there is room."""

    def __init__(self, limit: Limit, retry_after_s: int) -> None:
        super().__init__(f"{limit.count} pages wait for their traces, next in {retry_after_s} s")
        self.limit = limit
        self.retry_after_s = retry_after_s


class TooManyKeys(StoreError):
    """The account has as many keys as it may."""

    def __init__(self, at_most: int) -> None:
        super().__init__(
            f"An account has at most {at_most} keys: revoke one that is no longer used. "
            "One that was used counts for an hour after that, revoked or not."
        )


class IdempotencyConflict(StoreError):
    """The same Idempotency-Key came with another body."""


class KeyGone(StoreError):
    """The key of a post was revoked or has expired while that came, or its account was closed."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` accepted requests in any `window_s` seconds."""

    count: int = 100
    window_s: int = 3600


MAX_SKEW_NS = 10 * NS_PER_S
"""Between a clock's reading and the decision about it, in whatever process: more is a clock that was set back."""
RESERVATIONS = Limit(1_000, 24 * 3600)
"""Pages of an account that may wait for their traces, and for how long: after that they are given up."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a key has left. `reset_s`: whole seconds ≥ 1 until there is more (the window, if unused)."""

    limit: Limit
    remaining: int
    reset_s: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One body as it was received, and the traces (16-byte OTel trace ids) that it tells of."""

    account_id: str
    kind: BodyKind
    body: bytes
    otel_trace_ids: frozenset[bytes]
    received_ns: int


@dataclass(frozen=True, slots=True)
class Post:
    """One payload to `POST /api/traces`, counted against the limit of its key.

    `digest` is the SHA-256 of the body as it came, where that is another than the one to keep. `counted_ns` is
    `received_ns` by the limiter's clock, where that is another one.
    """

    account_id: str
    key_id: str
    body: bytes
    otel_trace_id: bytes
    received_ns: int
    limit: Limit
    idempotency_key: str | None = None
    digest: bytes = b""
    counted_ns: int | None = None


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """Where the payload is shown; `replayed` when the Idempotency-Key had been answered before."""

    page_id: str
    replayed: bool
    quota: Quota


@dataclass(frozen=True, slots=True)
class Page:
    """The permanent page of one trace. `id` is a random UUID. `opened`: somebody has looked at it.

    `waits_since_ns`: it was made ahead of its trace, then, and perhaps nothing has come; `Progress` knows.
    `withdrawn`: it has another id now; all else that is told is whether it was private then. `masks`: texts that are
    shown to nobody.
    """

    id: str
    account_id: str
    otel_trace_id: bytes
    deleted: bool = False
    opened: bool = False
    waits_since_ns: int | None = None
    is_private: bool = False
    shared_until_ns: int | None = None
    is_indexed: bool = False
    masks: tuple[str, ...] = ()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who may see a page: its owner alone, or whoever has the link, up to `shared_until_ns` (None: for ever).

    `is_indexed`: search engines may list it.
    """

    is_private: bool = False
    shared_until_ns: int | None = None
    is_indexed: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """What was received of one trace, in order of arrival. `version` grows with every batch and post.

    `omitted` bodies at the end were more than was asked for.
    """

    version: int
    bodies: tuple[tuple[BodyKind, bytes], ...]
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """Some parts of what was assembled of a trace. `edition` is another one for each time it was saved."""

    edition: str
    parts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a trace has come: its `version`, as in Telling, and when the newest of it was received; 0: nothing."""

    version: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class RecentTrace:
    """A trace of an account, and when the newest that is known of it was received."""

    otel_trace_id: bytes
    received_ns: int


Gauge = tuple[str, str, Callable[[], float]]
"""Name and help of a figure, and a function that reads it, on any thread."""


class Store(Protocol):
    """Accounts, batches and pages behind one door. All methods may be called concurrently.

    Time is always an argument (`…_ns`), never read. Every method may raise StoreUnavailable; a method that
    raises MUST have changed nothing. What a method has returned from MUST survive a crash and a power cut.
    """

    @property
    def accounts(self) -> Accounts:
        """Who owns what is kept here."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The searchable lists of the accounts' traces, made from what is received, soon after."""
        ...

    async def append(self, batch: Batch) -> Page | None:
        """Keep a batch. MUST return only when it is on disk, and MUST NOT look at the body.

        Returns the page where the batch tells of one trace alone; with more, pages wait until asked for. Its id is
        all that MUST be told of it here: `page` knows the rest.
        """
        ...

    async def stored_bytes(self, account_id: str) -> int:
        """Tell how many bytes of batches and posts are kept for an account."""
        ...

    async def post(self, post: Post) -> PostOutcome:
        """Keep a payload under the key's limit, all or nothing in one transaction.

        An Idempotency-Key that was answered before is answered the same, without counting. The limit MUST be
        exact over processes and restarts; accepted posts that lie more than MAX_SKEW_NS ahead of this one, as they
        do once a clock was set back, count from now on as made now. The key MUST be valid, and its account open, in
        that transaction: what was under way when either ended is not kept.

        Raises LimitReached, IdempotencyConflict, KeyGone.
        """
        ...

    async def quota(self, key_id: str, limit: Limit, now_ns: int) -> Quota:
        """Tell what a key has left, without counting. What lies ahead is settled as by `post`."""
        ...

    async def is_answered(self, account_id: str, idempotency_key: str) -> bool:
        """Tell whether a post of the account with this Idempotency-Key was accepted."""
        ...

    async def page_of(self, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page | None:
        """Return the page of a trace, made now at the first question; None where nothing was received or reserved.

        (account, OTel trace id) has one page for ever. A page that a post makes, or is the first to fill, is public;
        one that OTLP does is private where the account has `otlp_is_private`. As long as one waits that nobody has
        decided about, it MUST say of itself what OTLP would make of it.
        """
        ...

    async def pages_of(
        self, account_id: str, otel_trace_ids: Collection[bytes], now_ns: int
    ) -> dict[bytes, Page]:
        """Return the pages of traces by their ids as `page_of` does, in less time than one after the other."""
        ...

    async def reserve(self, account_id: str, otel_trace_id: bytes, now_ns: int, limit: Limit) -> Page:
        """Return the page of a trace, made now if there is none, though nothing of the trace has come.

        It is the page of what comes later. At most `limit.count` pages of an account, reserved within the last
        `limit.window_s` and still without content, wait at a time, those that were deleted meanwhile included; to
        reserve again counts from then on. Raises ReservationsUsedUp.
        """
        ...

    async def page(self, page_id: str) -> Page | None:
        """Look a page up by its id, or by one that was withdrawn; a deleted or withdrawn one says so.

        It says as well whether it was private when that happened: then a stranger MUST NOT learn of it even now.
        """
        ...

    async def set_sharing(self, page: Page, chosen: Sharing) -> None:
        """Decide who may see the page of this page's trace. Nothing happens where it was deleted."""
        ...

    async def set_masks(self, page: Page, masks: Sequence[str]) -> None:
        """Replace the texts that are masked in the page of this page's trace. Nothing happens where it was deleted.

        They may be any text; deleting the page MUST remove them. What the list tells of the trace was made with
        other masks, and MUST be forgotten before (`Catalogue.forget`).
        """
        ...

    async def reissue(self, page: Page, now_ns: int) -> Page:
        """Give the page another random id and return it; its old one is withdrawn, for good.

        All else stays; an Idempotency-Key is answered with the new id. Of several calls with one id the first makes
        another, and all return that. A deleted page stays as it is.
        """
        ...

    async def mark_opened(self, page: Page, now_ns: int) -> None:
        """Remember that somebody has looked at the page: `expire` spares its trace."""
        ...

    async def recent_traces(
        self, account_id: str, after: RecentTrace | None, limit: int
    ) -> list[RecentTrace]:
        """List an account's traces, newest first by what was received last of each; deleted ones are not there.

        Those of one time are in the order of their ids. `after` goes on from the last of an earlier answer, whatever
        came or was deleted meanwhile, that trace included.
        """
        ...

    async def telling(self, page: Page, max_bytes: int, version: int | None = None) -> Telling:
        """Return what was received of the page's trace, as one consistent moment; with `version`, what it was then.

        Bodies are whole; after the one with which they are more than `max_bytes` none follows.
        """
        ...

    async def progress(self, page: Page) -> Progress:
        """Tell how far the page's trace has come, without reading what came."""
        ...

    async def document(self, page: Page, meaning: str, names: Sequence[str]) -> Document | None:
        """Return the named parts of the saved document; those it does not have are left out.

        None where none was saved under `meaning`, or newer batches have come.
        """
        ...

    async def save_document(self, page: Page, version: int, meaning: str, parts: Mapping[str, bytes]) -> str:
        """Save what was assembled from the telling of `version`, unless a newer one is there; return its edition.

        A reader sees all parts or none. MUST NOT keep other writers waiting for all of a large document.
        """
        ...

    async def delete(self, page: Page, now_ns: int) -> None:
        """Delete what was received of the page's trace, for good: its bytes MUST be gone from every file.

        The page stays and says that it is deleted; what arrives of the trace later is shown to nobody.
        """
        ...

    async def delete_many(self, doomed: Sequence[Page], now_ns: int) -> None:
        """Delete traces as `delete` does, in less time than one after the other. Raising, it may have deleted some."""
        ...

    async def compact(self, received_before_ns: int) -> bool:
        """Take one batch of several large traces apart, so that the page of one no longer reads the others.

        What a reader sees MUST NOT change. False when none is left that was received before.
        """
        ...

    async def expire(self, received_before_ns: int, now_ns: int) -> bool:
        """Delete traces of one batch of which nothing newer came, less those that were posted or looked at.

        False when none is left that was received before.
        """
        ...

    async def expire_reservations(self, reserved_before_ns: int) -> bool:
        """Give up pages that were reserved before, and last then, and of whose traces nothing has come, deleted or not.

        They are as if they had never been. False when none is left.
        """
        ...

    async def purge(self, now_ns: int) -> bool:
        """Remove some of what accounts own that were closed, for good; False when nothing is left."""
        ...

    async def deliveries(
        self,
        target: str,
        now_ns: int,
        *,
        with_past: bool = False,
        accounts: str = "",
        limit: Limit | None = None,
    ) -> Deliveries:
        """Return the queue of what is delivered to a target, by its URL, made as needed; `limit` is the operator's.

        It begins with what comes from then on; `with_past`, now or later, with everything, once for each choice of
        `accounts`, in whatever words. What is under way of a
        trace MUST be gone from every file with the call that deletes it, or masks more of it.
        """
        ...

    async def delivery_standings(self, now_ns: int) -> list[Standing]:
        """Tell how the queue of each target stands that there ever was, the one that was used last at the end."""
        ...

    async def forget_deliveries(self, target: str) -> bool:
        """Overwrite all that is kept of a target, by its URL; False where there is none. Nobody may deliver to it."""
        ...

    async def check_writable(self) -> None:
        """Return when a write would succeed; raises StoreUnavailable."""
        ...

    def gauges(self) -> list[Gauge]:
        """What an operator watches of the store."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the files."""
        ...
