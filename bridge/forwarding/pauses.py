"""How long nothing is sent after something went wrong, and the words for it: once a spell, then hourly."""

from __future__ import annotations

import logging

from viewer.store.base import NS_PER_S

logger = logging.getLogger("tracen.forward")

FIRST_RETRY_S, MOST_RETRY_S = 1, 60
FIRST_STOP_S, MOST_STOP_S = 60, 600
SAID_AGAIN_NS = 3600 * NS_PER_S
_STEADY_STOPS = 5
"""Times that it is tried again every minute."""


class Pauses:
    """Grows with each failure in a row; an answer ends it."""

    def __init__(self) -> None:
        self._retries = self._stops = self._waits = self._unsaid = 0
        self._said_ns: int | None = None
        self._was_loud = False

    def succeeded(self) -> None:
        """The endpoint has answered as it should."""
        if self._said_ns is not None:
            logger.warning("traces are delivered again")
        self._retries = self._stops = self._waits = self._unsaid = 0
        self._said_ns, self._was_loud = None, False

    def retry_ns(self) -> int:
        """After one more failure that may pass by itself."""
        self._retries += 1
        return _doubled_ns(FIRST_RETRY_S, self._retries - 1, MOST_RETRY_S)

    def stop_ns(self) -> int:
        """After one more refusal that somebody has to do something about."""
        self._stops += 1
        return _doubled_ns(FIRST_STOP_S, max(0, self._stops - _STEADY_STOPS), MOST_STOP_S)

    def wait_ns(self, asked_s: float) -> int:
        """As long as it asks for; longer where it asks again and again for next to nothing."""
        self._waits += 1
        return max(int(asked_s * NS_PER_S), _doubled_ns(FIRST_RETRY_S, self._waits - 1, MOST_RETRY_S))

    def say(self, what: str, now_ns: int, *, is_loud: bool) -> None:
        """Log it, unless something of the kind was logged in the last hour of this spell."""
        is_news = self._said_ns is None or (is_loud and not self._was_loud)
        if not is_news and self._said_ns is not None and now_ns < self._said_ns + SAID_AGAIN_NS:
            self._unsaid += 1
            return
        more = f" ({self._unsaid + 1:,} failures since this was said last)" if self._unsaid else ""
        logger.log(logging.ERROR if is_loud else logging.WARNING, "%s%s", what, more)
        self._said_ns, self._unsaid = now_ns, 0
        self._was_loud = self._was_loud or is_loud


def _doubled_ns(first_s: int, times: int, most_s: int) -> int:
    return min(first_s << min(times, 10), most_s) * NS_PER_S
