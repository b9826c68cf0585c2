"""Too many senders, silent senders, few descriptors: refusals that are retried, and neighbours that go on."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import grpc.aio
import httpx2
import pytest

from bridge import intake
from bridge.grpc_server import MAX_CALLS, open_grpc
from bridge.quotas import Quotas
from bridge.receive import Receiver
from tests.bench.load import EXPORT
from tests.bridge.conformance.clients import JSON, names, over_grpc, over_http
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.processes import TracenProcess, running_tracen
from viewer.keys import Authenticator, create_key
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.store.base import Store, StoreUnavailable

SLOW_SOCKETS = 500
DESCRIPTORS = 64
HEAVY_SENDERS, HEAVY_BYTES = 16, 40 * 1024 * 1024
SOON_S = 60


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server of its own: what happens to it here is no neighbour's business."""
    with running_tracen(tmp_path_factory.mktemp("crowded") / "t.db") as tracen:
        yield tracen


def connected(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=SOON_S)


def assert_goes_on(tracen: TracenProcess) -> None:
    """Both transports take a request, at the latest soon, and its page opens."""
    for send in (over_http, over_grpc):
        trace_id = fresh_id()
        body = protobuf((trace_id, fresh_id(8), "healthy"))
        deadline = time.monotonic() + SOON_S
        while not is_taken(send, tracen, body):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert names(tracen, trace_id) == ["healthy"]


def is_taken(send: Callable[..., object], tracen: TracenProcess, body: bytes) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return getattr(send(tracen, body), "status", None) in (200, grpc.StatusCode.OK)
    return False


# -- connections ---------------------------------------------------------------------------------------


def test_slow_heads_are_cut_off_and_healthy_senders_are_served(crowded: TracenProcess) -> None:
    """500 sockets that never end their head: while they stand every request is answered, then each gets its 408."""
    with contextlib.ExitStack() as slow:
        sockets = [slow.enter_context(connected(crowded.otlp_http)) for _ in range(SLOW_SOCKETS)]
        for one in sockets:
            one.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n")
        for _ in range(20):
            trace_id = fresh_id()
            assert over_http(crowded, protobuf((trace_id, fresh_id(8), "healthy"))).status == 200
            assert names(crowded, trace_id) == ["healthy"]
        assert {one.recv(12) for one in sockets} == {b"HTTP/1.1 408"}


@pytest.mark.parametrize("door", ["http", "otlp_http", "otlp_grpc"])
def test_want_of_descriptors_is_survived(crowded: TracenProcess, door: str) -> None:
    """With 64 of them and 80 connections to a door: refusals are to be retried; when they are gone it serves."""
    before = resource.prlimit(crowded.pid, resource.RLIMIT_NOFILE)
    headers = {"x-tracen-key": crowded.key, "content-type": JSON}
    url = f"{crowded.otlp_http}/v1/traces"
    with httpx2.Client(headers=headers, trust_env=False, timeout=SOON_S) as client:
        assert client.post(url, content=json_body(json_span(fresh_id()))).status_code == 200
        resource.prlimit(crowded.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, before[1]))
        try:
            with contextlib.ExitStack() as connections:
                for _ in range(80):
                    connections.enter_context(connected(getattr(crowded, door)))
                for size in (1, 5_000_000):  # the larger one is read in a process of its own
                    answer = client.post(url, content=json_body(json_span(fresh_id(), "x" * size)))
                    assert answer.status_code in (200, 503)
            assert_goes_on(crowded)
        finally:
            resource.prlimit(crowded.pid, resource.RLIMIT_NOFILE, before)
    assert "Traceback" not in crowded.db.with_suffix(".stderr").read_text()


# -- memory --------------------------------------------------------------------------------------------


def test_memory_is_bounded_however_many_send(tmp_path: Path) -> None:
    """Sixteen senders of 40 MiB at once: who is too much is asked to come back, and all get in by and by."""
    trace_ids = [fresh_id() for _ in range(HEAVY_SENDERS)]
    with running_tracen(tmp_path / "t.db") as tracen, ThreadPoolExecutor(HEAVY_SENDERS) as pool:

        def send(trace_id: bytes) -> int:
            body = protobuf((trace_id, fresh_id(8), "heavy"), (trace_id, fresh_id(8), "x" * HEAVY_BYTES))
            deadline, refused = time.monotonic() + SOON_S, 0
            while not is_taken(over_http, tracen, body):
                assert time.monotonic() < deadline
                refused += 1
                time.sleep(1)
            return refused

        assert sum(pool.map(send, trace_ids)) > 0
        assert tracen.peak_kb * 1024 < 4 * intake.MAX_BYTES
        metrics = httpx2.get(f"{tracen.http}/metrics", trust_env=False).text
        assert "tracen_intake_bytes 0.0" in metrics.splitlines()
        assert_goes_on(tracen)


def test_body_alone_may_be_larger_than_all_together() -> None:
    """Where the limit of a door is set higher; a second one waits for it to be done."""
    hand = intake.Intake(max_bytes=10)
    with hand.body() as first, hand.body() as second:
        first(8)
        first(8)
        with pytest.raises(StoreUnavailable):
            second(1)
    assert hand.bytes_in_hand == 0


