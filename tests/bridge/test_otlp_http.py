"""OTLP/HTTP over real sockets, rule by rule (opentelemetry-proto `docs/specification.md`, "OTLP/HTTP")."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from bridge.lingering import MAX_LINGER_BYTES
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.processes import TracenProcess, running_tracen

PROTOBUF, JSON = "application/x-protobuf", "application/json"


class Sender:
    """A plain HTTP client of the OTLP port."""

    def __init__(self, tracen: TracenProcess) -> None:
        self.tracen = tracen
        self.client = httpx2.Client(timeout=30, trust_env=False)

    def post(self, body: bytes, content_type: str, key: str | None = None, **headers: str) -> httpx2.Response:
        sent = {"x-tracen-key": self.tracen.key if key is None else key, "content-type": content_type}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        return self.client.post(f"{self.tracen.otlp_http}/v1/traces", content=body, headers=sent)

    def steps(self, trace_id: bytes) -> list[dict[str, Any]] | None:
        """The steps on the page of a trace; None where there is no page."""
        headers = {"x-tracen-key": self.tracen.key}
        where = self.client.get(f"{self.tracen.http}/api/traces/by-otel/{trace_id.hex()}", headers=headers)
        if where.status_code == 404:
            return None
        steps: list[dict[str, Any]] = self.client.get(where.json()["url"] + ".json").json()["steps"]
        return steps


@pytest.fixture(scope="module")
def sender(tracen: TracenProcess) -> Iterator[Sender]:
    sender = Sender(tracen)
    yield sender
    sender.client.close()


def status_of(answer: httpx2.Response) -> tuple[int, str]:
    """Code and message of a google.rpc.Status, in the encoding that the answer says."""
    if answer.headers["content-type"] == PROTOBUF:
        status = Status.FromString(answer.content)
        return status.code, status.message
    assert answer.headers["content-type"] == JSON
    body = answer.json()
    return body["code"], body["message"]


@pytest.mark.parametrize("content_type", [PROTOBUF, "application/x-protobuf; x=y", "Application/X-Protobuf"])
def test_http_protobuf_is_accepted_and_shown(sender: Sender, content_type: str) -> None:
    """Full success is 200 and the empty message in the caller's encoding; media types have no case."""
    trace_id = fresh_id()
    answer = sender.post(protobuf((trace_id, fresh_id(8), "hello")), content_type)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", PROTOBUF)
    steps = sender.steps(trace_id)
    assert steps is not None
    assert [step["name"] for step in steps] == ["hello"]


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8"])
def test_http_json_is_accepted_and_shown(sender: Sender, content_type: str) -> None:
    """Ids in hex of any case, integers as numbers or strings, unknown fields at every level."""
    trace_id = fresh_id()
    span = json_span(trace_id.hex().upper(), "hello", endTimeUnixNano=2_000_001, unknown={"a": 1}, kind=3)
    answer = sender.post(json_body(span), content_type)
    assert (answer.status_code, answer.json()) == (200, {})
    steps = sender.steps(trace_id)
    assert steps is not None
    assert [(step["name"], step["latency_ms"]) for step in steps] == [("hello", 2)]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", PROTOBUF),
        (b"{}", JSON),
        (b'{"resourceSpans":[]}', JSON),
        (b'{"resourceSpans":[{"scopeSpans":[{}]}]}', JSON),
    ],
)
def test_http_empty_request_is_a_success(sender: Sender, body: bytes, content_type: str) -> None:
    """Nothing to keep is nothing to complain about."""
    assert sender.post(body, content_type).status_code == 200


