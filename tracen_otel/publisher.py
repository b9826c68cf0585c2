"""Spans of one trace → payload → page: joins meaning and client. Knows no thread, no queue, no clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from tracen_otel.assemble import Outline, assemble, outline
from tracen_otel.client import PayloadTooLarge, Refused, TracenClient, TracenError
from tracen_otel.content import bare_span, without_content
from tracen_otel.interpret import Meaning
from tracen_otel.model import WORKING_KINDS, Span
from tracen_otel.payload import encode
from tracen_otel.pending import OnDrop, Parcel
from tracen_otel.published import PublishedTrace
from tracen_otel.redact import Redaction
from tracen_otel.sdk import span_of
from tracen_otel.shrink import forms
from tracen_otel.spans_form import encode_spans

_logger = logging.getLogger("tracen_otel")
_STRICT = frozenset({400, 422})
"""What a server may answer that knows the documented fields alone."""
_MAX_ASKED = 1_000


class Publisher:
    """Publishes parcels of spans.

    With `llm_only` those alone in which a model, agent or tool was at work, or whose URL was asked for.
    `extended` None: the documented fields alone where the server refuses more, which `on_strict` is told of.
    """

    def __init__(
        self,
        client: TracenClient,
        on_drop: OnDrop,
        *,
        redaction: Redaction,
        capture_content: bool,
        llm_only: bool,
        extended: bool | None,
        on_strict: Callable[[], None],
    ) -> None:
        self._client = client
        self._on_drop = on_drop
        self._redaction = redaction
        self._capture_content = capture_content
        self._llm_only = llm_only
        self._extended = extended
        self._on_strict = on_strict
        self._takes_more = False
        """Whether the server has taken the extension before: then a refusal is about the trace, not the form."""
        self._asked: dict[int, None] = {}

    def ask_for(self, trace_id: int) -> None:
        """Publish a trace, whatever is at work in it: its URL has been given to somebody."""
        self._asked[trace_id] = None
        if len(self._asked) > _MAX_ASKED:
            del self._asked[next(iter(self._asked))]

    def wants(self, readable: ReadableSpan) -> bool:
        """Tell whether a span's trace is published because of it."""
        if not self._llm_only:
            return True
        try:
            return Meaning(span_of(readable)).kind in WORKING_KINDS
        except Exception:  # a span may come from anybody's code
            return False

    def publish(self, parcel: Parcel, deadline_s: float) -> PublishedTrace | None:
        """Publish what the parcel holds within `deadline_s` seconds; None: it is not wanted.

        Raises TracenError.
        """
        if parcel.has_page and self._extended is False:
            self._on_drop("too late for their trace", len(parcel.spans))
            return None
        spans = list(self._spans_of(parcel.spans, self._on_drop))
        if not spans or not self._is_wanted(parcel, told := outline(spans)):
            return None
        published = self._post(Telling(spans, told), deadline_s, has_page=parcel.has_page)
        return replace(published, otel_trace_id=f"{parcel.trace_id:032x}")

    def _is_wanted(self, parcel: Parcel, told: Outline) -> bool:
        if not self._llm_only or parcel.has_page or parcel.trace_id in self._asked:
            return True
        if any(meaning.kind in WORKING_KINDS for meaning in told.meanings):
            return True
        # A redaction hook that fails withholds every text, also the one that tells what a span is.
        return bool(told.trace.masked) and any(
            self.wants(span) for span in parcel.spans if isinstance(span, ReadableSpan)
        )

    def to_spool(self, readables: Iterable[ReadableSpan]) -> list[Span]:
        """Answer spans as they may leave the process."""
        spans = self._spans_of(readables, lambda reason, count: None)
        return list(spans) if self._capture_content else [bare_span(span) for span in spans]

    def _spans_of(self, told: Iterable[ReadableSpan | Span], on_drop: OnDrop) -> Iterator[Span]:
        """Spans with their secrets masked, those from the spool as well: other patterns may hold by now."""
        for span in told:
            try:
                yield self._redaction.span(span if isinstance(span, Span) else span_of(span))
            except Exception:  # a span may come from anybody's code, and must not cost its neighbours
                on_drop("unreadable", 1)

    def _post(self, telling: Telling, deadline_s: float, *, has_page: bool) -> PublishedTrace:
        """Post in the form the server takes; what it refused in one form it may take in the other.

        Not where the trace has a page: a server that does not know the trace's id would make a second one.
        """
        if self._extended is not None:
            return self._post_what_fits(telling, deadline_s, extended=self._extended)
        try:
            published = self._post_what_fits(telling, deadline_s, extended=True)
            self._takes_more = True
            return published
        except Refused as error:
            if has_page or self._takes_more or error.status not in _STRICT:
                raise
            refusal = error
        try:
            published = self._post_what_fits(telling, deadline_s, extended=False)
        except Refused:
            raise refusal from None  # it is not the form: what the server said first tells more
        self._extended = False
        _logger.info("the server takes the documented fields alone: late spans can not join their page")
        self._on_strict()
        return published

    def _post_what_fits(self, telling: Telling, deadline_s: float, *, extended: bool) -> PublishedTrace:
        refusal: PayloadTooLarge | None = None
        for payload in self._payloads(telling, extended):
            try:
                return self._client.publish(payload, deadline_s=deadline_s)
            except PayloadTooLarge as error:
                refusal = error
            except TracenError as error:
                if extended:
                    error.may_have_arrived = False  # a later telling of the trace joins it by its id
                raise
        raise refusal or AssertionError("a trace has at least the form it came in")

    def _payloads(self, telling: Telling, extended: bool) -> Iterator[dict[str, Any]]:
        """The whole trace first, as spans where that says all; then ever less of what was made of them."""
        as_spans = extended and self._capture_content
        if as_spans:
            yield encode_spans(telling.outline)
        trace = assemble(telling.spans)
        if not self._capture_content:
            trace = without_content(trace)
        for form in islice(forms(trace), 1 if as_spans else 0, None):  # whole it is larger than as spans
            yield encode(form, extended=extended)


@dataclass(frozen=True, slots=True)
class Telling:
    """The spans of a trace, and what they mean as a whole."""

    spans: list[Span]
    outline: Outline
