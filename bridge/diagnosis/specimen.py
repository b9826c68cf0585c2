"""What is sent to see whether it arrives: one span a door, all of one trace, and a payload of the same."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

NAME = "tracen doctor"
_MS = 10**6


@dataclass(frozen=True, slots=True)
class Specimen:
    """The trace of one run of doctor. `at_ns` is when it began."""

    at_ns: int
    trace_id: bytes = field(default_factory=lambda: secrets.token_bytes(15) + b"\x01")

    def new_span_id(self) -> bytes:
        """Of a span that is told from the others of the trace."""
        return secrets.token_bytes(7) + b"\x01"

    def protobuf(self, span_id: bytes, door: str) -> bytes:
        """An ExportTraceServiceRequest."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.add(key="service.name").value.string_value = NAME
        span = resource_spans.scope_spans.add().spans.add(
            trace_id=self.trace_id,
            span_id=span_id,
            name=NAME,
            start_time_unix_nano=self.at_ns,
            end_time_unix_nano=self.at_ns + _MS,
        )
        span.attributes.add(key="tracen.door").value.string_value = door
        body: bytes = request.SerializeToString()
        return body

    def otlp_json(self, span_id: bytes, door: str) -> bytes:
        """The same in OTLP/JSON."""
        span = {
            "traceId": self.trace_id.hex(),
            "spanId": span_id.hex(),
            "name": NAME,
            "kind": 1,
            "startTimeUnixNano": str(self.at_ns),
            "endTimeUnixNano": str(self.at_ns + _MS),
            "attributes": [_attribute("tracen.door", door)],
        }
        resource = {"attributes": [_attribute("service.name", NAME)]}
        return json.dumps(
            {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
        ).encode()

    def payload(self) -> bytes:
        """A body of POST /api/traces, which joins the page of the spans."""
        at = datetime.fromtimestamp(self.at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
        step = {"name": NAME, "timestamp": at.replace("+00:00", "Z"), "latency_ms": 1}
        told = {
            "prompt": NAME,
            "response": "It arrived.",
            "provider": "custom",
            "model": "none",
            "status": "success",
            "steps": [step],
            "otel_trace_id": self.trace_id.hex(),
        }
        return json.dumps(told).encode()


def _attribute(name: str, value: str) -> dict[str, object]:
    return {"key": name, "value": {"stringValue": value}}