@pytest.mark.parametrize(
    ("content_encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_http_compressed_bodies_are_accepted_in_both_encodings(
    sender: Sender, content_encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    """All servers must accept gzip; SDKs also send deflate, Collectors zstd."""
    for body, content_type in (
        (protobuf((fresh_id(), fresh_id(8), "a")), PROTOBUF),
        (json_body(json_span(fresh_id())), JSON),
    ):
        assert sender.post(compress(body), content_type, content_encoding=content_encoding).status_code == 200


def test_http_answer_names_the_page_of_a_single_trace(sender: Sender) -> None:
    """A sender of one trace has its URL at once; with two traces there is none to name."""
    trace_id = fresh_id()
    answer = sender.post(protobuf((trace_id, fresh_id(8), "a"), (trace_id, fresh_id(8), "b")), PROTOBUF)
    assert sender.client.get(answer.headers["x-tracen-url"]).status_code == 200
    two = sender.post(protobuf((fresh_id(), fresh_id(8), "a"), (fresh_id(), fresh_id(8), "b")), PROTOBUF)
    assert "x-tracen-url" not in two.headers


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_http_span_with_an_invalid_id_is_rejected_alone(sender: Sender, content_type: str) -> None:
    """Zero, short, long and non-hex ids cost that span; the answer counts and says why."""
    trace_id = fresh_id()
    if content_type == PROTOBUF:
        spans = [(trace_id, fresh_id(8), "good"), (bytes(16), fresh_id(8), "a"), (trace_id, bytes(8), "b")]
        answer = sender.post(protobuf(*spans, (trace_id[:15], fresh_id(8), "c")), content_type)
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        rejected, message = partial.rejected_spans, partial.error_message
    else:
        bad = ["0" * 32, "xyz", trace_id.hex()[:-1], "AAAAAAAAAAAAAAAAAAAAAA=="]
        answer = sender.post(json_body(json_span(trace_id, "good"), *map(json_span, bad[1:])), content_type)
        partial_success = answer.json()["partialSuccess"]
        assert isinstance(partial_success["rejectedSpans"], str)
        rejected, message = int(partial_success["rejectedSpans"]), partial_success["errorMessage"]
    assert answer.status_code == 200
    assert rejected == 3
    assert "16 bytes" in message
    steps = sender.steps(trace_id)
    assert steps is not None
    assert [step["name"] for step in steps] == ["good"]


def test_http_span_that_is_no_text_is_rejected_alone(sender: Sender) -> None:
    """Among 500 spans one with invalid UTF-8: protobuf refuses them all, we keep 499."""
    trace_id = fresh_id()
    spans = [(trace_id, fresh_id(8), f"span {number}") for number in range(500)]
    answer = sender.post(protobuf(*spans).replace(b"span 77", b"span \xff\xff"), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert "UTF-8" in partial.error_message
    steps = sender.steps(trace_id)
    assert steps is not None
    assert {step["name"] for step in steps} == {f"span {number}" for number in range(500) if number != 77}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"garbage", PROTOBUF),
        pytest.param(protobuf((fresh_id(), fresh_id(8), "cut"))[:-3], PROTOBUF, id="cut"),
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b'{"resourceSpans": NaN}', JSON),
        (b"[" * 100_000, JSON),
        (b'{"resourceSpans": {"scopeSpans": []}}', JSON),
        (json_body({"traceId": "x", "attributes": []}, "not a span"), JSON),
    ],
)
def test_http_undecodable_body_is_400_in_the_callers_encoding(
    sender: Sender, body: bytes, content_type: str
) -> None:
    """INVALID_ARGUMENT, which no sender retries, as google.rpc.Status."""
    answer = sender.post(body, content_type)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == content_type
    code, message = status_of(answer)
    assert code == 3
    assert message


def test_http_attributes_as_an_object_are_named(sender: Sender) -> None:
    """The commonest mistake of hand-written JSON gets an answer that repairs it."""
    answer = sender.post(json_body(json_span(fresh_id(), attributes={"a": 1})), JSON)
    assert answer.status_code == 400
    assert "attributes" in status_of(answer)[1]


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("key", ["", "nonsense", "tracen_sk_heemjbBSmHb2uDdY0Cu8dd6lwEnKSn1iTwIc"])
def test_http_without_a_valid_key_is_401_and_keeps_nothing(
    sender: Sender, content_type: str, key: str
) -> None:
    """UNAUTHENTICATED in the caller's encoding, with WWW-Authenticate."""
    trace_id = fresh_id()
    body = (
        protobuf((trace_id, fresh_id(8), "a")) if content_type == PROTOBUF else json_body(json_span(trace_id))
    )
    answer = sender.post(body, content_type, key=key)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == content_type
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert status_of(answer)[0] == 16
    assert sender.steps(trace_id) is None


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data"])
def test_http_other_content_type_is_415(sender: Sender, content_type: str) -> None:
    """Without a known encoding the Status is JSON."""
    answer = sender.post(b"x", content_type)
    assert answer.status_code == 415
    assert "application/x-protobuf" in status_of(answer)[1]


