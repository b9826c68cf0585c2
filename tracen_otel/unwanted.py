"""Traces that nobody wanted when they ended, for as long as a late span may make them wanted. Plain bookkeeping.

A background task may call a model after the request that started it has ended: its page shows that request, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

_MAX_TRACES = 100
_MAX_SPANS = 2_000
_MAX_TEXT_CHARS = 4 * 1024 * 1024
_AGE_S = 600.0


class _Unwanted(NamedTuple):
    spans: Sequence[ReadableSpan]
    text_chars: int
    touched_s: float


class UnwantedTraces:
    """A few of them, the last ones. Not thread-safe. Nothing is lost by what is forgotten: nobody asked for it."""

    def __init__(self) -> None:
        self._by_trace: dict[int, _Unwanted] = {}
        self._spans = 0
        self._text_chars = 0

    def __contains__(self, trace_id: int) -> bool:
        return trace_id in self._by_trace

    def keep(self, trace_id: int, spans: Sequence[ReadableSpan], text_chars: int, touched_s: float) -> None:
        """Keep a trace whose last span came at `touched_s`, if it is not too large."""
        self.reclaim(trace_id)
        if len(spans) > _MAX_SPANS or text_chars > _MAX_TEXT_CHARS:
            return
        self._by_trace[trace_id] = _Unwanted(spans, text_chars, touched_s)
        self._spans += len(spans)
        self._text_chars += text_chars
        while self._is_full():
            self.reclaim(next(iter(self._by_trace)))

    def reclaim(self, trace_id: int) -> Sequence[ReadableSpan]:
        """Answer the spans of a trace, if they are still here; they are not any more."""
        unwanted = self._by_trace.pop(trace_id, None)
        if unwanted is None:
            return ()
        self._spans -= len(unwanted.spans)
        self._text_chars -= unwanted.text_chars
        return unwanted.spans

    def expire(self, now_s: float) -> None:
        """Forget what nothing came to for minutes."""
        while self._by_trace:
            trace_id, unwanted = next(iter(self._by_trace.items()))
            if now_s - unwanted.touched_s <= _AGE_S:
                return
            self.reclaim(trace_id)

    def _is_full(self) -> bool:
        return (
            len(self._by_trace) > _MAX_TRACES
            or self._spans > _MAX_SPANS
            or self._text_chars > _MAX_TEXT_CHARS
        )
