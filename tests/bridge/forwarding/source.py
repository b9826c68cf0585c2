"""A store whose traces are forwarded, in process, at a time that a test moves: what arrives, what is done about it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bridge.forwarding.endpoint import Endpoint
from bridge.forwarding.forwarding import Forwarding
from bridge.forwarding.terms import Terms
from tests.viewer.accounts.portal import Clock
from tests.viewer.stores import key_in
from viewer.store.base import NS_PER_S, Batch, BodyKind, Page, Sharing, Store
from viewer.store.deliveries import Deliveries, DeliveryState
from viewer.store.people import Key
from viewer.store.sqlite import SqliteStore

TIMEOUT_S = 10.0
MOST_STEPS = 2_000
MOST_WAITS = 120


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def name_of(trace: int, span: int) -> str:
    """Of a span; which trace a page shows is read from it."""
    return f"t{trace}s{span}"


def spans(*told: tuple[int, int], root: int = 0) -> bytes:
    """A request of (trace, span) pairs; span `root` is the parent of the others."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for trace, span in told:
        scope.spans.add(
            trace_id=trace_id(trace),
            span_id=(span + 1).to_bytes(8, "big"),
            parent_span_id=b"" if span == root else (root + 1).to_bytes(8, "big"),
            name=name_of(trace, span),
            start_time_unix_nano=1_700_000_000 * NS_PER_S + span * 1_000_000,
            end_time_unix_nano=1_700_000_000 * NS_PER_S + span * 1_000_000 + 500_000,
        )
    body: bytes = request.SerializeToString()
    return body


@dataclass
class Source:
    """The store, and forwarding over it, which works when it is told."""

    folder: Path
    terms: Terms
    clock: Clock = field(default_factory=Clock)
    store: Store = field(init=False)
    key: Key = field(init=False)
    queue: Deliveries = field(init=False)
    forwarding: Forwarding = field(init=False)

    async def open(self) -> Source:
        self.store = SqliteStore(self.folder / "source.db")
        self.queue = await self.store.deliveries(
            self.terms.url,
            self.clock(),
            with_past=self.terms.has_past,
            accounts=self.terms.scope,
            limit=self.terms.limit,
        )
        endpoint = Endpoint(self.terms.url, self.terms.key, lambda: self.clock() / NS_PER_S, TIMEOUT_S)
        self.forwarding = Forwarding(self.store, self.queue, self.terms, self.clock, endpoint)
        self.key = await key_in(self.store)
        return self

    async def close(self) -> None:
        for thread in threading.enumerate():
            if thread.name == "tracen-courier":
                thread.join(TIMEOUT_S)
        self.forwarding._endpoint.close()
        await self.store.close()

    async def restart(self) -> None:
        """Everything is made anew from what is on disk."""
        await self.close()
        await self.open()

    async def send(self, *told: tuple[int, int], root: int = 0) -> None:
        """Keep a request."""
        ids = frozenset(trace_id(trace) for trace, _ in told)
        body = spans(*told, root=root)
        await self.store.append(
            Batch(self.key.account_id, BodyKind.OTLP_PROTOBUF, body, ids, self.clock.now_ns)
        )

    async def page(self, trace: int) -> Page:
        page = await self.store.page_of(self.key.account_id, trace_id(trace), self.clock.now_ns)
        assert page is not None
        return page

    async def share(self, trace: int, *, is_private: bool) -> None:
        await self.store.set_sharing(await self.page(trace), Sharing(is_private=is_private))

    async def work(self) -> int:
        """Do all there is to do now; answers for how long there is nothing."""
        for _ in range(MOST_STEPS):
            fed = await self.forwarding.feeder.feed()
            wait_ns = await self.forwarding.courier.step()
            if not fed and wait_ns:
                return wait_ns
        raise AssertionError("there is always more to do")

    async def count(self, state: DeliveryState) -> int:
        return (await self.queue.standing(self.clock())).counts[state]

    def state_of(self, trace: int) -> DeliveryState:
        """What has become of a trace, as FILE-forward has it."""
        sql = "select state from deliveries where otel_trace_id = ?"
        with closing(sqlite3.connect(self.folder / "source.db-forward")) as connection:
            return DeliveryState(connection.execute(sql, (trace_id(trace),)).fetchone()[0])

    async def drain(self, *, held: int = 0) -> None:
        """Let time pass until nothing waits, and no more are held than will be for ever."""
        for _ in range(MOST_WAITS):
            wait_ns = await self.work()
            standing = await self.queue.standing(self.clock())
            if standing.due_ns is not None:
                self.clock.now_ns += max(wait_ns, standing.due_ns - self.clock(), NS_PER_S)
            elif standing.counts[DeliveryState.HELD] > held:
                self.clock.forward(600)
            else:
                return
        raise AssertionError(f"the queue never ends: {standing}")
