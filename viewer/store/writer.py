"""The one writer of a SQLite file: a thread that runs jobs in group commits.

Many callers share one fsync: every job that waits when a transaction begins is part of it, each within its
own savepoint, and all are answered after the commit. Knows nothing of the schema.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from viewer.store.base import StoreUnavailable

logger = logging.getLogger("tracen.store")

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_QUEUED_BYTES = 96 * 1024 * 1024
"""Bodies that wait for the disk; beyond, callers are asked to come back."""
MAX_GROUP = 256
"""Jobs in one transaction."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    size: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    outcome: Any = None
    error: BaseException | None = None


class Writer:
    """Owns the writing connection. `submit` is called on an event loop, `close` from anywhere."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        check: Callable[[], None] = lambda: None,
        on_broken: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """`check` raises before a transaction that must not be; `on_broken` hears why none will be again."""
        self._connection = connection
        self._check = check
        self._on_broken = on_broken
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._closed = False
        self._broken = ""
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="tracen-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Work[T], size: int = 0) -> T:
        """Run `work` in the next transaction; return its result once that is on disk.

        `size` bytes count against the queue's bound. Raises what `work` raised, or StoreUnavailable.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, size, loop, loop.create_future())
        with self._lock:
            if self._closed or self._broken:
                raise StoreUnavailable(self._broken or "the store is closing")
            if self._queued_bytes + size > MAX_QUEUED_BYTES and self._queued_bytes:
                raise StoreUnavailable("too much is waiting for the disk")
            self._queued_bytes += size
            self._jobs.put(job)
        result: T = await job.answer
        return result

    def close(self) -> None:
        """Finish every job that was submitted, then end the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    # -- on the writer's own thread --------------------------------------------------------------------

    def _run(self) -> None:
        going_on = True
        while going_on:
            first = self._jobs.get()
            if first is None:
                return
            group = [first]
            while len(group) < MAX_GROUP:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    going_on = False
                    break
                group.append(job)
            self._commit(group)
            self._answer(group)

    def _commit(self, group: list[_Job]) -> None:
        connection = self._connection
        try:
            self._check()
            connection.execute("begin immediate")
            for job in group:
                self._attempt(job)
            connection.execute("commit")
            self._failing = False
        except Exception as error:  # whatever it was: nothing of the group is on disk, all must hear of it
            self._failed(error)
            for job in group:
                job.error = StoreUnavailable(f"the write was refused: {error}")

    def _failed(self, error: Exception) -> None:
        """Tell the log, once per spell; leave no transaction open; give up where the disk itself failed."""
        if not self._failing:
            self._failing = True
            logger.error("the store can not be written: %s", error)
        try:
            if self._connection.in_transaction:  # after "disk full" SQLite has rolled back already
                self._connection.execute("rollback")
        except sqlite3.Error as worse:
            self._break(f"a transaction can not be rolled back: {worse}")
        # After a failed fsync nobody knows what is on disk: a later one that succeeds proves nothing.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            self._break(f"the disk failed: {error}")

    def _break(self, reason: str) -> None:
        self._broken = reason
        logger.critical("the store is given up: %s", reason)
        self._on_broken(reason)

    def _attempt(self, job: _Job) -> None:
        """Run one job; its own error undoes it alone, an error of the disk ends the transaction."""
        connection = self._connection
        connection.execute("savepoint job")
        try:
            job.outcome = job.work(connection)
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError):
                raise
            job.error = error
            connection.execute("rollback to job")
        except Exception as error:  # the job's caller gets it; its neighbours go on
            job.error = error
            connection.execute("rollback to job")
        connection.execute("release job")

    def _answer(self, group: list[_Job]) -> None:
        with self._lock:
            self._queued_bytes -= sum(job.size for job in group)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, jobs)
            except RuntimeError:  # the loop has ended: nobody waits any more
                continue


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.cancelled():
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.outcome)
