"""What publishes the traces of one process: buffer, sender, client and counts, put together.

Made when the first span comes, and anew in a fork child: threads, locks and sockets do not survive a fork.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from tracen_otel.client import TracenClient
from tracen_otel.model import Span
from tracen_otel.outbox import Outbox
from tracen_otel.pending import Bounds, Parcel, PendingTraces
from tracen_otel.published import PublishedTrace
from tracen_otel.publisher import Publisher
from tracen_otel.redact import Redaction
from tracen_otel.reservations import Reservations
from tracen_otel.spool import Spool
from tracen_otel.tally import Counts, Tally


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms an exporter publishes; the arguments of TracenSpanExporter, checked."""

    endpoint: str
    key: str = field(repr=False)
    redaction: Redaction
    capture_content: bool
    llm_only: bool
    extended: bool | None
    timeout_s: float
    spool_dir: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The parts that an exporter needs to reach."""

    outbox: Outbox
    publisher: Publisher
    reservations: Reservations
    client: TracenClient
    tally: Tally
    timeout_s: float
    spool: Spool | None

    def take(self, spans: Sequence[ReadableSpan]) -> bool:
        """Hold spans that ended, on disk first: what is in memory is there too. False after the end."""
        if self.spool is not None:
            self.spool.append(self.publisher.to_spool(spans))
        return self.outbox.add(spans)

    def ask_for(self, trace_id: int) -> None:
        """Publish a trace, whatever is at work in it, also in the next run: its URL has been given to somebody."""
        self.publisher.ask_for(trace_id)
        if self.spool is not None:
            self.spool.expect_page(f"{trace_id:032x}")

    def close(self, timeout_s: float) -> int:
        """Publish what is held within `timeout_s` seconds; answers how many spans stay in the spool."""
        self.reservations.close()
        self.outbox.close(timeout_s)
        self.client.close()
        return self.spool.close() if self.spool is not None else 0

    def counts(self) -> Counts:
        """Answer what was published, skipped, tried again and dropped so far."""
        counts = self.tally.counts()
        return replace(counts, retries=counts.retries + self.client.retries)


Tell = Callable[[PublishedTrace], None]


def new_delivery(
    terms: Terms, on_published: Tell, on_reserved: Tell, is_known: Callable[[int], bool]
) -> Delivery:
    """Put a delivery together; neither a thread nor a socket is opened yet.

    `is_known` tells whether the URL of a trace is known already.
    """
    stopping = threading.Event()
    tally = Tally()
    client = TracenClient(terms.endpoint, terms.key, terms.timeout_s, pause=stopping.wait)
    pending = PendingTraces(Bounds(), tally.drop, republish=terms.extended is not False)
    publisher = Publisher(
        client,
        tally.drop,
        redaction=terms.redaction,
        capture_content=terms.capture_content,
        llm_only=terms.llm_only,
        extended=terms.extended,
        on_strict=pending.publish_once,
    )
    outbox = Outbox(
        pending, tally, publisher.publish, on_published, timeout_s=terms.timeout_s, stopping=stopping
    )
    reservations = Reservations(
        client.reserve,
        on_reserved,
        is_wanted=publisher.wants,
        is_open=lambda span: _is_open(span, outbox, is_known),
        timeout_s=terms.timeout_s,
        clock=time.monotonic,
    )
    spool = Spool(terms.spool_dir, terms.endpoint, terms.key, tally.drop) if terms.spool_dir else None
    if spool is not None:
        _connect(spool, pending, outbox)
    return Delivery(outbox, publisher, reservations, client, tally, terms.timeout_s, spool)


def _connect(spool: Spool, pending: PendingTraces, outbox: Outbox) -> None:
    """Have what is settled leave the spool, and what dead processes left join the queue."""

    def next_left() -> Parcel | None:
        while left := spool.next_left():
            held = outbox.ids_of(int(left.trace_id, 16))  # what is in memory is sent, or counted, from there
            if spans := tuple(span for span in left.spans if span.span_id not in held):
                return Parcel(int(left.trace_id, 16), spans, is_left=True, has_page=left.has_page)
            spool.hold_back(left.trace_id)
        return None

    def on_settled(parcel: Parcel, is_published: bool) -> None:
        ids = [span_id for span in parcel.spans if (span_id := _span_id(span))]
        spool.take(f"{parcel.trace_id:032x}", ids, has_page=is_published)

    def on_refuse(span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None:
            spool.take_later(
                format_trace_id(context.trace_id), [format_span_id(context.span_id)], has_page=False
            )

    outbox.first = spool.adopt
    outbox.next_left = next_left
    outbox.on_settled = on_settled
    pending.on_refuse = on_refuse
    pending.kept = lambda trace_id: spool.let_go(f"{trace_id:032x}")


def _span_id(span: ReadableSpan | Span) -> str | None:
    if isinstance(span, Span):
        return span.span_id
    context = span.get_span_context()
    return format_span_id(context.span_id) if context else None


def _is_open(span: ReadableSpan, outbox: Outbox, is_known: Callable[[int], bool]) -> bool:
    """Tell whether a span's trace goes on and nobody knows its URL yet."""
    context = span.get_span_context()
    if context is None or is_known(context.trace_id):
        return False
    return outbox.is_open(context.trace_id, has_ended_spans=span.end_time is not None)
