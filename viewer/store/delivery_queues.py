"""All queues of deliveries of a SQLite store: FILE-forward, opened when there is one, and kept in step with FILE.

Nothing that goes wrong with it keeps the store from deleting or masking: what could not be forgotten then is forgotten
by the next start.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection

from tracen_otel.endpoint import normal_url
from viewer.sharing.masks import digest_of
from viewer.store import batches, forward_file, pages, posts
from viewer.store.base import Limit, StoreUnavailable
from viewer.store.deliveries import Standing
from viewer.store.files import Files, name_in
from viewer.store.forward_file import ForwardFile
from viewer.store.sqlite_deliveries import ReadStore, SqliteDeliveries

logger = logging.getLogger("tracen.store")


class DeliveryQueues:
    """The queues of all targets, of the store whose server this is."""

    def __init__(self, files: Files, read_store: ReadStore) -> None:
        self._files = files
        self._read_store = read_store
        self._file: ForwardFile | None = None

    def open(self, main: sqlite3.Connection, bodies: sqlite3.Connection) -> int:
        """Open FILE-forward, if it is there; answers the newest batch that it has heard of. Raises StoreUnusable."""
        if not self._files.forward.exists():
            return 0

        def must_go(account_id: str, otel_trace_id: bytes, masks: str) -> bool:
            page = pages.of_trace(main, account_id, otel_trace_id)
            return page is not None and (page.deleted or digest_of(page.masks) != masks)

        newest = batches.largest_id(bodies), posts.largest_id(main)
        self._file = ForwardFile(self._files, name_in(main), newest, must_go)
        batch_id, post_id = self._file.newest_seen  # what comes is newer, also where a backup was restored
        posts.skip_to(main, post_id)
        return batch_id

    async def of(
        self, target: str, now_ns: int, *, with_past: bool, accounts: str, limit: Limit | None
    ) -> SqliteDeliveries:
        """The queue of one target; see `viewer.store.base.Store.deliveries`."""
        if self._file is None:
            self._file = ForwardFile(self._files, await self._read_store(name_in))
        return await SqliteDeliveries.opened(
            self._file,
            self._read_store,
            normal_url(target),
            now_ns,
            with_past=with_past,
            accounts=accounts,
            limit=limit,
        )

    async def standings(self, now_ns: int) -> list[Standing]:
        """How each stands."""
        return await asyncio.to_thread(forward_file.standings, self._files, now_ns)

    async def forget_target(self, target: str) -> bool:
        """See `viewer.store.base.Store.forget_deliveries`. Raises StoreUnusable, StoreUnavailable."""
        name = await self._read_store(name_in)
        return await asyncio.to_thread(forward_file.forget_target, self._files, name, normal_url(target))

    async def forget(self, account_id: str, traces: Collection[bytes], *, are_deleted: bool) -> None:
        """Overwrite what is under way of traces; of deleted ones no row stays that tells of their pages elsewhere.

        Raises nothing: the traces are deleted, or masked, already.
        """
        if self._file is None:
            return
        try:
            await self._file.forget(account_id, traces, are_deleted=are_deleted)
        except (StoreUnavailable, sqlite3.Error) as error:
            logger.error(
                "what waited to be delivered of %d traces that were deleted or masked is still in the queue, and "
                "not sent; the next start removes it: %s",
                len(traces),
                error,
            )

    def close(self) -> None:
        if self._file:
            self._file.close()
