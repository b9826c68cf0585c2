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
_WITHOUT_RESERVATIONS = frozenset({403, 404, 405, 501})
"""What a server may answer to `PUT /api/traces/by-otel/…` that does not know it; a POST shows what a 403 means."""
_DELETED = 410
_WRONG = frozenset({400, 422})
_WITHOUT_DELETION = frozenset({403, 405, 501})


class Endpoint:
    """One endpoint, asked with one key."""

    def __init__(
        self, url: str, key: str, clock_s: Callable[[], float], timeout_s: float = TIMEOUT_S
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._client = TracenClient(url, key, timeout_s, pause=lambda seconds: True, unix_time=clock_s)

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

    async def post(self, outgoing: Outgoing) -> PublishedTrace:
        """Post what is outgoing."""
        return await _apart(
            lambda: self._client.post(outgoing.body, outgoing.idempotency_key, deadline_s=self._timeout_s)
        )

    async def remove(self, page_id: str) -> bool:
        """Have a page deleted; False where the server does not do that."""
        try:
            told = await _apart(lambda: self._client.delete(page_id, deadline_s=self._timeout_s))
        except Refused as error:
            if error.status in _WITHOUT_DELETION:
                return False
            raise
        # A 404 may be that of a page that is gone, or of a request that the server does not know.
        return told is not Deletion.UNKNOWN or not await _apart(lambda: self._shows(page_id))

    def _shows(self, page_id: str) -> bool:
        """Whether a page is there for everybody to see. Without the key: it is not needed."""
        pool = new_pool(self._url)
        path = f"{urlsplit(self._url).path}/traces/{page_id}"
        try:
            answer = pool.urlopen(
                "GET", path, timeout=self._timeout_s, retries=False, redirect=False, preload_content=False
            )
            answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"no answer from {self._url}: {type(error).__name__}") from None
        finally:
            pool.close()
        return answer.status == 200

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
