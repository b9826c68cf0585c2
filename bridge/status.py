"""What each refusal is called on the wire: one table from error to gRPC code, HTTP status and retryability.

Source: opentelemetry-proto `docs/specification.md`, "Failures". Senders retry UNAVAILABLE with RetryInfo,
and 503; whatever else they are told, they drop the data. So only what can never succeed gets another code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from bridge.quotas import OverQuota
from tracen_otel.otlp import UndecodableBody
from viewer.bodies import BodyTooLarge, BodyTooSlow, BrokenEncoding, UnsupportedEncoding
from viewer.keys import ScopeMissing, Unauthenticated
from viewer.problems import UnsupportedMediaType
from viewer.store.base import StoreUnavailable

UNEXPECTED_RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused request, as both transports say it. `retry_after_s` is None where retrying is pointless."""

    grpc_code: grpc.StatusCode
    http_status: int
    message: str
    retry_after_s: int | None = None

    def status(self) -> Status:
        """The `google.rpc.Status` of the refusal, with RetryInfo where a retry may succeed."""
        status = Status(code=self.grpc_code.value[0], message=self.message)
        if self.retry_after_s is not None:
            status.details.add().Pack(self.retry_info())
        return status

    def retry_info(self) -> RetryInfo:
        return RetryInfo(retry_delay=Duration(seconds=self.retry_after_s or 0))


_CODES_BY_ERROR: Mapping[type[Exception], tuple[grpc.StatusCode, int]] = {
    Unauthenticated: (grpc.StatusCode.UNAUTHENTICATED, 401),
    ScopeMissing: (grpc.StatusCode.PERMISSION_DENIED, 403),
    UndecodableBody: (grpc.StatusCode.INVALID_ARGUMENT, 400),
    BrokenEncoding: (grpc.StatusCode.INVALID_ARGUMENT, 400),
    UnsupportedEncoding: (grpc.StatusCode.INVALID_ARGUMENT, 415),
    UnsupportedMediaType: (grpc.StatusCode.INVALID_ARGUMENT, 415),
    BodyTooLarge: (grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
    BodyTooSlow: (grpc.StatusCode.DEADLINE_EXCEEDED, 408),
    StoreUnavailable: (grpc.StatusCode.UNAVAILABLE, 503),
    OverQuota: (grpc.StatusCode.UNAVAILABLE, 503),
}
REFUSALS = tuple(_CODES_BY_ERROR)


def refusal_of(error: Exception) -> Refusal:
    """The refusal for `error`. One of our own bugs is "unavailable": the data may get in after the repair."""
    codes = _CODES_BY_ERROR.get(type(error))
    if codes is None:
        return Refusal(
            grpc.StatusCode.UNAVAILABLE, 503, "unexpected error, please retry", UNEXPECTED_RETRY_AFTER_S
        )
    if isinstance(error, StoreUnavailable):
        return Refusal(
            *codes, "the store is busy or full; nothing was kept, please retry", error.retry_after_s
        )
    if isinstance(error, OverQuota):
        return Refusal(*codes, str(error), error.retry_after_s)
    return Refusal(*codes, str(error))
