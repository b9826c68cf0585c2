"""A real OpenTelemetry Collector, built by `.ci/collector.sh`: one of a test's own, or a configuration of examples/.

One of a test's own takes OTLP/gRPC on a socket file, and has the exporters that the test names.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest

from tests.bench.load import EXPORT
from tests.interop.ports import lasting_ports

CONFIGURATIONS = Path(__file__).parents[2] / "examples" / "collector"
STOP_TIMEOUT_S = 60
READY_TIMEOUT_S = 60
DROPPED = "Exporting failed. Dropping data."
RETRIED = "Exporting failed. Will retry the request after interval."
TELEMETRY = {
    "metrics": {"level": "none"},  # no port for them
    # Every line counts here: by default equal ones are sampled.
    "logs": {"encoding": "json", "sampling": {"enabled": False}},
}

Exporters = Mapping[str, Mapping[str, Any]]
Headers = Sequence[tuple[str, str]]


def require_collector() -> str:
    """The Collector to test with: TRACEN_COLLECTOR, else the built one; without one skip, and in CI fail."""
    found = os.environ.get("TRACEN_COLLECTOR") or str(Path(sys.executable).with_name("otelcol"))
    if Path(found).exists():
        return found
    reason = "needs an OpenTelemetry Collector: `make collector` builds one, with Go; TRACEN_COLLECTOR can name one"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Collector:
    """A running Collector."""

    log: Path
    channel: grpc.Channel

    def send(self, body: bytes, headers: Headers = ()) -> None:
        """Hand over an ExportTraceServiceRequest; the Collector answers once it is in the exporters' queues."""
        call = self.channel.unary_unary(EXPORT)
        call(body, timeout=READY_TIMEOUT_S, wait_for_ready=True, metadata=headers)

    def errors(self, message: str) -> dict[str, list[str]]:
        """What the log says under `message`, by exporter."""
        found: dict[str, list[str]] = {}
        for line in self.log.read_text(encoding="utf-8").split("\n")[:-1]:  # the last one may be half written
            entry = json.loads(line)
            if entry["msg"] == message:
                found.setdefault(entry["otelcol.component.id"], []).append(entry["error"])
        return found


@dataclass(frozen=True, slots=True)
class ConfiguredCollector(Collector):
    """One with a configuration of examples/. `grpc` and `http`: where it listens, as HOST:PORT and as URL."""

    process: subprocess.Popen[bytes]
    grpc: str
    http: str

    def send_over_http(self, body: bytes, signal: str = "traces", headers: Headers = ()) -> None:
        """Hand over a request body of OTLP/HTTP in protobuf; it is in the exporters' queues then."""
        url, told = f"{self.http}/v1/{signal}", [("content-type", "application/x-protobuf"), *headers]
        with httpx2.Client(trust_env=False, timeout=READY_TIMEOUT_S) as client:
            client.post(url, content=body, headers=told).raise_for_status()


@contextlib.contextmanager
def running_collector(exporters: Exporters) -> Iterator[Collector]:
    """A Collector for the length of a block, with one pipeline into all of the exporters."""
    # Of its own, and not pytest's folder: a socket's path has room for about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="otelcol-") as name:
        folder = Path(name)
        socket, config, log = folder / "otlp.sock", folder / "config.json", folder / "log"
        config.write_text(json.dumps(_configuration(socket, exporters)), encoding="utf-8")
        with _running(log, os.environ, config), grpc.insecure_channel(f"unix:{socket}") as channel:
            yield Collector(log, channel)


@contextlib.contextmanager
def configured_collector(
    name: str, folder: Path, environment: Mapping[str, str], *beside: Path
) -> Iterator[ConfiguredCollector]:
    """A Collector for the length of a block, with the file `name` of examples/collector and what it keeps in `folder`.

    With the same folder another one takes up what is queued there. `beside` are files that change some of it.
    """
    grpc_port, http_port, health_port = lasting_ports(3)
    told = {
        "COLLECTOR_GRPC": f"127.0.0.1:{grpc_port}",
        "COLLECTOR_HTTP": f"127.0.0.1:{http_port}",
        "COLLECTOR_HEALTH": f"127.0.0.1:{health_port}",
        "COLLECTOR_STORAGE": str(folder / "queue"),
    }
    folder.mkdir(exist_ok=True)
    quiet, log = folder / "telemetry.json", folder / "log"
    quiet.write_text(json.dumps({"service": {"telemetry": TELEMETRY}}), encoding="utf-8")
    configs = (CONFIGURATIONS / name, *beside, quiet)
    with (
        _running(log, {**os.environ, **told, **environment}, *configs) as process,
        grpc.insecure_channel(told["COLLECTOR_GRPC"]) as channel,
    ):
        _wait_until_ready(channel, log)
        yield ConfiguredCollector(
            log, channel, process, told["COLLECTOR_GRPC"], f"http://{told['COLLECTOR_HTTP']}"
        )


def _wait_until_ready(channel: grpc.Channel, log: Path) -> None:
    try:
        grpc.channel_ready_future(channel).result(READY_TIMEOUT_S)
    except grpc.FutureTimeoutError:
        raise AssertionError(f"the Collector did not start: {log.read_text(encoding='utf-8')}") from None


@contextlib.contextmanager
def _running(log: Path, environment: Mapping[str, str], *configs: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [require_collector(), *(argument for config in configs for argument in ("--config", config))]
    with log.open("a") as stderr:
        process = subprocess.Popen(command, stderr=stderr, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        finally:
            process.kill()


def _configuration(socket: Path, exporters: Exporters) -> dict[str, Any]:
    pipeline = {"receivers": ["otlp"], "exporters": list(exporters)}
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {"transport": "unix", "endpoint": str(socket)}}}},
        "exporters": exporters,
        "service": {
            "telemetry": TELEMETRY,
            "pipelines": {"traces": pipeline},
        },
    }
