"""Spans of one trace → payload → page: joins meaning and client. Knows no thread, no queue, no clock."""

from __future__ import annotations

import uuid
from dataclasses import replace

from tracen_otel.assemble import assemble
from tracen_otel.client import PayloadTooLarge, PublishedTrace, TracenClient
from tracen_otel.model import Span, StepKind, Trace
from tracen_otel.payload import encode
from tracen_otel.pending import OnDrop, Parcel
from tracen_otel.sdk import span_of
from tracen_otel.shrink import forms

_LLM_KINDS = frozenset({StepKind.LLM, StepKind.AGENT, StepKind.EMBEDDING, StepKind.RETRIEVAL, StepKind.TOOL})


class Publisher:
    """Publishes parcels of spans; with `llm_only` those alone in which a model, agent or tool was at work."""

    def __init__(self, client: TracenClient, on_drop: OnDrop, *, llm_only: bool, extended: bool) -> None:
        self._client = client
        self._on_drop = on_drop
        self._llm_only = llm_only
        self._extended = extended
        self._token = uuid.uuid4().hex

    def publish(self, parcel: Parcel, deadline_s: float) -> PublishedTrace | None:
        """Publish what the parcel holds within `deadline_s` seconds; None: it is not wanted.

        Raises TracenError.
        """
        spans = self._readable(parcel)
        trace = assemble(spans) if spans else Trace()
        if not trace.steps or (self._llm_only and not any(step.kind in _LLM_KINDS for step in trace.steps)):
            return None
        published = self._post_what_fits(trace, self._idempotency_key(parcel), deadline_s)
        return replace(published, otel_trace_id=f"{parcel.trace_id:032x}")

    def _readable(self, parcel: Parcel) -> list[Span]:
        spans = []
        for readable in parcel.spans:
            try:
                spans.append(span_of(readable))
            except Exception:  # a span may come from anybody's code, and must not cost its neighbours
                self._on_drop("unreadable", 1)
        return spans

    def _post_what_fits(self, trace: Trace, idempotency_key: str, deadline_s: float) -> PublishedTrace:
        refusal: PayloadTooLarge | None = None
        for form in forms(trace):
            try:
                payload = encode(form, extended=self._extended)
                return self._client.publish(payload, idempotency_key=idempotency_key, deadline_s=deadline_s)
            except PayloadTooLarge as error:
                refusal = error
        raise refusal or AssertionError("a trace has at least the form it came in")

    def _idempotency_key(self, parcel: Parcel) -> str:
        """The same for the same spans, so that a post whose answer was lost is not stored twice."""
        return f"{self._token}-{parcel.trace_id:032x}-{len(parcel.spans)}"
