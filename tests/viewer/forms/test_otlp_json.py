"""The OTLP form: a request that tells the same trace again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import assume, given, strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from tests.tracen_otel.captured import CAPTURES, CORPUS, logs_in
from tests.tracen_otel.sdk_resources import CANARY, PRIVATE_BY_SDK, TOLD
from tests.viewer.samples import (
    HOSTILE,
    PLAIN,
    TRICKY,
    agent_trace,
    failed_trace,
    hostile_trace,
    silent_trace,
)
from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.model import Trace
from tracen_otel.otlp import Encoding, decode_spans
from tracen_otel.redact import Redaction
from viewer.forms.otlp_json import render
from viewer.forms.otlp_steps import attributes
from viewer.sharing.masks import Both, Masks
from viewer.store.base import BodyKind

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
OTHER_ID = "11111111111111111111111111111111"
SPAN_ID = "b7ad6b7169203331"


def bodies_in(folder: Path) -> list[tuple[BodyKind, bytes]]:
    """The requests and logs of a capture, as the store has them."""
    kinds = {
        ("request", ".json"): BodyKind.OTLP_JSON,
        ("request", ".pb"): BodyKind.OTLP_PROTOBUF,
        ("logs", ".json"): BodyKind.OTLP_LOGS_JSON,
        ("logs", ".pb"): BodyKind.OTLP_LOGS_PROTOBUF,
    }
    files = sorted([*folder.glob("request-*"), *folder.glob("logs-*")])
    return [(kinds[file.name.partition("-")[0], file.suffix], file.read_bytes()) for file in files]


def traces_in(bodies: Iterable[tuple[BodyKind, bytes]]) -> dict[str, list[Any]]:
    spans: dict[str, list[Any]] = {}
    for kind, body in bodies:
        if kind in (BodyKind.OTLP_JSON, BodyKind.OTLP_PROTOBUF):
            for span in decode_spans(body, kind.otlp()[0]):
                spans.setdefault(span.trace_id, []).append(span)
    return spans


def spans_told(request: bytes) -> list[dict[str, Any]]:
    told = json.loads(request, parse_constant=pytest.fail)
    return [
        span for r in told["resourceSpans"] for scope in r["scopeSpans"] for span in scope["spans"]
    ]  # strict: every level is there


def assert_round_trip(folder: Path) -> None:
    """Fail where a trace of the capture means something else after its form was read again."""
    bodies, logs = bodies_in(folder), logs_in(folder)
    for trace_id, spans in traces_in(bodies).items():
        trace = assemble(spans, logs)
        form = render(bodies, trace_id, trace)
        assert assemble(decode_spans(form, Encoding.JSON), logs) == trace
        as_protobuf(form)


def as_protobuf(form: bytes) -> ExportTraceServiceRequest:
    """Read the form with the strict reader of protobuf's JSON mapping; ids, hex in OTLP, pass as base64."""
    return ParseDict(json.loads(form), ExportTraceServiceRequest())


def sampled(every: int) -> list[Path]:
    return sorted({file.parent for file in CORPUS.glob("*/*/request-*")})[::every]


@pytest.mark.parametrize("folder", sorted(CAPTURES.iterdir()), ids=lambda folder: folder.name)
def test_render_means_the_same_as_the_capture(folder: Path) -> None:
    """Read again and assembled, the form of every capture is the trace it was made of, in protobuf's own schema."""
    assert_round_trip(folder)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of captures is not beside this checkout")
@pytest.mark.parametrize("folder", sampled(4), ids=lambda folder: folder.name)
def test_render_means_the_same_as_real_programs_sent(folder: Path) -> None:
    """A quarter of the corpus, whatever its dialect and encoding."""
    assert_round_trip(folder)


# -- as they came -------------------------------------------------------------------------------------

