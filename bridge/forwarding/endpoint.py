"""The other Tracen, as the courier asks it: one attempt at a time, on a thread that keeps nobody waiting at the end.

Knows what a server can do (take the extension, delete a page) by asking it. Raises `tracen_otel.client.TracenError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3

from tracen_otel.allowance import Allowance
from tracen_otel.client import Deletion, Refused, TracenClient, Unreachable
from tracen_otel.published import PublishedTrace
from tracen_otel.transport import new_pool
from viewer.store.deliveries import Outgoing

T = TypeVar("T")

TIMEOUT_S = 30.0
"""Of a small request; a large one has as long as it takes at `_LEAST_BYTES_PER_S`, and twice that when it failed."""
MOST_TIMEOUT_S = 600.0
_LEAST_BYTES_PER_S = 50_000
_WITHOUT_RESERVATIONS = frozenset({403, 404, 405, 501})
"""What a server may answer to `PUT /api/traces/by-otel/…` that does not know it; a POST shows what a 403 means."""
_DELETED = 410
_WRONG = frozenset({400, 422})
_PAGE_IS_THERE = {200: True, 404: False, 410: False}
_WITHOUT_DELETION = frozenset({403, 405, 501})


class Endpoint:
    """One endpoint, asked with one key."""

    def __init__(
        self, url: str, key: str, clock_s: Callable[[], float], timeout_s: float = TIMEOUT_S
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._client = TracenClient(url, key, MOST_TIMEOUT_S, pause=lambda seconds: True, unix_time=clock_s)

    @property
    def allowance(self) -> Allowance | None:
        """What the last answer told of the limit."""
        return self._client.allowance

    async def is_extended(self, otel_trace_id: str) -> bool:
        """Whether it takes the extension, and has one page for an OTel trace id: one that is about to come there."""
        try:
            await _apart(lambda: self._client.reserve(otel_trace_id, self._timeout_s))
        except Refused as error:
            if error.status in _WITHOUT_RESERVATIONS | _WRONG:
                return False
            if error.status != _DELETED:  # which says of this trace alone that it had a page
                raise
        return True

    async def post(self, outgoing: Outgoing, failures: int = 0) -> PublishedTrace:
        """Post what is outgoing, which has failed so often before."""
        deadline_s = self.deadline_s(len(outgoing.body), failures)
        return await _apart(
            lambda: self._client.post(outgoing.body, outgoing.idempotency_key, deadline_s=deadline_s)
        )

    def deadline_s(self, size: int, failures: int) -> float:
        """How long a body may take: a slow line takes a large one in the end."""
        once_s = self._timeout_s + size / _LEAST_BYTES_PER_S
        return min(once_s * (1 << min(failures, 10)), max(MOST_TIMEOUT_S, self._timeout_s))

    async def remove(self, page_id: str, page_url: str = "") -> bool:
        """Have a page deleted, which is shown at `page_url`; False where the server does not do that."""
        try:
            told = await _apart(lambda: self._client.delete(page_id, deadline_s=self._timeout_s))
        except Refused as error:
            if error.status in _WITHOUT_DELETION:
                return False
            raise
        # A 404 may be that of a page that is gone, or of a request that the server does not know.
        return told is not Deletion.UNKNOWN or not await _apart(
            lambda: self._shows(page_url or f"{self._url}/traces/{page_id}")
        )

    def _shows(self, page_url: str) -> bool:
        """Whether a page is there for everybody to see. Without the key: it is not needed."""
        pool = new_pool(page_url)
        path = urlsplit(page_url)._replace(scheme="", netloc="", fragment="").geturl() or "/"
        try:
            answer = pool.urlopen(
                "GET", path, timeout=self._timeout_s, retries=False, redirect=False, preload_content=False
            )
            answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"no answer from {self._url}: {type(error).__name__}") from None
        finally:
            pool.close()
        if answer.status not in _PAGE_IS_THERE:
            raise Unreachable(f"whether a page is there can not be told: the server answered {answer.status}")
        return _PAGE_IS_THERE[answer.status]

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


async def _apart(work: Callable[[], T]) -> T:
    """Run on a thread of its own: one that hangs ends with the process, as those of a pool do not."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(outcome: T | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(outcome)  # type: ignore[arg-type]

    def run() -> None:
        outcome, error = None, None
        try:
            outcome = work()
        except BaseException as raised:  # handed to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(tell, outcome, error)

    threading.Thread(target=run, name="tracen-courier", daemon=True).start()
    return await answer
