"""The public pages of traces: `/traces/{page_id}` and all that hangs under it, read by anybody who has the URL."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from viewer import pages
from viewer.bodies import media_type_of
from viewer.document import HEAD, Document, rows_parts, steps_part
from viewer.finding import Finder
from viewer.settings import Settings
from viewer.steps import shown_ranges
from viewer.store.base import NS_PER_S, Page, Progress, Store, StoreUnavailable
from viewer.tellings import Choose, Documents
from viewer.view import Liveness, View, parse_number, view_of
from viewer.watching import Watcher
from viewer.workers import run_sized

T = TypeVar("T")

MAX_ROWS = 1_000
"""Steps whose rows are sent at once."""
RECEIVING_NS = 10 * 60 * NS_PER_S
"""A trace whose root has not arrived is still being received so long after the last of it came."""
WATCHED_NS = 30 * 60 * NS_PER_S
"""A page looks for more so long after the last of its trace came."""
_STREAMED_PARTS = 16
"""Parts that are read together for a large JSON."""
_HEARTBEAT_S = 15


@dataclass(frozen=True, slots=True)
class _Shown:
    """A document, and what its reader asked of it."""

    page: Page
    document: Document
    view: View


class TracePages:
    """The routes of a trace's page, over one store."""

    def __init__(
        self, store: Store, documents: Documents, settings: Settings, clock_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._documents = documents
        self._base_url = settings.base_url
        self._clock_ns = clock_ns
        self._finder = Finder(documents)
        self.watcher = Watcher(store)
        self.routes = [
            Route("/traces/{page_id}.json", self.json),
            Route("/traces/{page_id}", self.page),
            Route("/traces/{page_id}/rows", self.rows),
            Route("/traces/{page_id}/steps/{number:int}", self.step),
            Route("/traces/{page_id}/events", self.events),
            Route("/embed/{page_id}", self.embed),
        ]

    async def page(self, request: Request) -> Response:
        """The page for people; for programs that ask for it, its JSON."""
        if _prefers_json(request.headers.get("accept", "")):
            return await self.json(request)
        page = await self._page(request)
        view = view_of(page.id, request.query_params)
        progress = await self._store.progress(page)  # before the document, which may be newer
        document = await self._documents.read(page, lambda document: pages.wanted(document, view))
        liveness = self._liveness(progress, document)
        etag = _etag(document, str(request.query_params), str(liveness))
        if _is_known(etag, request):
            return _unchanged(etag)
        found = await self._finder.found(page, document, view) if view.query else None
        html = await run_sized(
            document.size,
            pages.render_trace,
            document,
            view,
            base_url=self._base_url,
            found=found,
            liveness=liveness,
        )
        return HTMLResponse(html, headers=_revalidated(etag))

    def _liveness(self, progress: Progress, document: Document) -> Liveness:
        age_ns = self._clock_ns() - progress.received_ns
        is_receiving = document.outline.lacks_root and age_ns < RECEIVING_NS
        return Liveness(progress.version, is_receiving, is_watched=age_ns < WATCHED_NS)

    async def rows(self, request: Request) -> Response:
        """A block of the timeline."""
        page = await self._page(request)
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

        return await self._answer(
            request, page, view, wanted, lambda document: pages.render_rows(document, view, numbers(document))
        )

    async def step(self, request: Request) -> Response:
        """A step on a page of its own."""
        page = await self._page(request)
        view = view_of(page.id, request.query_params)
        number = request.path_params["number"]

        def wanted(document: Document) -> Iterator[str]:
            if not 1 <= number <= document.outline.step_count:
                raise HTTPException(404)
            yield from rows_parts(range(number, number + 1))
            yield steps_part(document.part_of_step(number))

        return await self._answer(
            request, page, view, wanted, lambda document: pages.render_step(document, view, number)
        )

    async def embed(self, request: Request) -> Response:
        """The trace in short, which other pages may frame."""
        page = await self._page(request)
        url = f"{self._base_url}/traces/{page.id}"
        return await self._answer(
            request,
            page,
            View(page.id),
            _nothing,
            lambda document: pages.render_embed(document, page_url=url),
        )

    async def _answer(
        self, request: Request, page: Page, view: View, wanted: Choose, render: Callable[[Document], str]
    ) -> Response:
        document = await self._documents.read(page, wanted)
        etag = _etag(document, str(request.query_params))
        if _is_known(etag, request):
            return _unchanged(etag)
        return HTMLResponse(render(document), headers=_revalidated(etag))

    async def json(self, request: Request) -> Response:
        """The extended payload."""
        page = await self._page(request)
        document = await self._documents.read(page)
        etag = _etag(document)
        if _is_known(etag, request):
            return _unchanged(etag)
        pieces = self._json_pieces(page, document)
        return StreamingResponse(pieces, media_type="application/json", headers=_revalidated(etag))

    async def _json_pieces(self, page: Page, document: Document) -> AsyncIterator[bytes]:
        yield document.body(HEAD)[:-1] + b',"steps":['
        for start in range(0, document.step_parts, _STREAMED_PARTS):
            names = [steps_part(part) for part in range(document.step_parts)[start : start + _STREAMED_PARTS]]
            if any(not document.has(name) for name in names):
                document = await self._same(page, document, names)
            for part, name in enumerate(names, start):
                yield (b"," if part else b"") + document.body(name)[1:-1]
        yield b"]}"

    async def _same(self, page: Page, document: Document, names: list[str]) -> Document:
        """More of the same edition. Where it has been replaced meanwhile the answer is broken off."""
        more = await self._documents.read(page, lambda _: names)
        if more.edition != document.edition:
            raise StoreUnavailable("the trace has grown while it was sent")
        return more

    async def events(self, request: Request) -> Response:
        """Server-sent events: `change` when more of the trace has arrived, `gone` when there will be none."""
        page = await self._page(request)
        self.watcher.check_room()
        return StreamingResponse(
            self._told(page), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def _told(self, page: Page) -> AsyncIterator[str]:
        yield "retry: 3000\n\n"
        async with contextlib.aclosing(self.watcher.changes(page, _HEARTBEAT_S)) as changes:
            async for progress in changes:
                if progress is None:
                    yield ": still here\n\n"
                else:
                    yield f"event: change\ndata: {progress.version}\n\n"
        yield "event: gone\ndata:\n\n"

    async def _page(self, request: Request) -> Page:
        page = await self._store.page(request.path_params["page_id"])
        if page is None:
            raise HTTPException(404)
        if page.deleted:
            raise HTTPException(410)
        if not page.opened:
            with contextlib.suppress(StoreUnavailable):  # showing it matters more than that it was shown
                await self._store.mark_opened(page, self._clock_ns())
        return page


def _nothing(document: Document) -> Iterator[str]:
    return iter(())


def _prefers_json(accept: str) -> bool:
    """Whether JSON is named and HTML is not; a browser always names HTML."""
    media_types = {media_type_of(part) for part in accept.split(",")}
    return "application/json" in media_types and "text/html" not in media_types


def _is_known(etag: str, request: Request) -> bool:
    """RFC 9110 13.1.2: compared weakly, as proxies may have weakened ours."""
    told = request.headers.get("if-none-match", "")
    known = {part.strip().removeprefix("W/") for part in told.split(",")}
    return etag in known or "*" in known


def _etag(document: Document, *variant: str) -> str:
    """An edition never changes; what is asked of it makes the difference."""
    digest = hashlib.sha256("\0".join((document.edition, *variant)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def _unchanged(etag: str) -> Response:
    return Response(status_code=304, headers=_revalidated(etag))


def _revalidated(etag: str) -> Mapping[str, str]:
    """Caches ask each time, so that a deletion and a late span are seen at once."""
    return {"etag": etag, "cache-control": "no-cache", "vary": "accept"}
