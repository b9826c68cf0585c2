"""The news of `/app/start` as a browser hears them, from a real server, by every door."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest

from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.processes import TracenProcess, running_tracen
from tests.viewer.accounts.members import Member, join
from tests.viewer.reference.test_snippets import require_program
from viewer.store.engines import open_store

TIMEOUT_S = 30
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def ada(tracen: TracenProcess) -> Member:
    return join(tracen, f"{uuid.uuid4().hex}@example.com")


def client_of(tracen: TracenProcess, member: Member) -> httpx2.Client:
    return httpx2.Client(
        base_url=tracen.http, cookies=member.cookies, timeout=TIMEOUT_S, trust_env=False, headers=OURS
    )


@contextlib.contextmanager
def listening(tracen: TracenProcess, member: Member, since: int = 0) -> Iterator[Iterator[tuple[str, Any]]]:
    """The events of the page, each with its name and what it says."""
    with (
        client_of(tracen, member) as client,
        client.stream("GET", f"/app/start/events?since={since}") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field in ("data", "data:"):
            yield name, json.loads(value or "null")


def news(events: Iterator[tuple[str, Any]]) -> Any:
    name, told = next(events)
    assert name == "news"
    return told


def send(tracen: TracenProcess, key: str, body: bytes) -> int:
    """Send spans over OTLP/HTTP."""
    headers = {"x-tracen-key": key, "content-type": "application/x-protobuf"}
    answer = httpx2.post(f"{tracen.otlp_http}/v1/traces", content=body, headers=headers, trust_env=False)
    return answer.status_code


def test_line_from_the_page_arrives_on_the_page(tracen: TracenProcess, ada: Member) -> None:
    """The cURL line as it stands there, pasted into a shell."""
    require_program("curl")
    with client_of(tracen, ada) as client:
        page = client.get("/app/start").text
    found = re.search(r'id="snippet-curl"[^>]*>(.*?)</pre>', page, re.DOTALL)
    events_url = re.search(r'data-events="/app/start/events\?since=(\d+)"', page)
    assert found
    assert events_url
    with listening(tracen, ada, int(events_url[1])) as events:
        assert news(events) == {"arrived": None, "refused": None}
        command = html.unescape(found[1]) + "\n"
        done = subprocess.run(["sh"], input=command, capture_output=True, text=True, timeout=TIMEOUT_S)
        arrived = news(events)["arrived"]
        assert arrived["url"] == json.loads(done.stdout)["url"]
        assert (arrived["state"], arrived["status"]) == ("good", "Succeeded")
        assert arrived["heading"] == "What is the weather in Paris?"
        assert httpx2.get(arrived["url"], trust_env=False).status_code == 200


def test_batch_of_several_traces_arrives(tracen: TracenProcess, ada: Member) -> None:
    """Its answer names no page; the news do, of the newest."""
    traces = [(fresh_id(), fresh_id(8), name) for name in ("first", "second")]
    with listening(tracen, ada) as events:
        news(events)
        assert send(tracen, ada.secret, protobuf(*traces)) == 200
        arrived = news(events)["arrived"]
    assert arrived["heading"] in ("first", "second")
    assert httpx2.get(arrived["url"], trust_env=False).status_code == 200


def test_refusals_of_every_door_are_told(tracen: TracenProcess, ada: Member) -> None:
    """With the status as its sender got it, and the reason."""
    with listening(tracen, ada) as events:
        news(events)
        headers = {"x-tracen-key": ada.secret, "content-type": "application/json"}
        httpx2.post(f"{tracen.http}/api/traces", content="{", headers=headers, trust_env=False)
        refused = news(events)["refused"]
        assert (refused["headline"], refused["status"]) == ("A request was refused: Not JSON", "400")
        assert send(tracen, ada.secret, b"\xff") == 400
        refused = news(events)["refused"]
        assert (refused["headline"], refused["status"]) == ("A request was refused: Not OTLP", "400")
        assert refused["reason"]
        assert export(tracen, ada.secret, b"\xff") is grpc.StatusCode.INVALID_ARGUMENT
        assert news(events)["refused"]["status"] == "INVALID_ARGUMENT"
        assert send(tracen, ada.secret, protobuf((fresh_id(), fresh_id(8), "good"))) == 200
        told = news(events)
        assert (told["refused"], told["arrived"]["heading"]) == (None, "good")


def test_strangers_of_every_door_are_told(tracen: TracenProcess, ada: Member) -> None:
    """Their address is that of this browser."""
    wrong = ada.secret[:-1] + ("a" if ada.secret[-1] != "a" else "b")
    with listening(tracen, ada) as events:
        news(events)
        assert send(tracen, wrong, b"") == 401
        refused = news(events)["refused"]
        assert refused["headline"] == "A request from your network came with a key that is unknown"
        assert refused["status"] == "401"
        assert export(tracen, "", b"") is grpc.StatusCode.UNAUTHENTICATED
        refused = news(events)["refused"]
        assert refused["headline"] == "A request from your network came without a key"
        assert refused["status"] == "UNAUTHENTICATED"


def export(tracen: TracenProcess, key: str, body: bytes) -> grpc.StatusCode:
    """How sending spans over OTLP/gRPC ends."""
    metadata = (("x-tracen-key", key),) if key else ()
    with grpc.insecure_channel(tracen.otlp_grpc) as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(EXPORT)(body, timeout=TIMEOUT_S, metadata=metadata)
    code: grpc.StatusCode = error.value.code()
    return code


def test_other_accounts_hear_nothing(tracen: TracenProcess, ada: Member) -> None:
    """Of a trace that is not theirs: the next thing that they hear is their own."""
    eve = join(tracen, f"{uuid.uuid4().hex}@example.com")
    with listening(tracen, eve) as events:
        news(events)
        assert send(tracen, ada.secret, protobuf((fresh_id(), fresh_id(8), "of ada"))) == 200
        assert send(tracen, eve.secret, protobuf((fresh_id(), fresh_id(8), "of eve"))) == 200
        assert news(events)["arrived"]["heading"] == "of eve"


def test_nobody_hears_anything_without_a_session(tracen: TracenProcess) -> None:
    """A program is told 401, not led to a form."""
    headers = {"accept": "text/event-stream"}
    answer = httpx2.get(f"{tracen.http}/app/start/events", headers=headers, trust_env=False)
    assert answer.status_code == 401


def test_news_end_with_the_session_and_with_the_server(tmp_path: Path) -> None:
    """Who logged out elsewhere hears no more; a server that ends does not wait for those who listen."""
    with running_tracen(tmp_path / "t.db") as tracen:
        ada, eve = join(tracen, "ada@example.com"), join(tracen, "eve@example.com")
        with listening(tracen, ada) as events, listening(tracen, eve) as others:
            news(events)
            news(others)
            revoke_sessions(tracen, ada)
            assert send(tracen, ada.secret, protobuf((fresh_id(), fresh_id(8), "late"))) == 200
            assert list(events) == [("over", None)]
            assert tracen.stop() == 0
            with contextlib.suppress(httpx2.RemoteProtocolError):
                assert list(others) == []


def revoke_sessions(tracen: TracenProcess, member: Member) -> None:
    """As a new password does it."""

    async def revoke() -> None:
        store = open_store(str(tracen.db), exclusive=False)
        await store.accounts.end_other_sessions(member.account.id, b"")
        await store.close()

    asyncio.run(revoke())
