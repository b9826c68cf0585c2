"""Traces that are received and put in the list, without a summariser: what is told of them is the test's to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.viewer.stores import NOW
from viewer.store.base import NS_PER_S, Batch, BodyKind, Page, Store
from viewer.store.catalogue import Due, ListedTrace, Outcome, Query, Summarised, Summary
from viewer.store.people import Key

MINUTE = 60 * NS_PER_S
LATER = NOW + 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Told:
    """What a test tells of a trace. `started_ns`: 0 for none."""

    title: str = "a run"
    text: str = ""
    outcome: Outcome = Outcome.SUCCESS
    provider: str = "openai"
    model: str = "gpt-5"
    kinds: tuple[str, ...] = ("llm",)
    started_ns: int = NOW - MINUTE

    def summary(self) -> Summary:
        return Summary(self.title, self.outcome, self.provider, self.model, self.kinds, self.started_ns)


def trace(number: int) -> bytes:
    return number.to_bytes(16, "big")


def number_of(listed: ListedTrace) -> int:
    return int.from_bytes(listed.page.otel_trace_id, "big")


async def received(store: Store, key: Key, *numbers: int, at_ns: int = NOW) -> None:
    """One request that tells of traces, with a span for each."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number in numbers:
        spans.add(trace_id=trace(number), span_id=trace(number)[8:], name=f"span of {number}")
    body, ids = message.SerializeToString(), frozenset(map(trace, numbers))
    await store.append(Batch(key.account_id, BodyKind.OTLP_PROTOBUF, body, ids, at_ns))


async def dues_of(store: Store, now_ns: int = LATER) -> list[Due]:
    return list(await store.catalogue.due(1_000, now_ns))


async def summarise(
    store: Store, told_by_number: dict[int, Told], now_ns: int = LATER, rest_until_ns: int = 0
) -> None:
    """Save what is told of the traces that are due."""
    items = []
    for due in await dues_of(store, now_ns):
        told = told_by_number.get(int.from_bytes(due.otel_trace_id, "big"))
        if told is not None:
            items.append(Summarised(due, due.version, told.summary(), told.text, rest_until_ns))
    await store.catalogue.save(items)


async def listed(store: Store, key: Key, told_by_number: dict[int, Told]) -> None:
    """Receive traces and put them in the list."""
    await received(store, key, *told_by_number)
    await summarise(store, told_by_number)


async def found(store: Store, key: Key, query: Query | None = None, limit: int = 100) -> list[int]:
    """The numbers of the traces that are found, in order."""
    traces = await store.catalogue.find(key.account_id, query or Query(), None, limit)
    return [number_of(one) for one in traces]


async def page_of(store: Store, key: Key, number: int) -> Page:
    page = await store.page_of(key.account_id, trace(number), NOW)
    assert page is not None
    return page


async def paged(store: Store, key: Key, query: Query, limit: int) -> list[int]:
    """All that is found, going on by cursors."""
    numbers: list[int] = []
    before: int | None = None
    while True:
        traces: Sequence[Any] = await store.catalogue.find(key.account_id, query, before, limit)
        numbers += map(number_of, traces)
        if len(traces) < limit:
            return numbers
        before = traces[-1].place
