"""The searchable lists of traces on SQLite: FILE-search, a writing thread and readers of its own.

So that neither a search nor the merging of words keeps ingest or a page waiting. All in the file is made from FILE and
FILE-bodies: where it is broken, it is made anew. Deletion goes the other way around: words go first, and a crash
then leaves a trace that is due, never words of one that is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from viewer.store import arrivals, batches, dues, lists, posts, shards, summaries, tellings
from viewer.store.arrivals import BATCHES, POSTS, Progress
from viewer.store.base import Page, StoreUnavailable, StoreUnusable, Telling
from viewer.store.catalogue import (
    MAX_BACKLOG,
    MAX_LISTED,
    Choices,
    Due,
    ListedTrace,
    Query,
    Summarised,
    Summary,
)
from viewer.store.dues import Trace, Wanted
from viewer.store.files import Files
from viewer.store.splitting import Splitting
from viewer.store.trace_index import TraceIndex
from viewer.store.trace_pages import TracePages
from viewer.store.words import expression_of
from viewer.store.writer import Writer

T = TypeVar("T")

logger = logging.getLogger("tracen.store")

READERS = 2
MAX_READY = 2_000
"""Traces that are due; with more, arrivals wait to be looked at."""
_LOOKS = 8
"""Slices of what was skipped that one call of `due` looks at."""
SCRUB_EVERY_NS = 2_000_000_000
_SCRUB_TRIES = 50
_SCRUB_PAUSE_S = 0.1
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteCatalogue:
    """A `viewer.store.catalogue.Catalogue` beside the files of a store."""

    def __init__(
        self, files: Files, name: str | None, index: TraceIndex, pages: TracePages, splitting: Splitting
    ) -> None:
        """Open FILE-search, made as needed. `name` is that of FILE. Raises StoreUnusable."""
        self._files = files
        self._name = name
        self._index = index
        self._pages = pages
        self._splitting = splitting
        self._readers = ThreadPoolExecutor(READERS, "tracen-search")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._leaving: Counter[Trace] = Counter()
        self._left: set[Trace] = set()
        self._edition_by_account: defaultdict[int, int] = defaultdict(int)
        self._generation = 0
        self._is_broken = False
        self._renewing = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._generation += 1
        self._must_truncate = False
        self._scrubbed_ns = 0
        self._start = secrets.token_hex(4)
        self._connection = connection = self._opened()
        self._progress = {name: arrivals.load(connection, name) for name in (BATCHES, POSTS)}
        self._writer = Writer(
            connection,
            check=self._files.check_search_in_place,
            between=lambda: self._truncate(connection),
            name="the list of traces",
        )
        self._is_broken = False

    def _opened(self) -> sqlite3.Connection:
        connection = self._files.open_search(self._name)
        with contextlib.closing(self._files.open_reading()) as reading:
            is_ahead = arrivals.load(connection, POSTS).seen > posts.largest_given(reading)
        if not is_ahead:
            return connection
        logger.warning("the list of traces is made anew: the store is older, restored from a backup")
        connection.close()
        self._files.remove_search()
        return self._files.open_search(self._name)

    @property
    def newest_batch(self) -> int:
        """The largest id of a batch that was ever looked at."""
        return self._progress[BATCHES].seen

    @property
    def behind(self) -> int:
        """How many batches and posts were skipped, or came since the last look."""
        skipped = sum(
            last - first + 1 for progress in self._progress.values() for first, last in progress.skipped
        )
        return skipped + max(0, self._index.newest_batch - self.newest_batch)

    # -- the list --------------------------------------------------------------------------------------

    async def find(self, account_id: str, query: Query, before: int | None, limit: int) -> list[ListedTrace]:
        expression = expression_of(int(account_id), query)
        least, below = summaries.bounds(query, before)
        limit = min(limit, MAX_LISTED)
        listed: list[ListedTrace] = []
        while expression is not None and len(listed) < limit:
            wanted = limit - len(listed)
            rows = await self._read(partial(lists.rows, int(account_id), expression, least, below, wanted))
            pages_by_trace = await self._pages.of(
                account_id, {row.otel_trace_id: row.received_ns for row in rows}
            )
            listed += [
                ListedTrace(row.place, page, row.summary, row.received_ns)
                for row in rows
                if (page := pages_by_trace.get(row.otel_trace_id)) and not page.deleted
            ]
            if len(rows) < wanted:
                break
            below = rows[-1].place
        return listed

    async def current(self, found: Collection[Page]) -> dict[str, Summary]:
        def read(connection: sqlite3.Connection) -> dict[str, Summary]:
            told = dict[str, Summary]()
            for page in found:
                version = tellings.version_of(connection, self._index, page)
                summary = summaries.made_from(connection, page, version)
                if summary is not None:
                    told[page.id] = summary
            return told

        return await self._read(read)

    async def choices(self, account_id: str) -> Choices:
        return await self._read(lambda connection: summaries.choices(connection, int(account_id)))

    async def edition(self, account_id: str) -> str:
        return f"{self._start}-{self._edition_by_account[int(account_id)]}"

    async def backlog(self, account_id: str) -> int:
        progress = dict(self._progress)
        return await self._read(lambda c: dues.backlog(c, int(account_id), progress, MAX_BACKLOG))

    async def forget(self, page: Page) -> None:
        async with self.changing(page):
            pass

    @contextlib.asynccontextmanager
    async def changing(self, page: Page) -> AsyncIterator[None]:
        """Take a trace out of the list before what may be told of it changes, in the block; after it, it is due.

        So a crash leaves a trace that is due, never words that were masked by then.
        """
        trace = (int(page.account_id), page.otel_trace_id)
        self._leaving[trace] += 1
        try:
            touched = await self._submit(partial(lists.withdraw, traces=(trace,), is_due=True))
            self._changed(trace[0])
            yield
        finally:
            self._left.add(trace)  # what is on its way was made before
            self._stays(trace)
        await self.scrub(touched)

    def _stays(self, *traces: Trace) -> None:
        self._leaving.subtract(traces)
        self._leaving += Counter()  # of those that are zero nothing stays

    def _changed(self, *account_ids: int) -> None:
        for account_id in account_ids:
            self._edition_by_account[account_id] += 1

    # -- for the summariser ----------------------------------------------------------------------------

    async def due(self, limit: int, now_ns: int) -> Sequence[Due]:
        await self._have_file()
        self._left.clear()
        if await self._read(lambda c: dues.ready_count(c, now_ns)) < MAX_READY:
            for name in (POSTS, BATCHES):
                await self._look(name, limit, only_new=True)
        found = await self._ready(limit, now_ns)
        for _ in range(_LOOKS):
            if len(found) >= limit or not await self._look_back(limit):
                break
            found = await self._ready(limit, now_ns)
        await self._scrub_some(now_ns)
        return found

    async def _scrub_some(self, now_ns: int) -> None:
        """Of what expired, or was deleted before a crash: nobody waits for that, and there may be much of it."""
        if abs(now_ns - self._scrubbed_ns) >= SCRUB_EVERY_NS:
            self._scrubbed_ns = now_ns
            await self.scrub((await self._read(shards.dirty))[:1])

    async def _ready(self, limit: int, now_ns: int) -> list[Due]:
        found = await self._read(lambda c: dues.ready(c, limit + len(self._leaving), now_ns))
        return [due for due in found if _trace(due) not in self._leaving][:limit]

    async def _look_back(self, limit: int) -> bool:
        return await self._look(POSTS, limit) or await self._look(BATCHES, limit)

    async def _look(self, name: str, limit: int, *, only_new: bool = False) -> bool:
        """Look at what was skipped last, or came since; whether there was anything."""
        known = self._progress
        before = known[name]

        def read(connection: sqlite3.Connection) -> tuple[Progress, list[Wanted]] | None:
            progress = before.reached(arrivals.newest_id(connection, name))
            if not progress.skipped or (only_new and progress.seen == before.seen):
                return None
            first, last = progress.skipped[-1]
            first, found = arrivals.read(connection, name, first, last, limit)
            return progress.looked_at(first, last), dues.among(connection, self._index, name, found)

        looked = await self._read(read)
        if looked is None:
            return False
        progress, wanted = looked

        def work(connection: sqlite3.Connection) -> None:
            if (
                self._progress is not known
            ):  # the file was made anew: nothing in it tells what was before this
                raise StoreUnavailable("the list of traces was made anew")
            dues.put(connection, wanted)
            arrivals.save(connection, name, progress)

        await self._submit(work)
        known[name] = progress
        return True

    async def telling(self, due: Due, max_bytes: int) -> Telling:
        page = due.page or Page("", due.account_id, due.otel_trace_id)
        for row in await self._read(lambda c: batches.mixed(c, self._index.candidates(c, *_trace(due)))):
            with contextlib.suppress(ValueError):  # accepted by another release: it is read as it is
                await self._splitting.take_apart(row)  # once, where all of its traces would read all of it
        return await self._read(lambda c: tellings.of_page(c, self._index, page, max_bytes))

    async def save(self, summarised: Collection[Summarised]) -> None:
        items = {_trace(item.due): item for item in summarised}
        if not items:
            return

        def work(connection: sqlite3.Connection) -> None:
            there = {
                trace: item
                for trace, item in items.items()
                if trace not in self._leaving and trace not in self._left  # these stay due
            }
            lists.save(connection, there)

        await self._submit(work)
        self._changed(*{account_id for account_id, _ in items})

    # -- what is deleted -------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def leaving(self, account_id: int, otel_trace_ids: Set[bytes]) -> AsyncIterator[Set[int]]:
        """Take traces out of the lists before they are deleted, in the block; hands out shards to `scrub` after it.

        Where the block fails, they are due again.
        """
        await self._have_file()
        traces = [(account_id, one) for one in otel_trace_ids]
        self._leaving.update(traces)
        try:
            touched = await self._submit(partial(lists.withdraw, traces=traces))
            self._changed(account_id)
            yield touched
            await self._submit(lambda connection: lists.settle(connection, traces))
        finally:
            self._left.update(traces)
            self._stays(*traces)

    async def scrub(self, shard_ids: Collection[int]) -> None:
        """Overwrite in the file what was taken from shards."""
        if not shard_ids:
            return
        await self._submit(lambda connection: shards.scrub(connection, shard_ids))
        self._must_truncate = True
        for _ in range(_SCRUB_TRIES):
            await self._writer.submit(lambda connection: None)  # the log is emptied between two writes
            if not self._must_truncate:
                return
            await asyncio.sleep(_SCRUB_PAUSE_S)
        logger.warning("words of a deleted trace are still in the write-ahead log: a reader holds it")

    def _truncate(self, connection: sqlite3.Connection) -> bool:
        """On the writer's thread, between two groups."""
        if self._must_truncate:
            connection.execute("pragma busy_timeout = 100")
            try:
                busy = connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
            finally:
                connection.execute("pragma busy_timeout = 5000")
            self._must_truncate = bool(busy)
        return False

    # -- the file --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Finish what was begun; before the files of the store are closed."""
        self._writer.close()
        self._readers.shutdown()
        for connection in (
            *self._reading,
            self._connection,
        ):  # the last one checkpoints, and a reader may not
            connection.close()

    async def _have_file(self) -> None:
        """Make a file anew that is broken, deleted or replaced. Raises StoreUnavailable where it can not be made."""
        if self._is_lost():
            await asyncio.to_thread(self._renew)

    def _is_lost(self) -> bool:
        try:
            self._files.check_search_in_place()
        except StoreUnavailable:
            return True
        return self._is_broken

    def _renew(self) -> None:
        """Readers that are under way keep what they have."""
        with self._renewing:
            if not self._is_lost():  # another one was first
                return
            logger.error("the list of traces is lost or broken, and is made anew")
            self._is_broken = True
            self._writer.close()
            self._connection.close()
            try:
                self._files.remove_search()
                self._begin()
            except (StoreUnusable, OSError, sqlite3.Error) as error:
                raise StoreUnavailable(f"the list of traces can not be made anew: {error}") from None

    async def _submit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def watched(connection: sqlite3.Connection) -> T:
            try:
                return work(connection)
            except sqlite3.DatabaseError as error:
                self._note_broken(error)
                raise

        return await self._writer.submit(watched)

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._read_here, read)
        except sqlite3.Error as error:
            self._note_broken(error)
            logger.error("the list of traces can not be read: %s", error)
            raise StoreUnavailable("the list of traces can not be read") from None

    def _note_broken(self, error: sqlite3.Error) -> None:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
            self._is_broken = True

    def _read_here(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if getattr(self._local, "generation", 0) != self._generation:
            self._local.connection = self._files.open_reading(search=True)
            self._reading.append(self._local.connection)
            self._local.generation = self._generation
        return read(self._local.connection)


def _trace(due: Due) -> Trace:
    return int(due.account_id), due.otel_trace_id
