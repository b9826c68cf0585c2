"""What runs behind a Collector: a program that sends to it, and the server in front of which it stands."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import httpx2

from tests.interop.collector import ConfiguredCollector
from tests.interop.languages.facts import ANSWER
from tests.interop.languages.program import GRPC, Program
from tests.processes import TracenProcess


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


def pages(tracen: TracenProcess, key: str) -> list[str]:
    """URLs of all traces of the account of `key`."""
    with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": key}) as client:
        traces = client.get(f"{tracen.http}/api/traces").raise_for_status().json()["traces"]
    return [trace["url"] for trace in traces]


def end(tracen: TracenProcess, how: Callable[[TracenProcess], object]) -> None:
    """End a server and let go of it."""
    how(tracen)
    tracen.close()
