"""TracenSpanExporter under the real SDK, against a real server."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import urllib3
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_value
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Tracer

from tests.processes import TracenProcess, running_tracen
from tests.tracen_otel.readable_spans import LLM, readable_span, root_span
from tests.tracen_otel.scripted_server import (
    KEY,
    ScriptedServer,
    answer,
    hang,
    scripted_server,
)
from tracen_otel import PublishedTrace, TracenSpanExporter
from tracen_otel.payload import MAX_BODY_BYTES, decode
from tracen_otel.tally import Counts

PLAIN = {"http.request.method": "GET"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TRACEN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


def tracer_of(processor: SpanProcessor) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider.get_tracer("test")


def run_agent(tracer: Tracer) -> int:
    """Root, model call, tool; answers the trace id."""
    with tracer.start_as_current_span("agent", attributes={"openinference.span.kind": "AGENT"}) as root:
        with tracer.start_as_current_span("chat", attributes=LLM):
            pass
        with tracer.start_as_current_span("weather", attributes={"openinference.span.kind": "TOOL"}):
            pass
    return root.get_span_context().trace_id


def test_exporter_publishes_a_trace_under_the_batch_processor(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One trace is one post; its URL is logged at INFO, handed to on_url and answered later."""
    caplog.set_level(logging.INFO, "tracen_otel")
    told: list[PublishedTrace] = []
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, on_url=told.append)
    processor = BatchSpanProcessor(exporter)

    trace_id = run_agent(tracer_of(processor))
    processor.force_flush()
    assert exporter.force_flush()
    processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it without annotations

    (request,) = server.requests
    trace = decode(request.payload)
    assert [step.name for step in trace.steps] == ["agent", "chat", "weather"]
    assert (trace.otel_trace_id, trace.model) == (f"{trace_id:032x}", "small")
    (published,) = told
    assert published.otel_trace_id == f"{trace_id:032x}"
    assert exporter.url(trace_id) == exporter.url(f"{trace_id:032X}") == published.url
    assert exporter.url("f" * 32) is None
    assert [record.getMessage() for record in caplog.records] == [f"trace {trace_id:032x}: {published.url}"]
    assert exporter.counts == Counts(published=1)


def test_exporter_gathers_a_trace_that_comes_span_by_span(server: ScriptedServer) -> None:
    """Under the simple processor each span is an export of its own, and the page is still one."""
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    processor = SimpleSpanProcessor(exporter)

    run_agent(tracer_of(processor))
    processor.shutdown()

    assert [len(request.payload["steps"]) for request in server.requests] == [3]


def test_exporter_does_not_stall_the_thread_that_ends_a_span(server: ScriptedServer) -> None:
    """With a server that never answers, the agent is through before the post is."""
    server.script.append(hang)
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, timeout=60)
    trace_id = run_agent(tracer_of(SimpleSpanProcessor(exporter)))

    assert exporter.url(trace_id) is None
    assert not exporter.force_flush(100)
    exporter.shutdown(100)


def test_exporter_sends_late_spans_to_the_same_page(server: ScriptedServer) -> None:
    """A span that ends after its root follows by itself; the URL stays, and is told once."""
    told: list[PublishedTrace] = []
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, on_url=told.append)
    tracer = tracer_of(SimpleSpanProcessor(exporter))
    with tracer.start_as_current_span("agent", attributes=LLM):
        background = tracer.start_span("background")
    assert exporter.force_flush()
    background.end()
    assert exporter.force_flush()
    exporter.shutdown()

    first, second = server.requests
    assert [len(request.payload["steps"]) for request in server.requests] == [1, 1]
    assert first.payload["otel_trace_id"] == second.payload["otel_trace_id"]
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert len(told) == 1


def test_exporter_asks_again_with_the_same_idempotency_key_when_an_answer_was_lost(
    server: ScriptedServer,
) -> None:
    """A post whose answer never came may have made a page: the repetition is recognisable as one."""
    server.script.extend([answer(503), answer(503)])
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([root_span(1)])
    assert exporter.force_flush()
    exporter.shutdown()

    assert len({(request.headers["idempotency-key"], request.body) for request in server.requests}) == 1
    assert (len(server.requests), exporter.counts.retries) == (3, 2)


