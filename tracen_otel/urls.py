"""The URLs of an exporter's traces: reserved while they go on, published when they have ended.

Plain dicts without a lock, whose single operations are atomic: a fork may copy a lock that is held for ever.
"""

from __future__ import annotations

from tracen_otel.published import PublishedTrace

_MAX_URLS = 1000


class Urls:
    """Remembers the last URLs by OTel trace id (32 hex digits)."""

    def __init__(self) -> None:
        self._published: dict[str, str] = {}
        self._reserved: dict[str, str] = {}

    def reserve(self, reserved: PublishedTrace) -> None:
        """Remember the URL that a trace will have."""
        _remember(self._reserved, reserved)

    def publish(self, published: PublishedTrace) -> bool:
        """Remember the URL of a page that is there; tell whether it is news."""
        is_news = self._published.get(published.otel_trace_id or "") != published.url
        _remember(self._published, published)
        return is_news

    def of(self, otel_trace_id: str) -> str | None:
        """Answer the URL of a trace, there already or reserved."""
        return self._published.get(otel_trace_id) or self._reserved.get(otel_trace_id)

    @property
    def published(self) -> list[str]:
        """The URLs of pages that are there, in the order in which they were last published."""
        return list(self._published.copy().values())


def _remember(url_by_trace: dict[str, str], told: PublishedTrace) -> None:
    otel_trace_id = told.otel_trace_id or ""
    url_by_trace.pop(otel_trace_id, None)
    url_by_trace[otel_trace_id] = told.url
    if len(url_by_trace) > _MAX_URLS:
        url_by_trace.pop(next(iter(url_by_trace)), None)
