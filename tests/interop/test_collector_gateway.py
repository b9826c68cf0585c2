"""examples/collector/gateway.yaml, as it stands there, in front of three real servers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.interop.behind import assert_ended_well, end, pages, run_behind
from tests.interop.collector import DROPPED, RETRIED, ConfiguredCollector, configured_collector
from tests.interop.languages.facts import PROMPT, assert_page_tells_the_run
from tests.interop.languages.programs import python
from tests.interop.ports import port_flags
from tests.interop.stream import Stream, wait_until
from tests.processes import TracenProcess, start_tracen

AWAY_S = 2.0
DIGITS_BY_BRIDGE = ("01234", "56789", "abcdef")
"""Last digits of the trace ids whose traces gateway.yaml sends to its first, second and third bridge."""


@dataclass(slots=True)
class Bridge:
    """One of several servers, on a store and ports of its own; `digits` are the last ones of its trace ids."""

    db: Path
    digits: str
    ports: list[str] = field(default_factory=port_flags)
    key: str = ""
    tracen: TracenProcess = field(init=False)

    def __post_init__(self) -> None:
        self.start()
        self.key = self.tracen.key

    def start(self) -> None:
        self.tracen = start_tracen(self.db, *self.ports, key=self.key)

    def shown(self, stream: Stream) -> dict[str, list[str]]:
        """Of each trace of a stream, what is shown here."""
        return stream.shown(self.tracen.http, self.key)

    def payload(self, trace: str) -> dict[str, Any]:
        """What the page of a trace tells."""
        with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": self.key}) as client:
            found = client.get(f"{self.tracen.http}/api/traces/by-otel/{trace}").raise_for_status().json()
            told: dict[str, Any] = client.get(f"{found['url']}.json").raise_for_status().json()
            return told


@pytest.fixture(scope="module")
def bridges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Bridge]]:
    """Three servers that know nothing of each other."""
    folder, started = tmp_path_factory.mktemp("bridges"), list[Bridge]()
    try:
        for digits in DIGITS_BY_BRIDGE:
            started.append(Bridge(folder / f"{digits}.db", digits))
        yield started
    finally:
        for bridge in started:
            end(bridge.tracen, TracenProcess.kill)


@pytest.fixture
def gateway(bridges: list[Bridge], tmp_path: Path) -> Iterator[ConfiguredCollector]:
    """The gateway in front of them."""
    with in_front_of(bridges, tmp_path / "gateway") as collector:
        yield collector


def in_front_of(
    bridges: list[Bridge], folder: Path, *beside: Path
) -> AbstractContextManager[ConfiguredCollector]:
    """A gateway; with the same folder another one takes up what is queued there."""
    told: dict[str, str] = {}
    for number, bridge in enumerate(bridges, start=1):
        told[f"TRACEN_{number}_ENDPOINT"] = bridge.tracen.http
        told[f"TRACEN_{number}_KEY"] = bridge.key
    return configured_collector("gateway.yaml", folder, told, *beside)


@pytest.fixture
def gateway_with_little_room(bridges: list[Bridge], tmp_path: Path) -> Iterator[ConfiguredCollector]:
    """Its queue for the second bridge is full after some fifty spans."""
    little = tmp_path / "little.json"
    queue = {"queue_size": 5000, "batch": {"min_size": 1000}}
    little.write_text(json.dumps({"exporters": {"otlp_http/2": {"sending_queue": queue}}}), encoding="utf-8")
    with in_front_of(bridges, tmp_path / "gateway", little) as collector:
        yield collector


def one_trace_for_each_digit() -> list[str]:
    """Trace ids of every last digit."""
    return [os.urandom(16).hex()[:-1] + digit for digits in DIGITS_BY_BRIDGE for digit in digits]


def assert_each_is_whole(stream: Stream, bridge: Bridge) -> None:
    """Every span that belongs to a bridge is shown there, once, and none of another trace."""
    expected = {
        trace: spans if trace[-1] in bridge.digits else [] for trace, spans in stream.expected().items()
    }
    wait_until(lambda: bridge.shown(stream) == expected)
    assert bridge.shown(stream) == expected


def restart(bridge: Bridge, stream: Stream, how: Callable[[TracenProcess], object]) -> None:
    """End a bridge in the middle of a stream, and start it again."""
    before = bridge.shown(stream)
    assert wait_until(lambda: bridge.shown(stream) != before)
    end(bridge.tracen, how)
    time.sleep(AWAY_S)
    bridge.start()


def test_each_trace_is_whole_on_one_bridge_while_two_of_them_restart(
    gateway: ConfiguredCollector, bridges: list[Bridge]
) -> None:
    """Requests have spans of several traces, traces have spans in many requests, over both doors at once."""
    over_grpc, over_http = Stream(one_trace_for_each_digit()), Stream(one_trace_for_each_digit())
    with over_grpc.flowing(gateway.send), over_http.flowing(gateway.send_over_http):
        restart(bridges[0], over_grpc, TracenProcess.kill)
        restart(bridges[2], over_http, TracenProcess.stop)
    for bridge in bridges:
        assert_each_is_whole(over_grpc, bridge)
        assert_each_is_whole(over_http, bridge)
    assert gateway.errors(DROPPED) == {}
    assert gateway.errors(RETRIED).keys() == {"otlp_http/1", "otlp_http/3"}, "the outages were not felt"


def test_a_dead_bridge_holds_back_its_own_share_alone(bridges: list[Bridge], tmp_path: Path) -> None:
    """The others show theirs meanwhile. Its share outlives the gateway, which is killed too."""
    first, dead, third = bridges
    stream = Stream(one_trace_for_each_digit())
    end(dead.tracen, TracenProcess.kill)
    try:
        with in_front_of(bridges, tmp_path / "gateway") as gateway:
            stream.send_all(gateway.send)
            stream.send_all(gateway.send_over_http)
            for bridge in (first, third):
                assert_each_is_whole(stream, bridge)
            assert wait_until(lambda: gateway.errors(RETRIED).keys() == {"otlp_http/2"})
            gateway.process.kill()
        with in_front_of(bridges, tmp_path / "gateway") as gateway:
            stream.send_all(gateway.send)
            for bridge in (first, third):
                assert_each_is_whole(stream, bridge)
            dead.start()
            assert_each_is_whole(stream, dead)
            assert gateway.errors(DROPPED) == {}
    finally:
        if dead.tracen.process.poll() is not None:
            dead.start()


def test_a_full_share_refuses_requests_that_are_shown_once_when_they_are_sent_again(
    gateway_with_little_room: ConfiguredCollector, bridges: list[Bridge]
) -> None:
    """As the first lines say: what has a span for it is refused as a whole, what has none is taken as ever."""
    gateway, dead, refused = gateway_with_little_room, bridges[1], list[bytes]()

    def send(body: bytes) -> None:
        if told := refusal(gateway, body):
            assert told == "UNAVAILABLE: sending queue is full"
            refused.append(body)

    mixed, theirs = Stream(one_trace_for_each_digit()), Stream([os.urandom(16).hex()[:-1] + d for d in "0a"])
    end(dead.tracen, TracenProcess.kill)
    try:
        while len(refused) < 8:
            mixed.send_one(send)
        theirs.send_all(gateway.send)
        for bridge in (bridges[0], bridges[2]):
            assert_each_is_whole(theirs, bridge)
    finally:
        dead.start()
    for body in refused:
        assert wait_until(partial(is_taken, gateway, body))
    for bridge in bridges:
        assert_each_is_whole(mixed, bridge)
    assert gateway.errors(DROPPED) == {}


def refusal(gateway: ConfiguredCollector, body: bytes) -> str:
    """What a program is told that sends a request; nothing if it is taken."""
    try:
        gateway.send(body)
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"
    return ""


def is_taken(gateway: ConfiguredCollector, body: bytes) -> bool:
    """Whether a gateway has room for a request now."""
    return not refusal(gateway, body)


def test_a_collector_beside_the_programs_sends_to_the_gateway(
    gateway: ConfiguredCollector, bridges: list[Bridge], tmp_path: Path
) -> None:
    """Both configurations, one behind the other: they batch anew, and each trace is as whole as without."""
    stream = Stream(one_trace_for_each_digit())
    with configured_collector("collector.yaml", tmp_path / "near", {"TRACEN_ENDPOINT": gateway.http}) as near:
        stream.send_all(near.send)
        for bridge in bridges:
            assert_each_is_whole(stream, bridge)


def test_page_of_a_program_behind_the_gateway_tells_the_run(
    gateway: ConfiguredCollector, bridges: list[Bridge]
) -> None:
    """On one bridge, whichever it is, and on that one alone."""

    def shown() -> set[str]:
        return {url for bridge in bridges for url in pages(bridge.tracen, bridge.key)}

    before = shown()
    assert_ended_well(run_behind(gateway, python()))
    assert wait_until(lambda: shown() != before)
    (url,) = shown() - before
    assert_page_tells_the_run(url, "python")


def test_log_records_follow_their_span(gateway: ConfiguredCollector, bridges: list[Bridge]) -> None:
    """A prompt that comes as a log record is on the page of the span that it belongs to."""
    stream = Stream(one_trace_for_each_digit())
    stream.send_all(gateway.send)
    for bridge in bridges:
        assert_each_is_whole(stream, bridge)
    gateway.send_over_http(prompts_of(stream), "logs")
    for bridge in bridges:
        for trace in stream.spans_by_trace:
            if trace[-1] in bridge.digits:
                assert_has_prompt(bridge, trace)


def assert_has_prompt(bridge: Bridge, trace: str) -> None:
    """Before the deadline."""
    assert wait_until(lambda: bridge.payload(trace)["prompt"] == PROMPT)


def prompts_of(stream: Stream) -> bytes:
    """A request with one log record for each trace: the prompt of its first span."""
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for trace, (first, *_) in stream.spans_by_trace.items():
        record = scope_logs.log_records.add(trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(first))
        record.event_name = "gen_ai.client.inference.operation.details"
        told = f'[{{"role": "user", "parts": [{{"type": "text", "content": "{PROMPT}"}}]}}]'
        record.attributes.add(key="gen_ai.input.messages").value.string_value = told
    return request.SerializeToString()