def test_exporter_leaves_out_traces_without_a_model_unless_told_otherwise(server: ScriptedServer) -> None:
    """A web request in which no model was at work is nobody's page; only="all" publishes it."""
    for only in ("llm", "all"):
        exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, only=only)
        exporter.export([readable_span(1, 1, None, attributes=PLAIN)])
        assert exporter.force_flush()
        exporter.shutdown()

        published = only == "all"
        assert exporter.counts == Counts(published=int(published), skipped=int(not published))
        assert len(server.requests) == int(published)


def test_exporter_sends_the_documented_fields_alone_when_not_extended(server: ScriptedServer) -> None:
    """A strict server sees nothing it does not know; the trace is sent once, and has its URL."""
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, extended=False)
    exporter.export([readable_span(1, 2), root_span(1)])
    exporter.force_flush()
    exporter.export([readable_span(1, 3)])
    exporter.shutdown()

    (request,) = server.requests
    assert set(request.payload["steps"][0]) == {"name", "timestamp", "latency_ms"}
    assert "otel_trace_id" not in request.payload
    assert exporter.url(1) is not None
    assert exporter.counts.dropped == {"too late for their trace": 1}


def test_exporter_keeps_what_a_rate_limited_server_did_not_take(server: ScriptedServer) -> None:
    """A long Retry-After blocks neither export nor flush, and loses nothing while the program lives."""
    server.script.append(answer(429, Retry_After="1800"))
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([root_span(1)])
    first_flush = exporter.force_flush()

    assert exporter.export([root_span(2)]) is SpanExportResult.SUCCESS
    assert (first_flush, exporter.force_flush(60_000)) == (False, False)
    assert (len(server.requests), exporter.counts.dropped) == (1, {})
    exporter.shutdown()
    assert exporter.counts.dropped == {"the program ended before they could be published": 2}


def test_exporter_shutdown_publishes_unfinished_traces_and_ends(server: ScriptedServer) -> None:
    """A root that never ended does not hide its children; afterwards export fails and no thread is left."""
    before = set(threading.enumerate())
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([readable_span(1, 2)])
    assert "tracen-exporter" in {thread.name for thread in set(threading.enumerate()) - before}
    exporter.shutdown()
    exporter.shutdown()

    assert [len(request.payload["steps"]) for request in server.requests] == [1]
    assert exporter.export([root_span(2)]) is SpanExportResult.FAILURE
    assert "tracen-exporter" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_exporter_survives_a_callback_that_fails(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The user's mistake is logged with its traceback; the next trace goes out all the same."""

    def broken(published: PublishedTrace) -> None:
        raise LookupError("the user's own mistake")

    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, on_url=broken)
    exporter.export([root_span(1), root_span(2)])
    assert exporter.force_flush()
    exporter.shutdown()

    assert exporter.counts == Counts(published=2)
    assert caplog.text.count("LookupError: the user's own mistake") == 2


