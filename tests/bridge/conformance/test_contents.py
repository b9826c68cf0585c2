"""What bodies may hold (opentelemetry-proto `docs/specification.md` and its JSON rules), and what odd ones cost."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bridge.conformance.clients import JSON, PROTOBUF, document, names, over_grpc, over_http
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.processes import TracenProcess

METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def sent_json(tracen: TracenProcess, trace_id: bytes, **more: Any) -> dict[str, Any]:
    """The one step on the page of a span sent as JSON."""
    answer = over_http(tracen, json_body(json_span(trace_id, **more)), JSON)
    assert (answer.status, answer.message) == (200, "")
    told = document(tracen, trace_id)
    assert told is not None
    (step,) = told["steps"]
    return dict(step)


# -- success -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":[{"scopeSpans":[{}]}]}'])
def test_empty_envelopes_in_json_are_a_success(tracen: TracenProcess, body: bytes) -> None:
    """They may be ignored, and must not be refused."""
    assert over_http(tracen, body, JSON).status == 200


def test_empty_envelopes_in_protobuf_are_a_success(tracen: TracenProcess) -> None:
    """ResourceSpans without ScopeSpans, ScopeSpans without spans, nothing at all."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add()
    request.resource_spans.add().scope_spans.add()
    for body in (b"", request.SerializeToString()):
        assert over_http(tracen, body).status == 200
        assert over_grpc(tracen, body).status is grpc.StatusCode.OK


def test_empty_json_body_is_400(tracen: TracenProcess) -> None:
    """It is no JSON, unlike an empty protobuf message."""
    assert over_http(tracen, b"", JSON).status == 400


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
def test_metrics_are_taken_with_a_note(tracen: TracenProcess, content_type: str) -> None:
    """Rejected 0 with a message is a warning: all was accepted, and nothing is sent again."""
    metrics = b'{"resourceMetrics":[{}]}' if content_type == JSON else b"\x0a\x00"
    answer = over_http(tracen, metrics, content_type, "/v1/metrics")
    assert (answer.status, answer.rejected) == (200, 0)
    assert "metrics are not kept" in answer.message


def test_metrics_over_grpc_are_taken_with_a_note(tracen: TracenProcess) -> None:
    """An empty request has nothing to note."""
    assert "metrics are not kept" in over_grpc(tracen, b"\x0a\x00", METRICS).message
    assert over_grpc(tracen, b"", METRICS).message == ""


# -- JSON ----------------------------------------------------------------------------------------------


def test_json_ids_are_hex_of_any_case(tracen: TracenProcess) -> None:
    """Upper and lower case are the same trace."""
    trace_id = fresh_id()
    for name, text in (("upper", trace_id.hex().upper()), ("lower", trace_id.hex())):
        assert over_http(tracen, json_body(json_span(text, name)), JSON).rejected == 0
    assert names(tracen, trace_id) == ["lower", "upper"]


@pytest.mark.parametrize(
    "text", ["AAAAAAAAAAAAAAAAAAAAAQ==", "ab" * 15, "ab" * 17, "a" * 31, "g" * 32, "0" * 32]
)
def test_json_id_of_another_shape_costs_its_span(tracen: TracenProcess, text: str) -> None:
    """Base64, 15 or 17 bytes, odd or no hex, zeros: named in the answer, the neighbour is kept."""
    trace_id = fresh_id()
    answer = over_http(tracen, json_body(json_span(text, "odd"), json_span(trace_id, "kept")), JSON)
    assert (answer.status, answer.rejected) == (200, 1)
    assert "'odd'" in answer.message
    assert names(tracen, trace_id) == ["kept"]


def test_json_64_bit_integers_are_numbers_or_strings(tracen: TracenProcess) -> None:
    """Both spellings of times and values."""
    for start, value in ((1_800_000_000_000_000_000, 2**53 + 1), ("1800000000000000000", str(2**53 + 1))):
        step = sent_json(
            tracen, fresh_id(), startTimeUnixNano=start, attributes=[attribute("n", intValue=value)]
        )
        assert step["start_time_unix_nano"] == "1800000000000000000"
        assert step["attributes"]["n"] in (2**53 + 1, str(2**53 + 1))


