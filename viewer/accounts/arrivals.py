"""What came last of an account: its newest trace, and the last request that was refused; and waiting for news of it.

Woken by the requests themselves; another process's are seen by looking now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from viewer import summary
from viewer.accounts.key_contexts import Arrived, Refused
from viewer.accounts.outcomes import wording_of
from viewer.accounts.recency import moment_of
from viewer.document import HEAD, Document
from viewer.legible import clip, one_line, spelled
from viewer.requests import ACCEPTED, PARTIAL, RequestRecord, Requests, Stranger
from viewer.store.base import NS_PER_S, Store, StoreUnavailable
from viewer.store.people import Account
from viewer.tellings import Documents
from viewer.traces import RECEIVING_NS
from viewer.watching import TooManyReaders
from viewer.workers import run_sized

MAX_STREAMS = 200
"""Of all accounts together; each holds a connection."""
MAX_STREAMS_OF_ACCOUNT = 5
"""One more ends the oldest: a page that was closed is found out only when it is told something."""
_REST_S = 0.3
"""Between two looks, however fast an account sends."""
_RECENT_NS = 3600 * NS_PER_S
_ANYBODY = "Whoever has its address can open it:"
_OWNER_ALONE = "It is private: you alone can open it, until you share it there:"
_MAX_HEADING, _MAX_REASON = 120, 600


@dataclass(frozen=True, slots=True)
class News:
    """What there is to tell."""

    arrived: Arrived | None
    refused: Refused | None

    def is_like(self, other: News | None) -> bool:
        """Whether it says the same, but for how long ago that was."""
        return other is not None and self._said() == other._said()

    def _said(self) -> tuple[object, ...]:
        arrived, refused = self.arrived, self.refused
        return (
            arrived and (arrived.url, arrived.heading, arrived.status, arrived.readers),
            refused and (refused.at.iso, refused.headline, refused.reason),
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose news: an account, and the network of its owner's browser. `since_ns`: what is older is none."""

    account: Account
    network: str
    since_ns: int = 0


@dataclass(eq=False, slots=True)
class _Stream:
    """Somebody who waits."""

    event: asyncio.Event
    is_ended: bool = field(default=False)

    def end(self) -> None:
        self.is_ended = True
        self.event.set()


class Arrivals:
    """Knows what came, and waits for more."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        requests: Requests,
        base_url: str,
        clock_ns: Callable[[], int],
        rest_s: float = _REST_S,
    ) -> None:
        self._store = store
        self._documents = documents
        self._requests = requests
        self._base_url = base_url
        self._clock_ns = clock_ns
        self._rest_s = rest_s
        self._streams_by_account: dict[str, list[_Stream]] = {}
        self._is_stopped = False

    def stop(self) -> None:
        """End every stream: the server ends."""
        self._is_stopped = True
        for streams in self._streams_by_account.values():
            for stream in streams:
                stream.end()

    def check_room(self) -> None:
        """Raise TooManyReaders where one more can not be served."""
        if sum(map(len, self._streams_by_account.values())) >= MAX_STREAMS:
            raise TooManyReaders("too many pages are open", 30)

    async def now(self, subject: Subject) -> News:
        """What there is to tell now."""
        return News(await self._arrived(subject), self._refused(subject))

    async def changes(self, subject: Subject, timeout_s: float) -> AsyncGenerator[News | None]:
        """Yield what there is to tell: now, at each change, and None after `timeout_s` without any.

        Ends with the server, and where the account waits on too many other pages.
        """
        told: News | None = None
        with self._requests.news(subject.account.id, subject.network) as event:
            stream = self._begun(subject.account.id, event)
            try:
                while not stream.is_ended:
                    event.clear()
                    news = told
                    with contextlib.suppress(StoreUnavailable):  # the next look may succeed
                        news = await self.now(subject)
                    yield None if news is None or news.is_like(told) else news
                    told = news
                    await asyncio.sleep(self._rest_s)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(event.wait(), timeout_s)
            finally:
                self._ended(subject.account.id, stream)

    def is_over(self) -> bool:
        """Whether the server ends."""
        return self._is_stopped

    def _begun(self, account_id: str, event: asyncio.Event) -> _Stream:
        streams = self._streams_by_account.setdefault(account_id, [])
        while len(streams) >= MAX_STREAMS_OF_ACCOUNT:
            streams.pop(0).end()
        streams.append(stream := _Stream(event, self._is_stopped))
        return stream

    def _ended(self, account_id: str, stream: _Stream) -> None:
        streams = self._streams_by_account.get(account_id, [])
        with contextlib.suppress(ValueError):  # it was ended for another
            streams.remove(stream)
        if not streams:
            self._streams_by_account.pop(account_id, None)

    async def _arrived(self, subject: Subject) -> Arrived | None:
        """The newest trace. One that was deleted is none."""
        account_id, now_ns = subject.account.id, self._clock_ns()
        found = await self._store.recent_traces(account_id, None, 1)
        if not found or found[0].received_ns < subject.since_ns:
            return None
        page = await self._store.page_of(account_id, found[0].otel_trace_id, now_ns)
        if page is None or page.deleted:
            return None
        document = await self._documents.read(page)
        is_receiving = document.outline.lacks_root and now_ns - found[0].received_ns < RECEIVING_NS
        heading, state, status = await run_sized(document.size_of(HEAD), _told, document, is_receiving)
        at = moment_of(found[0].received_ns, now_ns)
        readers = _OWNER_ALONE if page.is_private else _ANYBODY
        return Arrived(heading, state, status, f"{self._base_url}/traces/{page.id}", readers, at)

    def _refused(self, subject: Subject) -> Refused | None:
        """The last request, if it was not taken as it came; of the account, or of a stranger beside it."""
        now_ns = self._clock_ns()
        after_ns = max(subject.since_ns, now_ns - _RECENT_NS)
        own = self._requests.last_of_account(subject.account.id)
        stranger = self._requests.stranger_of(subject.network)
        stranger_after_ns = max(after_ns, own.received_ns if own else subject.account.created_ns)
        if stranger is not None and stranger.at_ns >= stranger_after_ns:
            return _of_stranger(stranger, now_ns)
        if own is None or own.outcome == ACCEPTED or own.received_ns < after_ns:
            return None
        return _of_own(own, now_ns)


def _told(document: Document, is_receiving: bool) -> tuple[str, str, str]:
    """Heading, state and status of a trace."""
    trace = document.head()
    state, status = summary.outcome(trace, is_receiving=is_receiving)
    return one_line(summary.heading(trace), _MAX_HEADING), state, status


def _of_own(record: RequestRecord, now_ns: int) -> Refused:
    wording = wording_of(record.outcome)
    is_partial = record.outcome == PARTIAL
    return Refused(
        "A request was taken in part" if is_partial else f"A request was refused: {wording.words}",
        record.status or "nothing",
        spelled(clip(record.message[:_MAX_REASON])),
        wording.advice,
        moment_of(record.received_ns, now_ns),
    )


def _of_stranger(stranger: Stranger, now_ns: int) -> Refused:
    came = "without a key" if stranger.message.startswith("no key") else "with a key that is unknown"
    return Refused(
        f"A request from your network came {came}",
        stranger.status,
        stranger.message,
        wording_of(stranger.outcome).advice,
        moment_of(stranger.at_ns, now_ns),
    )
