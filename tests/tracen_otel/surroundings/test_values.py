"""Attribute values that JSON can not carry, or that only pretend to be values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.tracen_otel.readable_spans import LLM, readable_span
from tests.tracen_otel.scripted_server import KEY, ScriptedServer
from tracen_otel import TracenSpanExporter
from tracen_otel.payload import MAX_BODY_BYTES, decode


class Unspeakable:
    """An object that can not be shown, in any of the ways there are."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Broken(dict[str, Any]):
    """A mapping that can not be read."""

    def items(self) -> Any:
        raise RuntimeError("no")

    def values(self) -> Any:
        raise RuntimeError("no")


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
VALUES: dict[str, Any] = {
    "bytes": b"\xff\x00",
    "nested dict": {"a": {"b": [{"c": {1: None}}]}},
    "None": None,
    "10 MB": "x" * 10_000_000,
    "failing __str__": Unspeakable(),
    "failing __str__ in a list": [Unspeakable(), {"a": Unspeakable()}],
    "failing __str__ as a key": {Unspeakable(): 1},
    "a list in itself": CYCLE,
    "lone surrogate": "\ud800",
    "not a number": float("nan"),
    "no end of digits": 10**5000,
    "a mapping that breaks": Broken(a=1),
}


@pytest.fixture
def exporter(server: ScriptedServer) -> Iterator[TracenSpanExporter]:
    exporter = TracenSpanExporter(endpoint=server.endpoint, key=KEY)
    yield exporter
    exporter.shutdown()


@pytest.mark.parametrize("value", VALUES)
def test_value_costs_itself_alone_when_it_bypassed_the_sdk(
    value: str, server: ScriptedServer, exporter: TracenSpanExporter
) -> None:
    """On a span made by hand: what is beside it is published, and its neighbours' trace as well."""
    exporter.export([readable_span(1, 1, None, attributes={**LLM, "odd": VALUES[value]})])
    exporter.export([readable_span(2, 1, None)])
    assert exporter.force_flush()

    assert exporter.counts.dropped in ({}, {"unreadable": 1})
    traces = [decode(post.payload) for post in server.requests]
    assert [trace.steps[0].output for trace in traces][-1] == "hello"
    if not exporter.counts.dropped:
        assert [trace.steps[0].output for trace in traces] == ["hello", "hello"]
    assert all(len(post.body) <= MAX_BODY_BYTES for post in server.requests)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("value", VALUES)
def test_value_that_went_through_the_sdk_costs_itself_alone(
    value: str, server: ScriptedServer, exporter: TracenSpanExporter
) -> None:
    """Set by a program on a real span: whatever the SDK makes of it, there is a page."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("chat", attributes=LLM) as span:
        try:
            span.set_attribute("odd", VALUES[value])
            span.add_event("odd", {"odd": VALUES[value]})
        except (RuntimeError, RecursionError):
            pass  # the SDK's own, in the program's own line
    assert exporter.force_flush()

    (post,) = server.requests
    assert decode(post.payload).steps[0].output == "hello"
