"""Inputs to begin with: captured requests in every form, and the corners nobody captured."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fuzz.journey import SEPARATOR
from tests.fuzz.told import told_as_bytes
from tests.tracen_otel.captured import CAPTURES, logs_in, spans_in
from tests.viewer.samples import HOSTILE, PLAIN, TRICKY, agent_trace, hostile_trace
from tracen_otel import payload
from tracen_otel.assemble import assemble_all

FOUND = Path(__file__).parent / "found"
"""Inputs that once broke something, each as small as it could be made."""


def seeds() -> list[bytes]:
    """All of them, always in the same order."""
    folders = sorted(path for path in CAPTURES.iterdir() if path.is_dir())
    return [*(seed for folder in folders for seed in _captured(folder)), *_made(), *_found()]


def _captured(folder: Path) -> list[bytes]:
    spans = spans_in(folder)
    logs = [file.read_bytes() for file in sorted(folder.glob("logs-*.pb"))]
    found = [b"t" + told_as_bytes(spans)]
    for file in sorted(folder.glob("request-*")):
        found.append((b"j" if file.suffix == ".json" else b"p") + file.read_bytes())
        found += [b"l" + file.read_bytes() + SEPARATOR + log for log in logs if file.suffix == ".pb"]
    for trace in assemble_all(spans, logs_in(folder)):
        found.append(b"a" + json.dumps(payload.encode(trace)).encode())
    return found


def _made() -> list[bytes]:
    values = [
        PLAIN,
        *(payload.encode(trace) for trace in (agent_trace(), *map(hostile_trace, (HOSTILE, TRICKY)))),
    ]
    deep = b'{"a":' * 60 + b"1" + b"}" * 60
    return [
        b"",
        b"p",
        b"j{}",
        b"t\0\0\0",
        b"a" + deep,
        *(b"a" + json.dumps(value).encode() for value in values),
    ]


def _found() -> list[bytes]:
    return [file.read_bytes() for file in sorted(FOUND.glob("*.bin"))]
