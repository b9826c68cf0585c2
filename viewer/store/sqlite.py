"""The embedded store: SQLite files, one writing thread for two of them, readers of their own.

FILE-bodies holds what came over OTLP, as it came; it is committed first. FILE holds all else, among it the
index from traces to batches, which is merged from memory (`trace_index.py`) and can be made again. FILE-search holds
the lists of traces, and looks after itself (`sqlite_catalogue.py`); so does FILE-forward, with what is delivered to
another Tracen (`sqlite_deliveries.py`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from viewer.store import base, batches, documents, pages, posts, reservations, sharing, tellings
from viewer.store.accounts import SqliteAccounts
from viewer.store.base import (
    Batch,
    Document,
    Gauge,
    Limit,
    Page,
    Post,
    PostOutcome,
    Progress,
    Quota,
    RecentTrace,
    Sharing,
    Telling,
)
from viewer.store.deletions import Deletions
from viewer.store.deliveries import Standing
from viewer.store.delivery_queues import DeliveryQueues
from viewer.store.files import Files, name_in
from viewer.store.people import Accounts
from viewer.store.readers import Readers
from viewer.store.reservations import Reservations, Waited
from viewer.store.reserve import Reserve
from viewer.store.splitting import Splitting
from viewer.store.sqlite_catalogue import SqliteCatalogue
from viewer.store.sqlite_deliveries import SqliteDeliveries
from viewer.store.trace_index import MAX_ROWS, IndexBeside, TraceIndex
from viewer.store.trace_pages import TracePages
from viewer.store.upkeep import Upkeep
from viewer.store.write_ahead import WriteAheadLogs
from viewer.store.writer import Writer


class SqliteStore:
    """A `viewer.store.base.Store` on one pair of files. `exclusive` is for the server: it alone takes batches."""

    def __init__(
        self,
        path: Path,
        *,
        exclusive: bool = True,
        on_broken: Callable[[str], None] = lambda reason: None,
        on_commit: Callable[[int, int, float], None] = lambda jobs, size, seconds: None,
    ) -> None:
        """Open the files, made and migrated as needed. Raises StoreUnusable. For `on_…` see `open_store`."""
        self._files = Files(path)
        self._index = TraceIndex() if exclusive else IndexBeside()
        self._waited = Waited()
        self._logs = WriteAheadLogs()
        self._stored_bytes: dict[int, int] = {}
        self._last_batch_id = 0
        with (
            ExitStack() as opened
        ):  # closed from the last to the first, also where one of them can not be opened
            if exclusive:
                opened.enter_context(self._files.take_lock())
            self._main, self._bodies = main, bodies = self._opened_pair(opened, exclusive=exclusive)
            readers = Readers(self._files.open_reading)
            opened.callback(
                readers.close
            )  # the last connection to close a file checkpoints it: no reader may
            self._read = readers.read
            self._reserve = Reserve(self._files.reserve, is_ours=exclusive)
            self._writer = Writer(
                main,
                bodies,
                check=self._files.check_in_place,
                between=self._between,
                on_broken=on_broken,
                on_commit=on_commit,
                reserve=self._reserve,
            )
            opened.callback(self._writer.close)
            splitting = Splitting(self._writer, self._read)
            self._pages = TracePages(self._writer, self._read, self._index)
            self._catalogue = self._opened_catalogue(opened, main, splitting) if exclusive else None
            self._queues = self._opened_queues(opened, main, bodies) if bodies else None
            self._opened = opened.pop_all()
        self._deletions = Deletions(self.delete_many)
        self._upkeep = Upkeep(
            self._writer,
            self._index,
            self._read,
            self._count_bytes,
            splitting,
            self._catalogue,
            self._logs,
            self._queues,
        )
        self._reservations = Reservations(self._index, bodies) if bodies else None
        self.accounts: Accounts = SqliteAccounts(self._writer, self._read, self._logs)

    def _opened_pair(
        self, opened: ExitStack, *, exclusive: bool
    ) -> tuple[sqlite3.Connection, sqlite3.Connection | None]:
        """FILE, and FILE-bodies where this is the server."""
        try:
            main = opened.enter_context(closing(self._files.open_main(checkpoints=exclusive)))
            if not exclusive:
                return main, None
            bodies = opened.enter_context(closing(self._files.open_bodies(main)))
            self._load(main, bodies)
        except sqlite3.DatabaseError as error:  # broken somewhere behind the first page
            raise base.StoreUnusable(
                f"{self._files.main} and its -bodies: {error}; restore a backup"
            ) from None
        return main, bodies

    def _opened_catalogue(
        self, opened: ExitStack, main: sqlite3.Connection, splitting: Splitting
    ) -> SqliteCatalogue:
        catalogue = SqliteCatalogue(self._files, name_in(main), self._index, self._pages, splitting)
        opened.callback(catalogue.close)
        # The batch that came last may be deleted; what comes next was still never looked at.
        self._last_batch_id = max(self._last_batch_id, catalogue.newest_batch)
        return catalogue

    def _opened_queues(
        self, opened: ExitStack, main: sqlite3.Connection, bodies: sqlite3.Connection
    ) -> DeliveryQueues:
        queues = DeliveryQueues(self._files, self._read)
        opened.callback(queues.close)
        self._last_batch_id = max(self._last_batch_id, queues.open(main, bodies))
        return queues

    @property
    def catalogue(self) -> SqliteCatalogue:
        """Raises StoreUnavailable beside the server."""
        if self._catalogue is None:
            raise base.StoreUnavailable("the list of traces is kept by the server alone")
        return self._catalogue

    def _load(self, main: sqlite3.Connection, bodies: sqlite3.Connection) -> None:
        self._index.load(main, bodies)
        self._waited.load(main)
        # An id that was ever merged or given is not given again, even if the batch is gone.
        self._last_batch_id = max(self._index.newest_batch, batches.largest_id(bodies))
        for by_account in (batches.bytes_by_account(bodies), posts.bytes_by_account(main)):
            for account_id, size in by_account.items():
                self._count_bytes(account_id, size)

    # -- what came in ----------------------------------------------------------------------------------

    async def append(self, batch: Batch) -> Page | None:
        if self._index.unmerged_count > MAX_ROWS:
            raise base.StoreUnavailable("the index of traces can not be written")
        self._reserve.check_not_lent()
        account_id, otel_trace_ids = int(batch.account_id), b"".join(batch.otel_trace_ids)
        waited = self._waited.among(batch.account_id, batch.otel_trace_ids)

        def keep(connection: sqlite3.Connection) -> int:
            self._last_batch_id += 1
            return batches.insert(connection, self._last_batch_id, batch, otel_trace_ids)

        def kept(batch_id: int) -> None:
            self._index.add(account_id, batch_id, otel_trace_ids)
            self._count_bytes(account_id, len(batch.body))

        def make_page(connection: sqlite3.Connection) -> Page:
            return pages.begun_by_otlp(connection, batch.account_id, otel_trace_ids, batch.received_ns)

        def fill(connection: sqlite3.Connection) -> None:
            reservations.fill(connection, batch.account_id, waited)

        main = make_page if len(otel_trace_ids) == 16 else fill if waited else None
        outcome: object = await self._writer.submit(main, bodies=keep, committed=kept, size=len(batch.body))
        self._waited.forget(batch.account_id, waited)
        return outcome if isinstance(outcome, Page) else None

    async def post(self, post: Post) -> PostOutcome:
        self._reserve.check_not_lent()
        outcome = await self._writer.submit(
            lambda connection: posts.keep(connection, post), size=len(post.body)
        )
        if isinstance(outcome, base.LimitReached):
            raise outcome
        if not outcome.replayed:
            self._count_bytes(int(post.account_id), len(post.body))
            self._waited.forget(post.account_id, (post.otel_trace_id,))
        return outcome

    async def quota(self, key_id: str, limit: Limit, now_ns: int) -> Quota:
        def read(connection: sqlite3.Connection) -> tuple[Quota, bool]:
            quota = posts.quota_of(connection, key_id, limit, now_ns)
            return quota, posts.has_hits_ahead(connection, key_id, now_ns)

        quota, is_unsettled = await self._read(read)
        if is_unsettled:
            await self._writer.submit(lambda connection: posts.settle(connection, key_id, now_ns))
            quota, _ = await self._read(read)
        return quota

    async def is_answered(self, account_id: str, idempotency_key: str) -> bool:
        return await self._read(
            lambda connection: posts.answered(connection, account_id, idempotency_key) is not None
        )

    async def stored_bytes(self, account_id: str) -> int:
        return self._stored_bytes.get(int(account_id), 0)

    def _count_bytes(self, account_id: int, more: int) -> None:
        self._stored_bytes[account_id] = self._stored_bytes.get(account_id, 0) + more

    # -- pages -----------------------------------------------------------------------------------------

    async def page_of(self, account_id: str, otel_trace_id: bytes, now_ns: int) -> Page | None:
        return (await self.pages_of(account_id, (otel_trace_id,), now_ns)).get(otel_trace_id)

    async def pages_of(
        self, account_id: str, otel_trace_ids: Collection[bytes], now_ns: int
    ) -> dict[bytes, Page]:
        return await self._pages.of(account_id, dict.fromkeys(otel_trace_ids, now_ns))

    async def reserve(self, account_id: str, otel_trace_id: bytes, now_ns: int, limit: Limit) -> Page:
        page = await self._read(lambda connection: pages.of_trace(connection, account_id, otel_trace_id))
        if page is not None and page.waits_since_ns is None:
            return page
        if (made := self._reservations) is None:
            raise base.StoreUnavailable("pages are reserved by the server alone")
        self._waited.add(account_id, otel_trace_id)  # before a batch can come that tells of it
        is_waited = False
        try:
            page = await self._writer.submit(
                lambda connection: made.reserve(connection, account_id, otel_trace_id, now_ns, limit)
            )
            is_waited = page.waits_since_ns is not None
            return page
        finally:
            if not is_waited:
                self._waited.forget(account_id, (otel_trace_id,))

    async def page(self, page_id: str) -> Page | None:
        return await self._read(lambda connection: pages.by_id(connection, page_id))

    async def set_sharing(self, page: Page, chosen: Sharing) -> None:
        await self._writer.submit(
            lambda connection: sharing.set_sharing(connection, page, chosen), frees=True
        )

    async def set_masks(self, page: Page, masks: Sequence[str]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            self._logs.note_deleted()  # a mask is what nobody is to read
            sharing.set_masks(connection, page, masks)

        async with self.catalogue.changing(page):  # a summary that is begun after it knows the masks
            await self._writer.submit(work)
        if self._queues:
            await self._queues.forget(page.account_id, (page.otel_trace_id,), are_deleted=False)

    async def reissue(self, page: Page, now_ns: int) -> Page:
        def work(connection: sqlite3.Connection) -> Page | None:
            sharing.reissue(connection, page, now_ns)
            return pages.of_trace(connection, page.account_id, page.otel_trace_id)

        return await self._writer.submit(work, frees=True) or page

    async def mark_opened(self, page: Page, now_ns: int) -> None:
        await self._writer.submit(lambda connection: pages.mark_opened(connection, page, now_ns))

    async def recent_traces(
        self, account_id: str, after: RecentTrace | None, limit: int
    ) -> list[RecentTrace]:
        return await self._read(
            lambda connection: tellings.recent(connection, self._index, account_id, after, limit)
        )

    async def telling(self, page: Page, max_bytes: int, version: int | None = None) -> Telling:
        return await self._read(
            lambda connection: tellings.of_page(connection, self._index, page, max_bytes, version)
        )

    async def progress(self, page: Page) -> Progress:
        return await self._read(lambda connection: tellings.progress(connection, self._index, page))

    async def document(self, page: Page, meaning: str, names: Sequence[str]) -> Document | None:
        def read(connection: sqlite3.Connection) -> Document | None:
            connection.execute("begin")  # the edition and its parts are of one moment
            try:
                version = tellings.version_of(connection, self._index, page)
                return documents.read(connection, page, version, meaning, names)
            finally:
                connection.execute("rollback")

        return await self._read(read)

    async def save_document(self, page: Page, version: int, meaning: str, parts: Mapping[str, bytes]) -> str:
        return await documents.save(self._writer, page, version, meaning, parts)

    # -- upkeep ----------------------------------------------------------------------------------------

    async def delete(self, page: Page, now_ns: int) -> None:
        await self._deletions.delete(page, now_ns)

    async def delete_many(self, doomed: Sequence[Page], now_ns: int) -> None:
        with self._reserve.lent():
            await self._upkeep.delete(doomed, now_ns)
        for page in doomed:
            self._waited.forget(page.account_id, (page.otel_trace_id,))

    async def compact(self, received_before_ns: int) -> bool:
        return await self._upkeep.compact(received_before_ns)

    async def expire(self, received_before_ns: int, now_ns: int) -> bool:
        with self._reserve.lent():
            return await self._upkeep.expire(received_before_ns, now_ns)

    async def expire_reservations(self, reserved_before_ns: int) -> bool:
        made = self._reservations
        if made is None or not await self._read(lambda c: reservations.has_older(c, reserved_before_ns)):
            return False
        for account_id, otel_trace_id in await self._writer.submit(
            lambda connection: made.sweep(connection, reserved_before_ns)
        ):
            self._waited.forget(account_id, (otel_trace_id,))
        return True

    async def purge(self, now_ns: int) -> bool:
        with self._reserve.lent():
            return await self._upkeep.purge(now_ns)

    def _between(self) -> bool:
        """On the writer's thread, after each group of writes; whether there is more to do."""
        if self._bodies is None:
            return False
        self._logs.empty(self._bodies, self._main)
        return self._index.merge_some(self._main)

    # -- deliveries ------------------------------------------------------------------------------------

    async def deliveries(
        self,
        target: str,
        now_ns: int,
        *,
        with_past: bool = False,
        accounts: str = "",
        limit: Limit | None = None,
    ) -> SqliteDeliveries:
        if self._queues is None:
            raise base.StoreUnavailable("traces are delivered by the server alone")
        return await self._queues.of(target, now_ns, with_past=with_past, accounts=accounts, limit=limit)

    async def delivery_standings(self, now_ns: int) -> list[Standing]:
        return await DeliveryQueues(self._files, self._read).standings(now_ns)

    async def forget_deliveries(self, target: str) -> bool:
        return await DeliveryQueues(self._files, self._read).forget_target(target)

    # -- the files -------------------------------------------------------------------------------------

    async def check_writable(self) -> None:
        def beat(connection: sqlite3.Connection) -> None:
            sql = "insert into heartbeat (id) values (1) on conflict do update set beats = beats + 1"
            connection.execute(sql)

        await self._writer.submit(beat, bodies=beat if self._bodies else None)

    def gauges(self) -> list[Gauge]:
        return [
            ("tracen_store_queue_writes", "Writes that wait.", lambda: self._writer.queued[0]),
            ("tracen_store_queue_bytes", "Bodies that wait to be written.", lambda: self._writer.queued[1]),
            (
                "tracen_store_unmerged_traces",
                "Traces of batches that are on disk and not yet in the index there.",
                lambda: self._index.unmerged_count,
            ),
            ("tracen_store_bytes", "Bodies kept.", lambda: sum(self._stored_bytes.values())),
            (
                "tracen_store_unlisted",
                "Batches and posts of which the lists of traces do not tell yet.",
                lambda: self._catalogue.behind if self._catalogue else 0,
            ),
        ]

    async def close(self) -> None:
        await asyncio.to_thread(self._opened.close)
