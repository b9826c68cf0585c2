"""The one writer of a store's files: a thread that runs jobs in group commits.

Many callers share one fsync: every job that waits when a transaction begins is part of it, and all are answered
after the commit. A job that fails costs its neighbours nothing but being run again. Knows nothing of the schema.

A job may write to two files. The bodies are committed first, so that nothing in the main file ever speaks of
a body that is not on disk.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from viewer.store.base import StoreUnavailable
from viewer.store.reserve import Reserve

logger = logging.getLogger("tracen.store")

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_QUEUED_BYTES = 64 * 1024 * 1024
"""Bodies that wait for the disk; beyond, callers are asked to come back."""
MAX_GROUP = 256
"""Jobs in one transaction."""
MAX_GROUP_BYTES = 16 * 1024 * 1024
SMALL_BYTES = 64 * 1024
GATHER_S = 0.0005
"""What is small waits so long for others to share its commit, which takes longer than that."""


@dataclass(slots=True)
class _Job:
    bodies: Work[Any] | None
    main: Work[Any] | None
    committed: Callable[[Any], None] | None
    size: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    outcome: Any = None
    error: BaseException | None = None


class Writer:
    """Owns the writing connections. `submit` is called on an event loop, `close` from anywhere."""

    def __init__(
        self,
        main: sqlite3.Connection,
        bodies: sqlite3.Connection | None = None,
        *,
        check: Callable[[], None] = lambda: None,
        between: Callable[[], bool] = lambda: False,
        on_broken: Callable[[str], None] = lambda reason: None,
        on_commit: Callable[[int, int, float], None] = lambda jobs, size, seconds: None,
        name: str = "the store",
        reserve: Reserve | None = None,
    ) -> None:
        """`check` raises before a transaction that must not be; `between` runs on the writer's thread after each
        group, and again while it answers that there is more to do and nobody waits; `on_broken` hears why nothing
        will be written again, `on_commit` what a group was and took; `name` is what the log calls it;
        `reserve` is room on the disk for what frees some.
        """
        self._main = main
        self._bodies = bodies
        self._check = check
        self._between = between
        self._on_broken = on_broken
        self._on_commit = on_commit
        self._name = name
        self._reserve = reserve
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._closed = False
        self._broken = ""
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="tracen-writer", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> tuple[int, int]:
        """How many jobs wait, and the bytes of their bodies."""
        return self._jobs.qsize(), self._queued_bytes

    async def submit(
        self,
        main: Work[T] | None = None,
        *,
        bodies: Work[Any] | None = None,
        committed: Callable[[Any], None] | None = None,
        size: int = 0,
        frees: bool = False,
    ) -> T:
        """Run `bodies`, then `main`, in the next transactions; return what the last one did once that is on disk.

        Work may be run twice, the first time rolled back: it changes what is in the connection and nothing else.

        `committed` is called, on the writer's thread, with what `bodies` returned once that is on disk. `size`
        bytes count against the queue's bound. What `frees` may use the reserve. Raises what the
        work raised, or StoreUnavailable.
        """
        if frees and self._reserve:
            with self._reserve.lent():
                return await self._submitted(main, bodies, committed, size)
        return await self._submitted(main, bodies, committed, size)

    async def _submitted(
        self,
        main: Work[T] | None,
        bodies: Work[Any] | None,
        committed: Callable[[Any], None] | None,
        size: int,
    ) -> T:
        loop = asyncio.get_running_loop()
        job = _Job(bodies, main, committed, size, loop, loop.create_future())
        with self._lock:
            if self._closed or self._broken:
                raise StoreUnavailable(self._broken or f"{self._name} is closing")
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
            if first.size < SMALL_BYTES:
                time.sleep(GATHER_S)
            group, size = [first], first.size
            while len(group) < MAX_GROUP and size < MAX_GROUP_BYTES:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    going_on = False
                    break
                group.append(job)
                size += job.size
            started = time.perf_counter()
            self._commit(group)
            self._on_commit(len(group), size, time.perf_counter() - started)
            self._answer(group)
            while self._step() and self._jobs.empty():
                pass

    def _commit(self, group: list[_Job]) -> None:
        try:
            self._check()
        except Exception as error:
            self._failed(error, group)
            return
        if self._bodies is not None:
            jobs = [job for job in group if job.bodies]
            if jobs and self._committed(self._bodies, jobs, lambda job: job.bodies):
                self._tell(jobs)
        jobs = [job for job in group if job.main and job.error is None]
        if jobs:
            self._committed(self._main, jobs, lambda job: job.main)

    def _committed(
        self, connection: sqlite3.Connection, jobs: list[_Job], work_of: Callable[[_Job], Work[Any] | None]
    ) -> bool:
        """Run one transaction; whether it is on disk. Where not, every job of it has its error."""
        try:
            _run(connection, [(job, work) for job in jobs if (work := work_of(job))])
            connection.execute("commit")
            self._succeeded()
        except Exception as error:  # whatever it was: nothing of the group is on disk, all must hear of it
            self._failed(error, jobs)
            self._roll_back(connection)
            return False
        return True

    def _tell(self, jobs: list[_Job]) -> None:
        for job in jobs:
            if job.committed and job.error is None:
                job.committed(job.outcome)

    def _succeeded(self) -> None:
        if self._failing:
            self._failing = False
            logger.warning("%s can be written again", self._name)

    def _failed(self, error: Exception, jobs: list[_Job]) -> None:
        """Tell every job, and the log once per spell; give up where the disk itself failed."""
        for job in jobs:
            job.error = StoreUnavailable(f"the write was refused: {error}")
        if not self._failing:
            self._failing = True
            logger.error("%s can not be written: %s", self._name, error)
        # After a failed fsync nobody knows what is on disk: a later one that succeeds proves nothing.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            self._break(f"the disk failed: {error}")

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """Leave no transaction open; after "disk full" SQLite has rolled back already."""
        try:
            if connection.in_transaction:
                connection.execute("rollback")
        except sqlite3.Error as error:
            self._break(f"a transaction can not be rolled back: {error}")

    def _break(self, reason: str) -> None:
        if not self._broken:
            self._broken = reason
            logger.critical("%s is given up: %s", self._name, reason)
            self._on_broken(reason)

    def _step(self) -> bool:
        """Do some of what is done between groups; whether there is more. It is never a reason not to go on."""
        try:
            return not self._broken and self._between()
        except Exception as error:
            if not self._failing:
                self._failing = True
                logger.error("the upkeep of %s failed: %s", self._name, error)
            self._roll_back(self._main)
            return False

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


def _run(connection: sqlite3.Connection, works: Sequence[tuple[_Job, Work[Any]]]) -> None:
    """Run jobs in a transaction that stays open. A statement costs two changes of hands of the interpreter's lock,
    so there are no savepoints until a job fails.
    """
    connection.execute("begin immediate")
    try:
        for job, work in works:
            job.outcome = work(connection)
    except Exception as error:
        if _is_of_the_disk(error):
            raise
        connection.execute("rollback")
        connection.execute("begin immediate")
        for job, work in works:
            _attempt(connection, job, work)


def _attempt(connection: sqlite3.Connection, job: _Job, work: Work[Any]) -> None:
    """Run one job; its own error undoes it alone, and its caller gets it."""
    connection.execute("savepoint job")
    try:
        job.outcome = work(connection)
    except Exception as error:
        if _is_of_the_disk(error):
            raise
        job.error = error
        connection.execute("rollback to job")
    connection.execute("release job")


def _is_of_the_disk(error: Exception) -> bool:
    """Whether an error ends the transaction, and not the job alone."""
    own = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
    return isinstance(error, sqlite3.Error) and not isinstance(error, own)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.cancelled():
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.outcome)
