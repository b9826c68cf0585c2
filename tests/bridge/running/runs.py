"""`tracen run` as somebody types it: a process of its own, with a program in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.processes import TracenProcess

CHECKOUT = Path(__file__).parents[3]
TIMEOUT_S = 180
PYTHON = sys.executable

SPAN = """
import sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("test")
with tracer.start_as_current_span(sys.argv[1] if len(sys.argv) > 1 else "a span"):
    pass
"""
"""A program with a set-up of its own that makes one trace."""


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without what would decide something; the checkout can be imported from any folder."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRACEN_", "OTEL_", "OPENAI_"))
    }
    return own | {"PYTHONPATH": str(CHECKOUT)} | more


@dataclass(frozen=True, slots=True)
class Done:
    """What a run wrote and ended with; `traces` are those of --json's kind, from a file."""

    code: int
    out: bytes
    err: str
    traces: tuple[dict[str, Any], ...]

    def payload(self, number: int = 0) -> dict[str, Any]:
        """What the page of a trace tells."""
        answer = urllib3.request("GET", self.traces[number]["url"] + ".json", timeout=60, retries=False)
        assert answer.status == 200
        told: dict[str, Any] = answer.json()
        return told


def run_command(*words: str) -> list[str]:
    return [PYTHON, "-P", "-m", "bridge", "run", *words]


class Runner:
    """Runs programs with one server."""

    def __init__(self, tracen: TracenProcess, folder: Path, environment: Mapping[str, str]) -> None:
        self.tracen = tracen
        self.folder = folder
        self.environment = dict(environment)

    def options(self, *more: str) -> list[str]:
        return ["--db", str(self.tracen.db), "--output", str(self.folder / "traces"), *more, "--"]

    def run(
        self,
        *words: str,
        options: tuple[str, ...] = (),
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a program to its end."""
        ended = subprocess.run(
            run_command(*self.options(*options), *words),
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment | dict(environment or {}),
            timeout=TIMEOUT_S,
        )
        return self.done(ended.returncode, ended.stdout, ended.stderr.decode())

    def python(self, text: str, *words: str, **more: Any) -> Done:
        """Run a Python program."""
        (self.folder / "program.py").write_text(text, encoding="utf-8")
        return self.run(PYTHON, "program.py", *words, **more)

    def done(self, code: int, out: bytes, err: str) -> Done:
        """What came of a run that has ended."""
        path = self.folder / "traces"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        assert "Traceback" not in err or "program.py" in err, err
        return Done(code, out, err, tuple(json.loads(line) for line in lines))
