"""`setup()` and `trace_url()`: tracing in one line, in programs of their own, as both change the whole process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tracen_otel.scripted_server import KEY, ScriptedServer, answer, hang, scripted_server

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import json, logging, sys, time
import tracen_otel
from opentelemetry import trace
LLM = {"openinference.span.kind": "LLM", "llm.model_name": "small", "output.value": "hello"}

def until(done):
    for _ in range(500):
        if done():
            return True
        time.sleep(0.01)
    return False
"""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


def run_program(rest: str, endpoint: str, **environment: str) -> dict[str, Any]:
    """Run PROGRAM and `rest`, strictly; answers the JSON it prints."""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM + textwrap.dedent(rest)],
        env={"TRACEN_ENDPOINT": endpoint, "TRACEN_KEY": KEY, "PATH": ""} | environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_setup_traces_a_program_that_knows_no_otel(server: ScriptedServer) -> None:
    """One line makes provider, processor and exporter; flush publishes, and the URLs are in the program's hands."""
    told = run_program(
        """
        tracing = tracen_otel.setup(service_name="shop")
        with trace.get_tracer("t").start_as_current_span("run", attributes=LLM):
            pass
        flushed = tracing.flush(timeout_s=10)
        print(json.dumps({"urls": tracing.urls, "flushed": flushed, "on": tracing.instrumented}))
        """,
        server.endpoint,
    )

    (request,) = server.requests
    assert (told["flushed"], len(told["urls"])) == (True, 1)
    assert request.payload["service_name"] == "shop"
    assert "openai" in told["on"]


def test_setup_leaves_off_what_the_environment_disables(server: ScriptedServer) -> None:
    """The variable that `opentelemetry-instrument` obeys is obeyed here, in any spelling of a name."""
    told = run_program(
        """
        from tracen_otel.instrumentations import _offered, _subject
        print(json.dumps({"on": tracen_otel.setup().instrumented, "offered": [p.name for _, p in _offered()]}))
        """,
        server.endpoint,
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="openai, anthropic,langchain,llama_index,openai-agents,pydantic_ai",
    )

    assert "openai" in told["offered"]
    assert told["on"] == []


def test_setup_writes_the_url_on_the_root_while_it_runs(server: ScriptedServer) -> None:
    """The page is reserved at the first span of a model, so the root span, and who else gets it, has the URL."""
    told = run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        tracer = trace.get_tracer("t")
        with tracer.start_as_current_span("run") as root:
            with tracer.start_as_current_span("chat", attributes=LLM):
                known = until(lambda: "tracen.url" in root.attributes)
            url = root.attributes["tracen.url"]
        tracing.flush()
        print(json.dumps({"known": known, "url": url, "urls": tracing.urls}))
        """,
        server.endpoint,
    )

    assert told["known"]
    assert told["urls"] == [told["url"]]
    assert (len(server.reservations), len(server.requests)) == (1, 1)


def test_setup_reserves_nothing_for_a_trace_without_a_model(server: ScriptedServer) -> None:
    """A web request in which no model is at work is nobody's page."""
    run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        tracer = trace.get_tracer("t")
        with tracer.start_as_current_span("GET /"):
            with tracer.start_as_current_span("SELECT"):
                pass
            tracing.flush()
        tracing.flush()
        print("{}")
        """,
        server.endpoint,
    )

    assert (server.reservations, server.requests) == ([], [])


def test_trace_url_is_known_before_the_trace_ends(server: ScriptedServer) -> None:
    """A program can hand out the URL in its own answer; the trace is published, model or not."""
    told = run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        outside = tracen_otel.trace_url()
        with trace.get_tracer("t").start_as_current_span("GET /"):
            url, again = tracen_otel.trace_url(), tracen_otel.trace_url()
        tracing.flush()
        print(json.dumps({"outside": outside, "url": url, "again": again, "urls": tracing.urls}))
        """,
        server.endpoint,
    )

    assert told["outside"] is None
    assert told["urls"] == [told["url"]] == [told["again"]]
    assert len(server.reservations) == 1