def test_http_other_content_encoding_is_415_with_what_is_accepted(sender: Sender) -> None:
    """The answer says what to send instead."""
    answer = sender.post(b"x", PROTOBUF, content_encoding="br")
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "PATCH"])
def test_http_other_method_is_405_with_allow(sender: Sender, method: str) -> None:
    """Only POST is answered."""
    answer = sender.client.request(method, f"{sender.tracen.otlp_http}/v1/traces")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_http_damaged_gzip_is_400(sender: Sender) -> None:
    """A stream that is cut or is no gzip can never succeed."""
    for body in (gzip.compress(protobuf((fresh_id(), fresh_id(8), "a")))[:-5], b"no gzip"):
        answer = sender.post(body, PROTOBUF, content_encoding="gzip")
        assert answer.status_code == 400
        assert status_of(answer)[0] == 3


def test_http_main_port_and_otlp_port_answer_alike(sender: Sender) -> None:
    """`/v1/traces` is there on both."""
    headers = {"x-tracen-key": sender.tracen.key, "content-type": JSON}
    for base in (sender.tracen.http, sender.tracen.otlp_http):
        answer = sender.client.post(
            f"{base}/v1/traces", content=json_body(json_span(fresh_id())), headers=headers
        )
        assert (answer.status_code, answer.json()) == (200, {})


def test_http_same_batch_ten_times_is_each_span_once(sender: Sender) -> None:
    """Senders repeat what was not acknowledged; a page shows it once."""
    trace_id = fresh_id()
    body = protobuf((trace_id, fresh_id(8), "a"), (trace_id, fresh_id(8), "b"))
    for _ in range(10):
        assert sender.post(body, PROTOBUF).status_code == 200
    steps = sender.steps(trace_id)
    assert steps is not None
    assert sorted(step["name"] for step in steps) == ["a", "b"]


def test_http_late_span_appears_on_the_same_page(sender: Sender) -> None:
    """A page that was looked at is assembled anew when something arrives."""
    trace_id, root_id = fresh_id(), fresh_id(8)
    first = sender.post(
        json_body(json_span(trace_id, "child", parentSpanId=root_id.hex(), startTimeUnixNano="5")), JSON
    )
    url = first.headers["x-tracen-url"]
    before = sender.client.get(url + ".json").json()
    assert [step["name"] for step in before["steps"]] == ["child"]
    late = sender.post(protobuf((trace_id, root_id, "root")), PROTOBUF)
    assert late.headers["x-tracen-url"] == url
    after = sender.client.get(url + ".json").json()
    assert [(step["name"], step.get("parent_id")) for step in after["steps"]] == [
        ("root", None),
        ("child", root_id.hex()),
    ]


def test_http_hostile_values_are_kept_as_text(sender: Sender) -> None:
    """NUL, lone surrogates, NaN, markup: the page is valid and shows what was sent."""
    trace_id = fresh_id()
    attributes = [
        {"key": "nul", "value": {"stringValue": "a\x00b"}},
        {"key": "nan", "value": {"doubleValue": "NaN"}},
        {"key": "<script>", "value": {"stringValue": "<img onerror=alert(1)>"}},
    ]
    body = json_body(json_span(trace_id, "<b>", attributes=attributes)).replace(
        b'"a\\u0000b"', b'"a\\u0000b\\ud800"'
    )
    assert sender.post(body, JSON).status_code == 200
    steps = sender.steps(trace_id)
    assert steps is not None
    told = steps[0]["attributes"]
    assert told["nan"] == "NaN"
    assert told["nul"].startswith("a\x00b")
    assert json.dumps(steps, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize("path", ["/", "/v1/traces/v1/traces"])
def test_http_common_slips_of_the_path_are_understood(sender: Sender, path: str) -> None:
    """No path, or the path twice: what a wrong endpoint variable makes of it."""
    trace_id = fresh_id()
    headers = {"content-type": PROTOBUF, "x-tracen-key": sender.tracen.key}
    body = protobuf((trace_id, fresh_id(8), "a"))
    assert (
        sender.client.post(f"{sender.tracen.otlp_http}{path}", content=body, headers=headers).status_code
        == 200
    )
    assert sender.steps(trace_id) is not None


def test_http_browsers_may_send_from_named_origins_alone(tmp_path: Path) -> None:
    """Off by default; where on, a preflight is answered and the page's URL can be read."""
    preflight = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-tracen-key",
    }
    with running_tracen(tmp_path / "t.db", "--cors-origins", "https://app.example") as tracen:
        url = f"{tracen.otlp_http}/v1/traces"
        allowed = httpx2.options(url, headers=preflight, trust_env=False)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in allowed.headers
        other = httpx2.options(url, headers=preflight | {"origin": "https://evil.example"}, trust_env=False)
        assert "access-control-allow-origin" not in other.headers
        headers = {"origin": "https://app.example", "content-type": JSON, "x-tracen-key": tracen.key}
        sent = httpx2.post(url, content=json_body(json_span(fresh_id())), headers=headers, trust_env=False)
        assert sent.headers["access-control-expose-headers"] == "x-tracen-url"


