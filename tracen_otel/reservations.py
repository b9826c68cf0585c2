"""Pages of traces that go on: their URL is asked for at the first span, long before there is anything to publish.

On a thread of its own, so that neither a delivery nor a user waits for it; a server without reservations ends it.
Knows neither payloads nor HTTP.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

from opentelemetry.sdk.trace import ReadableSpan

from tracen_otel.client import Refused, TracenError
from tracen_otel.published import PublishedTrace
from tracen_otel.retry import backoff_s
from tracen_otel.suppression import instrumentation_suppressed
from tracen_otel.threads import RunningThread, is_patched, new_thread

_logger = logging.getLogger("tracen_otel")
_MAX_SEEN = 200
"""Spans that wait to be looked at: they hold a user's memory, and the next span of a trace does as well."""
_REQUEST_S = 3.0
_IDLE_S = 30.0
"""After which the thread ends; it is begun again when it is needed."""
_FIRST_PAUSE_S = 5.0
_MOST_PAUSE_S = 300.0

Reserve = Callable[[str, float], PublishedTrace]
"""Takes an OTel trace id (32 hex digits) and the seconds it may take. Raises TracenError."""


class Reservations:
    """Asks for the URLs of traces before they end. Thread-safe; belongs to one process."""

    def __init__(
        self,
        reserve: Reserve,
        on_reserved: Callable[[PublishedTrace], None],
        *,
        is_wanted: Callable[[ReadableSpan], bool],
        is_open: Callable[[ReadableSpan], bool],
        timeout_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._reserve = reserve
        self._on_reserved = on_reserved
        self._is_wanted = is_wanted
        self._is_open = is_open
        self._request_s = min(timeout_s, _REQUEST_S)
        self._clock = clock
        self._changed = threading.Condition()  # guards all below
        self._seen: deque[ReadableSpan] = deque(maxlen=_MAX_SEEN)
        self._asked: dict[int, None] = {}
        self._thread: RunningThread | None = None
        self._is_offered = True
        self._is_closed = False
        self._failures = 0
        self._paused_until_s = float("-inf")

    def see(self, spans: Iterable[ReadableSpan]) -> None:
        """Note spans of traces whose URLs are not known, to ask for those that go on and are wanted. Does not wait."""
        if is_patched():
            return  # no greenlet is worth a thread that comes and goes: `ask` is answered there, and a page at the end
        with self._changed:
            if self._may_ask():
                self._seen.extend(spans)
                self._start()

    def ask(self, trace_id: int, timeout_s: float) -> None:
        """Ask for one trace's URL and wait for the answer, at most `timeout_s` seconds; not at all while paused."""
        if is_patched():
            if self._may_ask():
                with instrumentation_suppressed():
                    self.reserve(trace_id, timeout_s)  # others run meanwhile
            return
        with self._changed:
            if self._may_ask():
                self._asked[trace_id] = None
                if self._start():
                    self._changed.wait_for(lambda: trace_id not in self._asked, timeout_s)

    def close(self) -> None:
        """Ask for nothing any more; a request that is on its way is left behind."""
        with self._changed:
            self._is_closed = True
            self._forget()

    def reserve(self, trace_id: int, timeout_s: float) -> PublishedTrace | None:
        """Reserve the page of one trace on the calling thread; None where the server does not answer with one."""
        try:
            reserved = self._reserve(f"{trace_id:032x}", timeout_s)
        except TracenError as error:
            self._failed(error)
            return None
        self._failures = 0
        self._on_reserved(reserved)
        return reserved

    def _failed(self, error: TracenError) -> None:
        """Wait where it may work later; give up for good where this server does not know the request."""
        with self._changed:
            if isinstance(error, Refused) and error.status in (404, 405, 501):
                self._is_offered = False
                _logger.info("the server reserves no pages: URLs are known when traces end")
            else:
                self._failures += 1
                pause_s = backoff_s(self._failures, first_s=_FIRST_PAUSE_S, most_s=_MOST_PAUSE_S)
                self._paused_until_s = self._clock() + max(pause_s, error.retry_after_s or 0.0)
            self._forget()

    def _may_ask(self) -> bool:
        return self._is_offered and not self._is_closed and self._clock() >= self._paused_until_s

    def _forget(self) -> None:
        """Let go of what waits: the next span of such a trace brings it back."""
        self._seen.clear()
        self._asked.clear()
        self._changed.notify_all()

    # -- the thread -----------------------------------------------------------------------------------

    def _start(self) -> bool:
        """False where no thread can be had, as at the end of an interpreter."""
        self._changed.notify_all()
        if self._thread is None or not self._thread.is_alive():
            thread = new_thread(self._run, "tracen-reservations")
            try:
                thread.start()
            except RuntimeError:
                self._forget()
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        with instrumentation_suppressed():
            while (trace_id := self._next()) is not None:
                try:
                    self.reserve(trace_id, self._request_s)
                except Exception as error:  # the outer wall: no page ahead of time is no harm
                    _logger.warning("no page is reserved: %s in the exporter", type(error).__name__)
                finally:
                    with self._changed:
                        self._asked.pop(trace_id, None)
                        self._changed.notify_all()

    def _next(self) -> int | None:
        """Answer the next trace to ask for; None when there was none for long, and the thread may end."""
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._asked or self._seen or self._is_closed, _IDLE_S):
                    self._thread = None
                    return None
                if self._is_closed:
                    return None
                if self._asked:
                    return next(iter(self._asked))
                span = self._seen.popleft()
            context = span.get_span_context()
            if context is not None and self._is_open(span) and self._is_wanted(span):
                return context.trace_id
