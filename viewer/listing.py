"""`GET /api/traces`: an account's traces, newest first, each with the summary that its page shows."""

from __future__ import annotations

import json
from typing import Any

from tracen_otel.timestamps import format_timestamp
from viewer.document import HEAD, Document
from viewer.legible import one_line
from viewer.store.base import RecentTrace, Store
from viewer.summary import heading
from viewer.tellings import Documents

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
_MAX_TITLE = 200

_SUMMARY = (
    "status",
    "provider",
    "model",
    "total_latency_ms",
    "input_tokens",
    "output_tokens",
)


class InvalidQuery(ValueError):
    """A query parameter is wrong; the message names it."""


def parse_limit(text: str | None) -> int:
    """How many traces are asked for. Raises InvalidQuery."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT and len(text) <= 6):
        raise InvalidQuery(f"limit: expected a number from 1 to {MAX_LIMIT}, got {text[:40]!r}")
    return int(text)


def parse_cursor(text: str | None) -> tuple[int, int] | None:
    """Where an earlier answer ended. Raises InvalidQuery."""
    if not text:
        return None
    before, _, skip = text.partition("-")
    if not (text.isascii() and before.isdigit() and skip.isdigit() and len(text) < 40):
        raise InvalidQuery(f"cursor: expected `next` of an earlier answer, got {text[:40]!r}")
    return min(int(before), 1 << 62), int(skip)


def next_cursor(traces: list[RecentTrace], before: tuple[int, int] | None) -> str:
    """The cursor that goes on after `traces`."""
    last_ns = traces[-1].received_ns
    skip = sum(trace.received_ns == last_ns for trace in traces)
    if before is not None and before[0] == last_ns:
        skip += before[1]
    return f"{last_ns}-{skip}"


class Listing:
    """Lists traces with what was assembled of each; assembled now where it was not yet."""

    def __init__(self, store: Store, documents: Documents) -> None:
        self._store = store
        self._documents = documents

    async def summary(self, account_id: str, trace: RecentTrace, now_ns: int) -> dict[str, Any] | None:
        """The summary of one trace, without its URL; None where it was deleted meanwhile."""
        page = await self._store.page_of(account_id, trace.otel_trace_id, now_ns)
        if page is None or page.deleted:
            return None
        document = await self._documents.read(page)
        ids = {"trace_id": page.id, "otel_trace_id": trace.otel_trace_id.hex()}
        return ids | _summary(document)


def _summary(document: Document) -> dict[str, Any]:
    """The title is the heading of the page: a run that was posted without one is named for its prompt."""
    told, outline = json.loads(document.body(HEAD)), document.outline
    title = one_line(heading(document.head()), _MAX_TITLE)
    started_at = format_timestamp(outline.axis_start_ns) if outline.axis_start_ns else None
    return (
        {"title": title}
        | {name: told.get(name) for name in _SUMMARY}
        | {
            "started_at": started_at,
            "step_count": outline.step_count,
            "lacks_root": outline.lacks_root,
        }
    )
