"""Requests through every door, and the pages that show them, for the power cuts."""

from __future__ import annotations

import http.client
import json
import random
from dataclasses import dataclass, field
from enum import StrEnum

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import EXPORT
from tests.processes import TracenProcess

START_NS = 1_800_000_000_000_000_000
LARGE_BYTES = 8 * 1024 * 1024


class Door(StrEnum):
    """How a request is sent."""

    GRPC = "grpc"
    PROTOBUF = "http/protobuf"
    JSON = "http/json"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its bytes, and the spans (hex) of each trace (hex) in it."""

    door: Door
    body: bytes
    spans_by_trace: dict[str, frozenset[str]]
    idempotency_key: str = ""


@dataclass(slots=True)
class Score:
    """What senders learn and did not expect."""

    url_by_trace: dict[str, str] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)


def make_request(rng: random.Random) -> Sent:
    """A request through a random door, mostly small, now and then of 8 MiB."""
    door = rng.choice([Door.GRPC, Door.GRPC, Door.PROTOBUF, Door.PROTOBUF, Door.JSON, Door.POST])
    traces = {
        rng.randbytes(16).hex(): frozenset(rng.randbytes(8).hex() for _ in range(rng.randint(1, 4)))
        for _ in range(1 if door is Door.POST else rng.randint(1, 4))
    }
    if door is Door.POST:
        return Sent(door, _payload(traces), traces, rng.randbytes(8).hex())
    text = "x" * (LARGE_BYTES if rng.random() < 0.01 else rng.randint(0, 2000))
    return Sent(door, _otlp(traces, text, as_json=door is Door.JSON), traces)


def _otlp(traces: dict[str, frozenset[str]], text: str, *, as_json: bool) -> bytes:
    if as_json:
        spans: list[dict[str, object]] = [
            {
                "traceId": trace,
                "spanId": span,
                "name": "chat",
                "startTimeUnixNano": str(START_NS),
                "endTimeUnixNano": str(START_NS + 10**9),
            }
            for trace, ids in traces.items()
            for span in sorted(ids)
        ]
        spans[0]["attributes"] = [{"key": "text", "value": {"stringValue": text}}]
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    for trace, ids in traces.items():
        for span_id in sorted(ids):
            span = scope_spans.spans.add(
                trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(span_id), name="chat"
            )
            span.start_time_unix_nano, span.end_time_unix_nano = START_NS, START_NS + 10**9
    scope_spans.spans[0].attributes.add(key="text").value.string_value = text
    body: bytes = request.SerializeToString()
    return body


def _payload(traces: dict[str, frozenset[str]]) -> bytes:
    ((trace, ids),) = traces.items()
    steps = [
        {"id": span, "name": "step", "timestamp": "2027-01-15T08:00:00Z", "latency_ms": 1}
        for span in sorted(ids)
    ]
    fields = {"prompt": "p", "response": "r", "provider": "openai", "model": "m", "status": "success"}
    return json.dumps({**fields, "steps": steps, "otel_trace_id": trace}).encode()


class Sender:
    """Sends over connections of its own until one breaks."""

    def __init__(self, tracen: TracenProcess, score: Score) -> None:
        self._score = score
        self._key = tracen.key
        self._otlp = http.client.HTTPConnection(tracen.otlp_http.removeprefix("http://"), timeout=60)
        self._api = http.client.HTTPConnection(tracen.http.removeprefix("http://"), timeout=60)
        options = [("grpc.max_send_message_length", 1 << 28), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(tracen.otlp_grpc, options=options)
        self._export = self._channel.unary_unary(EXPORT)

    def close(self) -> None:
        """Let go of the connections."""
        self._channel.close()
        self._otlp.close()
        self._api.close()

    def send(self, sent: Sent) -> bool:
        """Whether it was acknowledged."""
        try:
            return self._deliver(sent)
        except (OSError, http.client.HTTPException, grpc.RpcError):
            return False

    def _deliver(self, sent: Sent) -> bool:
        if sent.door is Door.GRPC:
            self._export(sent.body, timeout=60, metadata=(("x-tracen-key", self._key),))
            return True
        if sent.door is Door.POST:
            return self._post(sent)
        media_type = "application/json" if sent.door is Door.JSON else "application/x-protobuf"
        headers = {"content-type": media_type, "x-tracen-key": self._key}
        self._otlp.request("POST", "/v1/traces", sent.body, headers)
        answer = self._otlp.getresponse()
        answer.read()
        self._expect(answer.status, 200, 503)
        return answer.status == 200

    def _post(self, sent: Sent) -> bool:
        headers = {"content-type": "application/json", "x-tracen-key": self._key}
        headers["idempotency-key"] = sent.idempotency_key
        self._api.request("POST", "/api/traces", sent.body, headers)
        answer = self._api.getresponse()
        told = answer.read()
        self._expect(answer.status, 200, 503)
        if answer.status == 200:
            (trace,) = sent.spans_by_trace
            self.remember(trace, json.loads(told)["trace_id"])
        return answer.status == 200

    def remember(self, trace: str, page_id: str) -> None:
        """A trace has one page for ever."""
        known = self._score.url_by_trace.setdefault(trace, page_id)
        if known != page_id:
            self._score.surprises.append(f"trace {trace}: page {known} became {page_id}")

    def _expect(self, status: int, *expected: int) -> None:
        if status not in expected:
            self._score.surprises.append(f"HTTP {status}")

    # -- reading ---------------------------------------------------------------------------------------

    def spans_on_page(self, trace: str) -> list[str]:
        """The step ids on the page of a trace, as often as they are there; none where there is no page."""
        self._api.request("GET", f"/api/traces/by-otel/{trace}", headers={"x-tracen-key": self._key})
        answer = self._api.getresponse()
        told = answer.read()
        if answer.status != 200:
            return []
        page_id = json.loads(told)["trace_id"]
        self.remember(trace, page_id)
        self._api.request("GET", f"/traces/{page_id}.json")
        answer = self._api.getresponse()
        told = answer.read()
        return [step["id"] for step in json.loads(told)["steps"]] if answer.status == 200 else []
