"""The same spans over gRPC, HTTP/protobuf and HTTP/JSON make the same page."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, example, given, settings, strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import EXPORT
from tests.processes import TracenProcess
from tests.tracen_otel.test_otlp import fill

EXPORT_LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
EXAMPLES = int(os.environ.get("EXAMPLES", "100"))
START_NS = 1_800_000_000_000_000_000
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=12)
KEYS = st.sampled_from(
    [
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.usage.input_tokens",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "openinference.span.kind",
        "input.value",
        "llm.token_count.prompt",
        "exception.message",
    ]
)
SCALARS = st.one_of(TEXT, INT64, st.floats(), st.booleans(), st.binary(max_size=6), st.none())
VALUES = st.recursive(
    SCALARS, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(TEXT, v, max_size=3)), max_leaves=6
)
ATTRIBUTES = st.dictionaries(st.one_of(KEYS, TEXT), VALUES, max_size=5)
TIMES = st.one_of(st.integers(START_NS, START_NS + 10**10), st.sampled_from([0, 1, 2**63 - 1, 2**64 - 1]))
EVENTS = st.lists(st.tuples(TEXT, TIMES, ATTRIBUTES), max_size=2)
LINKS = st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 5), ATTRIBUTES), max_size=2)
SPANS = st.lists(
    st.fixed_dictionaries(
        {
            "name": TEXT,
            "kind": st.integers(0, 5),
            "start": TIMES,
            "end": TIMES,
            "parent": st.integers(0, 5),  # 0: a root; else a span of that number, which may not be there
            "code": st.integers(0, 2),
            "message": TEXT,
            "attributes": ATTRIBUTES,
            "events": EVENTS,
            "links": LINKS,
            "dropped": st.integers(0, 3),
        }
    ),
    min_size=1,
    max_size=4,
)
RECORDS = st.lists(st.tuples(TEXT, TIMES, ATTRIBUTES, VALUES, st.integers(1, 5)), max_size=2)


NEVER_ENDING = {
    "name": "",
    "kind": 0,
    "start": START_NS,
    "end": 2**64 - 1,
    "parent": 0,
    "code": 0,
    "message": "",
    "attributes": {},
    "events": [],
    "links": [],
    "dropped": 0,
}


def fill_all(key_values: Any, told: dict[str, Any]) -> None:
    for key, value in told.items():
        kv = key_values.add(key=key)
        kv.value.SetInParent() if value is None else fill(kv.value, value)


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big") if number else b""


def trace_request(
    trace_id: bytes, spans: list[dict[str, Any]], resource: dict[str, Any]
) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    fill_all(resource_spans.resource.attributes, resource)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "scope"
    for number, told in enumerate(spans, 1):
        span = scope_spans.spans.add(trace_id=trace_id, span_id=span_id(number), name=told["name"])
        span.parent_span_id = span_id(told["parent"])
        span.kind, span.status.code, span.status.message = told["kind"], told["code"], told["message"]
        span.start_time_unix_nano, span.end_time_unix_nano = told["start"], told["end"]
        span.dropped_attributes_count = told["dropped"]
        fill_all(span.attributes, told["attributes"])
        for name, time, attributes in told["events"]:
            event = span.events.add(name=name, time_unix_nano=time)
            fill_all(event.attributes, attributes)
        for linked_trace, number, attributes in told["links"]:
            link = span.links.add(trace_id=linked_trace, span_id=span_id(number))
            fill_all(link.attributes, attributes)
    return request


def logs_request(trace_id: bytes, records: list[tuple[Any, ...]]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for name, time, attributes, body, number in records:
        record = scope_logs.log_records.add(trace_id=trace_id, span_id=span_id(number), event_name=name)
        record.time_unix_nano = time
        fill_all(record.attributes, attributes)
        fill(record.body, body)
    return request


def otlp_json(message: Any) -> bytes:
    """The message as OTLP/JSON has it: protobuf's JSON, less the ids, which are hex."""
    told = MessageToDict(message, use_integers_for_enums=True)
    for group in told.get("resourceSpans", []) + told.get("resourceLogs", []):
        for inner in group.get("scopeSpans", []) + group.get("scopeLogs", []):
            for item in inner.get("spans", []) + inner.get("logRecords", []):
                for ids in (item, *item.get("links", [])):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        if name in ids:
                            ids[name] = _hex(ids[name])
    return json.dumps(told).encode()


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


@dataclass(frozen=True, slots=True)
class Doors:
    """One server, and a key of another account for each way in."""

    tracen: TracenProcess
    client: httpx2.Client
    channel: grpc.Channel
    keys: dict[str, str]

    def send(self, way: str, message: Any, signal: str) -> None:
        key, body = self.keys[way], message.SerializeToString()
        if way == "grpc":
            call = self.channel.unary_unary(EXPORT if signal == "traces" else EXPORT_LOGS)
            answer = call(body, timeout=60, metadata=(("x-tracen-key", key),))
        else:
            media_type = "application/json" if way == "json" else "application/x-protobuf"
            content = otlp_json(message) if way == "json" else body
            headers = {"x-tracen-key": key, "content-type": media_type}
            url = f"{self.tracen.otlp_http}/v1/{signal}"
            response = self.client.post(url, content=content, headers=headers)
            assert response.status_code == 200, response.text
            answer = b"" if response.content == b"{}" else response.content
        assert answer == b"", "nothing may be refused"

    def page(self, way: str, trace_id: bytes) -> tuple[str, str]:
        """The document and the HTML, without what is the page's own."""
        url = f"{self.tracen.http}/api/traces/by-otel/{trace_id.hex()}"
        where = self.client.get(url, headers={"x-tracen-key": self.keys[way]}).raise_for_status().json()
        document = self.client.get(f"{where['url']}.json").raise_for_status().text
        html = self.client.get(where["url"]).raise_for_status().text
        html = re.sub(r'data-version="\d+"', "", html.replace(where["trace_id"], "PAGE"))
        return document, html


@pytest.fixture(scope="module")
def doors(tracen: TracenProcess) -> Iterator[Doors]:
    ways = ("grpc", "protobuf", "json")
    keys = {way: tracen.create_key(f"{way}@differential.example") for way in ways}
    with (
        httpx2.Client(trust_env=False, timeout=60) as client,
        grpc.insecure_channel(tracen.otlp_grpc) as channel,
    ):
        yield Doors(tracen, client, channel, keys)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(spans=SPANS, resource=ATTRIBUTES, records=RECORDS)
@example(spans=[NEVER_ENDING], resource={}, records=[])
@example(spans=[], resource={}, records=[("gen_ai.user.message", START_NS, {}, {"content": "hi"}, 1)])
def test_pages_are_the_same_whatever_the_door(
    doors: Doors, spans: list[dict[str, Any]], resource: dict[str, Any], records: list[tuple[Any, ...]]
) -> None:
    """Document and HTML, for any values, times, parents, events and log records."""
    trace_id = os.urandom(16)
    pages = {}
    for way in doors.keys:
        doors.send(way, trace_request(trace_id, spans, resource), "traces")
        doors.send(way, logs_request(trace_id, records), "logs")
        pages[way] = doors.page(way, trace_id)
    assert pages["protobuf"] == pages["grpc"]
    assert pages["json"] == pages["grpc"]
