"""TracenSpanExporter in processes of its own: how they end, fork, and clean up."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import KEY, ScriptedServer, closed_port, hang, scripted_server

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import os, sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tracen_otel import TracenSpanExporter

provider = TracerProvider()
exporter = TracenSpanExporter()
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("test")

def work(name):
    with tracer.start_as_current_span(name, attributes={"openinference.span.kind": "LLM"}):
        pass
"""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


def start_program(rest: str, endpoint: str) -> subprocess.Popen[str]:
    """Start PROGRAM and `rest` as a process, strictly."""
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM + textwrap.dedent(rest)],
        env={"TRACEN_ENDPOINT": endpoint, "TRACEN_KEY": KEY, "PATH": ""},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(program: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a program; it has 20 seconds to end."""
    with program:
        try:
            out, err = program.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
    return subprocess.CompletedProcess(program.args, program.returncode, out, err)


def run_program(rest: str, endpoint: str) -> subprocess.CompletedProcess[str]:
    return end_of(start_program(rest, endpoint))


def titles(server: ScriptedServer) -> list[str]:
    return sorted(request.payload["title"] for request in server.requests)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("", 0), ("sys.exit(3)", 3), ("raise LookupError", 1), ("provider.shutdown()", 0)],
)
def test_program_that_ends_at_once_leaves_its_page(server: ScriptedServer, ending: str, status: int) -> None:
    """However a short program ends, what it did is published on the way out."""
    ended = run_program(f"work('short')\n{ending}", server.endpoint)

    assert (ended.returncode, titles(server)) == (status, ["short"])


def test_program_that_posts_before_and_at_its_end_leaves_no_connection_open(server: ScriptedServer) -> None:
    """urllib3's own exit handler runs first and would close none that is opened after it."""
    ended = run_program(
        "work('early')\nprovider.force_flush(), exporter.force_flush()\nwork('late')", server.endpoint
    )

    assert (ended.returncode, ended.stderr, titles(server)) == (0, "", ["early", "late"])


def test_program_ends_soon_when_the_server_is_down(server: ScriptedServer) -> None:
    """A dead or a silent server delays the end by a few seconds at most, and the loss is told on stderr."""
    server.script.extend([hang] * 10)
    programs = [
        start_program(
            """
            import time
            work("lost")
            begin_s = time.monotonic()
            provider.shutdown()
            print(time.monotonic() - begin_s)
            """,
            endpoint,
        )
        for endpoint in (f"http://127.0.0.1:{closed_port()}", server.endpoint)
    ]

    for program in programs:
        ended = end_of(program)
        assert ended.returncode == 0
        assert float(ended.stdout) < 6
        assert "spans dropped: 1 (the program ended before they could be published)" in ended.stderr


def test_forked_children_publish_their_own_spans_once(server: ScriptedServer) -> None:
    """Spans of the parent are not repeated by a child, and a child's exporter works."""
    ended = run_program(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: fork in a process with threads
        work("before")
        provider.force_flush()
        exporter.force_flush()
        context_span = tracer.start_span("open", attributes={"openinference.span.kind": "AGENT"})
        from opentelemetry.trace import set_span_in_context
        tracer.start_span("held", context=set_span_in_context(context_span)).end()
        provider.force_flush()
        children = []
        for n in range(3):
            pid = os.fork()
            if pid == 0:
                work(f"child {n}")
                provider.shutdown()
                os._exit(0 if exporter.counts.published == 1 else 1)
            children.append(pid)
        failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
        context_span.end()
        work("after")
        provider.shutdown()
        sys.exit(len(failed))
        """,
        server.endpoint,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert titles(server) == ["after", "before", "child 0", "child 1", "child 2", "open"]


def test_exporter_with_a_key_has_imported_what_it_posts_with(server: ScriptedServer) -> None:
    """A fork amid an import on another thread would leave a child that can never post: nothing is left to import."""
    ended = run_program(
        """
        before = set(sys.modules)
        work("all")
        provider.shutdown()
        print(sorted(set(sys.modules) - before))
        """,
        server.endpoint.replace("127.0.0.1", "localhost"),
    )

    assert (ended.stdout, ended.stderr, titles(server)) == ("[]\n", "", ["all"])


def test_program_whose_exporters_come_and_go_leaks_nothing(server: ScriptedServer) -> None:
    """After many traces through many exporters there are no more threads and files than before."""
    ended = run_program(
        """
        import threading
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        def once():
            mine = TracerProvider(shutdown_on_exit=False)
            mine.add_span_processor(SimpleSpanProcessor(TracenSpanExporter()))
            for _ in range(5):
                mine.get_tracer("t").start_span("x", attributes={"openinference.span.kind": "LLM"}).end()
            mine.shutdown()
        def held():
            files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
            return threading.active_count(), files
        once()
        before = held()
        for _ in range(20):
            once()
        assert held() == before, (before, held())
        """,
        server.endpoint,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(server.requests) == 105
