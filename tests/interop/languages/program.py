"""A program as a user runs it: nothing but the environment tells it where Tracen is and how to speak with it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.interop.relay import running_relay
from tests.processes import TracenProcess

EXAMPLES = Path(__file__).parents[3] / "examples"
PAGE_URL = re.compile(r"http://\S+?/traces/[0-9a-f-]{36}")
GRPC, PROTOBUF, JSON = "grpc", "http/protobuf", "http/json"
"""OTEL_EXPORTER_OTLP_PROTOCOL, as the specification spells its values."""
RUN_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Run:
    """What a program did: the URL that it printed, and every byte that it sent to the port for OTLP.

    `protocol` is the one that it was to speak, its SDK's own choice where the environment named none.
    """

    url: str
    sent: bytes
    protocol: str
    compression: str


@dataclass(frozen=True, slots=True)
class Program:
    """An example that is ready to run in its folder.

    `language` is the end of its service name, weather-agent-LANGUAGE; `default_protocol` what its SDK speaks
    where the environment names none.
    """

    language: str
    command: tuple[str, ...]
    folder: Path
    default_protocol: str

    def run(self, tracen: TracenProcess, protocol: str = "", compression: str = "") -> Run:
        """Run it to its end, through a relay that listens in. What is "" is not in the environment."""
        spoken = protocol or self.default_protocol
        port = tracen.otlp_grpc if spoken == GRPC else tracen.otlp_http.removeprefix("http://")
        with running_relay(port) as relay:
            ended = self.started(
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{relay.address}",
                OTEL_EXPORTER_OTLP_HEADERS=f"x-tracen-key={tracen.key}",
                OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                TRACEN_ENDPOINT=tracen.http,
                TRACEN_KEY=tracen.key,
            )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        (url,) = PAGE_URL.findall(ended.stdout)
        return Run(str(url), bytes(relay.sent), spoken, compression)

    def started(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever that is, with this environment and no other; what is "" is not set."""
        return subprocess.run(
            self.command,
            cwd=self.folder,
            env=with_path(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )


def with_path(environment: Mapping[str, str]) -> dict[str, str]:
    """What programs are found and started with, and what is told them."""
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8"}
    return base | {name: value for name, value in environment.items() if value}
