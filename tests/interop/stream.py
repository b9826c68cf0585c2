"""Spans that go on being sent: small requests, each with spans of several traces, and what must be shown of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import START_NS

TRACES = 8
TRACES_PER_REQUEST = 2
INTERVAL_S = 0.1
DEADLINE_S = 150
"""For what must happen at some time; gRPC's pause between connection attempts alone grows to 20 s in an outage."""


class Stream:
    """A few traces that grow with every request. `spans_by_trace`: what was handed over, as hex ids.

    The traces have the ids `traces`, or random ones.
    """

    def __init__(self, traces: Sequence[str] = ()) -> None:
        ids = traces or [os.urandom(16).hex() for _ in range(TRACES)]
        self.spans_by_trace: dict[str, list[str]] = {trace: [] for trace in ids}
        self._turns = itertools.cycle(self.spans_by_trace)
        self._last: list[str] = []

    def send_one(self, send: Callable[[bytes], None]) -> None:
        """Send the next request: one new span of each trace whose turn it is."""
        request = ExportTraceServiceRequest()
        scope_spans = request.resource_spans.add().scope_spans.add()
        self._last = list(itertools.islice(self._turns, TRACES_PER_REQUEST))
        for trace in self._last:
            spans = self.spans_by_trace[trace]
            span_id = os.urandom(8).hex()
            span = scope_spans.spans.add(trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(span_id))
            span.name, span.parent_span_id = f"step {len(spans)}", bytes.fromhex(spans[0] if spans else "")
            span.start_time_unix_nano = START_NS + len(spans) * 1_000_000
            span.end_time_unix_nano = span.start_time_unix_nano + 900_000
            spans.append(span_id)
        send(request.SerializeToString())

    def forget_last(self) -> None:
        """Expect nothing of the last request: it was refused."""
        for trace in self._last:
            self.spans_by_trace[trace].pop()

    def send_for_ever(self, send: Callable[[bytes], None]) -> NoReturn:
        """Send until a request is refused."""
        while True:
            self.send_one(send)

    def send_all(self, send: Callable[[bytes], None]) -> None:
        """Send until every trace had two turns."""
        for _ in range(2 * len(self.spans_by_trace) // TRACES_PER_REQUEST):
            self.send_one(send)

    @contextlib.contextmanager
    def flowing(self, send: Callable[[bytes], None]) -> Iterator[None]:
        """Go on sending while the block runs."""
        stop = threading.Event()
        broken: list[Exception] = []

        def flow() -> None:
            try:
                while not stop.wait(INTERVAL_S):
                    self.send_one(send)
            except Exception as error:  # a thread's exception would be lost
                broken.append(error)

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert not broken, broken

    def expected(self) -> dict[str, list[str]]:
        """What must be shown: the ids of each trace, sorted."""
        return {trace: sorted(spans) for trace, spans in self.spans_by_trace.items()}

    def shown(self, http: str, key: str) -> dict[str, list[str]]:
        """What is shown to the account of `key`: ids as often as they are on the trace's page, sorted."""
        with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": key}) as client:
            return {trace: _steps(client, http, trace) for trace in self.spans_by_trace}


def _steps(client: httpx2.Client, http: str, trace: str) -> list[str]:
    found = client.get(f"{http}/api/traces/by-otel/{trace}")
    if found.status_code == 404:
        return []
    url = found.raise_for_status().json()["url"]
    document = client.get(f"{url}.json").raise_for_status().json()
    return sorted(step["id"] for step in document["steps"])


def wait_until(holds: Callable[[], bool]) -> bool:
    """Whether it held before the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def assert_shown(stream: Stream, http: str, key: str) -> None:
    """Every span that was sent is on its page, once, before the deadline."""
    wait_until(lambda: stream.shown(http, key) == stream.expected())
    assert stream.shown(http, key) == stream.expected()
