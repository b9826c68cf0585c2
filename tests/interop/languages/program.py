"""A program as a user runs it: nothing but the environment tells it where Tracen is and how to speak with it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.processes import TracenProcess

EXAMPLES = Path(__file__).parents[3] / "examples"
PAGE_URL = re.compile(r"http://\S+?/traces/[0-9a-f-]{36}")
GRPC, PROTOBUF, JSON = "grpc", "http/protobuf", "http/json"
"""OTEL_EXPORTER_OTLP_PROTOCOL, as the specification spells its values."""
RUN_TIMEOUT_S = 300


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

    def run(self, tracen: TracenProcess, protocol: str = "", **more: str) -> str:
        """Run it to its end; answers the URL that it printed. Without a protocol the environment names none.

        `more` is further environment, as OTEL_EXPORTER_OTLP_COMPRESSION="gzip"; what is "" is not set.
        """
        ended = subprocess.run(
            self.command,
            cwd=self.folder,
            env=self._environment(tracen, protocol, more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        (url,) = PAGE_URL.findall(ended.stdout)
        return str(url)

    def _environment(self, tracen: TracenProcess, protocol: str, more: Mapping[str, str]) -> dict[str, str]:
        over_grpc = (protocol or self.default_protocol) == GRPC
        told = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{tracen.otlp_grpc}" if over_grpc else tracen.otlp_http,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-tracen-key={tracen.key}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "TRACEN_ENDPOINT": tracen.http,
            "TRACEN_KEY": tracen.key,
        }
        return {name: value for name, value in {**told, **more}.items() if value}
