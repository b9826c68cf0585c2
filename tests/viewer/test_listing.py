"""`GET /api/traces` tells of each trace what its page would, with no more work than the traces that are told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.listed import received, trace
from tests.viewer.stores import NOW, Open, key_in, post
from viewer import summariser
from viewer.listing import Listing, entry_of_document
from viewer.metrics import Metrics
from viewer.store.base import NS_PER_S, Limit, Page, RecentTrace, Store, StoreUnavailable
from viewer.store.files import Files
from viewer.store.people import Key
from viewer.store.sqlite import SqliteStore
from viewer.store.sqlite_catalogue import SqliteCatalogue
from viewer.summariser import Summariser
from viewer.tellings import Documents

pytestmark = pytest.mark.anyio

WIDE = Limit(1_000_000)
SECRET = "sk-ant-api03-" + "A1b2C3d4" * 11
STEP = {"name": "plan", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 12}
PAYLOAD: dict[str, Any] = {
    "prompt": "What is the weather?",
    "response": "Sunny.",
    "provider": "openai",
    "model": "gpt-5",
    "status": "success",
    "steps": [STEP],
}


@dataclass(slots=True)
class Account:
    """An account on a store, a summariser that works when it is told, and the list that programs are told."""

    store: Store
    key: Key
    redacts: bool = True
    metrics: Metrics = field(default_factory=Metrics)
    now_ns: int = NOW

    @property
    def documents(self) -> Documents:
        return Documents(self.store, self.metrics, redacts=self.redacts)

    async def post(self, number: int, **changes: object) -> None:
        body = json.dumps(PAYLOAD | changes).encode()
        self.now_ns += 1
        await self.store.post(replace(post(self.key, trace(number), self.now_ns, body), limit=WIDE))

    async def summarise(self, *, redacts: bool = True) -> None:
        one = Summariser(self.store, lambda: self.now_ns + 3600 * NS_PER_S, redacts=redacts)
        while await one.work():
            pass

    async def recent(self) -> list[RecentTrace]:
        return await self.store.recent_traces(self.key.account_id, None, 1_000)

    async def entries(self, traces: list[RecentTrace] | None = None) -> list[dict[str, object]]:
        found = await self.recent() if traces is None else traces
        return await Listing(self.store, self.documents).entries(self.key.account_id, found, self.now_ns)

    async def told_by_pages(self) -> list[dict[str, object]]:
        """What each document tells, read one by one."""
        told = []
        for one in await self.recent():
            page = await self.page(one.otel_trace_id)
            ids = {"trace_id": page.id, "otel_trace_id": page.otel_trace_id.hex()}
            told.append(ids | entry_of_document(await self.documents.read(page)))
        return told

    async def page(self, otel_trace_id: bytes) -> Page:
        page = await self.store.page_of(self.key.account_id, otel_trace_id, self.now_ns)
        assert page is not None
        return page

    @property
    def assembled(self) -> int:
        """How many documents were made so far."""
        count = self.metrics.registry.get_sample_value("tracen_page_assembly_seconds_count")
        return int(count or 0)


@pytest.fixture
async def account(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Account]:
    monkeypatch.setattr(summariser, "_REST", 0.0)  # nobody else is there
    monkeypatch.setattr(summariser, "_REST_WHILE_RECEIVING", 0.0)
    store = open_store()
    yield Account(store, await key_in(store))
    await store.close()


async def test_listed_traces_are_told_as_their_pages_without_a_document(account: Account) -> None:
    """Posted ones and those of OTLP, which have no page yet: the same to the letter, and nothing is assembled."""
    await account.post(1, input_tokens=12, output_tokens=3, total_latency_ms=40)
    await account.post(2, status="error", error_message="quota exceeded", model="gpt 5 mini", title="Nightly")
    await account.post(3, provider="custom", model="", prompt="", steps=[])
    await received(account.store, account.key, *range(4, 9), at_ns=NOW + 10)
    await account.summarise()
    told = await account.entries()
    assert account.assembled == 0
    assert len(told) == 8
    assert told == await account.told_by_pages()
    assert account.assembled == 8


@pytest.mark.parametrize(
    "odd",
    [
        {"model": "m" * 300},
        {"model": "two\nlines"},
        {"provider": "custom", "provider_name": "openai"},
        {"steps": [STEP, {**STEP, "timestamp": "2026-11-24T08:00:00Z"}], "started_at": STEP["timestamp"]},
        {"steps": [{**STEP, "timestamp": "1970-01-01T00:00:00Z"}]},
        {"notes": ["The root span of this trace has not arrived."], "status": "error"},
        {"total_latency_ms": 9_007_199_254_740_991, "input_tokens": 9_007_199_254_740_991},
        {"title": "\u202eevil\x00 title" * 40},
    ],
    ids=["long model", "lines", "named custom", "early step", "no time", "no root", "numbers", "title"],
)
async def test_odd_trace_is_told_as_by_its_page(account: Account, odd: dict[str, object]) -> None:
    """Where the catalogue does not keep all that is told, the document is asked."""
    await account.post(1, **odd)
    await account.summarise()
    told = await account.entries()
    assert told == await account.told_by_pages()


async def test_what_is_not_listed_yet_is_told_all_the_same(account: Account) -> None:
    """A trace of a moment ago, and one that has grown since: these alone are assembled."""
    await received(account.store, account.key, *range(1, 10), at_ns=NOW)
    await account.summarise()
    await account.post(10, title="new")
    await account.post(3)
    told = await account.entries()
    grown = ("What is the weather?", 2)  # the span of 3 tells no time, so what was posted is its first step
    assert [(entry["title"], entry["step_count"]) for entry in told[:2]] == [grown, ("new", 1)]
    assert len(told) == 10
    assert account.assembled == 2
    assert told == await account.told_by_pages()


async def test_deleted_trace_is_not_told(account: Account) -> None:
    """Neither where that happened before the question, nor between its two halves."""
    for number in (1, 2, 3):
        await account.post(number)
    await account.summarise()
    await account.store.delete(await account.page(trace(1)), NOW)
    found = await account.recent()
    assert len(found) == 2
    await account.store.delete(await account.page(trace(2)), NOW)
    told = await account.entries(found)
    assert [entry["otel_trace_id"] for entry in told] == [trace(3).hex()]


async def test_masks_hold_in_the_list_at_once(account: Account) -> None:
    """Before the catalogue has made the trace anew, and after it."""
    await account.post(1, title="Call Rumpelstiltskin")
    await account.summarise()
    assert [entry["title"] for entry in await account.entries()] == ["Call Rumpelstiltskin"]
    await account.store.set_masks(await account.page(trace(1)), ["Rumpelstiltskin"])
    told = await account.entries()
    assert "Rumpelstiltskin" not in str(told)
    assert account.assembled == 1
    await account.summarise()
    assert await account.entries() == told
    assert account.assembled == 1


async def test_what_was_listed_unmasked_is_not_told_once_secrets_are_masked(account: Account) -> None:
    """Nor the other way around: a summary is told under the meaning that it was made under."""
    await account.post(1, title=f"key {SECRET}")
    await account.summarise(redacts=False)
    assert SECRET not in str(await account.entries())
    assert account.assembled == 1
    account.redacts = False
    assert SECRET in str(await account.entries())
    assert account.assembled == 1


async def test_list_is_told_while_the_catalogue_can_not_be_read(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made anew from what was received, which is all that is needed here."""
    await account.post(1)
    await account.summarise()
    told = await account.entries()

    async def unavailable(catalogue: SqliteCatalogue, pages: object) -> None:
        raise StoreUnavailable("the list of traces can not be read")

    monkeypatch.setattr(SqliteCatalogue, "current", unavailable)  # as on a broken disk
    assert await account.entries() == told
    assert account.assembled == 1


async def test_work_does_not_grow_with_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many statements for twenty traces of two hundred as for twenty of forty, and none that writes."""
    statements: list[str] = []
    opened = Files.open_reading

    def open_reading(files: Files, *, search: bool = False) -> sqlite3.Connection:
        connection = opened(files, search=search)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(Files, "open_reading", open_reading)
    store = SqliteStore(tmp_path / "store.db")
    account = Account(store, await key_in(store))
    counts = []
    for first in (1, 41):
        for number in range(first, first + (40 if first == 1 else 160)):
            await account.post(number)
        await account.summarise()
        statements.clear()
        found = await store.recent_traces(account.key.account_id, None, 20)
        assert len(await account.entries(found)) == 20
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 20 * 10
    assert account.assembled == 0
    await store.close()
