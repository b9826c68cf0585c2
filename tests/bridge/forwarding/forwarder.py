"""A server that forwards, as a process that is ended and killed and started again, and runs that SDKs send to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.cli import tracen
from tests.processes import TracenProcess, start_tracen

TIMEOUT_S = 60.0
QUICK = ("--forward-quiet", "1", "--forward-rootless", "3", "--forward-longest", "20")


def wait_until(holds: Callable[[], object], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Return as soon as something holds; fail with `what` where it does not in a long time."""
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s, f"in vain waited until {what}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Forwarder:
    """One store's server, in one process after the other. Its log must never hold the key of the endpoint."""

    def __init__(self, db: Path, to: str, key: str, *more: str) -> None:
        self.db = db
        self._key = key
        self._flags = ("--forward-to", to, *QUICK, "--log-level", "debug", *more)
        self.process = self._started("")

    def _started(self, key: str) -> TracenProcess:
        environment = {"TRACEN_FORWARD_KEY": self._key}
        return start_tracen(self.db, *self._flags, key=key, environment=environment)

    def start(self) -> None:
        self.process = self._started(self.process.key)

    def terminate(self) -> None:
        """SIGTERM: it must end in order, and in time."""
        assert self.process.stop() == 0, self.log
        self._check_log()

    def kill(self) -> None:
        self.process.kill()
        self._check_log()

    def end(self) -> None:
        """However the test has gone."""
        if self.process.process.poll() is None:
            self.process.kill()
        self.process.close()

    def _check_log(self) -> None:
        assert self._key not in self.log
        assert "Traceback" not in self.log, self.log
        self.process.close()

    @property
    def log(self) -> str:
        return self.db.with_suffix(".stderr").read_text(encoding="utf-8")

    def status(self) -> dict[str, Any]:
        """What `tracen forward --status --json` tells. In this process: it is asked often."""
        done = CliRunner().invoke(tracen, ["forward", "--status", "--json", "--db", str(self.db)])
        assert done.exit_code == 0, done.output
        value: dict[str, Any] = json.loads(done.stdout)[-1]
        return value

    def status_words(self) -> str:
        """The same for people, white space made even."""
        command = [sys.executable, "-m", "bridge", "forward", "--status", "--db", str(self.db)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment)
        assert done.returncode == 0, done.stderr
        assert self._key not in done.stdout + done.stderr
        return " ".join(done.stdout.split())

    def metric(self, name: str) -> float:
        text = httpx2.get(f"{self.process.http}/metrics", trust_env=False, timeout=TIMEOUT_S).text
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])


# -- what is sent to it ----------------------------------------------------------------------------------


def run_of(name: str, steps: int = 3) -> list[ReadableSpan]:
    """The spans of an agent's run as its SDK makes them: steps first, the root last."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("agent")
    with tracer.start_as_current_span(name, attributes={"gen_ai.operation.name": "invoke_agent"}):
        for number in range(steps):
            with tracer.start_as_current_span(
                f"{name} step {number}", attributes={"gen_ai.operation.name": "chat"}
            ):
                pass
    return list(memory.get_finished_spans())


def otel_id_of(spans: Sequence[ReadableSpan]) -> str:
    context = spans[0].context
    assert context is not None
    return f"{context.trace_id:032x}"


def export(tracen: TracenProcess, spans: Sequence[ReadableSpan], *, over_grpc: bool = False) -> bool:
    """Send spans with a real exporter; True where the server said that it has them."""
    headers = {"x-tracen-key": tracen.key}
    exporter = (
        GrpcExporter(endpoint=tracen.otlp_grpc, insecure=True, headers=headers, timeout=5)
        if over_grpc
        else HttpExporter(endpoint=f"{tracen.otlp_http}/v1/traces", headers=headers, timeout=5)
    )
    try:
        return exporter.export(spans) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()


def names_in(payload: dict[str, Any]) -> list[str]:
    return sorted(step["name"] for step in payload["steps"])


# -- what is there at the end ----------------------------------------------------------------------------


def pages_at(tracen: TracenProcess, key: str) -> list[dict[str, Any]]:
    """The payloads of all pages of an account."""
    headers = {"x-tracen-key": key}
    with httpx2.Client(headers=headers, trust_env=False, timeout=TIMEOUT_S) as client:
        listed = client.get(f"{tracen.http}/api/traces?limit=100").raise_for_status().json()
        assert listed["next"] is None
        return [client.get(f"{trace['url']}.json").raise_for_status().json() for trace in listed["traces"]]
