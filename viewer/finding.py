"""Runs a search over the saved parts of a trace, some at a time, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from viewer import trace_page
from viewer.contexts import Found
from viewer.document import ROWS_PER_PART, Document, rows_part, steps_part
from viewer.search import Match, Query, find, parse_query
from viewer.store.base import Page
from viewer.tellings import Documents
from viewer.view import View

MAX_MATCHES = 100
"""On one page of what was found."""
_PARTS_AT_ONCE = 32


class Finder:
    """Searches traces."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def found(self, page: Page, document: Document, view: View) -> Found:
        """Search from the step `view.first` on, until there are as many matches as a page shows."""
        query = parse_query(view.words)
        part_of = document.part_of_step if query.reads_steps else _rows_part
        part_count = (
            document.step_parts if query.reads_steps else -(-document.outline.step_count // ROWS_PER_PART)
        )
        first = min(view.first, max(document.outline.step_count, 1))
        matches: list[Match] = []
        for start in range(part_of(first), part_count, _PARTS_AT_ONCE):
            parts = range(start, min(start + _PARTS_AT_ONCE, part_count))
            document = await self._read(page, document, query, parts)
            found = await asyncio.to_thread(
                _search, document, query, parts, first, MAX_MATCHES + 1 - len(matches)
            )
            matches += found
            if len(matches) > MAX_MATCHES:
                break
        shown, more = matches[:MAX_MATCHES], matches[MAX_MATCHES:]
        return trace_page.render_found(document, view, shown, more[0].number if more else 0)

    async def _read(self, page: Page, document: Document, query: Query, parts: range) -> Document:
        """The document with the parts that are searched, and the rows of their steps.

        Rows that were found earlier must be there still.
        """
        names = [*(rows_part(part) for part in _rows_parts(document, query, parts))]
        if query.reads_steps:
            names += [steps_part(part) for part in parts]
        more = await self._documents.read(page, lambda _: names)
        return document.with_parts_of(more) if more.edition == document.edition else more


def _rows_part(number: int) -> int:
    return (number - 1) // ROWS_PER_PART


def _rows_parts(document: Document, query: Query, parts: range) -> range:
    if not query.reads_steps:
        return parts
    first, last = document.steps_in(parts[0])[0], document.steps_in(parts[-1])[-1]
    return range(_rows_part(first), _rows_part(last) + 1)


def _search(document: Document, query: Query, parts: range, first: int, limit: int) -> Sequence[Match]:
    """Search some parts, from a step on."""
    return list(islice(_matches(document, query, parts, first), limit))


def _matches(document: Document, query: Query, parts: range, first: int) -> Iterator[Match]:
    for part in parts:
        if not query.reads_steps:
            start = part * ROWS_PER_PART + 1
            numbers = range(max(first, start), min(start + ROWS_PER_PART, document.outline.step_count + 1))
            yield from (Match(e.number) for e in document.entries(numbers) if query.may_match(e))
            continue
        held = document.steps_in(part)
        entries = {e.number: e for e in document.entries(range(max(first, held.start), held.stop))}
        yield from find(query, document.body(steps_part(part)).decode(), held.start, entries)
