"""Pages of traces that go on: their URL is asked for at the first span, long before there is anything to publish.

Looked after on the sender's thread. Knows neither payloads nor HTTP; a server without reservations ends it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable

from opentelemetry.sdk.trace import ReadableSpan

from tracen_otel.client import Refused, TracenError
from tracen_otel.published import PublishedTrace
from tracen_otel.retry import backoff_s

_logger = logging.getLogger("tracen_otel")
_MAX_SEEN = 2_000
_MAX_ASKED_AT_ONCE = 20
_FIRST_PAUSE_S = 5.0
_MOST_PAUSE_S = 300.0

Reserve = Callable[[str, float], PublishedTrace]
"""Takes an OTel trace id (32 hex digits) and the seconds it may take. Raises TracenError."""


class Reservations:
    """Asks for the URLs of traces before they end, each once. Thread-safe where it says so."""

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
        self._timeout_s = timeout_s
        self._clock = clock
        self._seen: deque[ReadableSpan] = deque(maxlen=_MAX_SEEN)
        self._is_offered = True
        self._failures = 0
        self._paused_until_s = float("-inf")

    def see(self, spans: Iterable[ReadableSpan]) -> bool:
        """Note spans of traces whose URLs are not known; tell whether the sender should look. Any thread."""
        if not self._is_offered:
            return False
        self._seen.extend(spans)
        return True

    def ask(self) -> None:
        """Reserve pages for the traces that were seen, are still going on, and wanted. Sender's thread."""
        asked: set[int] = set()
        while self._seen and len(asked) < _MAX_ASKED_AT_ONCE and self._is_offered:
            if self._clock() < self._paused_until_s:
                self._seen.clear()  # the next span of such a trace brings it back
                return
            span = self._seen.popleft()
            context = span.get_span_context()
            if context is None or context.trace_id in asked or not self._is_open(span):
                continue
            if self._is_wanted(span):
                asked.add(context.trace_id)
                self.reserve(context.trace_id, self._timeout_s)

    def reserve(self, trace_id: int, timeout_s: float) -> PublishedTrace | None:
        """Reserve the page of one trace now; None where the server does not answer with one. Any thread."""
        if not self._is_offered:
            return None
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
        if isinstance(error, Refused) and error.status in (404, 405, 501):
            self._is_offered = False
            _logger.info("the server reserves no pages: URLs are known when traces end")
            return
        self._failures += 1
        pause_s = backoff_s(self._failures, first_s=_FIRST_PAUSE_S, most_s=_MOST_PAUSE_S)
        self._paused_until_s = self._clock() + max(pause_s, error.retry_after_s or 0.0)
