"""Threads that read the files of a store, each on a connection of its own."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from viewer.store.base import StoreUnavailable

T = TypeVar("T")

logger = logging.getLogger("tracen.store")

COUNT = 4


class Readers:
    """`open_reading` opens a connection; none is opened before something is read."""

    def __init__(self, open_reading: Callable[[], sqlite3.Connection]) -> None:
        self._open_reading = open_reading
        self._open: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(COUNT, "tracen-reader")

    async def read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reader. Raises StoreUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._read_here, read)
        except sqlite3.Error as error:  # a broken file included: nobody is helped by the details
            logger.error("the store can not be read: %s", error)
            raise StoreUnavailable("the store can not be read") from None

    def _read_here(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open_reading()
            self._open.append(connection)
            self._local.connection = connection
        return read(connection)

    def close(self) -> None:
        """Finish what is being read, and let go of the files."""
        self._threads.shutdown()
        for connection in self._open:
            connection.close()