def test_exporter_suppresses_instrumentation_on_its_own_thread(server: ScriptedServer) -> None:
    """Instrumented HTTP clients are told not to trace our posts, nor what a callback sends."""
    seen: list[Any] = []
    exporter = TracenSpanExporter(
        endpoint=server.endpoint,
        key=KEY,
        on_url=lambda published: seen.extend(
            get_value(key) for key in (_SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation")
        ),
    )
    exporter.export([root_span(1)])
    exporter.shutdown()

    assert seen == [True, True]


def test_exporter_publishes_a_trace_that_is_too_large_with_gaps(server: ScriptedServer) -> None:
    """10 MB of text in one attribute still give a page, which says that something was cut."""
    attributes = {**LLM, "input.value": "x" * 10_000_000}
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([readable_span(1, 1, None, attributes=attributes)])
    assert exporter.force_flush()
    exporter.shutdown()

    (request,) = server.requests
    assert len(request.body) < MAX_BODY_BYTES
    assert "too large" in request.payload["notes"][-1]


def test_exporter_counts_and_tells_what_the_server_refused(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong key gives one warning with the reason, whatever the number of traces, and never the key."""
    caplog.set_level(logging.DEBUG)
    server.script.extend([answer(401)] * 5)
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([root_span(n) for n in range(1, 6)])
    assert exporter.force_flush()
    exporter.shutdown()

    assert exporter.counts.dropped == {"the server answered 401 Unauthorized": 5}
    warnings = [record for record in caplog.records if record.name == "tracen_otel"]
    assert 1 <= len(warnings) <= 2
    assert all("401 Unauthorized" in record.getMessage() for record in warnings)
    assert KEY not in caplog.text


def test_exporter_says_once_where_to_subscribe(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An account without a subscription costs one warning that leads to one, and no second attempt."""
    url = "https://tracen.example/app/subscription"
    server.script.extend([answer(402, json.dumps({"subscribe_url": url}).encode())] * 3)
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([root_span(n) for n in range(1, 4)])
    assert exporter.force_flush()
    exporter.shutdown()

    assert len(server.requests) == 3
    assert sum(exporter.counts.dropped.values()) == 3
    assert exporter.counts.retries == 0
    warnings = [record.getMessage() for record in caplog.records if record.name == "tracen_otel"]
    assert 1 <= len(warnings) <= 2  # the second counts what was refused after the first
    assert all(url in warning for warning in warnings)


class Alien:
    """Looks like a span from afar."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_exporter_never_raises_into_the_program(server: ScriptedServer) -> None:
    """What is no span at all costs itself, and what is no batch at all is a FAILURE."""
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)

    assert exporter.export([Alien(), root_span(1)]) is SpanExportResult.SUCCESS  # type: ignore[list-item]
    assert exporter.export(None) is SpanExportResult.FAILURE  # type: ignore[arg-type]
    assert exporter.force_flush()
    exporter.shutdown()
    assert exporter.counts == Counts(published=1, dropped={"unreadable": 1})


def test_exporter_without_a_key_warns_once_and_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A program that is started without a key runs as ever."""
    exporter = TracenSpanExporter()

    assert exporter.export([root_span(1)]) is SpanExportResult.SUCCESS
    assert exporter.force_flush()
    exporter.shutdown()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "TRACEN_KEY" in caplog.text
    assert exporter.counts == Counts()


def test_exporter_reads_its_environment_twins(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen by its entry point and made without arguments, everything comes from the environment."""
    monkeypatch.setenv("TRACEN_ENDPOINT", server.endpoint + "/")
    monkeypatch.setenv("TRACEN_KEY", f" {KEY}\n")
    monkeypatch.setenv("TRACEN_ONLY", "all")
    monkeypatch.setenv("TRACEN_TIMEOUT", "2.5")
    (entry,) = entry_points(group="opentelemetry_traces_exporter", name="tracen")

    exporter: TracenSpanExporter = entry.load()()
    exporter.export([readable_span(1, 1, None, attributes=PLAIN)])
    assert exporter.force_flush()
    exporter.shutdown()

    assert [request.headers["x-tracen-key"] for request in server.requests] == [KEY]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TRACEN_ENDPOINT", "tracen.test", "endpoint: expected a URL"),
        ("TRACEN_ONLY", "some", 'only: expected "llm" or "all", got \'some\''),
        ("TRACEN_TIMEOUT", "soon", "timeout: expected seconds"),
        ("TRACEN_TIMEOUT", "nan", "timeout: expected seconds"),
        ("TRACEN_KEY", "sécret", "key: expected a Tracen key"),
    ],
)
def test_exporter_warns_of_a_wrong_environment_and_goes_on(
    variable: str,
    value: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A typo in a deployment is no reason for a program not to start."""
    monkeypatch.setenv("TRACEN_KEY", KEY)
    monkeypatch.setenv(variable, value)

    TracenSpanExporter().shutdown()

    assert f"{variable} is not used: {expected}" in caplog.text
    assert "sécret" not in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [{"endpoint": "x"}, {"key": "\n"}, {"only": "some"}, {"timeout": 0}, {"timeout": float("inf")}],
)
def test_exporter_refuses_a_wrong_argument_when_it_is_made(arguments: dict[str, Any]) -> None:
    """What a programmer wrote wrong is a ValueError that names it."""
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}: expected"):
        TracenSpanExporter(**arguments)


# -- the real service ---------------------------------------------------------------------------------


def test_exporter_and_service_agree_on_one_page_for_a_trace(tracen: TracenProcess) -> None:
    """Sent, sent again with a late span, then asked for by its OTel trace id: one page that tells it all."""
    told: list[PublishedTrace] = []
    exporter = TracenSpanExporter(endpoint=tracen.http, key=tracen.key, on_url=told.append)
    tracer = tracer_of(SimpleSpanProcessor(exporter))
    with tracer.start_as_current_span("agent", attributes=LLM) as root:
        background = tracer.start_span(
            "background", attributes={"odd": "\ud800", "nested": [{"a": [b"\xff"]}]}
        )
    assert exporter.force_flush()
    background.end()
    assert exporter.force_flush()
    exporter.shutdown()

    (published,) = told
    page = urllib3.request("GET", published.url + ".json", timeout=10).json()
    assert [step["name"] for step in page["steps"]] == ["agent", "background"]
    assert page["otel_trace_id"] == f"{root.get_span_context().trace_id:032x}"
    assert exporter.counts == Counts(published=2)


def test_exporter_meets_the_services_limit_without_losing_a_trace(tmp_path: Path) -> None:
    """The third trace of a key that may post two an hour is kept for later, and nothing waits for it."""
    with running_tracen(tmp_path / "limited.db", "--requests-per-hour", "2") as limited:
        exporter = TracenSpanExporter(endpoint=limited.http, key=limited.key)
        exporter.export([root_span(n) for n in (1, 2, 3)])
        flushed = exporter.force_flush()
        counts = exporter.counts
        exporter.shutdown()

    assert (flushed, counts.published, counts.dropped) == (False, 2, {})
    assert [exporter.url(n) is not None for n in (1, 2, 3)] == [True, True, False]


def test_exporter_can_wait_for_the_page(server: ScriptedServer) -> None:
    """With `wait`, the URL is known when the root span has ended: for scripts that end at once."""
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, wait=10)
    trace_ids = [run_agent(tracer_of(SimpleSpanProcessor(exporter))) for _ in range(2)]
    known = [exporter.url(trace_id) for trace_id in trace_ids]
    told = exporter.urls
    exporter.shutdown()

    assert known == told
    assert len(set(told)) == 2


