"""The one path of an OTLP request, whatever it came over: key → which traces → on disk.

Bodies are kept as they came; nothing is understood here beyond trace ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracen_otel.otlp import Census, Encoding, Signal, take_census
from viewer.api import page_url
from viewer.keys import Authenticator
from viewer.store.base import Batch, BodyKind, Key, Store

_KINDS = {
    (Signal.TRACES, Encoding.PROTOBUF): BodyKind.OTLP_PROTOBUF,
    (Signal.TRACES, Encoding.JSON): BodyKind.OTLP_JSON,
    (Signal.LOGS, Encoding.PROTOBUF): BodyKind.OTLP_LOGS_PROTOBUF,
    (Signal.LOGS, Encoding.JSON): BodyKind.OTLP_LOGS_JSON,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request. `page_url` is there where it told of one trace alone."""

    rejected_spans: int = 0
    error_message: str = ""
    page_url: str | None = None


class Receiver:
    """Takes OTLP requests for any transport."""

    def __init__(self, store: Store, keys: Authenticator, base_url: str, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._keys = keys
        self._base_url = base_url
        self._clock_ns = clock_ns

    async def authenticate(self, secret: str | None) -> Key:
        """Return the key of a request, before its body is read; raises Unauthenticated."""
        return await self._keys.key_of(secret)

    async def receive(self, key: Key, body: bytes, encoding: Encoding, signal: Signal) -> Receipt:
        """Keep a request; returns once it is on disk. Raises UndecodableBody, StoreUnavailable.

        What tells of no trace (metrics, logs of no span) is answered and not kept: senders that point
        everything here must not see errors.
        """
        census = take_census(body, encoding, signal)
        if not census.trace_ids:
            return _receipt(census, None)
        kind = _KINDS[signal, encoding]
        page = await self._store.append(Batch(key.account_id, kind, body, census.trace_ids, self._clock_ns()))
        return _receipt(census, page_url(self._base_url, page.id) if page else None)


def _receipt(census: Census, url: str | None) -> Receipt:
    if not census.invalid_count:
        return Receipt(page_url=url)
    message = (
        f"{census.invalid_count} spans rejected: a trace id is 16 bytes and a span id 8, "
        "in JSON 32 and 16 hex digits, and not all zero"
    )
    return Receipt(census.invalid_count, message, url)
