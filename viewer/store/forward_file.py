"""FILE-forward of a SQLite store: opened, read and written, and kept clear of what is deleted.

One thread writes it, which is not that of the store: neither ingest nor a page waits for a delivery.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from viewer.store import delivery_rows, delivery_targets
from viewer.store.base import StoreUnavailable, StoreUnusable
from viewer.store.deliveries import Standing
from viewer.store.files import FORWARD_REPAIR as REPAIR, Files
from viewer.store.writer import Writer

T = TypeVar("T")

logger = logging.getLogger("tracen.store")

_EMPTYING_TRIES = 50
_EMPTYING_PAUSE_S = 0.1


class ForwardFile:
    """FILE-forward as the server has it."""

    def __init__(
        self,
        files: Files,
        name: str | None,
        newest: tuple[int, int] | None = None,
        must_go: Callable[[str, bytes, str], bool] = lambda account, trace, masks: False,
    ) -> None:
        """Open it, made as needed. `name` is that of FILE, `newest` the batch and the post that came last there.

        `must_go` tells of a trace of an account whether what is under way of it, made with these masks, is not to be
        known any more. Raises StoreUnusable.
        """
        self._connection = files.open_forward(name)
        try:
            self._newest_seen = delivery_targets.newest_seen(self._connection)
            if newest is not None:
                delivery_targets.forget_unknown(self._connection, *newest)
            _sweep(self._connection, must_go)
            self._reading = files.open_forward_reading()
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreUnusable(f"{files.forward}: {error}; {REPAIR}") from None
        self._reader = ThreadPoolExecutor(1, "tracen-forward")
        self._must_truncate = False
        self._writer = Writer(
            self._connection,
            check=files.check_forward_in_place,
            between=self._truncate,
            name="the queue of deliveries",
        )

    @property
    def newest_seen(self) -> tuple[int, int]:
        """The largest ids of a batch and a post that any target had heard of when it was opened."""
        return self._newest_seen

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in the next transaction; return what it did once that is on disk."""
        return await self._writer.submit(work)

    async def read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reader. Raises StoreUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader, read, self._reading)
        except sqlite3.Error as error:
            logger.error("the queue of deliveries can not be read: %s", error)
            raise StoreUnavailable("the queue of deliveries can not be read") from None

    async def forget(
        self, account_id: str, otel_trace_ids: Collection[bytes], *, are_deleted: bool = False
    ) -> None:
        """Overwrite what is, or was, under way of traces: they were deleted, or more of them is masked now."""
        self._must_truncate = True  # first: it holds for whatever is written next
        await self.write(
            partial(_forget, account_id=account_id, traces=otel_trace_ids, are_deleted=are_deleted)
        )
        self._must_truncate = True
        for _ in range(_EMPTYING_TRIES):
            await self._writer.submit(lambda connection: None)  # the log is emptied between two writes
            if not self._must_truncate:
                return
            await asyncio.sleep(_EMPTYING_PAUSE_S)
        logger.warning(
            "what was under way of a deleted trace is still in the write-ahead log: a reader holds it"
        )

    def _truncate(self) -> bool:
        """On the writer's thread, between two groups."""
        if self._must_truncate:
            self._connection.execute("pragma busy_timeout = 100")
            try:
                busy = self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
            finally:
                self._connection.execute("pragma busy_timeout = 5000")
            self._must_truncate = bool(busy)
        return False

    def close(self) -> None:
        """Finish what was begun. The last connection to close a file checkpoints it, and a reader may not."""
        self._writer.close()
        self._reader.shutdown()
        self._reading.close()
        self._connection.close()


def _sweep(connection: sqlite3.Connection, must_go: Callable[[str, bytes, str], bool]) -> None:
    """Overwrite what is under way of traces that were deleted or masked when this file could not be written."""
    sql = "select account_id, otel_trace_id, masks from deliveries join outgoing on delivery_id = id"
    for account_id, trace, masks in connection.execute(sql).fetchall():
        if must_go(str(account_id), trace, masks):
            _forget(connection, str(account_id), (trace,))
            connection.execute("pragma wal_checkpoint(truncate)")


def _forget(
    connection: sqlite3.Connection, account_id: str, traces: Collection[bytes], *, are_deleted: bool = False
) -> None:
    sql = """select id from deliveries join outgoing on delivery_id = id
             where otel_trace_id = ? and account_id = ?"""
    for trace in traces:
        for (delivery_id,) in connection.execute(sql, (trace, int(account_id))).fetchall():
            delivery_rows.forget_outgoing(connection, delivery_id)
        if are_deleted:
            delivery_targets.forget_trace(connection, int(account_id), trace)


def standings(files: Files, now_ns: int) -> list[Standing]:
    """How the queue of each target stands, the one that was used last at the end; also beside the server."""
    if not files.forward.exists():
        return []
    connection = files.open_forward_reading()
    try:
        return [
            delivery_targets.standing(connection, target_id, now_ns)
            for target_id, _ in delivery_targets.all_of(connection)
        ]
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the queue of deliveries can not be read: {error}") from None
    finally:
        connection.close()


def forget_target(files: Files, name: str | None, url: str) -> bool:
    """Overwrite what is kept of a target; False where there is none. Whoever calls it has FILE.lock."""
    if not files.forward.exists():
        return False
    connection = files.open_forward(name)
    try:
        connection.execute("begin immediate")
        is_known = delivery_targets.forget_target(connection, url)
        connection.execute("commit")
        for _ in range(_EMPTYING_TRIES):
            if not connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
                return is_known
            time.sleep(_EMPTYING_PAUSE_S)
        raise StoreUnavailable("it is forgotten, but a reader holds the write-ahead log: once more, please")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the queue of deliveries can not be written: {error}") from None
    finally:
        connection.close()
