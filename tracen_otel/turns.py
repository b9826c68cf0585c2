"""Turns at something that may hang: waited for within a bound, and never by the thread that has it.

Knows no disk. A signal handler runs amid whatever its thread does, so a turn inside a turn is no error.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One thread at a time has a turn. Thread-safe, and safe to ask from a signal handler."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._lock = threading.RLock()
        self._is_taken = False
        self.is_stuck: bool = False
        """Somebody's turn has been waited for in vain: nobody else waits until one can be had again."""

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Answer whether the turn is the caller's: not after `wait_s`, nor inside one that the caller has.

        A nested caller finds everything half done, and has to leave it alone. What comes between the lock and the
        mark finds nothing done yet, or all of it: then a turn inside is a whole one.
        """
        if not self._lock.acquire(timeout=0 if self.is_stuck else self._wait_s):
            self.is_stuck = True
            yield False
            return
        try:
            if self._is_taken:
                yield False
                return
            self.is_stuck = False
            self._is_taken = True
            try:
                yield True
            finally:
                self._is_taken = False
        finally:
            self._lock.release()