def test_json_unknown_fields_are_ignored_at_every_level(tracen: TracenProcess) -> None:
    """A newer sender is not refused."""
    trace_id, more = fresh_id(), {"fieldOfTheFuture": {"a": [1]}}
    span = json_span(trace_id, attributes=[attribute("k", stringValue="v") | more]) | more
    body = {
        "resourceSpans": [{"scopeSpans": [{"spans": [span], "scope": more} | more], "resource": more} | more]
    }
    assert over_http(tracen, json.dumps(body | more).encode(), JSON).status == 200
    assert names(tracen, trace_id) == ["span"]


def test_json_keys_in_snake_case_are_not_read(tracen: TracenProcess) -> None:
    """OTLP/JSON is lowerCamelCase alone; the rest are unknown fields."""
    answer = over_http(tracen, b'{"resource_spans":[{"scope_spans":[{"spans":[{}]}]}]}', JSON)
    assert (answer.status, answer.rejected) == (200, 0)


def test_json_enum_by_name_is_tolerated(tracen: TracenProcess) -> None:
    """Integers are the rule; a name costs nothing."""
    step = sent_json(tracen, fresh_id(), kind="SPAN_KIND_CLIENT", status={"code": "STATUS_CODE_ERROR"})
    assert step["status"] == "error"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_json_numbers_that_are_none(tracen: TracenProcess, text: str) -> None:
    """As strings they are doubles, as literals they are no JSON; the document stays valid JSON."""
    sent_json(tracen, fresh_id(), attributes=[attribute("x", doubleValue=text)])
    literal = json_body(json_span(fresh_id(), attributes=[attribute("x", doubleValue=0.5)]))
    assert over_http(tracen, literal.replace(b"0.5", text.encode()), JSON).status == 400


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"resourceSpans":' + b"9" * 5_000 + b"}"]
)
def test_json_that_is_too_much_is_400(tracen: TracenProcess, body: bytes) -> None:
    """Nested 100,000 deep, or a number of 5,000 digits."""
    assert over_http(tracen, body, JSON).status == 400


def test_json_lone_surrogate_is_replaced(tracen: TracenProcess) -> None:
    """It is no text in any other encoding."""
    trace_id = fresh_id()
    body = json_body(json_span(trace_id, "name")).replace(b'"name": "name"', b'"name": "a\\ud800b"')
    assert over_http(tracen, body, JSON).status == 200
    assert names(tracen, trace_id) == ["a\ufffdb"]


def test_json_duplicate_keys_the_last_wins(tracen: TracenProcess) -> None:
    """As in protobuf."""
    trace_id = fresh_id()
    body = json_body(json_span(trace_id, "first")).replace(b'"first"', b'"first", "name": "second"')
    assert over_http(tracen, body, JSON).status == 200
    assert names(tracen, trace_id) == ["second"]


def test_json_span_that_can_not_be_read_costs_itself(tracen: TracenProcess) -> None:
    """Attributes as an object in one span of two; alone, the request is refused and the field named."""
    trace_id = fresh_id()
    odd = json_span(trace_id, "odd", attributes={"a": 1})
    answer = over_http(tracen, json_body(odd, json_span(trace_id, "kept")), JSON)
    assert (answer.status, answer.rejected) == (200, 1)
    assert "'odd'" in answer.message
    assert names(tracen, trace_id) == ["kept"]
    alone = over_http(tracen, json_body(odd), JSON)
    assert alone.status == 400
    assert "attributes" in alone.message


# -- both encodings ------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """Two spans, the second with a value of arrays nested so deep."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for name in ("kept", "deep"):
        span = spans.add(trace_id=TRACE, span_id=fresh_id(8), name=name)
        value = span.attributes.add(key="a").value
        for _ in range(depth if name == "deep" else 0):
            value = value.array_value.values.add()
    body: bytes = request.SerializeToString()
    return body


TRACE = fresh_id()


@pytest.mark.parametrize("send", [over_http, over_grpc])
def test_value_nested_too_deep_costs_its_span(tracen: TracenProcess, send: Any) -> None:
    """protobuf reads 47 arrays in one another."""
    assert send(tracen, nested(40)).rejected == 0
    answer = send(tracen, nested(60))
    assert answer.rejected == 1
    assert "'deep'" in answer.message


