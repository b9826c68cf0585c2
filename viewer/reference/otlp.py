"""The operations of OTLP/HTTP, in their JSON encoding: what senders are set up to call, not what people write.

Source: opentelemetry-proto `docs/specification.md`, OTLP/HTTP. Refusals are a google.rpc.Status there.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracen_otel.otlp import Signal
from viewer.bodies import ACCEPT_ENCODING
from viewer.reference.answers import JSON, Answer
from viewer.reference.errors import size_in_words
from viewer.reference.operation import WITH_A_KEY, Operation
from viewer.reference.schemas import Schema, ref
from viewer.settings import Settings

_SUMMARY_BY_SIGNAL: Mapping[Signal, str] = {
    Signal.TRACES: "Send spans over OTLP/HTTP: each trace gets a page",
    Signal.LOGS: "Send log records over OTLP/HTTP: those of a span are shown in its step",
    Signal.METRICS: "Metrics are accepted and not kept, so that senders see no error",
}
_BODY_BY_SIGNAL: Mapping[Signal, tuple[str, str]] = {
    Signal.TRACES: ("ExportTraceServiceRequest", "resourceSpans"),
    Signal.LOGS: ("ExportLogsServiceRequest", "resourceLogs"),
    Signal.METRICS: ("ExportMetricsServiceRequest", "resourceMetrics"),
}


def exports(settings: Settings) -> tuple[Operation, ...]:
    """One for each signal."""
    return tuple(_export(signal, settings) for signal in Signal)


def _export(signal: Signal, settings: Settings) -> Operation:
    may: tuple[str, ...] = ("X-Tracen-Url",) if signal is Signal.TRACES else ()
    kept = Answer(
        "It is on disk. What was left out of it, and why, is told as partialSuccess.",
        {JSON: ref("OtlpAccepted")},
        may=may,
    )
    return Operation(
        "POST",
        f"/v1/{signal}",
        f"export{signal.title()}",
        _SUMMARY_BY_SIGNAL[signal],
        WITH_A_KEY,
        {200: kept} | _refused(settings),
        "Also on the port of OTLP/HTTP and over OTLP/gRPC; with Content-Type: application/x-protobuf in protobuf, "
        "and answered so. The body may be compressed (Content-Encoding). OpenTelemetry describes it.",
        body={"required": True, "content": {JSON: {"schema": _body(signal)}}},
    )


def _body(signal: Signal) -> Schema:
    message, field = _BODY_BY_SIGNAL[signal]
    items = {"type": "array", "items": {"type": "object"}}
    return {"type": "object", "description": f"OTLP’s {message}.", "properties": {field: items}}


def _refused(settings: Settings) -> dict[int, Answer]:
    most = size_in_words(settings.otlp_max_body_bytes)
    reasons: Mapping[int, tuple[str, tuple[str, ...]]] = {
        400: ("The body can not be read.", ()),
        401: ("No key, or none that is valid.", ("WWW-Authenticate",)),
        403: ("The key is not made for this.", ()),
        408: ("The body came too slowly.", ()),
        413: (f"The body has more than {most} after decompression.", ()),
        415: (
            f"The content type is another, or the encoding none of {ACCEPT_ENCODING}.",
            ("Accept-Encoding",),
        ),
        503: (
            "The store is busy or full, or the account has sent too much: send it again.",
            ("Retry-After",),
        ),
    }
    return {
        status: Answer(reason, {JSON: ref("OtlpRefused")}, headers)
        for status, (reason, headers) in reasons.items()
    }
