"""What a program is told of a trace that has its page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedTrace:
    """A trace that has its page. `trace_id` is the page's, a UUID; `otel_trace_id` is 32 hex digits."""

    trace_id: str
    url: str
    otel_trace_id: str | None = None
