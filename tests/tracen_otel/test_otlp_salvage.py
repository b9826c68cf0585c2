"""One bad span costs itself: of a request that does not parse, everything else is kept byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracen_otel.otlp import Encoding, Signal, UndecodableBody, decode_spans, salvage, take_census

MARK = "NOT-UTF-8"
"""Stands in good requests where bad ones have bytes of the same length that are no text."""

LEFT_OUT = ""


def request(names: list[str], resource: str = "service", depth: int = 0) -> bytes:
    """Three groups of the same spans, the last one with values nested `depth` deep."""
    message = ExportTraceServiceRequest()
    for group in range(3):
        resource_spans = message.resource_spans.add(schema_url=f"https://schema.example/{group}")
        resource_spans.resource.attributes.add(key="service.name").value.string_value = resource
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "scope"
        for number, name in enumerate(names):
            if name == LEFT_OUT:
                continue
            ids = {"trace_id": bytes([group + 1]) * 16, "span_id": bytes([number + 1]) * 8}
            value = scope_spans.spans.add(name=name, **ids).attributes.add(key="a").value
            for _ in range(depth if group == 2 else 0):
                value = value.array_value.values.add()
    body: bytes = message.SerializeToString()
    return body


def broken(body: bytes) -> bytes:
    return body.replace(MARK.encode(), b"\xff" * len(MARK))


def names_in(body: bytes) -> list[str]:
    return [span.name for span in decode_spans(body, Encoding.PROTOBUF)]


@given(st.lists(st.sampled_from(["good", "also good", MARK]), min_size=1, max_size=5))
def test_salvage_keeps_every_good_span_in_order(names: list[str]) -> None:
    """As if the bad spans had never been sent, but for the count."""
    kept = salvage(broken(request(names)), Encoding.PROTOBUF, Signal.TRACES)
    good = [name for name in names if name != MARK]
    assert names_in(kept.body) == good * 3
    assert kept.rejected_count == 3 * (len(names) - len(good))
    assert kept.body == request([LEFT_OUT if name == MARK else name for name in names])


def test_salvage_of_a_readable_request_changes_nothing() -> None:
    """Kept bytes are the bytes that came, unknown fields included."""
    body = request(["a", "b"]) + b"\x78\x01"  # field 15, unknown, a varint
    kept = salvage(body, Encoding.PROTOBUF, Signal.TRACES)
    assert (kept.body, kept.rejected_count) == (body, 0)


def test_salvage_leaves_out_a_resource_that_is_no_text() -> None:
    """Its spans are kept: they tell more than their service's name."""
    kept = salvage(broken(request(["a"], resource=MARK)), Encoding.PROTOBUF, Signal.TRACES)
    assert names_in(kept.body) == ["a"] * 3
    assert kept.rejected_count == 0


@pytest.mark.parametrize("depth", range(40, 60))
def test_salvage_of_deep_nesting_leaves_what_can_be_read(depth: int) -> None:
    """At every depth around protobuf's limit: what is left parses, and only too deep spans are missing."""
    body = request(["a", "b"], depth=depth)
    try:
        expected = take_census(body, Encoding.PROTOBUF).count
    except UndecodableBody:
        expected = 4
    kept = salvage(body, Encoding.PROTOBUF, Signal.TRACES)
    assert take_census(kept.body, Encoding.PROTOBUF).count == expected == 6 - kept.rejected_count


@given(st.binary(max_size=80))
def test_salvage_of_any_bytes_parses_or_is_refused(body: bytes) -> None:
    """Random bytes, alone and behind a good request: never another error, never an unreadable rest."""
    for candidate in (body, request(["a"]) + body):
        try:
            kept = salvage(candidate, Encoding.PROTOBUF, Signal.TRACES)
        except UndecodableBody:
            continue
        try:
            take_census(kept.body, Encoding.PROTOBUF)
        except UndecodableBody:
            assert kept.body == candidate  # nothing was left out that a walk of the envelope can find


def test_salvage_is_for_protobuf_traces_alone() -> None:
    """JSON that does not parse has no spans to tell apart."""
    with pytest.raises(UndecodableBody):
        salvage(b"{", Encoding.JSON, Signal.TRACES)
    with pytest.raises(UndecodableBody):
        salvage(request(["a"]), Encoding.PROTOBUF, Signal.LOGS)