# -- calls ---------------------------------------------------------------------------------------------


def test_calls_beyond_the_number_are_asked_to_come_back(crowded: TracenProcess) -> None:
    """UNAVAILABLE with a wait in both places; gRPC's own limit would say what senders take for "never"."""
    go_on = threading.Event()

    def late(body: bytes) -> Iterator[bytes]:
        go_on.wait(SOON_S)
        yield body

    trace_ids = [fresh_id() for _ in range(MAX_CALLS)]
    with grpc.insecure_channel(crowded.otlp_grpc) as channel:
        calls = [
            channel.stream_unary(EXPORT).future(
                late(protobuf((trace_id, fresh_id(8), "late"))), metadata=(("x-tracen-key", crowded.key),)
            )
            for trace_id in trace_ids
        ]
        deadline = time.monotonic() + SOON_S
        while (beyond := over_grpc(crowded, b"")).status is grpc.StatusCode.OK:
            assert time.monotonic() < deadline
        assert (beyond.status, beyond.retry_after_s) == (grpc.StatusCode.UNAVAILABLE, 2)
        go_on.set()
        assert sum(is_ok(call) for call in calls) >= MAX_CALLS - 1  # one may have met the calls that looked
    assert_goes_on(crowded)


def is_ok(call: grpc.Future) -> bool:
    with contextlib.suppress(grpc.RpcError):
        call.result(SOON_S)
        return True
    return False


@pytest.mark.anyio
async def test_call_that_sends_no_message_is_ended(store: Store) -> None:
    """DEADLINE_EXCEEDED, which is retried, and its place among the calls is free again."""
    keys, requests = Authenticator(store, time.monotonic), Requests(Metrics(), time.time_ns)
    quotas = Quotas(store, 0, 0, time.monotonic)
    receiver = Receiver(store, keys, quotas, "http://tracen.test", time.time_ns)
    metadata = (("x-tracen-key", await create_key(store, "ada@tracen.test", time.time_ns())),)
    door = await open_grpc(receiver, requests, "127.0.0.1", 0, 1_000_000, body_timeout_s=0.5)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{door.port}") as channel:
            silent = [channel.stream_unary(EXPORT)(metadata=metadata) for _ in range(MAX_CALLS)]
            async with asyncio.timeout(SOON_S):
                assert {await call.code() for call in silent} == {grpc.StatusCode.DEADLINE_EXCEEDED}
            body = protobuf((fresh_id(), fresh_id(8), "span"))
            assert await channel.unary_unary(EXPORT)(body, metadata=metadata) == b""
    finally:
        await door.close()


@pytest.mark.parametrize("timeout_s", [0.001, 0.01])
def test_call_of_no_patience_is_kept_whole_or_not_at_all(crowded: TracenProcess, timeout_s: float) -> None:
    """A sender that gives up mid-call: its spans are there all together, or none."""
    with grpc.insecure_channel(crowded.otlp_grpc) as channel:
        export = channel.unary_unary(EXPORT)
        for _ in range(20):
            trace_id = fresh_id()
            body = protobuf((trace_id, fresh_id(8), "a"), (trace_id, fresh_id(8), "b"))
            with contextlib.suppress(grpc.RpcError):
                export(body, metadata=(("x-tracen-key", crowded.key),), timeout=timeout_s)
            assert names(crowded, trace_id) in ([], ["a", "b"])
    assert_goes_on(crowded)


def test_call_that_is_cancelled_leaves_nothing_behind(crowded: TracenProcess) -> None:
    """More of them than may be in flight, before their message came."""
    never = threading.Event()
    with grpc.insecure_channel(crowded.otlp_grpc) as channel:
        for _ in range(MAX_CALLS + 10):
            call = channel.stream_unary(EXPORT).future(
                (b"" for _ in iter(lambda: never.wait(SOON_S), True)),
                metadata=(("x-tracen-key", crowded.key),),
            )
            assert call.cancel()
        never.set()
    assert_goes_on(crowded)


# -- the same again, and the hourly limit --------------------------------------------------------------


def test_grpc_same_batch_ten_times_is_each_span_once(crowded: TracenProcess) -> None:
    """Over both transports by turns: senders repeat what was not acknowledged."""
    trace_id = fresh_id()
    body = protobuf((trace_id, fresh_id(8), "a"), (trace_id, fresh_id(8), "b"))
    for _ in range(5):
        assert over_grpc(crowded, body).status is grpc.StatusCode.OK
        assert over_http(crowded, body).status == 200
    assert names(crowded, trace_id) == ["a", "b"]


def test_hourly_limit_of_posts_never_holds_for_otlp(tmp_path: Path) -> None:
    """A wait of half an hour is a silent loss in every sender."""
    with running_tracen(tmp_path / "t.db", "--requests-per-hour", "1") as tracen:
        payload = {"prompt": "a", "response": "b", "provider": "openai", "model": "m", "status": "success"}
        headers = {"x-tracen-key": tracen.key}
        with httpx2.Client(trust_env=False, headers=headers, timeout=SOON_S) as client:
            told = [
                client.post(f"{tracen.http}/api/traces", json=payload | {"steps": []}).status_code
                for _ in range(2)
            ]
        assert told == [200, 429]
        assert_goes_on(tracen)
