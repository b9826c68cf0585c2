"""The queue of deliveries to one target on SQLite: FILE-forward, fed from what FILE and FILE-bodies say has come."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any

from viewer.store import arrivals, delivery_rows, delivery_targets
from viewer.store.arrivals import BATCHES, POSTS
from viewer.store.base import Limit
from viewer.store.batches import each_id
from viewer.store.deliveries import (
    Arrived,
    Delivery,
    DeliveryState,
    Discovery,
    Outgoing,
    Standing,
    Target,
    Waits,
)
from viewer.store.forward_file import ForwardFile

ReadStore = Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]
"""Runs a reader on a connection of `Files.open_reading`."""


class SqliteDeliveries:
    """A `viewer.store.deliveries.Deliveries` of one target."""

    def __init__(self, file: ForwardFile, read_store: ReadStore, target_id: int) -> None:
        self._file = file
        self._read_store = read_store
        self._id = target_id

    @classmethod
    async def opened(
        cls,
        file: ForwardFile,
        read_store: ReadStore,
        url: str,
        now_ns: int,
        *,
        with_past: bool,
        accounts: str,
        limit: Limit | None,
    ) -> SqliteDeliveries:
        """The queue of a target, made as needed; see `viewer.store.base.Store.deliveries`."""
        newest: tuple[int, int] = await read_store(_newest)

        def work(connection: sqlite3.Connection) -> int:
            target_id = delivery_targets.made(connection, url, newest, now_ns)
            if with_past:
                delivery_targets.include_past(connection, target_id, accounts)
            delivery_targets.resume(connection, target_id, limit, now_ns)
            return target_id

        return cls(file, read_store, await file.write(work))

    # -- into the queue --------------------------------------------------------------------------------

    async def discover(self, limit: int) -> Discovery:
        seen = await self._file.read(lambda c: delivery_targets.seen(c, self._id))
        discovery: Discovery = await self._read_store(partial(_discovery, seen=seen, limit=limit))
        return discovery

    async def enqueue(
        self, discovery: Discovery, wanted: Sequence[Arrived], waits: Waits, now_ns: int
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            delivery_rows.enqueue(connection, self._id, wanted, waits, now_ns)
            delivery_targets.set_seen(connection, self._id, discovery.batch_id, discovery.post_id)

        await self._file.write(work)

    # -- out of the queue ------------------------------------------------------------------------------

    async def next(
        self, now_ns: int, *, newest_first: bool, counted_since_ns: int | None = None
    ) -> tuple[Delivery, Outgoing | None] | None:
        def read(connection: sqlite3.Connection) -> delivery_rows.Found | None:
            found = delivery_rows.next_in_doubt(connection, self._id, now_ns, counted_since_ns)
            if found is not None or counted_since_ns is not None:
                return found
            return delivery_rows.next_waiting(connection, self._id, now_ns, newest_first=newest_first)

        return await self._file.read(read)

    async def held(self, now_ns: int, limit: int) -> list[Delivery]:
        return await self._file.read(lambda c: delivery_rows.held(c, self._id, now_ns, limit))

    async def put_off(self, delivery: Delivery, due_ns: int, rest_until_ns: int = 0) -> None:
        await self._file.write(lambda c: delivery_rows.put_off(c, delivery, due_ns, rest_until_ns))

    async def put_last(self, delivery: Delivery, due_ns: int, reason: str = "") -> None:
        await self._file.write(lambda c: delivery_rows.put_last(c, delivery, due_ns, reason))

    async def hold_back(self, deliveries: Sequence[Delivery], reason: str, due_ns: int) -> None:
        await self._file.write(lambda c: delivery_rows.hold_back(c, deliveries, reason, due_ns))

    async def release(self, deliveries: Sequence[Delivery], now_ns: int) -> None:
        await self._file.write(lambda c: delivery_rows.release(c, deliveries, now_ns))

    async def set_aside(self, delivery: Delivery, state: DeliveryState, reason: str, due_ns: int = 0) -> None:
        await self._file.write(lambda c: delivery_rows.set_aside(c, delivery, state, reason, due_ns))

    async def refuse(self, delivery: Delivery, version: int, refusal: str) -> Delivery | None:
        return await self._file.write(lambda c: delivery_rows.refuse(c, delivery, version, refusal))

    async def settle(self, delivery: Delivery, version: int) -> None:
        await self._file.write(lambda c: delivery_rows.settle(c, delivery, version))

    # -- under way -------------------------------------------------------------------------------------

    async def begin(self, delivery: Delivery, outgoing: Outgoing) -> None:
        await self._file.write(lambda c: delivery_rows.begin(c, delivery, outgoing))

    async def attempt(self, delivery: Delivery, now_ns: int) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            delivery_targets.drop_old_hits(connection, self._id, now_ns)
            return delivery_rows.attempt(connection, self._id, delivery)

        return await self._file.write(work)

    async def missed(self, delivery: Delivery, at_ns: int) -> None:
        await self._file.write(lambda c: delivery_rows.missed(c, delivery, at_ns))

    async def not_taken(self, delivery: Delivery) -> None:
        await self._file.write(lambda c: delivery_rows.not_taken(c, delivery))

    async def withdraw(
        self, delivery: Delivery, *, max_bytes: int | None = None, is_documented_only: bool | None = None
    ) -> None:
        await self._file.write(lambda c: delivery_rows.withdraw(c, delivery, max_bytes, is_documented_only))

    async def deliver(
        self, delivery: Delivery, page_id: str, now_ns: int, rest_ns: int = 0, *, page_url: str = ""
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            page = page_id, page_url
            delivery_rows.deliver(connection, self._id, delivery, page, now_ns, rest_ns)
            delivery_targets.note_success(connection, self._id, now_ns)

        await self._file.write(work)

    async def page_removed(self, delivery: Delivery) -> None:
        sql = "update deliveries set page_id = '', page_url = '', digest = x'' where id = ?"
        await self._file.write(lambda c: c.execute(sql, (delivery.id,)).rowcount)

    # -- the target ------------------------------------------------------------------------------------

    async def target(self) -> Target:
        return await self._file.read(lambda c: delivery_targets.read(c, self._id))

    async def learn(self, *, is_extended: bool) -> None:
        await self._file.write(lambda c: delivery_targets.learn(c, self._id, is_extended=is_extended))

    async def learn_limits(self, limits: Collection[Limit]) -> None:
        await self._file.write(lambda c: delivery_targets.learn_limits(c, self._id, limits))

    async def hold(self, until_ns: int, reason: str, failure: str, now_ns: int) -> None:
        await self._file.write(
            lambda c: delivery_targets.hold(c, self._id, until_ns, reason, failure, now_ns)
        )

    async def wait_ns(self, limits: Collection[Limit], now_ns: int) -> int:
        if await self._file.read(lambda c: delivery_targets.has_unsettled_hits(c, self._id)):
            await self._file.write(lambda c: delivery_targets.settle_hits(c, self._id, now_ns))
        return await self._file.read(lambda c: delivery_targets.wait_ns(c, self._id, limits, now_ns))

    async def standing(self, now_ns: int) -> Standing:
        return await self._file.read(lambda c: delivery_targets.standing(c, self._id, now_ns))


def _newest(connection: sqlite3.Connection) -> tuple[int, int]:
    return arrivals.newest_id(connection, BATCHES), arrivals.newest_id(connection, POSTS)


def _discovery(connection: sqlite3.Connection, seen: tuple[int, int], limit: int) -> Discovery:
    """What came after what was seen. Ids grow in the order of commits, so none appears behind another."""
    batch_id, post_id = seen
    found: list[Arrived] = []
    sql = "select id, account_id, otel_trace_ids from batches where id > ? order by id"
    for newest, account_id, otel_trace_ids in connection.execute(sql, (batch_id,)):
        found += [Arrived(str(account_id), one, newest) for one in each_id(otel_trace_ids)]
        batch_id = newest
        if len(found) >= limit:
            break
    sql = "select id, account_id, otel_trace_id from posts where id > ? order by id limit ?"
    for newest, account_id, otel_trace_id in connection.execute(sql, (post_id, limit)):
        found.append(Arrived(str(account_id), otel_trace_id, 0, newest))
        post_id = newest
    return Discovery(found, batch_id, post_id)
