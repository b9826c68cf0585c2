"""OTLP over gRPC: the services on raw bytes, so that a body which does not parse is answered by us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

import grpc
import grpc.aio

from bridge.receive import URL_FIELD, Receipt, Receiver
from bridge.status import REFUSALS, Refusal, refusal_of
from tracen_otel.otlp import Encoding, Signal, UndecodableBody
from viewer.bodies import BodyTooSlow
from viewer.keys import secret_of
from viewer.requests import GONE, Door, RequestRecord, Requests, outcome_of
from viewer.store.base import StoreUnavailable

logger = logging.getLogger("tracen.bridge")

_SERVICE_BY_SIGNAL = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
GRACE_S = 8
"""For what is in flight when a door closes."""
BODY_TIMEOUT_S = 60.0
"""For a message to come, as over HTTP: who opens calls and says nothing must not keep others out."""
MAX_CALLS = 128
"""In flight; beyond, senders are asked to come back. gRPC's own limit answers what senders take for "never"."""

UNREAD = "the sender went away before its message was read, or compresses it with something else than gzip"
"""gRPC itself refuses other compressions, with INTERNAL; all that is seen here is that the call has ended."""


class PortTaken(OSError):
    """The port can not be listened on; the message names it."""


@dataclass(frozen=True, slots=True)
class GrpcDoor:
    """An open OTLP/gRPC port."""

    port: int
    server: grpc.aio.Server

    async def close(self) -> None:
        """Take no new call, finish those in flight."""
        await self.server.stop(GRACE_S)


async def open_grpc(
    receiver: Receiver,
    requests: Requests,
    host: str,
    port: int,
    max_body_bytes: int,
    credentials: grpc.ServerCredentials | None = None,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> GrpcDoor:
    """Serve OTLP/gRPC from now on, with TLS where there are credentials; port 0 picks one. Raises PortTaken."""
    server = grpc.aio.server(options=_options(max_body_bytes))
    calls = _Calls()
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                service, {"Export": _Export(receiver, requests, signal, calls, body_timeout_s).handler}
            )
            for signal, service in _SERVICE_BY_SIGNAL.items()
        )
    )
    address = f"[{host}]" if ":" in host else host
    try:
        if credentials is None:
            bound_port = server.add_insecure_port(f"{address}:{port}")
        else:
            bound_port = server.add_secure_port(f"{address}:{port}", credentials)
    except RuntimeError:
        raise PortTaken(f"{host}:{port}: the address is in use or can not be listened on") from None
    await server.start()
    return GrpcDoor(bound_port, server)


def _options(max_body_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a silent sharing
        ("grpc.max_receive_message_length", max_body_bytes),
        # Collectors ping every 10 s once keepalive is on; the default answer to that is GOAWAY.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", 600_000),
        ("grpc.max_connection_age_grace_ms", 30_000),
        # Memory is bounded by this window per call, and not by what gRPC estimates the network to hold.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 1024 * 1024),
    ]


@dataclass(slots=True)
class _Calls:
    """Those in flight, over all services."""

    count: int = 0


class _Export:
    """`Export` of one signal, bytes in, bytes out.

    Served as a stream of one message, which is the same on the wire: so the key is looked at before a message
    of up to 64 MiB is taken into memory.
    """

    def __init__(
        self, receiver: Receiver, requests: Requests, signal: Signal, calls: _Calls, body_timeout_s: float
    ) -> None:
        self._receiver = receiver
        self._requests = requests
        self._signal = signal
        self._calls = calls
        self._body_timeout_s = body_timeout_s
        self.handler = grpc.stream_unary_rpc_method_handler(self._export)

    async def _export(self, _bodies: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        metadata = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
        record = self._requests.begin(
            Door.OTLP_GRPC,
            self._signal,
            Encoding.PROTOBUF,
            metadata.get("user-agent"),
            _address_of(context.peer()),
        )
        self._calls.count += 1
        try:
            receipt = await self._receipt(context, metadata, record)
            receipt.tell(record)
            record.status = "OK"
        except REFUSALS as error:
            record.outcome = outcome_of(error, REFUSALS)
            await _refuse(context, refusal_of(error), record)
        except asyncio.CancelledError:
            record.outcome, record.message = GONE, "the sender went away" if record.size else UNREAD
            raise
        except Exception as error:  # the outer wall: whatever it is, the sender must learn to retry
            logger.exception("unexpected error in an OTLP/gRPC export")
            await _refuse(context, refusal_of(error), record)
        finally:
            self._calls.count -= 1
            self._requests.end(record)
        if receipt.page_url:
            context.set_trailing_metadata(((URL_FIELD, receipt.page_url),))
        response: bytes = receipt.response().SerializeToString()
        return response

    async def _receipt(
        self, context: grpc.aio.ServicerContext, metadata: Mapping[str, str], record: RequestRecord
    ) -> Receipt:
        secret = secret_of(metadata)
        key = await self._receiver.authenticate(secret)
        record.belongs_to(key)
        if self._calls.count > MAX_CALLS:
            raise StoreUnavailable("too many calls at once")
        await self._receiver.check_quota(key)
        try:
            async with asyncio.timeout(self._body_timeout_s):
                # Iterating over the messages would keep each until the garbage collector comes.
                body = await context.read()
        except TimeoutError:
            raise BodyTooSlow(self._body_timeout_s) from None
        if body is grpc.aio.EOF:
            raise UndecodableBody("a call without a message")
        record.size = len(body)
        with self._receiver.intake.body() as on_bytes:  # gRPC tells of a message only once it is whole
            on_bytes(len(body))
            return await self._receiver.receive(key, body, Encoding.PROTOBUF, self._signal)


def _address_of(peer: str) -> str:
    """The address in gRPC's name of a peer, such as ipv4:127.0.0.1:50051 or ipv6:%5B::1%5D:50051."""
    kind, _, place = unquote(peer).partition(":")
    return place.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else ""


async def _refuse(context: grpc.aio.ServicerContext, refusal: Refusal, record: RequestRecord) -> NoReturn:
    """Abort with status details; the wait also stands in the key that the Python exporter reads."""
    record.status, record.message = refusal.grpc_code.name, refusal.message
    metadata: list[tuple[str, bytes]] = [("grpc-status-details-bin", refusal.status().SerializeToString())]
    if refusal.retry_after_s is not None:
        metadata.append(("google.rpc.retryinfo-bin", refusal.retry_info().SerializeToString()))
    await context.abort(refusal.grpc_code, refusal.message, tuple(metadata))
    raise AssertionError("abort raises")
