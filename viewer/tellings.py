"""From what was received of a trace to the Trace that its page shows, saved until more arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import replace
from importlib.metadata import version
from weakref import WeakValueDictionary

from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.merge import merge
from tracen_otel.model import LogRecord, Span, Trace
from tracen_otel.otlp import Signal, decode_logs, decode_spans
from viewer.metrics import Metrics
from viewer.store.base import BodyKind, Page, Store, StoreUnavailable, Telling
from viewer.workers import run_sized

logger = logging.getLogger("tracen.viewer")

MEANING = version("tracen-otel")
"""Documents assembled by another release are assembled anew: a better dialect table improves old traces."""
MAX_READ_BYTES = 256 * 1024 * 1024
"""Of bodies for one page: what came later is left out, and said so."""
MAX_SAVED_BYTES = 64 * 1024 * 1024
"""Larger documents are assembled each time: a database is no place for them."""

_NO_SPANS = "Only log records of this trace have arrived; the spans they belong to have not."
_NOT_ASSEMBLED = "This trace can not be shown: something in it breaks its assembly. That has been logged."


class Documents:
    """The extended payloads of pages, as JSON bytes."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._lock_by_page: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def document(self, page: Page) -> bytes:
        """Return the document of a page, assembled now if anything new has arrived; by one reader at a time."""
        async with self._lock_by_page.setdefault(page.id, asyncio.Lock()):
            saved = await self._store.document(page, MEANING)
            return saved if saved is not None else await self._assemble(page)

    async def _assemble(self, page: Page) -> bytes:
        telling = await self._store.telling(page, MAX_READ_BYTES)
        size = sum(len(body) for _, body in telling.bodies)
        with self._metrics.assembly.time():
            document = await run_sized(size, _document, telling, page.otel_trace_id.hex())
        if len(document) <= MAX_SAVED_BYTES:
            with contextlib.suppress(StoreUnavailable):  # the page is right without it, only slower next time
                await self._store.save_document(page, telling.version, MEANING, document)
        return document


def _document(telling: Telling, otel_trace_id: str) -> bytes:
    try:
        value = payload.encode(trace_of(telling, otel_trace_id))
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except Exception:  # the wall before the reader: a trace we can not assemble is a page that says so
        logger.exception("a trace can not be assembled")
        return json.dumps(payload.encode(Trace(title=otel_trace_id, notes=(_NOT_ASSEMBLED,)))).encode()


def trace_of(telling: Telling, otel_trace_id: str) -> Trace:
    """Assemble a trace from its bodies: spans and logs from OTLP, payloads from POST, merged by step id."""
    spans: list[Span] = []
    records: list[LogRecord] = []
    posted: list[Trace] = []
    unreadable = 0
    for kind, body in telling.bodies:
        try:
            if kind is BodyKind.PAYLOAD:
                posted.append(payload.decode(payload.parse(body)))
                continue
            encoding, signal = kind.otlp()
            if signal is Signal.TRACES:
                spans += decode_spans(body, encoding, otel_trace_id)
            else:
                records += decode_logs(body, encoding)
        except ValueError:  # accepted by another release; it costs no neighbour
            unreadable += 1
    assembled = [assemble(spans, records)] if spans else []
    told = [*_known_apart(posted), *assembled]  # spans as they came tell more than what was made of them
    trace = merge(told) if told else Trace(title=otel_trace_id, notes=(_NO_SPANS,))
    notes = tuple(_notes(telling, unreadable))
    return replace(trace, notes=(*trace.notes, *notes)) if notes else trace


def _known_apart(posted: list[Trace]) -> list[Trace]:
    """Posts whose steps can be merged with others. Of those without step ids the last one stands for all."""
    with_ids = [trace for trace in posted if all(step.id for step in trace.steps)]
    if len(with_ids) == len(posted):
        return posted
    last = next(trace for trace in reversed(posted) if not all(step.id for step in trace.steps))
    steps = tuple(replace(step, id=step.id or f"posted-{n}") for n, step in enumerate(last.steps, 1))
    return [*with_ids, replace(last, steps=steps)]


def _notes(telling: Telling, unreadable: int) -> list[str]:
    notes = []
    if unreadable:
        notes.append(f"Requests that told of this trace and can no longer be read: {unreadable}.")
    if telling.omitted:
        notes.append(f"This trace is very large; its last {telling.omitted} requests are not shown.")
    return notes
