"""What became of each request: counted for the operator, remembered for the owner of its key, logged if refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from viewer.metrics import Metrics
from viewer.network import network_of
from viewer.store.base import NS_PER_S
from viewer.store.people import Key

logger = logging.getLogger("tracen.requests")

REMEMBERED = 50
"""Requests of a key."""
REMEMBERED_TRACES = 1_000
"""Traces of a key whose ids are remembered."""
MAX_TRACES = 100_000
"""Over all keys, some 15 MB."""
MAX_KEYS = 1_000
MAX_NETWORKS = 1_000
"""Whose last request without a good key is remembered."""
_QUIET_NS = NS_PER_S
"""Between two log lines about refusals for the same reason: a flood of them must not flood the log."""

_OWNERS_ALONE = ("message", "url")
"""Not logged: a message may name spans and values."""
_OURS_ALONE = ("key_id", "key_name", "account_id", "address", "received_ns", "trace_ids")

ACCEPTED, PARTIAL, GONE, UNEXPECTED = "accepted", "partial", "gone", "unexpected"
_STRANGE = frozenset({"unauthenticated", "too_many_guesses"})
"""Outcomes of a request whose key is nobody's."""


class Door(StrEnum):
    """Where a request came in."""

    OTLP_GRPC = "otlp-grpc"
    OTLP_HTTP = "otlp-http"
    POST = "post"


@dataclass(slots=True)
class RequestRecord:
    """One request, filled in as it is understood. `outcome` is accepted, partial, or why it was refused.

    `status` is the HTTP status or the name of the gRPC code; `size` counts bytes of the body after decompression.
    `address` is the sender's, "" where it is not known. `trace_ids` are OTel's; they are taken out when it is over.
    """

    door: Door
    signal: str
    received_ns: int
    encoding: str = ""
    user_agent: str = ""
    address: str = ""
    key_id: str | None = None
    key_name: str = ""
    account_id: str | None = None
    size: int = 0
    spans: int = 0
    rejected_spans: int = 0
    traces: int = 0
    outcome: str = UNEXPECTED
    status: str = ""
    message: str = ""
    url: str | None = None
    trace_ids: frozenset[bytes] = frozenset()

    def belongs_to(self, key: Key) -> None:
        """Note whose request it is; a key that is revoked has no row for long, and its name tells what it was for."""
        self.key_name = key.label or key.hint
        self.key_id, self.account_id = key.id, key.account_id

    def told(self) -> dict[str, Any]:
        """As the owner of the key reads it."""
        told = {name: value for name, value in asdict(self).items() if name not in _OURS_ALONE}
        at = datetime.fromtimestamp(self.received_ns / NS_PER_S, UTC).isoformat(timespec="milliseconds")
        return {"received_at": at.replace("+00:00", "Z"), **told}


@dataclass(frozen=True, slots=True)
class Stranger:
    """A request without a key that is anybody's: when it came, and what was wrong with it, in our words."""

    at_ns: int
    outcome: str
    status: str
    message: str


