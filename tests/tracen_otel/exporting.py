"""A program that exports, without its sender thread and on a clock of the test's: its parts are the real ones.

What is replaced is the network, by a `Wire` on which a test has requests go astray. What it lets through goes to a
real service, as far away as the test wants.
"""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import urllib3
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from tests.tracen_otel.fates import (
    TRACES,
    Answer,
    Batch,
    Ended,
    Fate,
    Flush,
    Kind,
    Limit,
    Pass,
    Reserve,
    Restart,
    Weather,
)
from tracen_otel import journal
from tracen_otel.client import TracenClient
from tracen_otel.delivery import Delivery, _connect
from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS
from tracen_otel.outbox import Outbox
from tracen_otel.pending import Bounds, PendingTraces
from tracen_otel.published import PublishedTrace
from tracen_otel.publisher import Publisher
from tracen_otel.redact import Redaction
from tracen_otel.reservations import Reservations
from tracen_otel.spool import Spool
from tracen_otel.tally import Tally

EPOCH_S = 1_790_000_000.0
_DOCUMENTED = {field.name for field in TRACE_FIELDS if field.documented}
_DOCUMENTED_OF_STEP = {field.name for field in STEP_FIELDS if field.documented}
_STATUS = {Weather.BUSY: (503, "2"), Weather.LIMITED: (429, "1800"), Weather.BAD_GATEWAY: (502, None)}
_HEALED_S = 3_601.0
"""Longer than any pause and any delay: after so long without new spans everything is due."""
_ROOMY = Bounds()


class Killed(BaseException):
    """The process is gone, in the middle of whatever it did."""


class Pool(Protocol):
    """As much of urllib3.HTTPConnectionPool as the client asks for."""

    def urlopen(
        self, method: str, url: str, body: bytes, headers: dict[str, str], **options: Any
    ) -> urllib3.BaseHTTPResponse: ...


@dataclass
class Wire:
    """Between client and service. `acknowledged` are spans whose post was answered, as the program saw it."""

    service: Pool
    is_strict: bool = False
    answers: deque[Answer] = field(default_factory=deque)
    max_bytes: int | None = None
    acknowledged: set[str] = field(default_factory=set)
    meanwhile: Any = None

    def urlopen(
        self, method: str, url: str, body: bytes, headers: dict[str, str], **options: Any
    ) -> urllib3.BaseHTTPResponse:
        answer = self.answers.popleft() if self.answers else Answer(Weather.FAIR)
        self.meanwhile(answer.meanwhile)
        if answer.weather is Weather.CLOSED:
            raise urllib3.exceptions.ConnectTimeoutError("nothing accepts connections")
        if answer.weather in _STATUS:
            return _told(*_STATUS[answer.weather])
        told = gzip.decompress(body) if "Content-Encoding" in headers else body
        if self.max_bytes is not None and len(told) > self.max_bytes:
            return _told(413)
        if self.is_strict and method == "POST" and not _is_documented(json.loads(told)):
            return _told(422)
        response = self.service.urlopen(method, url, body, headers, **options)
        if answer.weather is not Weather.FAIR:
            response.drain_conn()
            raise Killed if answer.weather is Weather.KILLED else urllib3.exceptions.ProtocolError("reset")
        if method == "POST" and response.status == 200:
            self.acknowledged |= {step["name"] for step in json.loads(told)["steps"]}
        return response


def _told(status: int, retry_after: str | None = None) -> urllib3.HTTPResponse:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return urllib3.HTTPResponse(io.BytesIO(b""), headers, status, preload_content=False)


def _is_documented(payload: dict[str, Any]) -> bool:
    return payload.keys() <= _DOCUMENTED and all(
        step.keys() <= _DOCUMENTED_OF_STEP for step in payload["steps"]
    )


class _WiredClient(TracenClient):
    """The client with everything of it but the sockets."""

    def __init__(self, endpoint: str, key: str, wire: Wire, pause: Any) -> None:
        super().__init__(endpoint, key, 10, pause=pause)
        self._wire = wire

    def _pool(self) -> Any:
        return self._wire


class _SteppedOutbox(Outbox):
    """Delivers on the calling thread, as where no thread can be had."""

    def _start_sender(self) -> bool:
        return False


