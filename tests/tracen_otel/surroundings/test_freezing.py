"""A process that is frozen right after its answer, as serverless functions are, and thawed much later."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import ScriptedServer, hang
from tests.tracen_otel.surroundings.programs import (
    Program,
    environment_of,
    pages,
    pages_of,
    python,
    running,
    wait_for,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "waitid"), reason="waits for a stopped process with waitid")

PROGRAM = """
import os, signal
from tests.tracen_otel.surroundings.traced import exporter, flush, provider, run_agent

def freeze():
    os.kill(os.getpid(), signal.SIGSTOP)

"""
FLUSHED = """
for n in range(3):
    run_agent(f"invocation {n}")
    assert provider.force_flush(30_000) and exporter.force_flush(30_000)
    freeze()
"""
FLUSHED_BY_AN_INSTRUMENTATION = """
for n in range(3):
    run_agent(f"invocation {n}")
    assert provider.force_flush(30_000)
    freeze()
"""
IN_FLIGHT = """
run_agent("slow")
provider.force_flush()
assert not exporter.force_flush(300)
freeze()
assert exporter.force_flush(20_000)
"""


def wait_until_frozen(program: Program) -> None:
    """Wait for SIGSTOP to have stopped the process, or for its end."""
    found = os.waitid(os.P_PID, program.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert found is not None
    assert found.si_code == os.CLD_STOPPED, program.stderr
    os.waitid(os.P_PID, program.process.pid, os.WSTOPPED)


@pytest.mark.parametrize("processor", ["batch", "simple"])
def test_frozen_process_has_published_and_goes_on_over_a_new_connection(
    server: ScriptedServer, tmp_path: Path, processor: str
) -> None:
    """What was flushed is there while the process stands still; the dead connection costs no trace, and no copy."""
    environment = environment_of(server.endpoint, processor)
    with running(python(PROGRAM + FLUSHED), tmp_path, environment) as program:
        for n in range(3):
            wait_until_frozen(program)
            assert pages(server) == pages_of(f"invocation {i}" for i in range(n + 1))
            server.hang_up()
            program.process.send_signal(signal.SIGCONT)
        assert (program.wait(), program.stderr) == (0, "")

    assert pages(server) == pages_of(f"invocation {n}" for n in range(3))
    at_once = 2 if server.reservations else 1  # a slow run has its page reserved, beside the posts
    assert 3 <= server.connections <= 3 * at_once


@pytest.mark.parametrize("processor", ["batch", "simple"])
def test_frozen_process_that_waits_needs_no_flush_of_the_exporter(
    server: ScriptedServer, tmp_path: Path, processor: str
) -> None:
    """The AWS Lambda instrumentation flushes the provider alone, which no exporter hears of: TRACEN_WAIT is for it."""
    environment = environment_of(server.endpoint, processor, TRACEN_WAIT="10")
    with running(python(PROGRAM + FLUSHED_BY_AN_INSTRUMENTATION), tmp_path, environment) as program:
        for n in range(3):
            wait_until_frozen(program)
            assert pages(server) == pages_of(f"invocation {i}" for i in range(n + 1))
            server.hang_up()
            program.process.send_signal(signal.SIGCONT)
        assert (program.wait(), program.stderr) == (0, "")


def test_process_frozen_amid_a_post_repeats_it_recognisably(server: ScriptedServer, tmp_path: Path) -> None:
    """The server may have stored it before the connection died: both posts carry one idempotency key."""
    server.script.append(hang)
    environment = environment_of(server.endpoint, "batch")
    with running(python(PROGRAM + IN_FLIGHT), tmp_path, environment) as program:
        wait_until_frozen(program)
        assert len(server.requests) == 1
        server.hang_up()
        program.process.send_signal(signal.SIGCONT)
        assert (program.wait(), program.stderr) == (0, "")

    first, second = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


def test_killed_process_leaves_what_was_flushed(server: ScriptedServer, tmp_path: Path) -> None:
    """SIGKILL takes what is in hand, never what a flush has answered for."""
    environment = environment_of(server.endpoint, "batch")
    with running(python(PROGRAM + FLUSHED), tmp_path, environment) as program:
        wait_until_frozen(program)
        program.process.kill()
        assert program.wait() == -signal.SIGKILL
        wait_for(lambda: pages(server) == pages_of(["invocation 0"]), "the page")