def test_exporter_waits_no_longer_than_told_and_not_while_paused(server: ScriptedServer) -> None:
    """A server that says "later" is not waited for; one that hangs, for `wait` at most."""
    server.script.extend([answer(429, Retry_After="1800"), hang])
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, wait=0.2)

    run_agent(tracer_of(SimpleSpanProcessor(exporter)))
    run_agent(tracer_of(SimpleSpanProcessor(exporter)))

    assert exporter.urls == []
    exporter.shutdown(0)


def test_exporter_knows_the_url_of_a_long_run_while_it_goes_on(server: ScriptedServer) -> None:
    """The page is reserved when the first span of a model has ended, once, and the run then fills it."""
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    tracer = tracer_of(SimpleSpanProcessor(exporter))
    with tracer.start_as_current_span("run") as root:
        trace_id = root.get_span_context().trace_id
        for _ in range(3):
            with tracer.start_as_current_span("chat", attributes=LLM):
                pass
        known = wait_for(lambda: exporter.url(trace_id))
    assert exporter.force_flush()
    exporter.shutdown()

    assert exporter.urls == [known]
    assert (len(server.reservations), len(server.requests)) == (1, 1)


def wait_for(told: Callable[[], str | None]) -> str | None:
    for _ in range(500):
        if (value := told()) is not None:
            return value
        time.sleep(0.01)
    return None


