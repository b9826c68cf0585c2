"""A real OpenTelemetry Collector, built by `.ci/collector.sh`: OTLP/gRPC in on a socket file, exporters out."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.bench.load import EXPORT

STOP_TIMEOUT_S = 60
READY_TIMEOUT_S = 60
DROPPED = "Exporting failed. Dropping data."
RETRIED = "Exporting failed. Will retry the request after interval."

Exporters = Mapping[str, Mapping[str, Any]]


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

    def send(self, body: bytes) -> None:
        """Hand over an ExportTraceServiceRequest; the Collector answers once it is in the exporters' queues."""
        self.channel.unary_unary(EXPORT)(body, timeout=READY_TIMEOUT_S, wait_for_ready=True)

    def errors(self, message: str) -> dict[str, list[str]]:
        """What the log says under `message`, by exporter."""
        found: dict[str, list[str]] = {}
        for line in self.log.read_text(encoding="utf-8").split("\n")[:-1]:  # the last one may be half written
            entry = json.loads(line)
            if entry["msg"] == message:
                found.setdefault(entry["otelcol.component.id"], []).append(entry["error"])
        return found


@contextlib.contextmanager
def running_collector(exporters: Exporters) -> Iterator[Collector]:
    """A Collector for the length of a block, with one pipeline into all of the exporters."""
    binary = require_collector()
    # Of its own, and not pytest's folder: a socket's path has room for about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="otelcol-") as name:
        folder = Path(name)
        socket, config, log = folder / "otlp.sock", folder / "config.json", folder / "log"
        config.write_text(json.dumps(_configuration(socket, exporters)), encoding="utf-8")
        with log.open("w") as stderr:
            process = subprocess.Popen([binary, "--config", str(config)], stderr=stderr)
        try:
            with grpc.insecure_channel(f"unix:{socket}") as channel:
                yield Collector(log, channel)
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
            "telemetry": {
                "metrics": {"level": "none"},
                # Every line counts here: by default equal ones are sampled.
                "logs": {"encoding": "json", "sampling": {"enabled": False}},
            },
            "pipelines": {"traces": pipeline},
        },
    }
