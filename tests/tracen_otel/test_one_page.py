"""Whatever happens between a span's end and its page: one page a trace, with all its spans, or a count of the rest.

The network is the test's, and lets posts and answers get lost; the service behind it is the real one, its app
and its store in this process, since a server process would make thousands of sequences slow. The last test
has some of them go to one.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
import urllib3
from hypothesis import event, example, given, settings
from starlette.testclient import TestClient

from tests.processes import TracenProcess
from tests.tracen_otel.exporting import Program, Wire, trace_id
from tests.tracen_otel.fates import (
    Answer,
    Batch,
    Ended,
    Fate,
    Flush,
    Kind,
    Pass,
    Restart,
    Weather,
    fates,
)
from tracen_otel.pending import Bounds
from tracen_otel.transport import new_pool
from viewer.app import create_app
from viewer.keys import Authenticator, create_key
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.sqlite import SqliteStore

BASE_URL = "http://tracen.test"
TIGHT = Bounds(traces=2, spans=8, spans_per_trace=5, text_chars=6_000, remembered=2)
ROOT = Ended(0, Kind.ROOT)
LATE = Ended(0, Kind.CHILD)
LOSSES = {
    "too many traces",
    "too many spans",
    "too many spans in one trace",
    "too much text",
    "the program ended before they could be published",
    "the server answered 413 Request Entity Too Large",
}


@dataclass
class Service:
    """The service in this process. Each program has an account of its own, as the store is all programs'."""

    client: TestClient
    store: SqliteStore
    numbers: Iterator[int]

    def new_key(self) -> str:
        assert self.client.portal is not None
        return self.client.portal.call(create_key, self.store, f"{next(self.numbers)}@example.com", 0)

    def urlopen(
        self, method: str, url: str, body: bytes, headers: dict[str, str], **options: Any
    ) -> urllib3.BaseHTTPResponse:
        answer = self.client.request(method, url, content=body, headers=headers)
        content = io.BytesIO(answer.content)
        return urllib3.HTTPResponse(content, dict(answer.headers), answer.status_code, preload_content=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = SqliteStore(tmp_path_factory.mktemp("one-page") / "store.db")
    settings = Settings(base_url=BASE_URL, requests_per_hour=10**6)
    requests = Requests(Metrics(), lambda: 0)
    app = create_app(store, settings, Authenticator(store, lambda: 0.0), requests)
    with TestClient(app, BASE_URL) as client:
        yield Service(client, store, count())
    asyncio.run(store.close())


def steps_by_page(client: httpx2.Client, key: str) -> dict[str, tuple[str, Counter[str]]]:
    """What the account's pages show: URL to OTel trace id and names of steps."""
    headers = {"x-tracen-key": key}
    listed = client.get("/api/traces", params={"limit": 100}, headers=headers).json()
    assert listed["next"] is None
    pages = {}
    for trace in listed["traces"]:
        steps = client.get(trace["url"] + ".json").json()["steps"]
        pages[trace["url"]] = (trace["otel_trace_id"], Counter(step["name"] for step in steps))
    return pages


def check(program: Program, client: httpx2.Client) -> None:
    """One page and one URL a trace, no step twice or of another trace, and a count of all that is on none."""
    pages = steps_by_page(client, program.key)
    url_by_trace = {otel_trace_id: url for url, (otel_trace_id, _) in pages.items()}
    assert len(url_by_trace) == len(pages)
    for told in program.told:
        assert url_by_trace.get(told.otel_trace_id or "", told.url) == told.url
    for otel_trace_id, steps in pages.values():
        assert set(steps.values()) <= {1}
        assert {f"{trace_id(program.trace_of[name]):032x}" for name in steps} <= {otel_trace_id}
    shown = {name for _, steps in pages.values() for name in steps}
    check_accounts(program, shown)


def check_accounts(program: Program, shown: set[str]) -> None:
    """Every accepted span is acknowledged by the server or counted; what was acknowledged is shown."""
    event(f"dropped: {sorted(program.dropped)}")
    acknowledged = program.wire.acknowledged
    assert acknowledged <= shown <= program.accepted
    assert program.dropped.total() == len(program.accepted - acknowledged), dict(program.dropped)


def check_nothing_is_lost(program: Program) -> None:
    assert dict(program.dropped) == {}
    assert program.wire.acknowledged == program.accepted


@settings(max_examples=100, deadline=None)
@given(fates=fates())
def test_any_trace_has_one_page_with_all_its_spans(service: Service, fates: list[Fate]) -> None:
    """Batches, retries, failures and late spans in any sequence end in one page a trace, and nothing is lost."""
    program = Program(Wire(service), BASE_URL, service.new_key())

    program.live(fates)

    check(program, service.client)
    check_nothing_is_lost(program)


@settings(max_examples=100, deadline=None)
@given(fates=fates(limits=True))
@example([Batch((ROOT,)), Flush(), Batch((LATE,)), Batch((Ended(1, Kind.ROOT), Ended(2, Kind.ROOT)))])
def test_any_span_without_room_or_refused_is_counted(service: Service, fates: list[Fate]) -> None:
    """Where memory is short and bodies are too large, what is dropped is exactly what is on no page."""
    program = Program(Wire(service), BASE_URL, service.new_key(), TIGHT)

    program.live(fates)

    check(program, service.client)
    assert set(program.dropped) <= LOSSES


@settings(max_examples=100, deadline=None)
@given(fates=fates(restarts=True))
def test_any_trace_survives_its_programs(service: Service, fates: list[Fate]) -> None:
    """With a spool, programs that end or are killed amid all that lose nothing, and share one page a trace."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Wire(service), BASE_URL, service.new_key(), spool_dir=folder)

        program.live(fates)

        check(program, service.client)
        check_nothing_is_lost(program)
        assert list(Path(folder).iterdir()) == []


@settings(max_examples=100, deadline=None)
@given(fates=fates(restarts=True, limits=True))
@example(
    [Batch((ROOT, Ended(1, Kind.ROOT))), Flush(), Batch((Ended(2, Kind.ROOT), LATE)), Restart(killed=True)]
)
@example([Batch((ROOT,)), Batch((LATE,) * 5), Restart(killed=False)])
def test_any_loss_with_a_spool_is_counted(service: Service, fates: list[Fate]) -> None:
    """What memory has no room for is delivered from the spool; what is refused is counted, once, in all programs."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Wire(service), BASE_URL, service.new_key(), TIGHT, folder, resumes=False)

        program.live(fates)

        check(program, service.client)
        assert set(program.dropped) <= LOSSES
        assert list(Path(folder).iterdir()) == []


@settings(max_examples=100, deadline=None)
@given(fates=fates(reserves=False))
@example([Batch((ROOT,)), Answer(Weather.FAIR, (LATE,)), Flush()])
@example([Batch((ROOT,)), Answer(Weather.FAIR), Answer(Weather.LOST, (LATE,)), Pass(0.5)])
def test_any_trace_has_one_page_where_late_spans_can_not_join_it(service: Service, fates: list[Fate]) -> None:
    """A server that knows the documented fields alone gets a trace once; what is too late for it is counted."""
    program = Program(Wire(service, is_strict=True), BASE_URL, service.new_key())

    program.live(fates)

    pages = [steps for _, steps in steps_by_page(service.client, program.key).values()]
    traces = [{program.trace_of[name] for name in steps} for steps in pages]
    assert sorted(trace for each in traces for trace in each) == sorted({t for each in traces for t in each})
    assert all(len(each) == 1 for each in traces)
    assert all(set(steps.values()) <= {1} for steps in pages)
    check_accounts(program, {name for steps in pages for name in steps})
    assert set(program.dropped) <= {"too late for their trace"}


@settings(max_examples=12, deadline=None, derandomize=True)
@given(fates=fates(restarts=True))
def test_any_trace_has_one_page_on_a_server_of_its_own(tracen: TracenProcess, fates: list[Fate]) -> None:
    """What holds in this process holds over real connections to a real server."""
    pool = new_pool(tracen.http)
    key = tracen.create_key(f"one-page-{uuid.uuid4()}@example.com")
    with tempfile.TemporaryDirectory() as folder, httpx2.Client(base_url=tracen.http) as client:
        program = Program(Wire(pool), tracen.http, key, spool_dir=folder)

        program.live(fates)

        check(program, client)
        check_nothing_is_lost(program)
    pool.close()
