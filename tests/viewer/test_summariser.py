"""The summariser lists what really arrives: posts and OTLP, in bursts, growing, broken, deleted, over restarts."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.bench.load import SMALL, Load, over_grpc
from tests.processes import TracenProcess, start_tracen
from tests.viewer.listed import found, page_of, paged, trace
from tests.viewer.stores import NOW, Open, key_in, post
from tracen_otel.otlp import Encoding, Signal, take_census
from viewer import summariser, synopsis
from viewer.store.base import NS_PER_S, Batch, BodyKind, Page, Store, StoreUnavailable, Telling
from viewer.store.catalogue import Due, ListedTrace, Outcome, Query
from viewer.store.people import Key
from viewer.summariser import Summariser

pytestmark = pytest.mark.anyio

SECRET = "sk-ant-api03-" + "A1b2C3d4" * 11


@dataclass(slots=True)
class Clock:
    """A time that a test moves."""

    now_ns: int = NOW

    def __call__(self) -> int:
        return self.now_ns


@dataclass(slots=True)
class Service:
    """A store with a key and a summariser, which works when it is told."""

    open_store: Open
    store: Store
    key: Key
    clock: Clock = field(default_factory=Clock)
    summariser: Summariser = field(init=False)

    def __post_init__(self) -> None:
        self.summariser = Summariser(self.store, self.clock)

    async def restart(self) -> None:
        await self.store.close()
        self.store = self.open_store()
        self.summariser = Summariser(self.store, self.clock)

    async def catch_up(self) -> int:
        """Work until nothing is due; how many traces were looked at."""
        count = 0
        while some := await self.summariser.work():
            count += some
        return count

    async def post(self, number: int, **changes: object) -> Page:
        payload = {
            "prompt": "What is the weather?",
            "response": "Sunny.",
            "provider": "openai",
            "model": "gpt-5",
            "status": "success",
            "steps": [{"name": "plan", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 12}],
        }
        body = json.dumps(payload | changes).encode()
        outcome = await self.store.post(post(self.key, trace(number), self.clock.now_ns, body))
        page = await self.store.page(outcome.page_id)
        assert page is not None
        return page

    async def send(self, body: bytes, *ids: bytes) -> None:
        """Keep OTLP as it came; of which traces it tells is looked up where it is not said."""
        told = frozenset(ids) or take_census(body, Encoding.PROTOBUF, Signal.TRACES).trace_ids
        await self.store.append(
            Batch(self.key.account_id, BodyKind.OTLP_PROTOBUF, body, told, self.clock.now_ns)
        )

    async def listed(self, query: Query | None = None) -> list[ListedTrace]:
        return await self.store.catalogue.find(self.key.account_id, query or Query(), None, 100)


@pytest.fixture
async def service(open_store: Open) -> AsyncIterator[Service]:
    store = open_store()
    made = Service(open_store, store, await key_in(store))
    yield made
    await made.store.close()


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not rest between two traces: nobody else is there."""
    monkeypatch.setattr(summariser, "_REST", 0.0)
    monkeypatch.setattr(summariser, "_REST_WHILE_RECEIVING", 0.0)


async def test_post_is_listed_as_its_page_tells_it(service: Service) -> None:
    """Title, outcome, model, steps, start, and what was said in it."""
    await service.post(1, input_tokens=12, output_tokens=3, total_latency_ms=40)
    assert await service.catch_up() == 1
    (one,) = await service.listed()
    summary = one.summary
    assert (summary.title, summary.outcome) == ("What is the weather?", Outcome.SUCCESS)
    assert (summary.provider, summary.model, summary.step_count) == ("openai", "gpt-5", 1)
    assert (summary.input_tokens, summary.output_tokens, summary.latency_ns) == (12, 3, 40_000_000)
    for text in ("weather", "sunny", "plan", "gpt-5"):
        assert len(await service.listed(Query(text=text))) == 1


async def test_otlp_is_listed_by_its_traces(service: Service) -> None:
    """A batch of many; kinds and models of their steps are there to filter by; no page or document was made."""
    load = Load(SMALL, requests=2)
    for body in load.bodies:
        await service.send(body)
    assert await service.catch_up() == len(load.trace_ids)
    traces = await paged(service.store, service.key, Query(kind="llm", model="gpt-5", provider="openai"), 50)
    assert len(traces) == len(load.trace_ids)
    choices = await service.store.catalogue.choices(service.key.account_id)
    assert (choices.models, choices.kinds) == (("gpt-5",), ("llm",))


