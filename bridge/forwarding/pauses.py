"""How long nothing is sent after something went wrong, and the words for it, once a spell."""

from __future__ import annotations

import logging

from viewer.store.base import NS_PER_S

logger = logging.getLogger("tracen.forward")

FIRST_RETRY_S, MOST_RETRY_S = 1, 60
FIRST_STOP_S, MOST_STOP_S = 60, 600
_STEADY_STOPS = 5
"""Times that it is tried again every minute."""


class Pauses:
    """Grows with each failure in a row; an answer ends it."""

    def __init__(self) -> None:
        self._retries = self._stops = 0
        self._said = ""

    def succeeded(self) -> None:
        """The endpoint has answered as it should."""
        if self._said:
            logger.warning("traces are delivered again")
        self._retries = self._stops = 0
        self._said = ""

    def retry_ns(self) -> int:
        """After one more failure that may pass by itself."""
        self._retries += 1
        return min(FIRST_RETRY_S << min(self._retries - 1, 10), MOST_RETRY_S) * NS_PER_S

    def stop_ns(self) -> int:
        """After one more refusal that somebody has to do something about."""
        self._stops += 1
        doublings = max(0, self._stops - _STEADY_STOPS)
        return min(FIRST_STOP_S << min(doublings, 10), MOST_STOP_S) * NS_PER_S

    def say(self, what: str, *, is_loud: bool) -> None:
        """Log it, unless that was said last."""
        if what != self._said:
            self._said = what
            logger.log(logging.ERROR if is_loud else logging.WARNING, "%s", what)