@pytest.mark.parametrize("status", [404, 405, 429, 500])
def test_trace_url_is_none_where_the_server_reserves_nothing(server: ScriptedServer, status: int) -> None:
    """A Tracen endpoint without reservations is asked once; the page comes when the trace has ended."""
    server.reserve_script.extend([answer(status)] * 10)
    told = run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        with trace.get_tracer("t").start_as_current_span("run", attributes=LLM):
            url = tracen_otel.trace_url()
        tracing.flush()
        print(json.dumps({"url": url, "urls": tracing.urls}))
        """,
        server.endpoint,
    )

    assert told["url"] is None
    assert len(told["urls"]) == 1


def test_setup_uses_the_provider_that_is_there(server: ScriptedServer) -> None:
    """A program with an OTel setup of its own keeps it, and its resource; a second call changes nothing."""
    told = run_program(
        """
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        logging.disable()
        mine = TracerProvider(resource=Resource({"service.name": "mine"}))
        trace.set_tracer_provider(mine)
        first, second = tracen_otel.setup(instrument=False), tracen_otel.setup()
        with mine.get_tracer("t").start_as_current_span("run", attributes=LLM):
            pass
        first.flush()
        print(json.dumps({"same": first is second and first.provider is mine}))
        """,
        server.endpoint,
    )

    assert told["same"]
    assert [request.payload["service_name"] for request in server.requests] == ["mine"]


def test_setup_does_nothing_where_the_sdk_is_disabled(server: ScriptedServer) -> None:
    """OTEL_SDK_DISABLED is obeyed: no span, no post, no error."""
    told = run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        with trace.get_tracer("t").start_as_current_span("run", attributes=LLM):
            url = tracen_otel.trace_url()
        print(json.dumps({"flushed": tracing.flush(), "url": url}))
        """,
        server.endpoint,
        OTEL_SDK_DISABLED="true",
    )

    assert told == {"flushed": True, "url": None}
    assert server.requests == []


def test_setup_has_instrumentations_record_content_unless_told_otherwise(server: ScriptedServer) -> None:
    """A page without words helps nobody; who sets the variables, or wants no content, decides."""
    program = """
        import os
        NAME = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
        tracen_otel.setup(instrument=False)
        print(json.dumps({"set": os.environ.get(NAME)}))
        """
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

    assert run_program(program, server.endpoint) == {"set": "span_only"}
    assert run_program(program, server.endpoint, **{name: "false"}) == {"set": "false"}
    assert run_program(program, server.endpoint, TRACEN_CAPTURE_CONTENT="false") == {"set": None}


def test_setup_flushes_on_every_sdk(server: ScriptedServer) -> None:
    """Before SDK 1.42 a provider went on to its other processors only where one answered True."""
    told = run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        processors = tracing.provider._active_span_processor._span_processors
        print(json.dumps({"answers": [processor.force_flush() for processor in processors]}))
        """,
        server.endpoint,
    )

    assert told["answers"] == [True, True]


def test_setup_survives_an_instrumentation_that_fails_and_one_that_sets_up(server: ScriptedServer) -> None:
    """Others' code runs while instrumentations are switched on: it may raise, and it may call setup() itself."""
    told = run_program(
        """
        from tracen_otel import instrumentations
        logging.disable()
        class Point:
            name, dist = "openai", None
            def load(self):
                tracen_otel.setup()
                raise RuntimeError
        instrumentations._offered = lambda: [("x", Point())]
        tracing = tracen_otel.setup()
        same = tracen_otel.setup() is tracing
        processors = tracing.provider._active_span_processor._span_processors
        print(json.dumps({"same": same, "processors": len(processors)}))
        """,
        server.endpoint,
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="pydantic_ai",
    )

    assert told == {"same": True, "processors": 2}


def test_trace_url_waits_no_longer_than_told(server: ScriptedServer) -> None:
    """A server that hangs delays the first answer by the timeout, and no other one while it is left alone."""
    server.reserve_script.extend([hang] * 5)
    told = run_program(
        """
        tracing = tracen_otel.setup(instrument=False)
        took = []
        with trace.get_tracer("t").start_as_current_span("run"):
            begin = time.monotonic()
            url = tracen_otel.trace_url(0.2)
            took.append(time.monotonic() - begin)
        print(json.dumps({"url": url, "took": took}))
        """,
        server.endpoint,
        TRACEN_SHUTDOWN_TIMEOUT="0.5",
    )

    assert told["url"] is None
    assert told["took"][0] < 2


def test_setup_publishes_what_forked_children_of_multiprocessing_did(server: ScriptedServer) -> None:
    """They run no exit handlers but their own, and what waits in the batch processor goes out all the same."""
    run_program(
        """
        import multiprocessing, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: fork in a process with threads
        tracing = tracen_otel.setup(instrument=False)
        def work():
            with trace.get_tracer("t").start_as_current_span("child", attributes=LLM):
                pass
        children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        print("{}")
        """,
        server.endpoint,
    )

    assert [request.payload["title"] for request in server.requests] == ["child"] * 3
