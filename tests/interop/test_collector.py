"""A real OpenTelemetry Collector in front of a real server: every span once, whatever happens in between."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.grpc_server import UNREAD
from tests.interop.collector import DROPPED, RETRIED, Collector, running_collector
from tests.interop.ports import port_flags
from tests.interop.relay import Relay, running_relay
from tests.interop.stream import Stream, assert_shown, wait_until
from tests.processes import TracenProcess, running_tracen, start_tracen

KEEPALIVE_PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
"""The HTTP/2 frame that grpc-go sends to see whether a silent connection still stands."""
GRPC, HTTP = "otlp_grpc", "otlp_http"


def over_grpc(tracen: TracenProcess, key: str, **more: Any) -> dict[str, Any]:
    """An exporter to the gRPC port, as the Collector has it by default but for `more`."""
    return {"endpoint": tracen.otlp_grpc, "tls": {"insecure": True}, "headers": {"x-tracen-key": key}} | more


def over_http(tracen: TracenProcess, key: str, **more: Any) -> dict[str, Any]:
    """An exporter to the HTTP port."""
    return {"endpoint": tracen.otlp_http, "headers": {"x-tracen-key": key}} | more


def messages(tracen: TracenProcess, key: str) -> list[str]:
    """What the account of `key` is told of its requests."""
    url = f"{tracen.http}/api/requests"
    answer = httpx2.get(url, headers={"x-tracen-key": key}, trust_env=False, timeout=60)
    return [request["message"] for request in answer.raise_for_status().json()["requests"]]


def wait_for_more(stream: Stream, http: str, key: str) -> None:
    """Until a span arrives that was not there before."""
    before = stream.shown(http, key)
    assert wait_until(lambda: stream.shown(http, key) != before)


@dataclass(frozen=True, slots=True)
class Silent:
    """A Collector with keepalive on that has nothing more to say."""

    collector: Collector
    relay: Relay
    stream: Stream
    key: str


@pytest.fixture(scope="module", autouse=True)
def silent(tracen: TracenProcess) -> Iterator[Silent]:
    """Silent from the first test on, so that the last one has not long to wait."""
    key = tracen.create_key("silent@collector.example")
    keepalive = {"time": "10s", "timeout": "20s", "permit_without_stream": True}
    with running_relay(tracen.otlp_grpc) as relay:
        exporter = over_grpc(tracen, key, endpoint=relay.address, keepalive=keepalive)
        with running_collector({GRPC: exporter}) as collector:
            stream = Stream()
            stream.send_all(collector.send)
            assert_shown(stream, tracen.http, key)
            yield Silent(collector, relay, stream, key)


def test_every_span_arrives_once_in_any_compression(tracen: TracenProcess) -> None:
    """gRPC and HTTP, protobuf and JSON; each way has an account of its own."""
    grpc_ways: list[dict[str, Any]] = [{"compression": name} for name in ("none", "gzip")]
    http_ways: list[dict[str, Any]] = [
        {"compression": name, "encoding": encoding}
        for name in ("none", "gzip", "deflate", "zstd")
        for encoding in ("proto", "json")
    ]
    keys, exporters = {}, {}
    for door, ways in ((GRPC, grpc_ways), (HTTP, http_ways)):
        for way in ways:
            name = "/".join((door, "-".join(way.values())))
            keys[name] = tracen.create_key(f"{name.replace('/', '-')}@collector.example")
            exporters[name] = (over_grpc if door == GRPC else over_http)(tracen, keys[name], **way)
    stream = Stream()
    with running_collector(exporters) as collector:
        stream.send_all(collector.send)
        for key in keys.values():
            assert_shown(stream, tracen.http, key)
        assert collector.errors(DROPPED) == {}


def test_a_compression_not_spoken_here_is_refused_for_good_and_named(tracen: TracenProcess) -> None:
    """Not silence, and not retries without end: the Collector's log says which setting is wrong.

    gRPC's core answers before any code of ours, so its words are the ones there. What they mean is in the account's
    own list of requests, unless the call ended before the key was known.
    """
    key = tracen.create_key("compression@collector.example")
    exporters = {f"{GRPC}/{name}": over_grpc(tracen, key, compression=name) for name in ("zstd", "snappy")}
    exporters |= {f"{HTTP}/{name}": over_http(tracen, key, compression=name) for name in ("snappy", "lz4")}
    stream = Stream()

    def is_explained() -> bool:
        stream.send_one(collector.send)
        return UNREAD in messages(tracen, key)

    with running_collector(exporters) as collector:
        assert wait_until(is_explained)
        assert wait_until(lambda: collector.errors(DROPPED).keys() == exporters.keys())
        dropped, retried = collector.errors(DROPPED), collector.errors(RETRIED)
    assert retried == {}
    for name, (error, *_) in dropped.items():
        door, _, compression = name.partition("/")
        assert "Permanent error" in error
        if door == GRPC:
            assert "grpc-encoding" in error
        else:
            assert f"Content-Encoding '{compression}': accepted are gzip, deflate, zstd, or none" in error


def test_a_wrong_key_is_told_once_and_not_tried_again(tmp_path: Path) -> None:
    """Data of a sender without a key is dropped; as many requests were refused as were sent."""
    with running_tracen(tmp_path / "t.db") as tracen:
        exporters = {GRPC: over_grpc(tracen, "wrong"), HTTP: over_http(tracen, "wrong")}
        with running_collector(exporters) as collector:
            stream = Stream()
            for _ in range(3):
                stream.send_one(collector.send)
            assert wait_until(lambda: [len(told) for told in collector.errors(DROPPED).values()] == [3, 3])
            dropped, retried = collector.errors(DROPPED), collector.errors(RETRIED)
        figures = httpx2.get(f"{tracen.http}/metrics", trust_env=False, timeout=60).text
    assert retried == {}
    for error in (*dropped[GRPC], *dropped[HTTP]):
        assert "Permanent error" in error
        assert "this is no Tracen key" in error
    for door in ("otlp-grpc", "otlp-http"):
        sample = f'tracen_requests_total{{door="{door}",outcome="unauthenticated",signal="traces"}} 3.0\n'
        assert sample in figures


@dataclass(frozen=True, slots=True)
class Outage:
    """How the server ends, how often, and how long it is away each time."""

    end: Callable[[TracenProcess], object]
    times: int
    length_s: float


@pytest.mark.parametrize(
    "outage",
    [Outage(TracenProcess.stop, times=1, length_s=30), Outage(TracenProcess.kill, times=3, length_s=2)],
    ids=["sigterm-30s", "kill-9-thrice"],
)
def test_an_outage_loses_and_doubles_nothing(tmp_path: Path, outage: Outage) -> None:
    """Spans go on being sent, over both doors, while the server ends, is away, and comes back."""
    db, ports = tmp_path / "t.db", port_flags()
    tracen = start_tracen(db, *ports)
    try:
        key = {GRPC: tracen.key, HTTP: tracen.create_key("http@collector.example")}
        patience = {"retry_on_failure": {"initial_interval": "200ms", "max_interval": "2s"}}
        exporters = {GRPC: over_grpc(tracen, key[GRPC], **patience)}
        exporters[HTTP] = over_http(tracen, key[HTTP], **patience)
        stream = Stream()
        with running_collector(exporters) as collector:
            with stream.flowing(collector.send):
                for _ in range(outage.times):
                    wait_for_more(stream, tracen.http, key[HTTP])
                    assert outage.end(tracen) in (0, None)
                    tracen.close()
                    time.sleep(outage.length_s)
                    tracen = start_tracen(db, *ports, key=key[GRPC])
            for secret in key.values():
                assert_shown(stream, tracen.http, secret)
            assert collector.errors(DROPPED) == {}
            assert collector.errors(RETRIED).keys() == key.keys(), "the outage was not felt"
    finally:
        tracen.kill()
        tracen.close()


def test_keepalive_pings_do_not_cost_the_connection(tracen: TracenProcess, silent: Silent) -> None:
    """gRPC's own limit is a ping in five minutes; the fourth one in forty seconds would end the connection."""
    pings = re.compile(re.escape(KEEPALIVE_PING))
    assert wait_until(lambda: len(pings.findall(silent.relay.sent)) >= 5)
    silent.stream.send_all(silent.collector.send)
    assert_shown(silent.stream, tracen.http, silent.key)
    assert silent.relay.connections == 1
    assert "too_many_pings" not in silent.collector.log.read_text()
