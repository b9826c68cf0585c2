"""The Collector configurations of examples/, as they stand there, in front of real servers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import START_NS
from tests.interop.collector import (
    CONFIGURATIONS,
    DROPPED,
    RETRIED,
    ConfiguredCollector,
    configured_collector,
    require_collector,
)
from tests.interop.languages.facts import ANSWER, PROMPT, assert_page_tells_the_run
from tests.interop.languages.program import GRPC, PROTOBUF, Program
from tests.interop.languages.programs import PROGRAMS, python
from tests.interop.ports import lasting_ports, port_flags
from tests.interop.stream import Stream, assert_shown, wait_until
from tests.processes import TracenProcess, start_tracen

MIB = 1024 * 1024
AWAY_S = 2.0
DIGITS_BY_BRIDGE = ("01234", "56789", "abcdef")
"""Last digits of the trace ids whose traces gateway.yaml sends to its first, second and third bridge."""


@pytest.mark.parametrize("name", ["collector.yaml", "gateway.yaml"])
def test_configuration_is_valid(name: str) -> None:
    """The Collector's own judgement, with the environment that the file asks for."""
    told = {f"TRACEN_{number}_ENDPOINT": f"http://tracen-{number}:8000" for number in (1, 2, 3)}
    judged = subprocess.run(
        [require_collector(), "validate", "--config", CONFIGURATIONS / name],
        env={**os.environ, **told, "TRACEN_KEY": "tracen_sk_x"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert judged.returncode == 0, judged.stderr


def test_every_configuration_is_tested() -> None:
    """None is added here without somebody who runs it."""
    assert sorted(path.name for path in CONFIGURATIONS.iterdir()) == ["collector.yaml", "gateway.yaml"]


# -- one tier -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", PROGRAMS)
def test_page_of_a_program_behind_a_collector_tells_the_run(
    language: str, tracen: TracenProcess, tmp_path: Path
) -> None:
    """Each span once; the program waits for its page, which is there a moment after it has sent its spans."""
    program = PROGRAMS[language]()
    key = tracen.create_key(f"{language}@collector-examples.example")
    environment = {"TRACEN_ENDPOINT": tracen.http, "TRACEN_KEY": key}
    with configured_collector("collector.yaml", tmp_path / "collector", environment) as collector:
        ended = run_behind(collector, program, **environment)
    assert_ended_well(ended)
    (url,) = pages(tracen, key)
    assert url in ended.stdout
    assert_page_tells_the_run(url, language)


def run_behind(
    collector: ConfiguredCollector, program: Program, protocol: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program that sends its spans to a Collector, without a key for them: the Collector has it."""
    over_grpc = (protocol or program.default_protocol) == GRPC
    return program.started(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.grpc}" if over_grpc else collector.http,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        **environment,
    )


def assert_ended_well(ended: subprocess.CompletedProcess[str]) -> None:
    assert ended.returncode == 0, ended.stderr
    assert ANSWER in ended.stdout


@pytest.mark.parametrize("protocol", [GRPC, PROTOBUF])
def test_a_program_without_a_key_ends_well(protocol: str, tracen: TracenProcess, tmp_path: Path) -> None:
    """Its page is there all the same; where, it can not ask, and says so."""
    key = tracen.create_key(f"{protocol.replace('/', '-')}@collector-examples.example")
    environment = {"TRACEN_ENDPOINT": tracen.http, "TRACEN_KEY": key}
    with configured_collector("collector.yaml", tmp_path / "collector", environment) as collector:
        ended = run_behind(collector, python(), protocol)
        assert wait_until(lambda: len(pages(tracen, key)) == 1), ended.stderr
    assert_ended_well(ended)
    assert "TRACEN_KEY is not set" in ended.stderr
    (url,) = pages(tracen, key)
    assert_page_tells_the_run(url, "python")


def test_spans_with_a_key_that_is_nobodys_are_dropped_and_told(tracen: TracenProcess, tmp_path: Path) -> None:
    """As the configuration's first lines say: no outage, so that nothing is kept for a better key."""
    environment = {"TRACEN_ENDPOINT": tracen.http, "TRACEN_KEY": "tracen_sk_nobodys"}
    stream = Stream()
    with configured_collector("collector.yaml", tmp_path / "collector", environment) as collector:
        stream.send_one(collector.send)
        assert wait_until(lambda: "otlp_http" in collector.errors(DROPPED))
        (error, *_) = collector.errors(DROPPED)["otlp_http"]
    assert "401" in error


def test_first_lines_start_a_collector(tracen: TracenProcess, tmp_path: Path) -> None:
    """What it keeps is in the folder that they name, in the home of whoever types them. Ports alone are others here."""
    (tmp_path / "otelcol-contrib").symlink_to(require_collector())
    head = (CONFIGURATIONS / "collector.yaml").read_text(encoding="utf-8").split("receivers:")[0]
    *exports, command = (
        line[6:].replace("tracen_sk_…", tracen.key).replace("http://127.0.0.1:8000", tracen.http)
        for line in head.splitlines()
        if line.startswith("#     ")
    )
    names = ("COLLECTOR_GRPC", "COLLECTOR_HTTP", "COLLECTOR_HEALTH")
    told = {name: f"127.0.0.1:{port}" for name, port in zip(names, lasting_ports(3), strict=True)}
    started = subprocess.Popen(
        ["sh", "-ec", "\n".join([*exports, f"exec {command}"])],
        cwd=CONFIGURATIONS.parents[1],
        env={**told, "PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: answers(f"http://{told['COLLECTOR_HEALTH']}"))
        assert list((tmp_path / ".otelcol").iterdir())
    finally:
        started.terminate()
        started.wait(60)


def answers(url: str) -> bool:
    """Whether there is somebody who says that all is well."""
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def pages(tracen: TracenProcess, key: str) -> list[str]:
    """URLs of all traces of the account of `key`."""
    with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": key}) as client:
        traces = client.get(f"{tracen.http}/api/traces").raise_for_status().json()["traces"]
    return [trace["url"] for trace in traces]


def test_what_a_collector_took_outlives_it(tmp_path: Path) -> None:
    """The server is away, the Collector is killed, both come back: every span is there, once."""
    db, ports, folder = tmp_path / "t.db", port_flags(), tmp_path / "collector"
    tracen = start_tracen(db, *ports)
    key, http = tracen.key, tracen.http
    environment = {"TRACEN_ENDPOINT": http, "TRACEN_KEY": key}
    stream = Stream()
    try:
        with configured_collector("collector.yaml", folder, environment) as collector:
            stream.send_all(collector.send)
            assert_shown(stream, http, key)
            end(tracen, TracenProcess.stop)
            stream.send_all(collector.send)
            stream.send_all(collector.send_over_http)
            assert wait_until(lambda: bool(collector.errors(RETRIED)))
            collector.process.kill()
        with configured_collector("collector.yaml", folder, environment) as collector:
            tracen = start_tracen(db, *ports, key=key)
            assert_shown(stream, http, key)
            assert collector.errors(DROPPED) == {}
    finally:
        end(tracen, TracenProcess.kill)


def end(tracen: TracenProcess, how: Callable[[TracenProcess], object]) -> None:
    """End a server and let go of it."""
    how(tracen)
    tracen.close()


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_a_span_larger_than_the_defaults_of_a_collector_passes(
    door: str, tracen: TracenProcess, tmp_path: Path
) -> None:
    """Its receivers refuse more than 4 MiB over gRPC, and 20 MiB over HTTP, where the configuration does not say.

    And a span that is larger than a batch may be is dropped.
    """
    key = tracen.create_key(f"large-{door}@collector-examples.example")
    request, trace = ExportTraceServiceRequest(), os.urandom(16)
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=trace, span_id=os.urandom(8))
    span.name, span.start_time_unix_nano, span.end_time_unix_nano = "chat", START_NS, START_NS + 1
    span.attributes.add(key="input").value.string_value = "x" * (34 * MIB)
    environment = {"TRACEN_ENDPOINT": tracen.http, "TRACEN_KEY": key}
    with configured_collector("collector.yaml", tmp_path / "collector", environment) as collector:
        send = collector.send if door == "grpc" else collector.send_over_http
        send(request.SerializeToString())
        assert wait_until(lambda: len(pages(tracen, key)) == 1)


# -- two tiers ----------------------------------------------------------------------------------------


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
    told: dict[str, str] = {}
    for number, bridge in enumerate(bridges, start=1):
        told[f"TRACEN_{number}_ENDPOINT"] = bridge.tracen.http
        told[f"TRACEN_{number}_KEY"] = bridge.key
    with configured_collector("gateway.yaml", tmp_path / "gateway", told) as collector:
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
