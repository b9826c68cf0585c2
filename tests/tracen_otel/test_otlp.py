"""OTLP bodies: both encodings tell the same, and bad ones cost themselves alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracen_otel.model import SpanKind, StatusCode
from tracen_otel.otlp import Encoding, Signal, UndecodableBody, decode_logs, decode_spans, take_census

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUE = st.recursive(
    st.none()
    | TEXT
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUE, max_size=4)
SPAN = st.fixed_dictionaries(
    {
        "trace_id": st.sampled_from([b"\x01" * 16, b"\xab" * 16, bytes(16), b"short"]),
        "span_id": st.binary(min_size=8, max_size=8),
        "parent_span_id": st.sampled_from([b"", b"\x02" * 8]),
        "name": TEXT,
        "kind": st.integers(0, 5),
        "start": st.integers(0, 2**64 - 1),
        "end": st.integers(0, 2**64 - 1),
        "code": st.integers(0, 2),
        "message": TEXT,
        "attributes": ATTRIBUTES,
        "event_attributes": ATTRIBUTES,
    }
)


def fill(any_value: Any, value: Any) -> None:
    """Set an AnyValue of protobuf."""
    if value is None:
        return
    if isinstance(value, list):
        any_value.array_value.SetInParent()
        for item in value:
            fill(any_value.array_value.values.add(), item)
    elif isinstance(value, dict):
        any_value.kvlist_value.SetInParent()
        for key, item in value.items():
            fill(any_value.kvlist_value.values.add(key=key).value, item)
    else:
        kind = {str: "string", bool: "bool", int: "int", float: "double", bytes: "bytes"}[type(value)]
        setattr(any_value, f"{kind}_value", value)


def json_any_value(value: Any) -> dict[str, Any]:
    """The same as OTLP/JSON has it."""
    if value is None:
        return {}
    if isinstance(value, list):
        return {"arrayValue": {"values": [json_any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": json_attributes(value)}}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, bool | str):
        return {"boolValue" if isinstance(value, bool) else "stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    finite = abs(value) != float("inf")
    return {"doubleValue": value if finite else "Infinity" if value > 0 else "-Infinity"}


def json_attributes(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_any_value(value)} for key, value in attributes.items()]


def protobuf_body(spans: list[dict[str, Any]]) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    fill(resource_spans.resource.attributes.add(key="service.name").value, "s")
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "scope"
    for told in spans:
        span = scope_spans.spans.add(
            **{name: told[name] for name in ("trace_id", "span_id", "parent_span_id", "name", "kind")},
            start_time_unix_nano=told["start"],
            end_time_unix_nano=told["end"],
        )
        span.status.code, span.status.message = told["code"], told["message"]
        event = span.events.add(name="event", time_unix_nano=5)
        for target, attributes in ((span, told["attributes"]), (event, told["event_attributes"])):
            for key, value in attributes.items():
                fill(target.attributes.add(key=key).value, value)
    body: bytes = request.SerializeToString()
    return body


def json_body(spans: list[dict[str, Any]]) -> bytes:
    told = [
        {
            "traceId": span["trace_id"].hex().upper(),
            "spanId": span["span_id"].hex(),
            "parentSpanId": span["parent_span_id"].hex(),
            "name": span["name"],
            "kind": span["kind"],
            "startTimeUnixNano": str(span["start"]),
            "endTimeUnixNano": span["end"],
            "status": {"code": span["code"], "message": span["message"]},
            "attributes": json_attributes(span["attributes"]),
            "events": [
                {"name": "event", "timeUnixNano": 5, "attributes": json_attributes(span["event_attributes"])}
            ],
            "fieldOfTomorrow": [1],
        }
        for span in spans
    ]
    scope_spans = [{"scope": {"name": "scope"}, "spans": told}]
    resource = {"attributes": json_attributes({"service.name": "s"})}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}).encode()


@given(st.lists(SPAN, max_size=4))
def test_otlp_protobuf_and_json_tell_the_same(spans: list[dict[str, Any]]) -> None:
    """Spans and census are equal, and the census tells exactly the traces that can be decoded."""
    protobuf, as_json = protobuf_body(spans), json_body(spans)
    decoded = decode_spans(protobuf, Encoding.PROTOBUF)
    assert decode_spans(as_json, Encoding.JSON) == decoded
    census = take_census(protobuf, Encoding.PROTOBUF)
    assert take_census(as_json, Encoding.JSON) == census
    assert {trace_id.hex() for trace_id in census.trace_ids} == {span.trace_id for span in decoded}
    assert (census.count, census.count + census.invalid_count) == (len(decoded), len(spans))
    for trace_id in census.trace_ids:
        wanted = [span for span in decoded if span.trace_id == trace_id.hex()]
        assert decode_spans(protobuf, Encoding.PROTOBUF, trace_id.hex()) == wanted
        assert decode_spans(as_json, Encoding.JSON, trace_id.hex()) == wanted


@given(st.binary(max_size=200))
def test_otlp_random_bytes_are_decoded_or_undecodable(body: bytes) -> None:
    """Never another error, whatever the encoding and signal."""
    for encoding in Encoding:
        for signal in Signal:
            try:
                take_census(body, encoding, signal)
            except UndecodableBody:
                continue


@given(st.recursive(VALUE.filter(lambda v: not isinstance(v, bytes)), lambda v: st.lists(v, max_size=2)))
def test_otlp_json_junk_in_a_span_never_raises_anything_else(value: Any) -> None:
    """Every field of a span may hold anything."""
    names = ("name", "kind", "startTimeUnixNano", "status", "attributes", "events", "parentSpanId", "links")
    for name in names:
        span = {"traceId": "01" * 16, "spanId": "02" * 8, name: value}
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, default=str).encode()
        try:
            (decoded,) = decode_spans(body, Encoding.JSON)
        except UndecodableBody:
            continue
        assert decoded.span_id == "02" * 8


def test_otlp_json_enum_names_are_tolerated() -> None:
    """Not valid OTLP/JSON, but what they mean is plain."""
    span = {
        "traceId": "01" * 16,
        "spanId": "02" * 8,
        "kind": "SPAN_KIND_CLIENT",
        "status": {"code": "STATUS_CODE_ERROR"},
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    (decoded,) = decode_spans(body, Encoding.JSON)
    assert (decoded.kind, decoded.status) == (SpanKind.CLIENT, StatusCode.ERROR)


def test_otlp_logs_name_their_span_and_old_events_their_attribute() -> None:
    """Records of no span are left out; before `event_name` the name was an attribute.

    Where no time is told it is that of observation, as the data model has it: Java's instrumentations tell none.
    """
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    named = records.add(
        trace_id=b"\x01" * 16, span_id=b"\x02" * 8, event_name="gen_ai.choice", time_unix_nano=7
    )
    named.body.string_value = "body"
    old = records.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, observed_time_unix_nano=5)
    old.attributes.add(key="event.name").value.string_value = "gen_ai.user.message"
    records.add(event_name="of no span")
    as_json = {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "traceId": "01" * 16,
                                "spanId": "02" * 8,
                                "eventName": "gen_ai.choice",
                                "timeUnixNano": "7",
                                "body": {"stringValue": "body"},
                            },
                            {
                                "traceId": "01" * 16,
                                "spanId": "02" * 8,
                                "observedTimeUnixNano": "5",
                                "attributes": json_attributes({"event.name": "gen_ai.user.message"}),
                            },
                            {"eventName": "of no span"},
                        ]
                    }
                ]
            }
        ]
    }
    decoded = decode_logs(request.SerializeToString(), Encoding.PROTOBUF)
    assert decode_logs(json.dumps(as_json).encode(), Encoding.JSON) == decoded
    assert [record.position for record in decoded] == [0, 1]
    assert [(record.event.name, record.event.time_ns, record.event.body) for record in decoded] == [
        ("gen_ai.choice", 7, "body"),
        ("gen_ai.user.message", 5, None),
    ]


@pytest.mark.parametrize("encoding", Encoding)
def test_otlp_deeply_nested_values_are_refused_not_crashed_on(encoding: Encoding) -> None:
    """A tower of arrays is no reason for a recursion error."""
    if encoding is Encoding.JSON:
        tower = '{"arrayValue":{"values":[' * 2000 + "]}}" * 2000
        ids = f'"traceId":"{"01" * 16}","spanId":"{"02" * 8}"'
        told = f'{{{ids},"attributes":[{{"key":"a","value":{tower}}}]}}'
        body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{told}]}}]}}]}}'.encode()
    else:
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        value = spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8).attributes.add(key="a").value
        for _ in range(200):
            value = value.array_value.values.add()
        body = request.SerializeToString()
    with pytest.raises(UndecodableBody):
        take_census(body, encoding)
