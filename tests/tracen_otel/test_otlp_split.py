"""A request taken apart by trace: each piece tells of its trace what the whole request did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.tracen_otel.captured import CAPTURES
from tests.tracen_otel.test_otlp import SPAN, json_body, protobuf_body
from tracen_otel.otlp import Encoding, Signal, UndecodableBody, decode_logs, decode_spans, split, take_census

REQUESTS = sorted(CAPTURES.rglob("request-*"))
LOGS = sorted(CAPTURES.rglob("logs-*"))


def encoding_of(path: Path) -> Encoding:
    return Encoding.JSON if path.suffix == ".json" else Encoding.PROTOBUF


def assert_pieces_tell_the_same(body: bytes, encoding: Encoding) -> None:
    pieces = split(body, encoding, Signal.TRACES)
    assert set(pieces) == take_census(body, encoding).trace_ids
    for trace_id, piece in pieces.items():
        assert decode_spans(piece, encoding) == decode_spans(body, encoding, trace_id.hex())
        assert take_census(piece, encoding).trace_ids == {trace_id}


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_split_of_a_capture_loses_nothing(path: Path) -> None:
    """Real requests of many libraries."""
    assert_pieces_tell_the_same(path.read_bytes(), encoding_of(path))


@given(st.lists(SPAN, max_size=6))
def test_split_of_any_request_loses_nothing(spans: list[dict[str, Any]]) -> None:
    """Odd ids, values and times included, in both encodings."""
    assert_pieces_tell_the_same(protobuf_body(spans), Encoding.PROTOBUF)
    assert_pieces_tell_the_same(json_body(spans), Encoding.JSON)


@pytest.mark.parametrize("digits", ["1e400", "-1E+400", "1e308", "0.1", "1e-400"])
def test_split_of_json_writes_every_number_so_that_it_can_be_read(digits: str) -> None:
    """A number beyond doubles is infinite, and infinity as a literal is no JSON."""
    attribute = {"key": "x", "value": {"doubleValue": 0.5}}
    told = {"traceId": "0a" * 16, "spanId": "0b" * 8, "attributes": [attribute]}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [told]}]}]}
    body = json.dumps(request).encode().replace(b"0.5", digits.encode())
    assert_pieces_tell_the_same(body, Encoding.JSON)
    (piece,) = split(body, Encoding.JSON, Signal.TRACES).values()
    (span,) = decode_spans(piece, Encoding.JSON)
    assert span.attributes == {"x": float(digits)}


def test_split_keeps_resources_and_scopes() -> None:
    """Two resources with two scopes each, both traces in all of them."""
    request = ExportTraceServiceRequest()
    for group in range(2):
        resource_spans = request.resource_spans.add(schema_url=f"https://schema.example/{group}")
        resource_spans.resource.attributes.add(key="service.name").value.string_value = f"service {group}"
        for scope in range(2):
            scope_spans = resource_spans.scope_spans.add(schema_url="https://schema.example/scope")
            scope_spans.scope.name = f"scope {scope}"
            for trace in (1, 2):
                scope_spans.spans.add(
                    trace_id=bytes([trace]) * 16, span_id=bytes([group * 2 + scope + 1]) * 8
                )
    expected = ExportTraceServiceRequest()
    expected.CopyFrom(request)
    for resource_spans in expected.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            del scope_spans.spans[1]
    pieces = split(request.SerializeToString(), Encoding.PROTOBUF, Signal.TRACES)
    assert ExportTraceServiceRequest.FromString(pieces[b"\x01" * 16]) == expected
    assert set(pieces) == {b"\x01" * 16, b"\x02" * 16}


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_split_of_captured_logs_loses_nothing(path: Path) -> None:
    """Records that name a span, which are those that are shown."""
    body, encoding = path.read_bytes(), encoding_of(path)
    pieces = split(body, encoding, Signal.LOGS)
    records = decode_logs(body, encoding)
    assert {trace_id.hex() for trace_id in pieces} == {record.trace_id for record in records}
    for trace_id, piece in pieces.items():
        assert decode_logs(piece, encoding) == [r for r in records if r.trace_id == trace_id.hex()]


def test_split_leaves_out_log_records_of_no_span() -> None:
    """They are shown on no page."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(event_name="kept", trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    records.add(event_name="of no span")
    (piece,) = split(request.SerializeToString(), Encoding.PROTOBUF, Signal.LOGS).values()
    assert [record.event.name for record in decode_logs(piece, Encoding.PROTOBUF)] == ["kept"]


def test_split_of_no_request_is_refused() -> None:
    """The error is that of reading it."""
    with pytest.raises(UndecodableBody):
        split(b"\xff\xff", Encoding.PROTOBUF, Signal.TRACES)
    with pytest.raises(UndecodableBody):
        split(b"[]", Encoding.JSON, Signal.TRACES)
