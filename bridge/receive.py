"""The one path of an OTLP request, whatever it came over: key → which traces → on disk.

Bodies are kept as they came, less spans that would make the rest unreadable; nothing is understood here
beyond trace ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from bridge.intake import Intake
from bridge.quotas import Quotas
from tracen_otel.otlp import Census, Encoding, Salvage, Signal, UndecodableBody, salvage, take_census
from viewer.api import page_url
from viewer.keys import Authenticator
from viewer.requests import ACCEPTED, PARTIAL, RequestRecord
from viewer.store.base import Batch, BodyKind, Store
from viewer.store.people import Key
from viewer.workers import run_sized

URL_FIELD = "x-tracen-url"
"""The HTTP header, and the gRPC trailer, that name the page of a request with one trace."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request. `page_url` is there where it told of one trace alone.

    `count` is that of spans or log records kept, `trace_ids` whose they are. An `error_message` without
    `rejected_spans` is a note.
    """

    rejected_spans: int = 0
    error_message: str = ""
    page_url: str | None = None
    count: int = 0
    trace_ids: frozenset[bytes] = frozenset()

    def tell(self, record: RequestRecord) -> None:
        """Fill in the record of the request."""
        record.outcome = PARTIAL if self.rejected_spans else ACCEPTED
        record.message, record.url = self.error_message, self.page_url
        record.spans, record.rejected_spans = self.count, self.rejected_spans
        record.traces, record.trace_ids = len(self.trace_ids), self.trace_ids

    def response(self) -> ExportTraceServiceResponse:
        """The answer in protobuf; on full success `partial_success` must be unset. Logs' and metrics' are alike."""
        response = ExportTraceServiceResponse()
        if self.error_message:
            response.partial_success.rejected_spans = self.rejected_spans
            response.partial_success.error_message = self.error_message
        return response


class Receiver:
    """Takes OTLP requests for any transport."""

    def __init__(
        self,
        store: Store,
        keys: Authenticator,
        quotas: Quotas,
        base_url: str,
        clock_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._keys = keys
        self._quotas = quotas
        self._base_url = base_url
        self._clock_ns = clock_ns
        self.intake = Intake()

    async def authenticate(self, secret: str | None) -> Key:
        """Return the key of a request, before its body is read; raises Unauthenticated."""
        return await self._keys.key_of(secret)

    async def check_quota(self, key: Key) -> None:
        """Raise OverQuota where the account may send nothing now; before the body is read."""
        await self._quotas.check(key.account_id)

    async def receive(self, key: Key, body: bytes, encoding: Encoding, signal: Signal) -> Receipt:
        """Keep a request; returns once it is on disk. Raises UndecodableBody, StoreUnavailable.

        What tells of no trace (metrics, logs of no span) is answered and not kept: senders that point
        everything here must not see errors. Of metrics a note says so.
        """
        self._quotas.charge(key.account_id, len(body))
        if signal is Signal.METRICS:
            return Receipt(error_message=_NO_METRICS if body else "")
        salvaged = Salvage(body, 0)
        try:
            census = await _census(body, encoding, signal)
        except UndecodableBody as error:
            salvaged = _salvaged(body, encoding, signal, error)
            body = salvaged.body
            census = await _census(body, encoding, signal)
        if not census.trace_ids:
            return _receipt(census, salvaged)
        kind = BodyKind.of_otlp(encoding, signal)
        page = await self._store.append(Batch(key.account_id, kind, body, census.trace_ids, self._clock_ns()))
        return _receipt(census, salvaged, page_url(self._base_url, page.id) if page else None)


async def _census(body: bytes, encoding: Encoding, signal: Signal) -> Census:
    """Protobuf is counted on the spot, some 2 GB a second; JSON is read whole, beside the loop if it is large."""
    if encoding is Encoding.PROTOBUF:
        return take_census(body, encoding, signal)
    return await run_sized(len(body), take_census, body, encoding, signal)


def _salvaged(body: bytes, encoding: Encoding, signal: Signal, error: UndecodableBody) -> Salvage:
    """What can be kept; where that is nothing at all, the error."""
    try:
        return salvage(body, encoding, signal)
    except UndecodableBody:
        raise error from None


_NO_METRICS = (
    "metrics are not kept here; point OTEL_EXPORTER_OTLP_METRICS_ENDPOINT elsewhere or switch them off"
)
_IDS = "a trace id is 16 bytes and a span id 8, in JSON 32 and 16 hex digits, and not all zero"
_BROKEN = "text that is not UTF-8, values nested too deep or of a wrong shape, or broken bytes"


def _receipt(census: Census, salvaged: Salvage, url: str | None = None) -> Receipt:
    reasons = [
        f"{count} spans rejected ({reason}): {', '.join(names)}{', …' if count > len(names) else ''}"
        for count, reason, names in (
            (census.invalid_count, _IDS, census.invalid_spans),
            (salvaged.rejected_count, _BROKEN, salvaged.rejected_spans),
        )
        if count
    ]
    rejected_count = census.invalid_count + salvaged.rejected_count
    return Receipt(rejected_count, "; ".join(reasons), url, census.count, census.trace_ids)