@dataclass
class Program:
    """A program to which things happen, through all its restarts."""

    wire: Wire
    endpoint: str
    key: str
    bounds: Bounds = _ROOMY
    spool_dir: str | None = None
    resumes: bool = True
    """Whether a program that is started again goes on with the traces of the last one."""
    now_s: float = 1000.0
    accepted: set[str] = field(default_factory=set)
    trace_of: dict[str, int] = field(default_factory=dict)
    told: list[PublishedTrace] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._tally = Tally()
        self._rooted: set[int] = set()
        self._attempts = 0
        self._starts = 0
        self._start()

    def live(self, fates: Iterable[Fate]) -> None:
        """Have things happen one after the other; then nothing bad any more, until nothing waits."""
        for fate in fates:
            try:
                self._meet(fate)
            except Killed:
                self._die()
                self._start()
        self.wire.answers.clear()
        self.wire.max_bytes = None
        for _ in range(50):
            self._pass(_HEALED_S)
            if self._is_idle():
                self._close()
                return
        raise AssertionError("spans wait for ever, though the server is well")

    def _meet(self, fate: Fate) -> None:
        match fate:
            case Batch(spans):
                self._export(spans)
            case Answer():
                self.wire.answers.append(fate)
            case Pass(seconds):
                self._pass(seconds)
            case Flush():
                self._delivery.outbox.drain(60)
            case Limit(max_bytes):
                self.wire.max_bytes = max_bytes
            case Reserve(trace):
                self._reserve(trace)
            case Restart(killed):
                self._die() if killed else self._close()
                self._start()

    def _export(self, spans: Iterable[Ended]) -> None:
        """As the SDK's processors do, which hand nothing over once they shut the exporter down."""
        made = [] if self._is_ending else [self._span(ended) for ended in spans]
        if made and self._delivery.take(made):
            self.accepted |= {span.name for span in made}

    def _pass(self, seconds: float) -> None:
        self.now_s += seconds
        self._delivery.outbox.first()
        self._delivery.outbox.deliver_due()

    def _reserve(self, trace: int) -> None:
        otel_trace_id = trace_id(self._trace(trace))
        self._delivery.publisher.ask_for(otel_trace_id)
        self._delivery.reservations.reserve(otel_trace_id, 10)

    def _is_idle(self) -> bool:
        return self._pending.next_due_s() is None and self._delivery.outbox.next_left() is None

    # -- one process after another --------------------------------------------------------------------

    def _start(self) -> None:
        self._starts += 1
        self._is_ending = False
        self._tally = Tally()
        client = _WiredClient(self.endpoint, self.key, self.wire, self._pause)
        self._pending = PendingTraces(self.bounds, self._tally.drop)
        publisher = Publisher(
            client,
            self._tally.drop,
            redaction=Redaction(True),
            capture_content=True,
            llm_only=True,
            extended=None,
            on_strict=self._pending.publish_once,
        )
        outbox = _SteppedOutbox(
            self._pending,
            self._tally,
            publisher.publish,
            self.told.append,
            timeout_s=10,
            stopping=threading.Event(),
            clock=self._clock,
        )
        reservations = Reservations(
            client.reserve,
            self.told.append,
            is_wanted=publisher.wants,
            is_open=lambda span: True,
            timeout_s=10,
            clock=self._clock,
        )
        spool = None
        if self.spool_dir:
            spool = Spool(
                self.spool_dir, self.endpoint, self.key, self._tally.drop, clock=lambda: EPOCH_S + self.now_s
            )
            _connect(spool, self._pending, outbox)
        self._delivery = Delivery(outbox, publisher, reservations, client, self._tally, 10, spool)
        self.wire.meanwhile = self._export

    def _close(self) -> None:
        self._is_ending = True
        self._delivery.close(5)
        self.dropped.update(self._tally.counts().dropped)

    def _die(self) -> None:
        """Memory is gone, and the system unlocks the files. What it had counted, somebody may have read."""
        journal._let_go_in_child()
        self.dropped.update(self._tally.counts().dropped)

    def _clock(self) -> float:
        return self.now_s

    def _pause(self, seconds: float) -> bool:
        """Wait between attempts; every other time there is no time for one more."""
        self.now_s += seconds
        self._attempts += 1
        return self._attempts % 2 == 1

    # -- spans ----------------------------------------------------------------------------------------

    def _trace(self, trace: int) -> int:
        return trace if self.resumes else self._starts * TRACES + trace

    def _span(self, ended: Ended) -> ReadableSpan:
        number, trace = len(self.trace_of) + 1, self._trace(ended.trace)
        name = f"span {number}"
        self.trace_of[name] = trace
        root_id, otel_trace_id = 1000 + trace, trace_id(trace)
        is_root = ended.kind is Kind.ROOT and trace not in self._rooted
        if is_root:
            self._rooted.add(trace)
        is_remote = ended.kind is Kind.REMOTE
        parent = SpanContext(otel_trace_id, 2000 if is_remote else root_id, is_remote=is_remote)
        return ReadableSpan(
            name,
            SpanContext(otel_trace_id, root_id if is_root else number, is_remote=False),
            None if is_root else parent,
            Resource({"service.name": "shop"}),
            attributes={
                "openinference.span.kind": "LLM",
                "llm.model_name": "small",
                "output.value": "x" * ended.chars,
            },
            start_time=int(EPOCH_S + number) * 10**9,
            end_time=int(EPOCH_S + number + 1) * 10**9,
        )


def trace_id(trace: int) -> int:
    """The OTel trace id of a trace."""
    return 0xABC000 + trace
