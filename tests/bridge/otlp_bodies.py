"""OTLP request bodies for tests: one span in one trace unless told otherwise, in protobuf and JSON."""

from __future__ import annotations

import json
import os
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def fresh_id(size: int = 16) -> bytes:
    return os.urandom(size - 1) + b"\x01"  # never all zeros


def protobuf(*spans: tuple[bytes, bytes, str]) -> bytes:
    """A request of (trace id, span id, name) spans."""
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    for trace_id, span_id, name in spans:
        scope_spans.spans.add(
            trace_id=trace_id, span_id=span_id, name=name, start_time_unix_nano=1, end_time_unix_nano=2
        )
    body: bytes = request.SerializeToString()
    return body


def json_span(trace_id: bytes | str, name: str = "span", **more: Any) -> dict[str, Any]:
    hex_id = trace_id.hex() if isinstance(trace_id, bytes) else trace_id
    return {"traceId": hex_id, "spanId": fresh_id(8).hex(), "name": name, "startTimeUnixNano": "1"} | more


def json_body(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()