def test_exporter_masks_secrets_before_they_leave(server: ScriptedServer) -> None:
    """What goes over the wire has no key in it, unless that is asked for."""
    canary = "sk-proj-" + "a1B2c3D4" * 6
    attributes = LLM | {"input.value": f"My key is {canary}."}
    for redact in (None, False):
        exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, redact=redact)
        exporter.export([readable_span(1, 1, None, attributes=attributes)])
        assert exporter.force_flush()
        exporter.shutdown()

    masked, plain = server.requests
    assert canary.encode() not in masked.body
    assert canary.encode() in plain.body


def test_exporter_goes_on_without_a_text_whose_redaction_fails(server: ScriptedServer) -> None:
    """A hook that raises costs the text, never the trace, and never lets the text through."""

    def hook(text: str) -> str:
        raise RuntimeError(text)

    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, redact=hook)
    exporter.export([readable_span(1, 1, None, attributes=LLM | {"input.value": "canary"})])
    assert exporter.force_flush()
    exporter.shutdown()

    (request,) = server.requests
    assert b"canary" not in request.body


def test_exporter_delivers_while_reservations_hang(server: ScriptedServer) -> None:
    """A server that answers no reservation delays neither a flush nor the end."""
    server.reserve_script.extend([hang] * 20)
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([readable_span(trace_id, 2) for trace_id in range(2, 20)])
    exporter.export([root_span(1)])

    assert exporter.force_flush(5000)
    exporter.shutdown()

    assert exporter.counts.dropped == {}
    assert exporter.counts.published == 19


def test_exporter_errs_on_the_side_of_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A variable that makes no sense gives away nothing: neither content, nor traces to another server."""
    monkeypatch.setenv("TRACEN_CAPTURE_CONTENT", "disabled")
    assert not TracenSpanExporter(key=KEY).captures_content

    monkeypatch.setenv("TRACEN_ENDPOINT", "htps://bob:hunter2@tracen.example")
    exporter = TracenSpanExporter(key=KEY)

    assert exporter.export([root_span(1)]) is SpanExportResult.SUCCESS
    assert exporter.counts == Counts()
    assert "hunter2" not in caplog.text


def test_exporter_takes_an_empty_key_for_none(caplog: pytest.LogCaptureFixture) -> None:
    """`key=os.environ.get("TRACEN_KEY", "")` is a warning, not the end of the program."""
    exporter = TracenSpanExporter(key="")

    assert exporter.export([root_span(1)]) is SpanExportResult.SUCCESS
    assert "no Tracen key" in caplog.text


@pytest.mark.parametrize("start_time", [1e18 + 0.5, 10**21, -5, float("nan")])
def test_exporter_sends_a_span_whose_times_make_no_sense(server: ScriptedServer, start_time: float) -> None:
    """`time.time() * 1e9` is a float, and a common slip: it costs neither the trace nor its form."""
    odd = readable_span(1, 2)
    odd._start_time = start_time  # type: ignore[assignment]
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    exporter.export([odd, root_span(1)])
    assert exporter.force_flush()
    exporter.shutdown()

    (request,) = server.requests
    assert [step.id for step in decode(request.payload).steps] == [f"{n:016x}" for n in (1, 2)]


def test_exporter_survives_an_exit_out_of_a_callback(server: ScriptedServer) -> None:
    """What exits or cancels in the user's code does not end the exporter's thread."""
    calls: list[PublishedTrace] = []

    def leave(published: PublishedTrace) -> None:
        calls.append(published)
        if len(calls) == 1:
            raise SystemExit

    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY, on_url=leave)
    for trace_id in (1, 2):
        exporter.export([root_span(trace_id)])
        exporter.force_flush()
    exporter.shutdown()

    assert len(calls) == 2
    assert exporter.counts.dropped == {}


def test_exporter_is_made_where_the_working_folder_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A relative spool that can not be found is a warning: the exporter works without it."""
    monkeypatch.setenv("TRACEN_SPOOL_DIR", "spool")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    TracenSpanExporter(key=KEY)

    assert "TRACEN_SPOOL_DIR is not used: spool_dir" in caplog.text
