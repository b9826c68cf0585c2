"""Known requests: which spans each one brings, and its bytes, which stay the same when it is sent again.

A script and the seed it was made with decide every request; how many of them are sent is up to the clock.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_800_000_000_000_000_000
LARGE_BYTES = 8 * 1024 * 1024
_LARGE_SPANS = 64
_WIDE_TRACES = 4096
"""Sixteen such requests fill what the trace index keeps in memory: then it is merged."""
_LOOKED_UP = 3
"""Traces of a wide request whose pages are looked at."""


class Door(Enum):
    """A way in."""

    GRPC = "gRPC"
    HTTP_PROTOBUF = "HTTP protobuf"
    HTTP_JSON = "HTTP JSON"
    POST = "POST /api/traces"


@dataclass(frozen=True, slots=True)
class Span:
    """A span by its name, which occurs once in a run. Its text follows from both values."""

    name: str
    text_length: int

    @property
    def text(self) -> str:
        return (self.name * (self.text_length // len(self.name) + 1))[: self.text_length]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request. A trace is its OTel trace id in hex, behind POST the Idempotency-Key, which is `name`."""

    door: Door
    name: str
    body: bytes
    spans_by_trace: Mapping[str, Sequence[Span]]
    trace_count: int

    @property
    def trace_of_answer(self) -> str | None:
        """The trace whose URL is in the answer; none where there are several."""
        return next(iter(self.spans_by_trace)) if self.trace_count == 1 else None


class Script:
    """Makes the requests of one sender, out of a random generator of its own."""

    def __init__(self, door: Door, name: str, rng: random.Random, common: Sequence[str]) -> None:
        """`name` occurs once in a run; `common` are traces that other senders tell of as well."""
        self.door = door
        self._name = name
        self._rng = rng
        self._common = common
        self._own: list[str] = []
        self._count = 0

    def next(self) -> Delivery:
        """A request as agents send them: one to four spans, of one trace or two, most with short texts."""
        text_length = self._rng.choice((40, 400, 4_000, 40_000))
        if self.door is Door.POST:
            return self._post(text_length)
        traces = [self._trace() for _ in range(self._rng.choice((1, 1, 1, 2)))]
        number = self._next_number()
        spans = [
            (self._rng.choice(traces), self._span(number, at, text_length))
            for at in range(self._rng.randint(1, 4))
        ]
        return self._otlp(number, spans)

    def large(self) -> Delivery:
        """8 MiB of one trace."""
        trace, number = self._trace(), self._next_number()
        length = LARGE_BYTES // _LARGE_SPANS
        return self._otlp(number, [(trace, self._span(number, at, length)) for at in range(_LARGE_SPANS)])

    def wide(self) -> Delivery:
        """A span in each of many traces, of which a few are looked up later."""
        number = self._next_number()
        spans = [(trace_id(self._rng), self._span(number, at, 0)) for at in range(_WIDE_TRACES)]
        return self._otlp(number, spans, looked_up=_LOOKED_UP)

    def _next_number(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    def _trace(self) -> str:
        """A new one, one of this sender's last, or one that all senders tell of."""
        kind = self._rng.random()
        if kind < 0.3 and self._own:
            return self._rng.choice(self._own[-8:])
        if kind < 0.5:
            return self._rng.choice(self._common)
        self._own.append(trace_id(self._rng))
        return self._own[-1]

    @staticmethod
    def _span(number: str, at: int, text_length: int) -> Span:
        return Span(f"{number}-{at}", text_length)

    def _otlp(self, number: str, spans: Sequence[tuple[str, Span]], looked_up: int = 1_000) -> Delivery:
        by_trace: dict[str, list[Span]] = {}
        for trace, span in spans:
            by_trace.setdefault(trace, []).append(span)
        encode = _json if self.door is Door.HTTP_JSON else _protobuf
        known = dict(list(by_trace.items())[:looked_up])
        return Delivery(self.door, number, encode(spans, self._rng), known, len(by_trace))

    def _post(self, text_length: int) -> Delivery:
        number = self._next_number()
        spans = [self._span(number, at, text_length) for at in range(self._rng.randint(1, 4))]
        return Delivery(Door.POST, number, _payload(spans), {number: spans}, 1)


def trace_id(rng: random.Random) -> str:
    """32 hex digits, not all of them zero."""
    return f"{rng.getrandbits(127) + 1:032x}"


def _protobuf(spans: Sequence[tuple[str, Span]], rng: random.Random) -> bytes:
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    for at, (trace, span) in enumerate(spans):
        added = scope_spans.spans.add(
            trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(_span_id(rng)), name=span.name
        )
        added.start_time_unix_nano, added.end_time_unix_nano = START_NS + at, START_NS + at + 1_000_000
        if span.text_length:
            added.attributes.add(key="text").value.string_value = span.text
    body: bytes = request.SerializeToString()
    return body


def _json(spans: Sequence[tuple[str, Span]], rng: random.Random) -> bytes:
    told: list[dict[str, Any]] = []
    for at, (trace, span) in enumerate(spans):
        attributes = [{"key": "text", "value": {"stringValue": span.text}}] if span.text_length else []
        told.append(
            {
                "traceId": trace,
                "spanId": _span_id(rng),
                "name": span.name,
                "startTimeUnixNano": str(START_NS + at),
                "endTimeUnixNano": str(START_NS + at + 1_000_000),
                "attributes": attributes,
            }
        )
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": told}]}]}).encode()


def _payload(spans: Sequence[Span]) -> bytes:
    step = {"timestamp": "2027-01-15T08:00:00Z", "latency_ms": 1}
    steps = [step | {"name": span.name, "attributes": {"text": span.text}} for span in spans]
    payload = {"prompt": "", "response": "", "provider": "custom", "model": "", "status": "success"}
    return json.dumps(payload | {"steps": steps}).encode()


def _span_id(rng: random.Random) -> str:
    return f"{rng.getrandbits(63) + 1:016x}"
