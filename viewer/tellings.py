"""From what was received of a trace to the Trace that its page shows, saved until more arrives."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from weakref import WeakValueDictionary

from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.merge import merge
from tracen_otel.model import LogRecord, Span, Trace
from tracen_otel.otlp import Signal, decode_logs, decode_spans
from tracen_otel.redact import Redaction
from viewer import document
from viewer.document import FIRST, NEEDED, Document
from viewer.masking import masked
from viewer.metrics import Metrics
from viewer.sharing.masks import Masks, digest_of
from viewer.store.base import BodyKind, Page, Store, StoreUnavailable, Telling
from viewer.workers import run_sized, size_with_masks

logger = logging.getLogger("tracen.viewer")

MEANING = f"{version('tracen-otel')}/{document.FORMAT}"
"""Documents assembled by another release are assembled anew: a better dialect table improves old traces."""
_UNMASKED = "/unmasked"
"""Of documents that were assembled while nothing was masked: they are not shown once it is."""
MAX_READ_BYTES = 256 * 1024 * 1024
"""Of bodies for one page: what came later is left out, and said so."""
_TRIES = 5
"""Readings of a document that is replaced by a newer one meanwhile."""

_NO_SPANS = "Only log records of this trace have arrived; the spans they belong to have not."
_NOT_ASSEMBLED = "This trace can not be shown: something in it breaks its assembly. That has been logged."


Choose = Callable[[Document], Iterable[str]]
"""From what every page reads to the names of the parts that are wanted besides."""


def meaning_of(masks: Sequence[str], *, redacts: bool) -> str:
    """Under what a trace is assembled now: what was made under another is not shown, whatever version it is of."""
    meaning, digest = MEANING if redacts else MEANING + _UNMASKED, digest_of(masks)
    return f"{meaning}/{digest}" if digest else meaning


class Documents:
    """What was assembled of the traces that pages show, saved until more of them arrives."""

    def __init__(self, store: Store, metrics: Metrics, *, redacts: bool = True) -> None:
        self._store = store
        self._metrics = metrics
        self._redacts = redacts
        self._lock_by_page: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read(self, page: Page, choose: Choose = lambda document: ()) -> Document:
        """Return the document of a page with the parts that are chosen, assembled now if anything new has arrived."""
        meaning = self.meaning_of(page)
        for _ in range(_TRIES):
            document = await self._begin(page)
            names = [name for name in choose(document) if not document.has(name)]
            if not names:
                return document
            more = await self._store.document(page, meaning, names)
            if more is not None and more.edition == document.edition and more.parts.keys() >= set(names):
                return document.with_parts(more.parts)
        async with self._lock_of(page):
            return await self._assemble(page)  # it grows faster than it can be read: this one is whole

    async def _begin(self, page: Page) -> Document:
        """By one reader at a time: the others find what it saved."""
        async with self._lock_of(page):
            saved = await self._store.document(page, self.meaning_of(page), FIRST)
            if saved is not None and saved.parts.keys() >= set(NEEDED):
                return Document(saved.edition, saved.parts)
            return await self._assemble(page)

    def meaning_of(self, page: Page) -> str:
        """Under what the page is assembled now."""
        return meaning_of(page.masks, redacts=self._redacts)

    def _lock_of(self, page: Page) -> asyncio.Lock:
        return self._lock_by_page.setdefault(page.id, asyncio.Lock())

    async def _assemble(self, page: Page) -> Document:
        telling = await self._store.telling(page, MAX_READ_BYTES)
        size = size_with_masks(sum(len(body) for _, body in telling.bodies), page.masks)
        with self._metrics.assembly.time():
            parts = await run_sized(
                size, _parts, telling, page.otel_trace_id.hex(), self._redacts, page.masks
            )
        try:
            edition = await self._store.save_document(page, telling.version, self.meaning_of(page), parts)
        except StoreUnavailable:  # the page is right without it, only slower next time
            edition = uuid.uuid4().hex
        return Document(edition, parts)


def _parts(
    telling: Telling, otel_trace_id: str, redacts: bool, masks: tuple[str, ...] = ()
) -> dict[str, bytes]:
    try:
        return document.encode(trace_of(telling, otel_trace_id, Redaction(redacts), masks))
    except Exception:  # the wall before the reader: a trace we can not assemble is a page that says so
        logger.exception("a trace can not be assembled")
        return document.encode(unassembled(otel_trace_id))


def unassembled(otel_trace_id: str) -> Trace:
    """What stands in for a trace that breaks its assembly."""
    return Trace(title=otel_trace_id, notes=(_NOT_ASSEMBLED,))


def trace_of(
    telling: Telling, otel_trace_id: str, redaction: Redaction, masks: tuple[str, ...] = ()
) -> Trace:
    """Assemble a trace from its bodies: spans and logs from OTLP, payloads from POST, merged by step id.

    `masks` are its owner's: what they mask is nowhere in it, whether or not secrets are masked.

    Spans are kept as they came, and so are posts from before they were masked: nothing is made of either unmasked.
    """
    spans: list[Span] = []
    records: list[LogRecord] = []
    posted: list[Trace] = []
    unreadable = 0
    for kind, body in telling.bodies:
        try:
            if kind is BodyKind.PAYLOAD:
                posted.append(payload.decode(masked(redaction, payload.parse(body))[0]))
                continue
            encoding, signal = kind.otlp()
            if signal is Signal.TRACES:
                spans += map(redaction.span, decode_spans(body, encoding, otel_trace_id))
            else:
                records += map(redaction.log_record, decode_logs(body, encoding))
        except ValueError:  # accepted by another release; it costs no neighbour
            unreadable += 1
    assembled = [assemble(spans, records)] if spans else []
    told = [*_known_apart(posted), *assembled]  # spans as they came tell more than what was made of them
    trace = merge(told) if told else Trace(title=otel_trace_id, notes=(_NO_SPANS,))
    notes = tuple(_notes(telling, unreadable))
    return Masks(masks).trace(replace(trace, notes=(*trace.notes, *notes)) if notes else trace)


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
