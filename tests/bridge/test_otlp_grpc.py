"""OTLP/gRPC over a real channel, rule by rule (opentelemetry-proto `docs/specification.md`, "OTLP/gRPC")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.processes import TracenProcess

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(scope="module")
def channel(tracen: TracenProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(
        tracen.otlp_grpc, options=[("grpc.max_send_message_length", 1 << 28)]
    ) as channel:
        yield channel


def export(channel: grpc.Channel, body: bytes, *metadata: tuple[str, str], compressed: bool = False) -> Any:
    """The finished call: result(), code(), trailing_metadata()."""
    call = channel.unary_unary(EXPORT)
    compression = grpc.Compression.Gzip if compressed else None
    _, answered = call.with_call(body, timeout=30, metadata=metadata, compression=compression)
    return answered


def refused(channel: grpc.Channel, body: bytes, *metadata: tuple[str, str]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as error:
        export(channel, body, *metadata)
    return error.value


@pytest.mark.parametrize("compressed", [False, True])
def test_grpc_export_is_accepted_with_the_page_in_the_trailers(
    channel: grpc.Channel, tracen: TracenProcess, compressed: bool
) -> None:
    """Full success is the empty message; the page of a single trace is named."""
    body = protobuf((fresh_id(), fresh_id(8), "hello"))
    answered = export(channel, body, ("x-tracen-key", tracen.key), compressed=compressed)
    assert answered.code() is grpc.StatusCode.OK
    trailers = dict(answered.trailing_metadata())
    assert trailers["x-tracen-url"].startswith(f"{tracen.http}/traces/")


def test_grpc_bearer_key_and_empty_request_are_accepted(channel: grpc.Channel, tracen: TracenProcess) -> None:
    """Both forms of the key; nothing to keep is a success."""
    assert export(channel, b"", ("authorization", f"Bearer {tracen.key}")).code() is grpc.StatusCode.OK


def test_grpc_invalid_ids_are_counted_in_partial_success(
    channel: grpc.Channel, tracen: TracenProcess
) -> None:
    """The good span is kept."""
    body = protobuf((fresh_id(), fresh_id(8), "good"), (bytes(16), fresh_id(8), "bad"))
    answer = channel.unary_unary(EXPORT)(body, timeout=30, metadata=(("x-tracen-key", tracen.key),))
    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1


@pytest.mark.parametrize("metadata", [(), (("x-tracen-key", "nonsense"),), (("authorization", "Basic abc"),)])
def test_grpc_without_a_valid_key_is_unauthenticated(
    channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]
) -> None:
    """Not retryable; the details hold the same Status, without a wait."""
    error = refused(channel, protobuf((fresh_id(), fresh_id(8), "a")), *metadata)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    trailers = dict(error.trailing_metadata())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == 16
    assert not status.details
    assert "google.rpc.retryinfo-bin" not in trailers


def test_grpc_garbage_is_invalid_argument_and_neighbours_go_on(
    channel: grpc.Channel, tracen: TracenProcess
) -> None:
    """Not INTERNAL, which would be gRPC's own answer to a body that does not parse."""
    key = ("x-tracen-key", tracen.key)
    for body in (b"garbage", protobuf((fresh_id(), fresh_id(8), "cut"))[:-2]):
        assert refused(channel, body, key).code() is grpc.StatusCode.INVALID_ARGUMENT
    assert export(channel, protobuf((fresh_id(), fresh_id(8), "a")), key).code() is grpc.StatusCode.OK


def test_grpc_message_of_many_megabytes_is_accepted(channel: grpc.Channel, tracen: TracenProcess) -> None:
    """gRPC's own default of 4 MiB does not hold here."""
    body = protobuf(*((fresh_id(), fresh_id(8), "x" * 60_000) for _ in range(100)))
    assert len(body) > 5 * 1024 * 1024
    assert export(channel, body, ("x-tracen-key", tracen.key)).code() is grpc.StatusCode.OK


def test_grpc_unknown_method_is_unimplemented(channel: grpc.Channel, tracen: TracenProcess) -> None:
    """What is not served says so."""
    call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Nope")
    with pytest.raises(grpc.RpcError) as error:
        call(b"", timeout=30, metadata=(("x-tracen-key", tracen.key),))
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
