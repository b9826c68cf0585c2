"""What is done to batches after they came: taken apart (`splitting.py`), deleted, expired."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from viewer.store import batches, closed, pages, posts, tellings
from viewer.store.base import NS_PER_S, Page, StoreUnavailable
from viewer.store.delivery_queues import DeliveryQueues
from viewer.store.marks import mark, set_mark
from viewer.store.splitting import Read, Splitting
from viewer.store.sqlite_catalogue import SqliteCatalogue
from viewer.store.trace_index import TraceIndex, key_of
from viewer.store.write_ahead import WriteAheadLogs
from viewer.store.writer import Writer

SLICE = 1_000
"""Batches looked over in one step."""
_LATE_NS = 60 * NS_PER_S
"""What was under way when an account was closed has arrived by then."""
_LOT = 20
"""Traces deleted in one transaction: other writers wait for it."""


class Upkeep:
    """Deletes and compacts, over one pair of files."""

    def __init__(
        self,
        writer: Writer,
        index: TraceIndex,
        read: Read,
        count_bytes: Callable[[int, int], None],
        splitting: Splitting,
        catalogue: SqliteCatalogue | None,
        logs: WriteAheadLogs,
        queues: DeliveryQueues | None,
    ) -> None:
        self._writer = writer
        self._index = index
        self._read = read
        self._count_bytes = count_bytes
        self._splitting = splitting
        self._catalogue = catalogue
        self._logs = logs
        self._queues = queues
        self._compacted_to: int | None = None  # ahead of its mark where there was nothing to do

    async def delete(self, doomed: Sequence[Page], now_ns: int) -> None:
        """See `viewer.store.base.Store.delete_many`. Raises StoreUnavailable where bytes can not be wiped yet."""
        catalogue = self._catalogue
        if catalogue is None:
            raise StoreUnavailable("traces are deleted by the server alone")
        touched: set[int] = set()
        for account_id, traces in _lots(doomed):
            async with catalogue.leaving(account_id, traces) as shard_ids:
                await self._remove(account_id, traces, now_ns)
            touched |= shard_ids
        await catalogue.scrub(touched)
        await self._logs.emptied(self._writer)

    async def compact(self, received_before_ns: int) -> bool:
        """See `viewer.store.base.Store.compact`."""
        if self._compacted_to is None:
            self._compacted_to = await self._read(lambda c: mark(c, "compacted"))
        after_id = self._compacted_to
        up_to_id = after_id + SLICE
        row = await self._read(lambda c: batches.next_mixed(c, after_id, up_to_id, received_before_ns))
        if row is not None:
            await self._splitting.take_apart(row)
            up_to_id = row.id
            await self._set_mark("compacted", up_to_id)
        elif up_to_id > self._index.newest_batch:
            return False
        self._compacted_to = up_to_id
        return True

    async def expire(self, received_before_ns: int, now_ns: int) -> bool:
        """See `viewer.store.base.Store.expire`."""

        def read(connection: sqlite3.Connection) -> tuple[batches.Row, set[bytes]] | None:
            row = batches.next_row(connection, mark(connection, "expired"), received_before_ns)
            return (row, set(self._unwanted(connection, row))) if row else None

        found = await self._read(read)
        if found is None:
            return False
        row, unwanted = found
        if unwanted and self._catalogue:
            async with self._catalogue.leaving(row.account_id, unwanted):  # scrubbed later, with others
                await self._remove(row.account_id, unwanted, now_ns)
        await self._set_mark("expired", row.id)
        return True

    async def purge(self, now_ns: int) -> bool:
        """See `viewer.store.base.Store.purge`."""
        found = await self._read(lambda connection: closed.leftovers(connection, now_ns))
        if found is None or self._catalogue is None:
            return False
        if found.traces:
            traces = set(found.traces)
            async with self._catalogue.leaving(found.account_id, traces):  # scrubbed while nothing is due
                await self._remove(found.account_id, traces, now_ns)
            return True
        if now_ns - found.deleted_ns < _LATE_NS:
            return False

        def finish(connection: sqlite3.Connection) -> None:
            closed.finish(connection, found.account_id, now_ns)
            self._logs.note_deleted()

        await self._writer.submit(finish)
        return True

    def _unwanted(self, connection: sqlite3.Connection, row: batches.Row) -> Iterator[bytes]:
        """The traces of a batch that nobody posted or looked at, and of which nothing newer came."""
        for trace in row.traces():
            newest = tellings.newest_batch(connection, self._index, str(row.account_id), trace)
            if newest is None or newest[0] != row.id:
                continue
            page = pages.of_trace(connection, str(row.account_id), trace)
            is_kept = page is not None and (page.opened or page.deleted)
            if not is_kept and not posts.newest_of_trace(connection, str(row.account_id), trace)[0]:
                yield trace

    # -- deleting --------------------------------------------------------------------------------------

    async def _remove(self, account_id: int, traces: set[bytes], now_ns: int) -> None:
        affected = await self._read(lambda connection: self._affected(connection, account_id, traces))
        for row in affected:
            if row.is_whole and not traces.issuperset(row.traces()):
                await self._splitting.take_apart(row)
        ids = [row.id for row in affected]
        told = {trace for row in affected for trace in row.traces()}
        rows = [(trace, row.id) for row in affected for trace in _alone(row, traces)]

        def from_bodies(connection: sqlite3.Connection) -> int:
            return batches.remove(connection, ids, traces)

        def from_main(connection: sqlite3.Connection) -> int:
            self._index.forget(connection, account_id, rows)
            removed_bytes = 0
            for trace in traces:
                posted_bytes = posts.remove(connection, account_id, trace)
                removed_bytes += posted_bytes
                had_content = posted_bytes > 0 or trace in told
                pages.mark_deleted(connection, account_id, trace, now_ns, had_content=had_content)
            self._logs.note_deleted()
            return removed_bytes

        removed_bytes = await self._writer.submit(
            from_main, bodies=from_bodies, committed=lambda gone: self._count_bytes(account_id, -gone)
        )
        self._count_bytes(account_id, -removed_bytes)
        if self._queues:
            await self._queues.forget(str(account_id), traces, are_deleted=True)

    def _affected(
        self, connection: sqlite3.Connection, account_id: int, traces: set[bytes]
    ) -> list[batches.Row]:
        ids = {
            batch_id for trace in traces for batch_id in self._index.candidates(connection, account_id, trace)
        }
        rows = (batches.row(connection, batch_id) for batch_id in sorted(ids))
        return [row for row in rows if row and not traces.isdisjoint(row.traces())]

    async def _set_mark(self, name: str, batch_id: int) -> None:
        await self._writer.submit(lambda connection: set_mark(connection, name, batch_id))


def _lots(doomed: Sequence[Page]) -> Iterator[tuple[int, set[bytes]]]:
    """Accounts and some of their traces: as many as are deleted in one transaction."""
    for account_id in {page.account_id for page in doomed}:
        traces = [page.otel_trace_id for page in doomed if page.account_id == account_id]
        for start in range(0, len(traces), _LOT):
            yield int(account_id), set(traces[start : start + _LOT])


def _alone(row: batches.Row, removed: set[bytes]) -> list[bytes]:
    """The traces that are removed from a batch and share their index row with none that stays."""
    staying = {key_of(trace) for trace in row.traces() if trace not in removed}
    return [trace for trace in row.traces() if trace in removed and key_of(trace) not in staying]
