"""The write-ahead logs of FILE and FILE-bodies: what was deleted stands in them until they are emptied.

Whatever takes away what a person wrote says so here, in its transaction; the writer empties the logs after it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time

from viewer.store.writer import Writer

logger = logging.getLogger("tracen.store")

_TRIES = 50
_PAUSE_S = 0.1
_BUSY_MS = 100
_REST_S = 1.0
"""After a try that a reader was in the way of: each one keeps all writes waiting."""


class WriteAheadLogs:
    """Whether the logs are to be emptied. Works on the writer's thread, but for `emptied`."""

    def __init__(self) -> None:
        self._must_empty = False
        self._rests_until_s = 0.0

    def note_deleted(self) -> None:
        """In a transaction that deletes: what it overwrites is in the logs still, once it is committed."""
        self._must_empty = True

    def empty(self, *connections: sqlite3.Connection) -> None:
        """Between two groups: empty the logs, if need be. Where a reader holds one, a later group tries again."""
        if not self._must_empty or time.monotonic() < self._rests_until_s:
            return
        busy = 0
        for connection in connections:
            connection.execute(f"pragma busy_timeout = {_BUSY_MS}")
            try:
                busy += connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
            finally:
                connection.execute("pragma busy_timeout = 5000")
        self._must_empty = bool(busy)
        self._rests_until_s = time.monotonic() + _REST_S if busy else 0.0

    async def emptied(self, writer: Writer) -> None:
        """Wait until what was deleted is in no log, or for as long as that is worth."""
        for _ in range(_TRIES):
            await writer.submit(lambda connection: None)  # the logs are emptied between two writes
            if not self._must_empty:
                return
            await asyncio.sleep(_PAUSE_S)
        logger.warning("what was deleted is still in the write-ahead log: a reader holds it")