FULL: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "a"}}],
                "droppedAttributesCount": 3,
                "entityRefs": [{"schemaUrl": "u", "type": "service", "idKeys": ["service.name"]}],
            },
            "scopeSpans": [
                {
                    "scope": {
                        "name": "s",
                        "version": "1",
                        "attributes": [{"key": "k", "value": {"boolValue": False}}],
                    },
                    "spans": [
                        {
                            "traceId": TRACE_ID,
                            "spanId": SPAN_ID,
                            "traceState": "a=b",
                            "parentSpanId": "00f067aa0ba902b7",
                            "name": "chat",
                            "kind": 3,
                            "startTimeUnixNano": "1795512600123456789",
                            "endTimeUnixNano": "1795512601123456789",
                            "attributes": [
                                {"key": "int", "value": {"intValue": "9007199254740993"}},
                                {"key": "zero", "value": {"intValue": "0"}},
                                {"key": "double", "value": {"doubleValue": 2.0}},
                                {"key": "nan", "value": {"doubleValue": "NaN"}},
                                {"key": "bytes", "value": {"bytesValue": "AP8="}},
                                {
                                    "key": "list",
                                    "value": {"arrayValue": {"values": [{}, {"stringValue": ""}]}},
                                },
                                {
                                    "key": "map",
                                    "value": {
                                        "kvlistValue": {"values": [{"key": "x", "value": {"intValue": "1"}}]}
                                    },
                                },
                            ],
                            "droppedAttributesCount": 1,
                            "events": [
                                {
                                    "timeUnixNano": "1795512600123456790",
                                    "name": "e",
                                    "droppedAttributesCount": 4,
                                }
                            ],
                            "droppedEventsCount": 2,
                            "links": [
                                {"traceId": OTHER_ID, "spanId": SPAN_ID, "traceState": "c=d", "flags": 257}
                            ],
                            "droppedLinksCount": 5,
                            "status": {"message": "no", "code": 2},
                            "flags": 257,
                        }
                    ],
                    "schemaUrl": "https://opentelemetry.io/schemas/1.44.0",
                }
            ],
            "schemaUrl": "https://opentelemetry.io/schemas/1.44.0",
        }
    ]
}
"""Everything that a span can have, as OTLP/JSON spells it."""


