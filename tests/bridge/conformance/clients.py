"""The two transports of OTLP, as thin as can be, and the page that shows what arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.bench.load import EXPORT
from tests.processes import TracenProcess

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender learns. `status` is an HTTP status or a gRPC code; `retry_after_s` None where it must not retry."""

    status: object
    message: str = ""
    retry_after_s: int | None = None
    rejected: int = 0


def over_http(
    tracen: TracenProcess, body: bytes, content_type: str = PROTOBUF, path: str = "/v1/traces", **headers: str
) -> Answer:
    """POST to the OTLP port; the answer's encoding must be that of the request."""
    sent = {"x-tracen-key": tracen.key, "content-type": content_type}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.post(
        f"{tracen.otlp_http}{path}", content=body, headers=sent, trust_env=False, timeout=60
    )
    assert response.headers["content-type"] == content_type
    retry_after = response.headers.get("retry-after")
    retry_after_s = int(retry_after) if retry_after else None
    if response.status_code != 200:
        is_json = content_type == JSON
        told = response.json()["message"] if is_json else Status.FromString(response.content).message
        return Answer(response.status_code, told, retry_after_s)
    if content_type == JSON:
        partial = response.json().get("partialSuccess", {})
        return Answer(200, partial.get("errorMessage", ""), None, int(partial.get("rejectedSpans", 0)))
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    return Answer(200, partial.error_message, None, partial.rejected_spans)


def over_grpc(tracen: TracenProcess, body: bytes, method: str = EXPORT, **options: Any) -> Answer:
    """Call `Export`; a wait must stand in both places where senders look for it."""
    limits = [("grpc.max_send_message_length", 1 << 28)]
    with grpc.insecure_channel(tracen.otlp_grpc, options=limits) as channel:
        call = channel.unary_unary(method)
        try:
            told = call(body, metadata=(("x-tracen-key", tracen.key),), timeout=60, **options)
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            info = trailers.get("google.rpc.retryinfo-bin")
            details = Status.FromString(trailers.get("grpc-status-details-bin", b"")).details
            assert len(details) == (1 if info else 0)
            wait_s = RetryInfo.FromString(info).retry_delay.seconds if info else None
            return Answer(error.code(), error.details() or "", wait_s)
    partial = ExportTraceServiceResponse.FromString(told).partial_success
    return Answer(grpc.StatusCode.OK, partial.error_message, None, partial.rejected_spans)


def document(tracen: TracenProcess, trace_id: bytes) -> dict[str, Any] | None:
    """The document of a trace's page; None where there is no page. The page itself must open as well."""
    headers = {"x-tracen-key": tracen.key}
    with httpx2.Client(trust_env=False, timeout=60, headers=headers) as client:
        where = client.get(f"{tracen.http}/api/traces/by-otel/{trace_id.hex()}")
        if where.status_code == 404:
            return None
        url = where.raise_for_status().json()["url"]
        client.get(url).raise_for_status()
        told: dict[str, Any] = client.get(f"{url}.json").raise_for_status().json()
        return told


def names(tracen: TracenProcess, trace_id: bytes) -> list[str]:
    """The names of a trace's steps, sorted; none where there is no page."""
    told = document(tracen, trace_id)
    return sorted(step["name"] for step in told["steps"]) if told else []
