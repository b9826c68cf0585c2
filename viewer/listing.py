"""`GET /api/traces`: an account's traces, newest first, each with the summary that its page shows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tracen_otel import payload
from tracen_otel.assemble import ROOT_MISSING
from tracen_otel.model import Provider, Status, Trace
from tracen_otel.timestamps import format_timestamp, milliseconds
from viewer.document import HEAD, Document
from viewer.legible import one_line
from viewer.store.base import Page, RecentTrace, Store, StoreUnavailable
from viewer.store.catalogue import Outcome, Summary
from viewer.summary import heading
from viewer.tellings import Documents
from viewer.timeline.waterfall import axis_of

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
_MAX_TITLE = 200
_CURSOR = re.compile("[0-9]{1,19}-[0-9a-f]{32}")

_TOLD = (
    "status",
    "provider",
    "model",
    "total_latency_ms",
    "input_tokens",
    "output_tokens",
)
_PROVIDERS = frozenset(provider.value for provider in Provider)
Entry = dict[str, object]
"""What is told of a trace, by name."""


class InvalidQuery(ValueError):
    """A query parameter is wrong; the message names it."""


def parse_limit(text: str | None) -> int:
    """How many traces are asked for. Raises InvalidQuery."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT and len(text) <= 6):
        raise InvalidQuery(f"limit: expected a number from 1 to {MAX_LIMIT}, got {text[:40]!r}")
    return int(text)


def parse_cursor(text: str | None) -> RecentTrace | None:
    """The last trace of an earlier answer. Raises InvalidQuery."""
    if not text:
        return None
    if _CURSOR.fullmatch(text) is None:
        raise InvalidQuery(f"cursor: expected `next` of an earlier answer, got {text[:60]!r}")
    received_ns, _, otel_trace_id = text.partition("-")
    return RecentTrace(bytes.fromhex(otel_trace_id), min(int(received_ns), 1 << 62))


def cursor_after(trace: RecentTrace) -> str:
    """The cursor that goes on after a trace."""
    return f"{trace.received_ns}-{trace.otel_trace_id.hex()}"


class Listing:
    """Lists traces with what the catalogue tells of each; assembled now where it does not, or not yet."""

    def __init__(self, store: Store, documents: Documents) -> None:
        self._store = store
        self._documents = documents

    async def entries(self, account_id: str, traces: Sequence[RecentTrace], now_ns: int) -> list[Entry]:
        """What is told of traces, without their URLs, less those that were deleted meanwhile."""
        ids = [trace.otel_trace_id for trace in traces]
        page_by_trace = await self._store.pages_of(account_id, ids, now_ns)
        pages = [page for one in ids if (page := page_by_trace.get(one)) and not page.deleted]
        listed = await self._listed(pages)
        return [
            {"trace_id": page.id, "otel_trace_id": page.otel_trace_id.hex()}
            | (listed.get(page.id) or entry_of_document(await self._documents.read(page)))
            for page in pages
        ]

    async def _listed(self, pages: Sequence[Page]) -> dict[str, Entry]:
        """What the catalogue tells by page, as each trace would be assembled now."""
        try:
            summaries = await self._store.catalogue.current(pages)
        except StoreUnavailable:  # it is made from what is received, which can be asked without it
            return {}
        return {
            page.id: entry_of_summary(summary)
            for page in pages
            if (summary := summaries.get(page.id)) and summary.meaning == self._documents.meaning_of(page)
        }


# -- one trace -----------------------------------------------------------------------------------------


def entry_of_document(document: Document) -> Entry:
    """What is told of a trace, by its document."""
    head, outline = json.loads(document.body(HEAD)), document.outline
    title = _title(document.head())
    return _entry(title, head, outline.axis_start_ns, outline.step_count, lacks_root=outline.lacks_root)


def entry_of_trace(trace: Trace) -> Entry:
    """The same as by its document."""
    head = payload.encode(replace(trace, steps=()))
    lacks_root = ROOT_MISSING in trace.notes
    return _entry(_title(trace), head, axis_of(trace).start_ns, len(trace.steps), lacks_root=lacks_root)


def entry_of_summary(summary: Summary) -> Entry:
    """The same for nearly every trace, by what the catalogue tells of it; `Summary.meaning` says whether it is."""
    told = {
        "status": (Status.ERROR if summary.outcome is Outcome.ERROR else Status.SUCCESS).value,
        "provider": summary.provider if summary.provider in _PROVIDERS else Provider.CUSTOM.value,
        "model": summary.model,
        "total_latency_ms": milliseconds(summary.latency_ns),
        "input_tokens": summary.input_tokens,
        "output_tokens": summary.output_tokens,
    }
    return _entry(summary.title, told, summary.first_ns, summary.step_count, lacks_root=summary.lacks_root)


def _title(trace: Trace) -> str:
    """The heading of the page: a run that was posted without a title is named for its prompt."""
    return one_line(heading(trace), _MAX_TITLE)


def _entry(
    title: str, told: Mapping[str, object], first_ns: int, step_count: int, *, lacks_root: bool
) -> Entry:
    started_at = format_timestamp(first_ns) if first_ns else None
    return (
        {"title": title}
        | {name: told.get(name) for name in _TOLD}
        | {"started_at": started_at, "step_count": step_count, "lacks_root": lacks_root}
    )
