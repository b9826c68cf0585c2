"""A connection that is answered while its sender still writes: what comes is dropped for a while, then it is closed.

Where a socket is closed with bytes unread, its peer is sent a reset, and the answer that it has not read is lost. So
as servers of the trade do, the sending side is shut and the rest read, within bounds of time, bytes and connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

LINGER_S = 10.0
MAX_LINGER_BYTES = 128 * 1024 * 1024
MAX_LINGERING = 32
"""At once; beyond, connections are closed as they are."""


class LingeringTransport:
    """A transport whose `close` waits for the end of a request that `is_left` tells to be unread."""

    linger_s = LINGER_S
    max_bytes = MAX_LINGER_BYTES
    max_lingering = MAX_LINGERING
    count = 0
    """Those that linger, over all ports of this process."""

    def __init__(self, transport: asyncio.Transport, is_left: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_left = is_left
        self._left_bytes = self.max_bytes
        self._end: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def is_lingering(self) -> bool:
        return self._end is not None

    def is_closing(self) -> bool:
        """Nothing is written any more."""
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close now, unless there is more to come and room to wait for it."""
        is_full = LingeringTransport.count >= self.max_lingering
        if self.is_closing() or is_full or not self._is_left():
            self.end()
            return
        LingeringTransport.count += 1
        self._end = asyncio.get_running_loop().call_later(self.linger_s, self.end)
        if self._transport.can_write_eof():  # there is no such thing in TLS
            self._transport.write_eof()
        self._transport.resume_reading()

    def drop(self, size: int) -> None:
        """Take note of bytes that came and that nobody wants."""
        self._left_bytes -= size
        if self._left_bytes < 0:
            self.end()

    def end(self) -> None:
        """Close, whatever may still come. Also called of a connection that has ended."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
            LingeringTransport.count -= 1
        self._transport.close()
