"""How many bytes of bodies are in hand at once: being read, looked through, on their way to disk.

Without a bound, 512 connections with bodies of 64 MiB each would need 32 GB; and what waits for the disk is
bounded only once a body is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from viewer.store.base import StoreUnavailable

MAX_BYTES = 128 * 1024 * 1024
"""Two bodies of the largest size, sixteen of 8 MiB."""


class Intake:
    """The bytes in hand, over all doors."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self.bytes_in_hand = 0

    @contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """Take one body in hand for the length of a block; the answer is told how many more bytes of it came.

        It raises StoreUnavailable where that is too much, unless the body is the only one: it may be as large as
        the limit of its door.
        """
        own = 0

        def grow(size: int) -> None:
            nonlocal own
            is_alone = self.bytes_in_hand == own
            if self.bytes_in_hand + size > self._max_bytes and not is_alone:
                raise StoreUnavailable("too many bodies at once")
            own += size
            self.bytes_in_hand += size

        try:
            yield grow
        finally:
            self.bytes_in_hand -= own