def protobuf_of(request: dict[str, Any]) -> bytes:
    """The same request in protobuf; `ParseDict` reads ids as base64, so they are put in by hand."""
    message = ParseDict(request, ExportTraceServiceRequest())
    told = [s for r in request["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]
    made = [s for r in message.resource_spans for c in r.scope_spans for s in c.spans]
    for span, json_span in zip(made, told, strict=True):
        span.trace_id, span.span_id = bytes.fromhex(json_span["traceId"]), bytes.fromhex(json_span["spanId"])
        span.parent_span_id = bytes.fromhex(json_span.get("parentSpanId", ""))
        for link, json_link in zip(span.links, json_span.get("links", ()), strict=True):
            link.trace_id = bytes.fromhex(json_link["traceId"])
            link.span_id = bytes.fromhex(json_link["spanId"])
    return bytes(message.SerializeToString())


def test_render_tells_all_that_a_span_has_whichever_encoding_it_came_in() -> None:
    """Protobuf and JSON give the same text, in the specification's spelling, with nothing left out."""
    of_json = render([(BodyKind.OTLP_JSON, json.dumps(FULL).encode())], TRACE_ID, Trace())
    of_protobuf = render([(BodyKind.OTLP_PROTOBUF, protobuf_of(FULL))], TRACE_ID, Trace())
    assert json.loads(of_protobuf) == FULL
    assert of_json == of_protobuf


def test_render_spells_lenient_json_as_the_specification_does() -> None:
    """Upper-case ids, numbers for 64 bits and names for enums are told as hex, strings and integers."""
    span = {
        "traceId": TRACE_ID.upper(),
        "spanId": SPAN_ID.upper(),
        "parentSpanId": "",
        "name": "a",
        "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": 1795512600123456789,
        "attributes": [{"key": "n", "value": {"intValue": 7}}, {"key": "none", "value": None}],
        "status": {"code": "STATUS_CODE_ERROR"},
        "links": "none",
        "unheard_of": {},
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    assert spans_told(render([(BodyKind.OTLP_JSON, body)], TRACE_ID, Trace())) == [
        {
            "traceId": TRACE_ID,
            "spanId": SPAN_ID,
            "name": "a",
            "kind": 3,
            "startTimeUnixNano": "1795512600123456789",
            "attributes": [{"key": "n", "value": {"intValue": "7"}}, {"key": "none"}],
            "status": {"code": 2},
        }
    ]


def request_of(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def test_render_leaves_out_spans_of_other_traces_and_tells_duplicates_once() -> None:
    """One body holds two traces and comes twice, in two encodings: each span of ours is there once."""
    ours = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "ours"}
    request = request_of(ours, {"traceId": OTHER_ID, "spanId": SPAN_ID, "name": "theirs"})
    bodies = [
        (BodyKind.OTLP_JSON, json.dumps(request).encode()),
        (BodyKind.OTLP_PROTOBUF, protobuf_of(request)),
        (BodyKind.OTLP_PROTOBUF, protobuf_of(request)),
        (BodyKind.OTLP_JSON, json.dumps(request_of(ours | {"name": "ours, later"})).encode()),
    ]
    assert [span["name"] for span in spans_told(render(bodies, TRACE_ID, Trace()))] == ["ours", "ours, later"]


def test_render_survives_broken_neighbours() -> None:
    """Bodies and spans that can not be read cost nothing but themselves."""
    ours = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "ours"}
    broken = request_of({"traceId": TRACE_ID, "spanId": "1" * 16, "attributes": {"a": 1}}, ours)
    whole = protobuf_of(request_of(ours, {"traceId": OTHER_ID, "spanId": SPAN_ID, "name": "XXXX"}))
    bodies = [
        (BodyKind.OTLP_JSON, b"{"),
        (BodyKind.OTLP_PROTOBUF, b"\xff\xff"),
        (BodyKind.OTLP_LOGS_JSON, b"{}"),
        (BodyKind.OTLP_JSON, json.dumps(broken).encode()),
        (BodyKind.OTLP_PROTOBUF, whole.replace(b"XXXX", b"\xff\xff\xff\xff")),
    ]
    assert [span["name"] for span in spans_told(render(bodies, TRACE_ID, Trace()))] == ["ours"]


def test_render_drops_a_span_that_nests_deeper_than_json() -> None:
    """Its neighbour is told."""
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    ours = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "ours"}
    deep = ours | {"spanId": "1" * 16, "attributes": [{"key": "k", "value": value}]}
    form = render([(BodyKind.OTLP_JSON, json.dumps(request_of(deep, ours)).encode())], TRACE_ID, Trace())
    assert "ours" in [span["name"] for span in spans_told(form)]


def test_render_without_bodies_is_an_empty_request() -> None:
    """Log records alone tell no span."""
    assert render([(BodyKind.OTLP_LOGS_JSON, b"{}")], TRACE_ID, agent_trace()) == b'{"resourceSpans":[]}'


_CASES = (
    "stringValue",
    "intValue",
    "boolValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
)
_LONG_NUMBER = re.compile(rb"\d{19}")
"""Integers of more than 64 bits are none in OTLP."""
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("aA0=", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["values", "key", "value", *_CASES]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(_CASES), _JSON)
def test_render_tells_any_json_in_a_value_as_it_would_be_read(name: str, told: Any) -> None:
    """Whatever stands where a value should, the form reads as the body does."""
    attributes = [{"key": "a", "value": {name: told}}]
    body = json.dumps(request_of({"traceId": TRACE_ID, "spanId": SPAN_ID, "attributes": attributes})).encode()
    assume(b"Infinity" not in body and not _LONG_NUMBER.search(body))
    form = render([(BodyKind.OTLP_JSON, body)], TRACE_ID, Trace())
    assert decode_spans(form, Encoding.JSON) == decode_spans(body, Encoding.JSON)


# -- posts --------------------------------------------------------------------------------------------


def posted(trace: Trace) -> Trace:
    """The trace as it is after it came by POST."""
    return payload.decode(payload.parse(json.dumps(payload.encode(trace)).encode()))


def read_again(trace: Trace) -> tuple[Trace, bytes]:
    form = render([(BodyKind.PAYLOAD, b"")], TRACE_ID, trace)
    as_protobuf(form)
    return assemble(decode_spans(form, Encoding.JSON)), form


def gist(trace: Trace) -> tuple[Any, ...]:
    counts = trace.usage.input_tokens, trace.usage.output_tokens
    return trace.prompt, trace.response, trace.model, trace.status, counts, trace.latency_ns


@pytest.mark.parametrize("trace", [agent_trace(), failed_trace(), silent_trace()])
def test_render_of_a_post_tells_the_run_again(trace: Trace) -> None:
    """Prompt, response, model, status, tokens, and each step's name and times survive."""
    again, _ = read_again(posted(trace))
    assert gist(again) == gist(trace)
    told = {(s.name, s.start_ns, s.latency_ns) for s in again.steps}
    assert told >= {(s.name, s.start_ns, s.latency_ns) for s in trace.steps}


def test_render_of_documented_fields_alone_adds_a_root() -> None:
    """What no step says stands on a span above them all."""
    trace = payload.decode(PLAIN)
    again, form = read_again(trace)
    assert gist(again) == gist(trace)
    assert [s.name for s in again.steps] == ["trace", "get_weather", "answer"]
    assert {s.parent_id for s in again.steps[1:]} == {again.steps[0].id}
    assert form == render([(BodyKind.PAYLOAD, b"other")], TRACE_ID, trace), "ids are the same each time"


def test_render_of_an_empty_post_is_a_root() -> None:
    """A run without steps is told all the same."""
    again, _ = read_again(Trace("Q", "A", model="gpt-4.1", started_ns=1, latency_ns=2))
    assert (again.prompt, again.response, again.model, again.latency_ns) == ("Q", "A", "gpt-4.1", 2)


@pytest.mark.parametrize("text", [HOSTILE, TRICKY, "`" * 5, '{"a": "b"}'])
def test_render_of_a_post_keeps_any_text(text: str) -> None:
    """Prompt and response come back to the letter, ids that are none are derived, and doubles are kept apart."""
    trace = posted(hostile_trace(text))
    again, form = read_again(replace(trace, steps=(*trace.steps, *trace.steps)))
    assert (again.prompt, again.response, again.model) == (text, text, text)
    ids = [span["spanId"] for span in spans_told(form)]
    assert len(ids) == len(set(ids)) >= 4


_TOLD_BY_SCOPE = "pipecat-turn"
"""A post does not hold the scope, by which alone one knows that hearing and speaking are no LLM calls."""


@pytest.mark.parametrize(
    "folder",
    [f for f in sorted(CAPTURES.iterdir()) if not list(f.glob("logs-*")) and f.name != _TOLD_BY_SCOPE],
    ids=lambda f: f.name,
)
def test_render_of_an_exported_post_tells_the_capture_again(folder: Path) -> None:
    """What the exporter posts of a capture holds its spans' attributes: the run means the same."""
    for spans in traces_in(bodies_in(folder)).values():
        trace = assemble(spans)
        again, _ = read_again(posted(trace))
        assert gist(again) == gist(trace)
        assert {(s.name, s.start_ns, s.latency_ns) for s in again.steps} >= {
            (s.name, s.start_ns, s.latency_ns) for s in trace.steps
        }


def test_render_tells_posted_steps_beside_spans_once() -> None:
    """Where a trace came through both doors, a step that a span told of is not told again."""
    trace = agent_trace()
    steps = tuple(replace(s, id=f"{n:016x}", parent_id=None) for n, s in enumerate(trace.steps, 1))
    body = json.dumps(request_of({"traceId": TRACE_ID, "spanId": steps[0].id, "name": "as it came"})).encode()
    bodies = [(BodyKind.PAYLOAD, b""), (BodyKind.OTLP_JSON, body)]
    names = [s["name"] for s in spans_told(render(bodies, TRACE_ID, replace(trace, steps=steps)))]
    assert names == ["as it came", *(s.name for s in steps[1:])]


def test_proto_knows_no_field_that_the_full_span_has_not() -> None:
    """A field that a newer opentelemetry-proto adds to spans is a reason to look at this form again."""
    told = FULL["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert {field.json_name for field in ProtoSpan.DESCRIPTOR.fields} == told.keys()
    assert MessageToDict(ProtoSpan()) == {}


# -- what a resource tells of a machine ---------------------------------------------------------------


@pytest.mark.parametrize("sdk", PRIVATE_BY_SDK)
def test_render_leaves_out_what_a_resource_tells_of_the_machine_and_counts_it(sdk: str) -> None:
    """As OTLP says that attributes were dropped; whichever encoding they came in, and not where masking is off."""
    private = PRIVATE_BY_SDK[sdk]
    resource = {"attributes": attributes({**TOLD, **private}), "droppedAttributesCount": 2}
    span = {"traceId": TRACE_ID, "spanId": "b" * 16, "name": "chat"}
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}
    forms = (
        (BodyKind.OTLP_JSON, json.dumps(request).encode()),
        (BodyKind.OTLP_PROTOBUF, protobuf_of(request)),
    )
    for form in forms:
        told = json.loads(render([form], TRACE_ID, Trace()))["resourceSpans"][0]["resource"]
        whole = render([form], TRACE_ID, Trace(), Redaction(redact=False)).decode()
        masked = render([form], TRACE_ID, Trace(), Both(Redaction(), Masks(("2.1.0",)))).decode()

        assert told == {"attributes": attributes(TOLD), "droppedAttributesCount": 2 + len(private)}
        assert all(json.dumps(key) in whole for key in private)
        assert CANARY not in masked
        assert "2.1.0" not in masked


def test_render_leaves_out_whose_address_and_home_a_span_tells_and_counts_it() -> None:
    """Of its events too; an id stays, and everything where masking is off."""
    private = {"user.email": f"{CANARY}@mail.example", "code.file.path": f"/home/{CANARY}/main.py"}
    told = attributes({"user.id": "user-42", **private})
    event = {"name": "asked", "attributes": attributes({"user.email": f"{CANARY}@mail.example"})}
    span = {"traceId": TRACE_ID, "spanId": "b" * 16, "name": "chat", "attributes": told, "events": [event]}
    form = BodyKind.OTLP_JSON, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    whole = render([form], TRACE_ID, Trace(), Redaction(redact=False)).decode()
    masked = render([form], TRACE_ID, Trace())
    (shown,) = json.loads(masked)["resourceSpans"][0]["scopeSpans"][0]["spans"]

    assert CANARY not in masked.decode()
    assert all(json.dumps(value) in whole for value in private.values())
    assert shown["attributes"] == attributes({"user.id": "user-42", "code.file.path": "~/main.py"})
    assert (shown["droppedAttributesCount"], shown["events"][0]["droppedAttributesCount"]) == (1, 1)