@pytest.mark.parametrize("send", [over_http, over_grpc])
def test_text_that_is_no_utf8_costs_its_span(tracen: TracenProcess, send: Any) -> None:
    """The other 99 are kept."""
    trace_id = fresh_id()
    spans = [(trace_id, fresh_id(8), f"span {n:02}") for n in range(99)]
    body = protobuf(*spans, (trace_id, fresh_id(8), "BAD")).replace(b"BAD", b"\xff\xfe\xfd")
    answer = send(tracen, body)
    assert answer.rejected == 1
    assert trace_id.hex() in answer.message
    assert len(names(tracen, trace_id)) == 99


def test_many_refused_spans_are_named_by_a_few(tracen: TracenProcess) -> None:
    """The message stays short however many there are."""
    for name in ("span", "x" * 10_000, "\U000e0001" * 10_000):
        answer = over_grpc(tracen, protobuf(*[(bytes(16), fresh_id(8), name)] * 1000))
        assert answer.rejected == 1000
        assert answer.message.startswith("1000 spans rejected")
        assert len(answer.message.encode()) < 2_000


def test_unknown_fields_in_protobuf_are_ignored(tracen: TracenProcess) -> None:
    """At the top and in a span."""
    trace_id = fresh_id()
    request = ExportTraceServiceRequest.FromString(protobuf((trace_id, fresh_id(8), "span")))
    request.resource_spans[0].scope_spans[0].spans[0].MergeFromString(b"\xfa\x3e\x02hi")
    assert over_grpc(tracen, request.SerializeToString() + b"\xfa\x3e\x02hi").status is grpc.StatusCode.OK
    assert names(tracen, trace_id) == ["span"]


def test_nul_and_control_characters_are_kept(tracen: TracenProcess) -> None:
    """In names and values; the page shows them as escapes."""
    trace_id = fresh_id()
    assert over_grpc(tracen, protobuf((trace_id, fresh_id(8), "a\x00b\x1b[31m"))).rejected == 0
    assert names(tracen, trace_id) == ["a\x00b\x1b[31m"]


def test_nul_in_a_key_is_told(tracen: TracenProcess) -> None:
    """The attribute is shown as it came; nothing is understood by such a key, and the step says so."""
    attributes = [attribute("gen_ai.request.model\x00", stringValue="gpt-5"), attribute("other", intValue=1)]
    step = sent_json(tracen, fresh_id(), attributes=attributes)
    assert step["attributes"] == {"gen_ai.request.model\x00": "gpt-5", "other": 1}
    assert "NUL" in " ".join(step["warnings"])
    assert "model" not in step


def test_index_of_a_billion_messages_costs_nothing(tracen: TracenProcess) -> None:
    """`llm.input_messages.999999999.…` is one message, not a list of a billion."""
    key = "llm.input_messages.999999999.message.content"
    step = sent_json(tracen, fresh_id(), attributes=[attribute(key, stringValue="hello")])
    assert "hello" in json.dumps(step)


def test_parents_in_a_ring_end_somewhere(tracen: TracenProcess) -> None:
    """A span that is its own parent, and a ring of three, are shown with a note."""
    trace_id, ids = fresh_id(), [fresh_id(8).hex() for _ in range(4)]
    parents = [ids[1], ids[2], ids[0], ids[3]]
    spans = [json_span(trace_id, f"{n}", spanId=one, parentSpanId=parents[n]) for n, one in enumerate(ids)]
    assert over_http(tracen, json_body(*spans), JSON).rejected == 0
    told = document(tracen, trace_id)
    assert told is not None
    assert len(told["steps"]) == 4
    assert told["notes"]


def test_same_trace_id_of_two_accounts_is_two_pages(tracen: TracenProcess) -> None:
    """Ids are chosen by senders; nothing of the other is visible."""
    trace_id = fresh_id()
    eve = TracenProcess(**{name: getattr(tracen, name) for name in tracen.__dataclass_fields__})
    eve.key = tracen.create_key("eve@conformance.example")
    assert over_grpc(tracen, protobuf((trace_id, fresh_id(8), "ada's"))).rejected == 0
    assert document(eve, trace_id) is None
    assert over_http(eve, protobuf((trace_id, fresh_id(8), "eve's"))).rejected == 0
    assert (names(tracen, trace_id), names(eve, trace_id)) == (["ada's"], ["eve's"])
