"""A store, and the queue of deliveries to one target, which a test fills and empties step by step."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.viewer.listed import trace
from tests.viewer.stores import NOW, Open, batch, key_in
from viewer.store.base import NS_PER_S, Page, Store
from viewer.store.deliveries import Deliveries, Delivery, Outgoing, Waits
from viewer.store.people import Key

URL = "https://target.example"
WAITS = Waits(2 * NS_PER_S, 300 * NS_PER_S)
LATER = NOW + 3 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S


@dataclass
class Scene:
    """A store with a key, and the queue of one target."""

    open_store: Open
    store: Store
    key: Key
    queue: Deliveries

    async def restart(self, now_ns: int = NOW) -> None:
        await self.store.close()
        self.store = self.open_store()
        self.queue = await self.store.deliveries(URL, now_ns)

    async def send(self, *numbers: int) -> None:
        await self.store.append(batch(self.key, b"spans", *map(trace, numbers)))

    async def feed(self, now_ns: int = NOW) -> int:
        """Put all that has come in the queue; how many traces it told of."""
        count = 0
        while (found := await self.queue.discover(10)).arrived:
            await self.queue.enqueue(found, found.arrived, WAITS, now_ns)
            count += len(found.arrived)
        return count

    async def next(self, now_ns: int = LATER, *, newest_first: bool = False) -> int | None:
        """The number of the trace that is next."""
        found = await self.queue.next(now_ns, newest_first=newest_first)
        return int.from_bytes(found[0].otel_trace_id, "big") if found else None

    async def due(self, now_ns: int = LATER) -> tuple[Delivery, Outgoing | None]:
        found = await self.queue.next(now_ns, newest_first=False)
        assert found is not None
        return found

    async def page(self, number: int) -> Page:
        page = await self.store.page_of(self.key.account_id, trace(number), NOW)
        assert page is not None
        return page

    async def deliver(self, now_ns: int = LATER, body: bytes = b"body") -> Delivery:
        """The next one, as it goes well."""
        delivery, _ = await self.due(now_ns)
        await self.queue.begin(delivery, outgoing(delivery, body))
        await self.queue.attempt(delivery, now_ns)
        await self.queue.deliver(delivery, f"page-{delivery.id}", now_ns)
        return delivery


def outgoing(delivery: Delivery, body: bytes = b"body") -> Outgoing:
    return Outgoing(f"key-{delivery.id}-{delivery.arrived}", body, delivery.arrived, True, b"digest")


@contextlib.asynccontextmanager
async def opened_scene(open_store: Open) -> AsyncIterator[Scene]:
    store = open_store()
    made = Scene(open_store, store, await key_in(store), await store.deliveries(URL, NOW))
    yield made
    await made.store.close()