async def test_failed_run_is_found_by_its_error(service: Service) -> None:
    """The message of the run, and those of its steps."""
    await service.post(1, status="error", error_message="quota exceeded for project 42")
    await service.post(2)
    await service.catch_up()
    assert [n.summary.outcome for n in await service.listed(Query(text="quota project"))] == [Outcome.ERROR]


async def test_secrets_are_masked_in_the_list(service: Service, tmp_path: Path) -> None:
    """As on the page, though the body is kept as it came; neither title nor words hold one."""
    load = Load(
        SMALL | {"gen_ai.input.messages": _asked(f"use {SECRET} for it")}, spans=1, traces=1, requests=1
    )
    await service.send(load.bodies[0])
    await service.catch_up()
    (one,) = await service.listed(Query(text="use"))
    assert SECRET not in one.summary.title
    assert await service.listed(Query(text=SECRET)) == []
    held = [path.name for path in tmp_path.iterdir() if SECRET[20:].encode() in path.read_bytes()]
    assert all("-search" not in name for name in held)


def _asked(text: str) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])


async def test_what_was_not_done_before_a_restart_is_done_after_it(service: Service) -> None:
    """Each trace once: what was listed before is not read again."""
    bodies = Load(SMALL, requests=4).bodies
    for body in bodies[:2]:
        await service.send(body)
    done = await service.summariser.work()
    await service.send(bodies[2])
    await service.restart()
    await service.send(bodies[3])
    done += await service.catch_up()
    assert done == 4 * 64
    assert len(await paged(service.store, service.key, Query(), 100)) == 4 * 64
    await service.restart()
    assert await service.catch_up() == 0


async def test_burst_lists_the_newest_first(service: Service) -> None:
    """However much has come: whoever just sent something sees it."""
    for n in range(1, 101):
        service.clock.now_ns = NOW + n * NS_PER_S
        await service.post(n) if n % 2 else await service.send(_spans(n))
    await service.summariser.work()
    numbers = [int.from_bytes(one.page.otel_trace_id, "big") for one in await service.listed()]
    assert set(numbers) == set(range(51, 101))
    await service.catch_up()
    assert len(await service.listed()) == 100
    assert await service.store.catalogue.backlog(service.key.account_id) == 0


def _spans(number: int, name: str = "chat") -> bytes:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = trace(number), os.urandom(8), name
    span.start_time_unix_nano, span.end_time_unix_nano = NOW, NOW + 1_000
    body: bytes = message.SerializeToString()
    return body


async def test_growing_trace_is_read_seldom(service: Service) -> None:
    """Twenty requests in two seconds are two readings or three; the list ends as new as the trace."""
    readings = 0
    for n in range(20):
        await service.send(_spans(1, f"step-{n}"))
        readings += await service.catch_up()
        service.clock.now_ns += NS_PER_S // 10
    assert 2 <= readings <= 3
    service.clock.now_ns += 10 * NS_PER_S
    await service.catch_up()
    (one,) = await service.listed(Query(text="step-19"))
    assert one.summary.step_count == 20


async def test_trace_that_is_deleted_before_its_turn_is_not_listed(service: Service) -> None:
    """And does not keep the others waiting."""
    page = await service.post(1)
    await service.post(2)
    await service.store.delete(page, NOW)
    await service.catch_up()
    assert await found(service.store, service.key) == [2]