class Requests:
    """Takes the record of every request that is over. In memory: it helps to set things up, nobody relies on it."""

    def __init__(self, metrics: Metrics, clock_ns: Callable[[], int]) -> None:
        self.metrics = metrics
        self._clock_ns = clock_ns
        self._by_key: OrderedDict[str, deque[RequestRecord]] = OrderedDict()
        self._traces_by_key: OrderedDict[str, OrderedDict[bytes, None]] = OrderedDict()
        self._trace_count = 0
        self._stranger_by_network: OrderedDict[str, Stranger] = OrderedDict()
        self._listeners: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._told_ns_by_outcome: dict[str, int] = {}
        self._untold_by_outcome: dict[str, int] = {}

    def begin(
        self,
        door: Door,
        signal: str,
        encoding: str = "",
        user_agent: str | None = None,
        address: str = "",
    ) -> RequestRecord:
        """Start the record of a request."""
        self.metrics.in_flight.inc()
        return RequestRecord(door, signal, self._clock_ns(), encoding, (user_agent or "")[:100], address)

    def end(self, record: RequestRecord) -> None:
        """Take the record of a request that was answered, or whose sender has gone."""
        self.metrics.in_flight.dec()
        self.metrics.count(record.door, record.signal, record.outcome)
        self.metrics.received_bytes.inc(record.size)
        self.metrics.accepted_spans.inc(record.spans)
        self.metrics.rejected_spans.inc(record.rejected_spans)
        if record.key_id is not None:
            self._remember(record.key_id, record)
        elif record.outcome in _STRANGE and record.address:
            self._remember_stranger(network_of(record.address), record)
        if record.outcome != ACCEPTED:
            self._log(record)

    def of_key(self, key_id: str) -> list[RequestRecord]:
        """The last requests of a key, newest first."""
        return list(reversed(self._by_key.get(key_id, ())))

    def traces_of_key(self, key_id: str) -> list[bytes]:
        """The OTel trace ids that came last with a key, the one that was last heard of first."""
        return list(reversed(self._traces_by_key.get(key_id, OrderedDict())))

    def of_account(self, account_id: str, limit: int) -> list[RequestRecord]:
        """The last requests with keys of an account, newest first; keys that were revoked since included."""
        own = [records for records in self._by_key.values() if records[-1].account_id == account_id]
        found = sorted(
            (record for records in own for record in records), key=lambda record: record.received_ns
        )
        return found[: -limit - 1 : -1]

    def last_of_account(self, account_id: str) -> RequestRecord | None:
        """The last request with a key of an account."""
        own = (records[-1] for records in self._by_key.values() if records[-1].account_id == account_id)
        return max(own, key=lambda record: record.received_ns, default=None)

    def stranger_of(self, network: str) -> Stranger | None:
        """The last request of a network that came without a key that is anybody's."""
        return self._stranger_by_network.get(network)

    @contextlib.contextmanager
    def news(self, account_id: str, network: str) -> Iterator[asyncio.Event]:
        """An event that is set with every request of the account, and every one of a stranger in the network."""
        event = asyncio.Event()
        subjects = (("account", account_id), ("network", network))
        for subject in subjects:
            self._listeners.setdefault(subject, set()).add(event)
        try:
            yield event
        finally:
            for subject in subjects:
                self._listeners[subject].discard(event)
                if not self._listeners[subject]:
                    del self._listeners[subject]

    def _wake(self, kind: str, name: str) -> None:
        for event in self._listeners.get((kind, name), ()):
            event.set()

    def _remember(self, key_id: str, record: RequestRecord) -> None:
        records = self._by_key.setdefault(key_id, deque(maxlen=REMEMBERED))
        records.append(record)
        self._by_key.move_to_end(key_id)
        if len(self._by_key) > MAX_KEYS:
            forgotten, _ = self._by_key.popitem(last=False)
            self._trace_count -= len(self._traces_by_key.pop(forgotten, ()))
        if record.trace_ids:
            self._remember_traces(key_id, record.trace_ids)
            record.trace_ids = frozenset()
        self._wake("account", record.account_id or "")

    def _remember_traces(self, key_id: str, trace_ids: frozenset[bytes]) -> None:
        traces = self._traces_by_key.setdefault(key_id, OrderedDict())
        self._traces_by_key.move_to_end(key_id)
        self._trace_count -= len(traces)
        for trace_id in islice(trace_ids, REMEMBERED_TRACES):
            traces[trace_id] = None
            traces.move_to_end(trace_id)
        while len(traces) > REMEMBERED_TRACES:
            traces.popitem(last=False)
        self._trace_count += len(traces)
        while self._trace_count > MAX_TRACES and len(self._traces_by_key) > 1:
            self._trace_count -= len(self._traces_by_key.popitem(last=False)[1])

    def _remember_stranger(self, network: str, record: RequestRecord) -> None:
        self._stranger_by_network[network] = Stranger(
            record.received_ns, record.outcome, record.status, record.message
        )
        self._stranger_by_network.move_to_end(network)
        if len(self._stranger_by_network) > MAX_NETWORKS:
            self._stranger_by_network.popitem(last=False)
        self._wake("network", network)

    def _log(self, record: RequestRecord) -> None:
        if record.received_ns - self._told_ns_by_outcome.get(record.outcome, 0) < _QUIET_NS:
            self._untold_by_outcome[record.outcome] = self._untold_by_outcome.get(record.outcome, 0) + 1
            return
        self._told_ns_by_outcome[record.outcome] = record.received_ns
        untold = self._untold_by_outcome.pop(record.outcome, 0)
        more = f" (and {untold} more like it)" if untold else ""
        told = {name: value for name, value in record.told().items() if name not in _OWNERS_ALONE}
        logger.info(
            "%s request %s: %s %s%s",
            record.door,
            "taken in part" if record.outcome == PARTIAL else "refused",
            record.status,
            record.outcome,
            more,
            extra=told | {"key_id": record.key_id, "unlogged": untold},
        )


def outcome_of(error: Exception, refusals: tuple[type[Exception], ...]) -> str:
    """A refusal's name as a label: of a closed set, whatever a sender does."""
    if type(error) not in refusals:
        return UNEXPECTED
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