def test_http_browsers_may_not_send_by_default(sender: Sender) -> None:
    """No origin is trusted unless the operator says so."""
    answer = sender.client.options(
        f"{sender.tracen.otlp_http}/v1/traces", headers={"origin": "https://app.example"}
    )
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/traces/", "/v1/nope"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_http_other_path_is_told_the_right_ones(sender: Sender, path: str, content_type: str) -> None:
    """The commonest mistake of set-up: a Status in the caller's encoding names the paths; no redirect."""
    headers = {"content-type": content_type}
    answer = sender.client.post(f"{sender.tracen.otlp_http}{path}", content=b"{}", headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == content_type
    assert "/v1/traces" in status_of(answer)[1]


def test_http_other_path_is_remembered_for_the_owner_of_the_key(sender: Sender) -> None:
    """An exporter says "404" at most; whoever asks what became of the requests reads why nothing appears."""
    key = sender.tracen.create_key("astray@example.com")
    for secret in (key, "tracen_sk_nobodys"):
        headers = {"content-type": PROTOBUF, "x-tracen-key": secret}
        for door in (sender.tracen.otlp_http, sender.tracen.http):
            answer = sender.client.post(f"{door}/otlp/v1/traces", content=b"x" * 100_000, headers=headers)
            assert answer.status_code == 404
    told = answer.json()["detail"]
    assert told.startswith("nothing is received at /otlp/v1/traces: ")
    for door in (sender.tracen.otlp_http, sender.tracen.http):
        sender.client.get(f"{door}/traces/none", headers={"x-tracen-key": key})  # nothing was sent
    asked = sender.client.get(f"{sender.tracen.http}/api/requests", headers={"x-tracen-key": key})
    requests = asked.json()["requests"]
    assert [(one["door"], one["outcome"], one["status"], one["encoding"]) for one in requests] == [
        ("post", "no_such_path", "404", PROTOBUF),
        ("otlp-http", "no_such_path", "404", PROTOBUF),
    ]
    assert requests[0]["message"] == told
    assert "nothing is received at /otlp/v1/traces; " in requests[1]["message"]


def test_http_absurd_times_are_shown_as_unknown(sender: Sender) -> None:
    """Negative, huge, of the wrong type: the span is kept, its page opens."""
    for time in ("-1", 10**30, -(10**25), "x", None, [1]):
        trace_id = fresh_id()
        event = {"name": "e", "timeUnixNano": time}
        answer = sender.post(json_body(json_span(trace_id, startTimeUnixNano=time, events=[event])), JSON)
        assert answer.status_code == 200
        assert sender.client.get(answer.headers["x-tracen-url"]).status_code == 200


def test_http_json_with_encoded_surrogates_is_no_utf8(sender: Sender) -> None:
    """The bytes ED A0 80 are no UTF-8, though Python's JSON module lets them pass."""
    body = json_body(json_span(fresh_id(), "MARK")).replace(b"MARK", b"\xed\xa0\x80")
    assert sender.post(body, JSON).status_code == 400


def test_http_refusal_is_seen_though_the_body_was_not_wanted(sender: Sender) -> None:
    """A sender that closes after its request reads why it was refused, not a reset connection."""
    for _ in range(5):
        answer = httpx2.post(
            f"{sender.tracen.otlp_http}/v1/traces",
            content=b"x" * 3_000_000,
            headers={"content-type": PROTOBUF, "connection": "close"},
            trust_env=False,
        )
        assert answer.status_code == 401


def test_http_stranger_who_goes_on_sending_is_cut_off(sender: Sender) -> None:
    """After the refusal the server reads on for a while, and does not swallow what never ends."""
    host, _, port = sender.tracen.otlp_http.removeprefix("http://").partition(":")
    head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    pieces = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(pieces * (2 * MAX_LINGER_BYTES // len(pieces)))
