"""What importing the exporter costs a program, and what it brings along."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from re import match

from tests.bench.agent import KEY

SDK = "import opentelemetry.sdk.trace, opentelemetry.sdk.trace.export"
STATEMENTS = {
    "the SDK": SDK,
    "and tracen_otel": f"{SDK}; import tracen_otel; tracen_otel.TracenSpanExporter",
    "and one is made": f"{SDK}; import tracen_otel; tracen_otel.TracenSpanExporter(key={KEY!r})",
    "and OTLPSpanExporter, made": (
        f"{SDK}; from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter;"
        " OTLPSpanExporter()"
    ),
}
_TELL = "\nimport json, sys, time\nprint(json.dumps([time.process_time(), sorted(sys.modules)]))"


def import_times_ms(rounds: int) -> dict[str, float]:
    """CPU time of a process from its start to the end of each statement, in turns, medians, beyond the SDK's."""
    took_s: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(rounds):
        for name, statement in STATEMENTS.items():
            took_s[name].append(_run(statement)[0])
    sdk_s = statistics.median(took_s["the SDK"])
    return {
        name: (statistics.median(times) - (0 if name == "the SDK" else sdk_s)) * 1000
        for name, times in took_s.items()
    }


def server_modules() -> list[str]:
    """The modules of the server's dependencies that an exporter, once made, has brought into its process."""
    of_server, of_exporter = _dependencies()
    loaded = {name.partition(".")[0] for name in _run(STATEMENTS["and one is made"])[1]}
    distributions = packages_distributions()
    found = {name for name in loaded if of_server.intersection(map(_plain, distributions.get(name, ())))}
    shared = {name for name in found if of_exporter.intersection(map(_plain, distributions[name]))}
    return sorted((found - shared) | (loaded & {"viewer", "bridge"}))


def _dependencies() -> tuple[set[str], set[str]]:
    """The distributions that the server wants, and those that the exporter wants."""
    told = [
        (line, _plain(found[0]))
        for line in requires("tracen-otel") or ()
        if (found := match(r"[\w.-]+", line))
    ]
    return {name for line, name in told if "extra" in line}, {
        name for line, name in told if "extra" not in line
    }


def _plain(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _run(statement: str) -> tuple[float, list[str]]:
    command = [sys.executable, "-c", statement + _TELL]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    cpu_s, modules = json.loads(told)
    return cpu_s, modules
