"""What is logged seldom, however often there is cause to: at most once a minute, with how often it was."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from viewer.store.base import NS_PER_S

logger = logging.getLogger("tracen.forward")

BETWEEN_NS = 60 * NS_PER_S


def place_of(error: Exception) -> str:
    """Where it was raised: what may be said of one whose words may quote a trace."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


class Remark:
    """One kind of them."""

    def __init__(self) -> None:
        self._said_ns: int | None = None
        self._unsaid = 0

    def say(self, what: str, now_ns: int) -> None:
        """Log it, or count it for the next time."""
        if self._said_ns is not None and self._said_ns <= now_ns < self._said_ns + BETWEEN_NS:
            self._unsaid += 1
            return
        more = f" (and {self._unsaid:,} more before it)" if self._unsaid else ""
        logger.warning("%s%s", what, more)
        self._said_ns, self._unsaid = now_ns, 0
