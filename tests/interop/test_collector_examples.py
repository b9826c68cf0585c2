"""The Collector configurations of examples/, as they stand there; the one tier in front of a real server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import grpc
import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import START_NS
from tests.interop.behind import assert_ended_well, end, pages, run_behind
from tests.interop.collector import (
    CONFIGURATIONS,
    DROPPED,
    RETRIED,
    configured_collector,
    require_collector,
)
from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import GRPC, PROTOBUF
from tests.interop.languages.programs import PROGRAMS, python
from tests.interop.ports import lasting_ports, port_flags
from tests.interop.stream import Stream, assert_shown, wait_until
from tests.processes import TracenProcess, start_tracen

MIB = 1024 * 1024
FILES = (("collector.yaml",), ("collector.yaml", "own-keys.yaml"), ("gateway.yaml",))
"""What a Collector is started with."""


@pytest.mark.parametrize("names", FILES, ids=" ".join)
def test_configuration_is_valid_and_nothing_in_it_is_deprecated(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    """The Collector's own judgement, and its warnings while it starts with the environment that the file asks for."""
    told = {f"TRACEN_{number}_ENDPOINT": "http://127.0.0.1:9" for number in (1, 2, 3)}
    told |= {f"TRACEN_{number}_KEY": "tracen_sk_x" for number in (1, 2, 3)} | {"TRACEN_KEY": "tracen_sk_x"}
    files = [CONFIGURATIONS / name for name in names]
    judged = subprocess.run(
        [require_collector(), "validate", *(argument for file in files for argument in ("--config", file))],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (judged.returncode, judged.stderr) == (0, "")
    with configured_collector(names[0], tmp_path / "collector", told, *files[1:]) as collector:
        lines = collector.log.read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["level"] for line in lines} == {"info"}


def test_every_configuration_is_tested() -> None:
    """None is added here without somebody who runs it."""
    tested = {name for names in FILES for name in names}
    assert {path.name for path in CONFIGURATIONS.iterdir()} == tested


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


def test_a_full_queue_is_told_to_the_program(tmp_path: Path) -> None:
    """Over both doors, so that an SDK tries again; what was taken before is shown once there is a server."""
    db, ports, little = tmp_path / "t.db", port_flags(), tmp_path / "little.json"
    queue = {"queue_size": 5000, "batch": {"min_size": 1000}}
    little.write_text(json.dumps({"exporters": {"otlp_http": {"sending_queue": queue}}}), encoding="utf-8")
    tracen, taken, last = start_tracen(db, *ports), Stream(), Stream()
    environment = {"TRACEN_ENDPOINT": tracen.http, "TRACEN_KEY": tracen.key}
    try:
        end(tracen, TracenProcess.kill)
        with configured_collector("collector.yaml", tmp_path / "collector", environment, little) as collector:
            with pytest.raises(grpc.RpcError) as over_grpc:
                taken.send_for_ever(collector.send)
            with pytest.raises(httpx2.HTTPStatusError) as over_http:
                last.send_one(collector.send_over_http)
            taken.forget_last()
            tracen = start_tracen(db, *ports, key=tracen.key)
            assert_shown(taken, tracen.http, tracen.key)
    finally:
        end(tracen, TracenProcess.kill)
    assert over_grpc.value.code() is grpc.StatusCode.UNAVAILABLE
    assert over_http.value.response.status_code == 503


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
