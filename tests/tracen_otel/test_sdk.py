"""ReadableSpan → Span: everything the SDK kept, and nothing that could cost the span."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from tracen_otel import model
from tracen_otel.payload import json_value
from tracen_otel.readable import is_local_root
from tracen_otel.sdk import MAX_DEPTH, span_of

Recorder = tuple[TracerProvider, InMemorySpanExporter]


@pytest.fixture
def recorder() -> Recorder:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "shop", "ratio": 0.5}),
        span_limits=SpanLimits(max_span_attributes=10, max_events=2),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def one_span(recorder: Recorder, **arguments: Any) -> ReadableSpan:
    provider, exporter = recorder
    provider.get_tracer("scope", "1.2").start_span("ask", **arguments).end(end_time=2_000_000_007)
    (span,) = exporter.get_finished_spans()
    return span


def test_span_of_keeps_every_field(recorder: Recorder) -> None:
    """Names, times to the nanosecond, kind, status, scope, resource and events arrive unchanged."""
    provider, exporter = recorder
    tracer = provider.get_tracer("scope", "1.2")
    with tracer.start_as_current_span("parent") as parent:
        child = tracer.start_span("ask", kind=SpanKind.CLIENT, start_time=1_000_000_001, attributes={"a": 1})
        child.add_event("token", {"n": 1}, timestamp=1_500_000_000)
        child.set_status(Status(StatusCode.ERROR, "no luck"))
        child.end(end_time=2_000_000_007)
    readable = exporter.get_finished_spans()[0]

    span = span_of(readable)

    assert span == model.Span(
        trace_id=f"{parent.get_span_context().trace_id:032x}",
        span_id=f"{child.get_span_context().span_id:016x}",
        parent_id=f"{parent.get_span_context().span_id:016x}",
        name="ask",
        kind=model.SpanKind.CLIENT,
        start_ns=1_000_000_001,
        end_ns=2_000_000_007,
        status=model.StatusCode.ERROR,
        status_message="no luck",
        attributes={"a": 1},
        events=(model.Event("token", 1_500_000_000, {"n": 1}),),
        scope=model.Scope("scope", "1.2"),
        resource={"service.name": "shop", "ratio": 0.5},
    )


def test_span_of_turns_sequences_and_mappings_into_lists_and_dicts(recorder: Recorder) -> None:
    """Structured attribute values come as the model has them, bytes and None included."""
    value = [{"role": "user", "raw": b"\x00\xff", "none": None, "nested": ({"x": 1.5},)}, True]

    span = span_of(one_span(recorder, attributes={"messages": value}))

    assert span.attributes == {
        "messages": [{"role": "user", "raw": b"\x00\xff", "none": None, "nested": [{"x": 1.5}]}, True]
    }


def test_span_of_counts_what_the_sdk_dropped(recorder: Recorder) -> None:
    """The page can say how many attributes and events are missing."""
    provider, exporter = recorder
    span = provider.get_tracer("scope").start_span("ask", attributes={f"a{n}": n for n in range(13)})
    for n in range(5):
        span.add_event(f"e{n}")
    span.end()
    (readable,) = exporter.get_finished_spans()

    told = span_of(readable)

    assert (told.dropped_attributes, told.dropped_events) == (3, 3)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("\ud800", "\ufffd"),
        ("ok \udc00 \U0001f600", "ok \ufffd \U0001f600"),
        ("\ud83d\ude00", "\U0001f600"),
        (2**63 - 1, 2**63 - 1),
        (2**70, "1180591620717411303424"),
        (-(2**70), "-1180591620717411303424"),
        ([1 << 40_000], [hex(1 << 40_000)]),
        (float("inf"), float("inf")),
        ({"\ud800": "\ud800"}, {"\ufffd": "\ufffd"}),
    ],
)
def test_span_of_makes_one_bad_value_harmless(recorder: Recorder, value: Any, kept: Any) -> None:
    """A value that JSON or UTF-8 cannot hold is replaced, and its neighbour stays as it is."""
    span = span_of(one_span(recorder, attributes={"bad": value, "good": "x"}))

    assert span.attributes == {"bad": kept, "good": "x"}
    json.dumps(json_value(span.attributes), ensure_ascii=False, allow_nan=False).encode()


def test_span_of_cuts_nesting_before_a_server_would_refuse_it(recorder: Recorder) -> None:
    """A value nested without end costs its depths, not the trace."""
    value: Any = "bottom"
    for _ in range(200):
        value = [value]

    told: Any = span_of(one_span(recorder, attributes={"deep": value})).attributes["deep"]

    depth = 0
    while isinstance(told, list):
        told, depth = told[0], depth + 1
    assert (depth, told) == (MAX_DEPTH, "(nested too deep)")


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_span_of_survives_an_object_that_cannot_be_shown() -> None:
    """A span made by hand may hold anything; what fails to become text is named by its type."""
    context = SpanContext(1, 2, is_remote=False)
    readable = ReadableSpan("ask", context, attributes={"odd": Unspeakable(), "good": 1})  # type: ignore[dict-item]

    assert span_of(readable).attributes == {"odd": "(a Unspeakable that cannot be shown)", "good": 1}


def test_span_of_refuses_a_span_without_a_context() -> None:
    """A span that belongs to no trace is a ValueError that names it."""
    with pytest.raises(ValueError, match="'lost'"):
        span_of(ReadableSpan("lost"))


def test_is_local_root_is_true_for_no_parent_and_for_a_remote_one(recorder: Recorder) -> None:
    """A span whose parent lives in another process ends this process's share of the trace."""
    provider, exporter = recorder
    tracer = provider.get_tracer("scope")
    remote = NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1)))
    with tracer.start_as_current_span("server", context=set_span_in_context(remote)):
        tracer.start_span("inner").end()
    tracer.start_span("alone").end()

    roots = {span.name: is_local_root(span) for span in exporter.get_finished_spans()}

    assert roots == {"inner": False, "server": True, "alone": True}
