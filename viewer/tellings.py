"""From what was received of a trace to the Trace that its page shows, saved until more arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
from importlib.metadata import version

from tracen_otel.assemble import assemble

from tracen_otel import payload
from tracen_otel.merge import merge
from tracen_otel.model import Span, Trace
from tracen_otel.otlp import Encoding, decode_spans
from viewer.store.base import BodyKind, Page, Store, StoreUnavailable, Telling

MEANING = version("tracen-otel")
"""Documents assembled by another release are assembled anew: a better dialect table improves old traces."""

_ENCODING_BY_KIND = {BodyKind.OTLP_PROTOBUF: Encoding.PROTOBUF, BodyKind.OTLP_JSON: Encoding.JSON}


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
    return json.dumps(payload.encode(trace), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def trace_of(telling: Telling, otel_trace_id: str) -> Trace:
    """Assemble a trace from its bodies: spans from OTLP, payloads from POST, merged by step id."""
    spans: list[Span] = []
    told: list[Trace] = []
    for kind, body in telling.bodies:
        if kind is BodyKind.PAYLOAD:
            told.append(payload.decode(payload.parse(body)))
        else:
            spans += decode_spans(body, _ENCODING_BY_KIND[kind], otel_trace_id)
    if spans:
        told.insert(0, assemble(spans))
    return merge(told)