async def test_trace_that_is_deleted_while_it_is_read_is_not_listed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its summary is thrown away when it comes."""
    page = await service.post(1)
    await service.post(2)
    telling_of = type(service.store.catalogue).telling

    async def deleted_meanwhile(self: object, due: Due, max_bytes: int) -> Telling:
        telling = await telling_of(self, due, max_bytes)  # type: ignore[arg-type]
        if due.otel_trace_id == trace(1):
            await service.store.delete(page, NOW)
        return telling

    monkeypatch.setattr(type(service.store.catalogue), "telling", deleted_meanwhile)
    await service.catch_up()
    assert await found(service.store, service.key) == [2]
    assert await service.listed(Query(text="weather plan")) != []


async def test_garbage_is_listed_beside_its_neighbours(service: Service) -> None:
    """Bodies that an older release took and this one can not read: the trace is there, with what its page tells."""
    await service.send(b"\xff\xfe no protobuf", trace(1))
    await service.store.post(post(service.key, trace(2), NOW, b"{ no json"))
    await service.post(3)
    await service.catch_up()
    assert sorted(await found(service.store, service.key)) == [1, 2, 3]


@pytest.mark.parametrize("error", [RuntimeError("odd"), StoreUnavailable("too much waits"), MemoryError()])
async def test_odd_trace_stops_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """One that breaks its assembly, or whatever else is done with it, is listed without content at the last."""
    text_of = synopsis.text_of

    def odd(told: object) -> str:
        if "odd one" in told.prompt:  # type: ignore[attr-defined]
            raise error
        return text_of(told)  # type: ignore[arg-type]

    monkeypatch.setattr(summariser, "text_of", odd)
    await service.post(1, prompt="the odd one")
    await service.post(2)
    with caplog.at_level(logging.ERROR):
        await service.catch_up()
    assert sorted(await found(service.store, service.key)) == [1, 2]
    titles = {one.summary.title for one in await service.listed()}
    assert titles == {trace(1).hex(), "What is the weather?"}
    assert "odd one" not in caplog.text


async def test_telling_that_can_not_be_read_is_tried_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment's trouble costs a moment."""
    telling_of, failures = type(service.store.catalogue).telling, [1]

    async def failing(self: object, due: Due, max_bytes: int) -> Telling:
        if failures:
            failures.pop()
            raise StoreUnavailable("busy")
        return await telling_of(self, due, max_bytes)  # type: ignore[arg-type]

    monkeypatch.setattr(type(service.store.catalogue), "telling", failing)
    await service.post(1)
    await service.catch_up()
    assert [one.summary.title for one in await service.listed()] == ["What is the weather?"]


async def test_large_trace_rests_in_proportion(service: Service) -> None:
    """What took long to read is not read again soon."""
    load = Load(SMALL, spans=3_000, traces=1, requests=1)
    await service.send(load.bodies[0])
    await service.catch_up()
    page = await service.store.page_of(service.key.account_id, load.trace_ids[0], NOW)
    assert page is not None
    (one,) = await service.listed()
    assert one.summary.step_count == 3_000
    await service.send(load.bodies[0])
    service.clock.now_ns += NS_PER_S
    assert await service.catch_up() == 0
    service.clock.now_ns += 600 * NS_PER_S
    assert await service.catch_up() == 1


async def test_forgotten_trace_comes_back_by_itself(service: Service) -> None:
    """As its page tells it now."""
    page = await service.post(1)
    await service.catch_up()
    await service.store.catalogue.forget(page)
    assert await service.listed() == []
    await service.catch_up()
    assert [one.page.id for one in await service.listed()] == [page.id]
    assert (await page_of(service.store, service.key, 1)).id == page.id


# -- the running server --------------------------------------------------------------------------------


def _listed_on_disk(db: Path) -> int:
    import sqlite3

    connection = sqlite3.connect(f"file:{db}-search?mode=ro", uri=True)
    try:
        count: int = connection.execute("select count(*) from summaries").fetchone()[0]
        return count
    finally:
        connection.close()


def _wait_for(count: int, db: Path, within_s: float = 30) -> None:
    end_s = time.monotonic() + within_s
    while _listed_on_disk(db) < count:
        assert time.monotonic() < end_s, f"{_listed_on_disk(db)} of {count} are listed"
        time.sleep(0.05)


def test_server_lists_what_it_receives_over_crashes(tmp_path: Path) -> None:
    """A trace that was posted alone; then a burst, a kill in its midst, and all of it after the next start."""
    db = tmp_path / "store.db"
    tracen = start_tracen(db)
    try:
        _post_to(tracen)
        _wait_for(1, db)
        send = over_grpc(tracen)
        for body in Load(SMALL, requests=10).bodies:
            send(body)
        tracen.kill()
        tracen.close()
        tracen = start_tracen(db, key=tracen.key)
        _wait_for(1 + 640, db)
        assert tracen.stop() == 0
    finally:
        if tracen.process.poll() is None:
            tracen.kill()
        tracen.close()
    assert "rror" not in db.with_suffix(".stderr").read_text()


def _post_to(tracen: TracenProcess) -> None:
    payload = {
        "prompt": "p",
        "response": "r",
        "provider": "openai",
        "model": "m",
        "status": "success",
        "steps": [],
    }
    with httpx2.Client(trust_env=False, headers={"x-tracen-key": tracen.key}) as client:
        client.post(f"{tracen.http}/api/traces", json=payload).raise_for_status()
