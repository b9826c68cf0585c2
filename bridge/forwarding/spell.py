"""A time in which something fails again and again: one line when it begins, and none until it is over."""

from __future__ import annotations

import logging

from viewer.store.base import StoreUnavailable

logger = logging.getLogger("tracen.forward")


class Spell:
    """`what` fails: so begins the line; `unexpected`: the one before a traceback."""

    def __init__(self, what: str, unexpected: str) -> None:
        self._what = what
        self._unexpected = unexpected
        self._said: type[Exception] | None = None

    def failed(self, error: Exception) -> None:
        """Say so, unless that was said last."""
        if type(error) is self._said:
            return
        self._said = type(error)
        if isinstance(error, StoreUnavailable):
            logger.error("%s: %s", self._what, error)
        else:
            logger.error(self._unexpected, exc_info=error)

    def ended(self) -> None:
        """It works."""
        if self._said is not None:
            self._said = None
            logger.warning("that is over: %s", self._what)
