"""OTLP over gRPC: the services on raw bytes, so that a body which does not parse is answered by us."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from bridge.receive import Receipt, Receiver
from bridge.status import REFUSALS, refusal_of
from tracen_otel.otlp import Encoding, Signal
from viewer.keys import secret_of

logger = logging.getLogger("tracen.bridge")

_SERVICE_BY_SIGNAL = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_URL_METADATA = "x-tracen-url"
_GRACE_S = 8.0


class PortTaken(OSError):
    """The port can not be listened on; the message names it."""


@asynccontextmanager
async def grpc_server(receiver: Receiver, host: str, port: int, max_body_bytes: int) -> AsyncIterator[int]:
    """Serve OTLP/gRPC while the context is open; yields the port. Raises PortTaken.

    At the end, calls in flight are finished.
    """
    server = grpc.aio.server(options=_options(max_body_bytes))
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                service, {"Export": grpc.unary_unary_rpc_method_handler(_Export(receiver, signal).export)}
            )
            for signal, service in _SERVICE_BY_SIGNAL.items()
        )
    )
    address = f"[{host}]" if ":" in host else host
    try:
        bound_port = server.add_insecure_port(f"{address}:{port}")
    except RuntimeError:
        raise PortTaken(f"{host}:{port}: the address is in use or can not be listened on") from None
    await server.start()
    try:
        yield bound_port
    finally:
        await server.stop(_GRACE_S)


def _options(max_body_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a silent sharing
        ("grpc.max_receive_message_length", max_body_bytes),
        # Collectors ping every 10 s once keepalive is on; the default answer to that is GOAWAY.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", 600_000),
        ("grpc.max_connection_age_grace_ms", 30_000),
    ]


class _Export:
    def __init__(self, receiver: Receiver, signal: Signal) -> None:
        self._receiver = receiver
        self._signal = signal

    async def export(self, body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """`Export` of one signal, bytes in, bytes out."""
        try:
            key = await self._receiver.authenticate(_secret(context))
            receipt = await self._receiver.receive(key, body, Encoding.PROTOBUF, self._signal)
        except REFUSALS as error:
            await _refuse(context, error)
        except Exception as error:  # the outer wall: whatever it is, the sender must learn to retry
            logger.exception("unexpected error in an OTLP/gRPC export")
            await _refuse(context, error)
        if receipt.page_url:
            context.set_trailing_metadata(((_URL_METADATA, receipt.page_url),))
        return _response(receipt)


def _response(receipt: Receipt) -> bytes:
    """The answer's bytes. Full success is the empty message: partial_success must then be unset."""
    if not receipt.rejected_spans:
        return b""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = receipt.rejected_spans
    response.partial_success.error_message = receipt.error_message
    serialized: bytes = response.SerializeToString()
    return serialized


def _secret(context: grpc.aio.ServicerContext) -> str | None:
    values = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
    return secret_of(values.get("x-tracen-key"), values.get("authorization"))


async def _refuse(context: grpc.aio.ServicerContext, error: Exception) -> NoReturn:
    """Abort with status details; the wait also stands in the key that the Python exporter reads."""
    refusal = refusal_of(error)
    metadata: list[tuple[str, bytes]] = [("grpc-status-details-bin", refusal.status().SerializeToString())]
    if refusal.retry_after_s is not None:
        metadata.append(("google.rpc.retryinfo-bin", refusal.retry_info().SerializeToString()))
    await context.abort(refusal.grpc_code, refusal.message, tuple(metadata))
    raise AssertionError("abort raises")
