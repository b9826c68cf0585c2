"""From what was received of a trace to the Trace that its page shows, saved until more arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from importlib.metadata import version

from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.merge import merge
from tracen_otel.model import LogRecord, Span, Trace
from tracen_otel.otlp import Encoding, UndecodableBody, decode_logs, decode_spans
from viewer.store.base import BodyKind, Page, Store, StoreUnavailable, Telling

MEANING = version("tracen-otel")
"""Documents assembled by another release are assembled anew: a better dialect table improves old traces."""

_SPANS = {BodyKind.OTLP_PROTOBUF: Encoding.PROTOBUF, BodyKind.OTLP_JSON: Encoding.JSON}
_LOGS = {BodyKind.OTLP_LOGS_PROTOBUF: Encoding.PROTOBUF, BodyKind.OTLP_LOGS_JSON: Encoding.JSON}

_NO_SPANS = "Only log records of this trace have arrived; the spans they belong to have not."
_UNREADABLE = "{} of the {} requests that told of this trace can no longer be read."


async def document_of(store: Store, page: Page) -> bytes:
    """Return the extended payload of a page as JSON bytes, assembled now if anything new has arrived."""
    saved = await store.document(page, MEANING)
    if saved is not None:
        return saved
    telling = await store.telling(page)
    document = await asyncio.to_thread(_assembled_document, telling, page.otel_trace_id.hex())
    with contextlib.suppress(StoreUnavailable):  # the page is right without it, only slower next time
        await store.save_document(page, telling.version, MEANING, document)
    return document


def _assembled_document(telling: Telling, otel_trace_id: str) -> bytes:
    trace = trace_of(telling, otel_trace_id)
    return json.dumps(payload.encode(trace), ensure_ascii=False, separators=(",", ":")).encode()


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
            elif kind in _SPANS:
                spans += decode_spans(body, _SPANS[kind], otel_trace_id)
            else:
                records += decode_logs(body, _LOGS[kind])
        except (UndecodableBody, payload.PayloadError):  # accepted by another release; it costs no neighbour
            unreadable += 1
    assembled = [assemble(spans, records)] if spans else []
    trace = (
        merge([*assembled, *posted])
        if assembled or posted
        else Trace(title=otel_trace_id, notes=(_NO_SPANS,))
    )
    if unreadable:
        note = _UNREADABLE.format(unreadable, len(telling.bodies))
        trace = replace(trace, notes=(*trace.notes, note))
    return trace
