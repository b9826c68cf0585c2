"""Over a thousand exports a process holds no more files and threads than after the first."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import ScriptedServer, answer, reset
from tests.tracen_otel.surroundings.programs import environment_of, run_to_end

PROGRAM = """
import os, threading
from tests.tracen_otel.readable_spans import root_span
from tests.tracen_otel.surroundings.traced import exporter

def held():
    return threading.active_count(), len(os.listdir("/proc/self/fd"))

trace_ids = iter(range(1, 2000))
for _ in range(20):
    exporter.export([root_span(next(trace_ids))])
exporter.force_flush()
before, most = held(), (0, 0)
for n in range(1000):
    exporter.export([root_span(next(trace_ids))])
    if n % 20 == 0:
        exporter.force_flush()
        most = max(most[0], held()[0]), max(most[1], held()[1])
exporter.force_flush()
print(before == held() == most, exporter.counts.published, exporter.counts.dropped)
exporter.shutdown()
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_thousand_exports_leave_no_file_and_no_thread_behind(server: ScriptedServer, tmp_path: Path) -> None:
    """Also where connections are reset, closed and refused among them."""
    closing = answer(200, Connection="close")
    steps = [*[answer()] * 30, reset, *[answer()] * 10, closing]
    server.script.extend(itertools.chain.from_iterable([steps] * 30))
    server.script[500] = answer(500)

    ended = run_to_end(PROGRAM, tmp_path, environment_of(server.endpoint, "simple"))

    lost = {"the server answered 500 Internal Server Error": 1}
    assert ended == (0, f"True 1019 {lost}\n", f"spans dropped: 1 ({next(iter(lost))})\n")
