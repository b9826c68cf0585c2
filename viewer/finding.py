"""Runs a search over the saved parts of a trace, some at a time, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from viewer import trace_page
from viewer.contexts import Found
from viewer.document import ROWS, ROWS_PER_PART, Document, rows_part, steps_part
from viewer.search import Match, Query, find, parse_query
from viewer.store.base import Page
from viewer.tellings import Documents
from viewer.view import View

MAX_MATCHES = 100
"""On one page of what was found."""
MAX_SEARCH_S = 2.0
"""Of one answer; then the reader is asked whether to go on."""
MAX_SEARCHES = 2
"""At a time: whoever has a link can search."""
_PARTS_AT_ONCE = 64


class Finder:
    """Searches traces."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._turns = asyncio.Semaphore(MAX_SEARCHES)

    async def found(self, page: Page, document: Document, view: View) -> Found:
        """Search from the step `view.first` on, until there is a page of matches or the time is up."""
        if not document.outline.step_count:
            return trace_page.render_found(document, view, (), 0)
        async with self._turns:
            document, matches, next_number = await self._searched(page, document, view)
        return trace_page.render_found(document, view, matches, next_number)

    async def _searched(
        self, page: Page, document: Document, view: View
    ) -> tuple[Document, list[Match], int]:
        """The document with the rows of what was found, the matches, and the step to go on with; 0 at the end."""
        query, first = parse_query(view.words), min(view.first, document.outline.step_count)
        clock = asyncio.get_running_loop().time
        ends_at = clock() + MAX_SEARCH_S
        matches: list[Match] = []
        for number, parts in enumerate(_batches(document, query, first)):
            if number and clock() >= ends_at:
                return document, matches, _first_of(document, query, parts[0])
            more = await self._read(page, document, query, parts)
            if more.edition != document.edition:  # it has grown meanwhile: the reader goes on in the new one
                return document, matches, _first_of(document, query, parts[0])
            room = MAX_MATCHES + 1 - len(matches)
            matches += await asyncio.to_thread(_search, more, query, parts, first, room)
            document = document.with_parts_of(more, ROWS)
            if len(matches) > MAX_MATCHES:
                return document, matches[:MAX_MATCHES], matches[MAX_MATCHES].number
        return document, matches, 0

    async def _read(self, page: Page, document: Document, query: Query, parts: range) -> Document:
        """The parts that are searched, and the rows of their steps."""
        names = [*(rows_part(part) for part in _rows_parts(document, query, parts))]
        if query.reads_steps:
            names += [steps_part(part) for part in parts]
        return await self._documents.read(page, lambda _: names)


def _batches(document: Document, query: Query, first: int) -> Iterator[range]:
    """The parts to search, as many as are read together."""
    if query.reads_steps:
        parts = range(document.part_of_step(first), document.step_parts)
    else:
        parts = range(_rows_part(first), _rows_part(document.outline.step_count) + 1)
    return (parts[at : at + _PARTS_AT_ONCE] for at in range(0, len(parts), _PARTS_AT_ONCE))


def _first_of(document: Document, query: Query, part: int) -> int:
    """The first step of a part."""
    return document.steps_in(part).start if query.reads_steps else part * ROWS_PER_PART + 1


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
