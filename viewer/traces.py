"""The public pages of traces: `/traces/{page_id}` and all that hangs under it, read by anybody who has the URL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from viewer import pages, trace_page, waiting
from viewer.contexts import OwnerBar
from viewer.document import Document, rows_parts, steps_part
from viewer.finding import Finder
from viewer.policy import public
from viewer.reading import FOR_ONE, NothingYet, Reader, etag_of, gone, revalidated, unchanged
from viewer.sharing.states import sharing_path, wording_of
from viewer.store.base import NS_PER_S, Page, Progress
from viewer.tellings import Choose
from viewer.timeline.blocks import shown_ranges
from viewer.trace_forms import TraceForms
from viewer.view import Liveness, parse_number, view_of
from viewer.watching import Watcher
from viewer.workers import run_sized

MAX_ROWS = 1_000
"""Steps whose rows are sent at once."""
RECEIVING_NS = 10 * 60 * NS_PER_S
"""A trace whose root has not arrived is still being received so long after the last of it came."""
WATCHED_NS = 30 * 60 * NS_PER_S
"""A page looks for more so long after the last of its trace came."""
PATIENCE_S = 5.0
"""A browser waits so long for the assembly of a trace, then is told to come back by itself; programs just wait."""
_HEARTBEAT_S = 15
_BEING_MADE = (
    "Almost there",
    "This trace is very large, and its page is being made. It opens here by itself.",
)
_AGAIN = {"retry-after": "3", "refresh": "3", "cache-control": "no-store"}


class TracePages:
    """The pages of a trace for people, and what their script asks for."""

    def __init__(self, reader: Reader, forms: TraceForms) -> None:
        self._reader = reader
        self._documents = reader.documents
        self._forms = forms
        self._finder = Finder(reader.documents)
        self._readings: set[asyncio.Future[Document]] = set()
        self.watcher = Watcher(reader.store)
        self.routes = [
            public("/traces/{page_id}", self.page),
            public("/traces/{page_id}/rows", self.rows),
            public("/traces/{page_id}/steps/{number}", self.step),
            public("/traces/{page_id}/events", self.events),
        ]

    async def page(self, request: Request) -> Response:
        """The page for people; for programs that ask for one, another form of it."""
        form = self._forms.preferred(request)
        if form is not None:
            return await form(request)
        try:
            page = await self._reader.page_of(request)
        except NothingYet as nothing:
            return waiting.page(nothing, self._reader.base_url)
        view = view_of(page.id, request.query_params)
        progress = await self._reader.store.progress(page)  # before the document, which may be newer
        patience_s = PATIENCE_S if request.headers.get("sec-fetch-mode") == "navigate" else None
        document = await self._patiently(page, lambda document: trace_page.wanted(document, view), patience_s)
        if document is None:
            return HTMLResponse(pages.render_message(503, *_BEING_MADE), 503, _AGAIN)
        liveness = self._liveness(progress, document)
        owner = self._owner_view(page) if await self._reader.is_owner(request, page) else None
        is_indexed = page.is_indexed and self._reader.is_shared(page)
        etag = etag_of(document, str(request.query_params), str(liveness), str(is_indexed))
        if owner is None and (known := unchanged(request, etag, is_indexed=is_indexed)):
            return known
        found = await self._finder.found(page, document, view) if view.words else None
        html = await run_sized(
            trace_page.weight(document, view),
            trace_page.render_trace,
            document,
            view,
            base_url=self._reader.base_url,
            found=found,
            liveness=liveness,
            owner=owner,
            is_indexed=is_indexed,
        )
        return HTMLResponse(html, headers=FOR_ONE if owner else revalidated(etag, is_indexed=is_indexed))

    def _owner_view(self, page: Page) -> OwnerBar:
        return OwnerBar(wording_of(page, self._reader.clock_ns()), sharing_path(page.id), page.is_private)

    async def _patiently(self, page: Page, choose: Choose, patience_s: float | None) -> Document | None:
        """Read a document; None where its assembly takes longer than a reader waits. It goes on meanwhile."""
        reading = asyncio.ensure_future(self._documents.read(page, choose))
        self._readings.add(reading)
        reading.add_done_callback(self._readings.discard)
        done, _ = await asyncio.wait((reading,), timeout=patience_s)
        if done:
            return reading.result()
        reading.add_done_callback(
            lambda late: late.cancelled() or late.exception()
        )  # the next reader is told
        return None

    def _liveness(self, progress: Progress, document: Document) -> Liveness:
        age_ns = self._reader.clock_ns() - progress.received_ns
        is_receiving = document.outline.lacks_root and age_ns < RECEIVING_NS
        return Liveness(progress.version, is_receiving, is_watched=age_ns < WATCHED_NS)

    async def rows(self, request: Request) -> Response:
        """A block of the timeline."""
        page = await self._reader.page_of(request)
        view = view_of(page.id, request.query_params)
        first = max(1, parse_number(request.query_params.get("from"), 1))
        last = min(parse_number(request.query_params.get("to"), first), first + 50 * MAX_ROWS)

        def numbers(document: Document) -> range:
            return range(first, min(last, document.outline.step_count) + 1)

        def wanted(document: Document) -> Iterator[str]:
            count = 0
            for shown in shown_ranges(document.outline, view, numbers(document)):
                count += len(shown)
                if count > MAX_ROWS:
                    raise HTTPException(404)
                yield from rows_parts(shown)

        document = await self._documents.read(page, wanted)
        return await self._answer(request, page, document, trace_page.render_rows, view, numbers(document))

    async def step(self, request: Request) -> Response:
        """A step on a page of its own."""
        page = await self._reader.page_of(request)
        view = view_of(page.id, request.query_params)
        number = parse_number(request.path_params["number"], 0)

        def wanted(document: Document) -> Iterator[str]:
            if not 1 <= number <= document.outline.step_count:
                raise HTTPException(404)
            yield from rows_parts(range(number, number + 1))
            yield steps_part(document.part_of_step(number))

        document = await self._documents.read(page, wanted)
        return await self._answer(request, page, document, trace_page.render_step, view, number)

    async def _answer(
        self, request: Request, page: Page, document: Document, render: Callable[..., str], *args: object
    ) -> Response:
        etag = etag_of(document, str(request.query_params))
        if known := self._reader.unchanged(request, etag, page):
            return known
        html = await run_sized(document.size, render, document, *args)
        return HTMLResponse(html, headers=self._reader.headers(etag, page))

    async def events(self, request: Request) -> Response:
        """Server-sent events: `change` when more of the trace has arrived, `gone` when this is not to be seen any more.

        It is not when the page is gone, when its owner no longer shares it, and when something else is masked in it.
        """
        try:
            page = await self._reader.page_of(request)
        except NothingYet as nothing:
            page = nothing.page
        self.watcher.check_room(page)
        is_owner = await self._reader.is_owner(request, page)
        return StreamingResponse(
            self._told(request, page, is_owner),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    async def _told(self, request: Request, page: Page, is_owner: bool) -> AsyncIterator[str]:
        def may_see(now: Page, progress: Progress) -> bool:
            return now.masks == page.masks and (is_owner or self._reader.may_go_on(now, progress))

        yield "retry: 3000\n\n"
        async with contextlib.aclosing(self.watcher.changes(page, _HEARTBEAT_S, may_see)) as changes:
            async for progress in changes:
                if is_owner and not await self._reader.is_owner(request, page):
                    is_owner = False  # logged out meanwhile: who may see it as anybody asks again
                    break
                if progress is None:
                    yield ": still here\n\n"
                else:
                    yield f"event: change\ndata: {progress.version}\n\n"
        now = await self._reader.store.page(page.id)
        if now is None or gone(now) or not may_see(now, await self._reader.store.progress(now)):
            yield "event: gone\ndata: no longer shown\n\n"  # else the server ends, and the browser asks again
