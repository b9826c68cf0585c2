"""How a request becomes the page that it asks for: found, deleted or unknown, and whether the reader has it already."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from viewer.document import Document
from viewer.pages import LOOK
from viewer.store.base import Page, Store, StoreUnavailable
from viewer.tellings import Documents


class NothingYet(Exception):
    """The page was handed out ahead of its trace, and nothing of that has come."""

    def __init__(self, page: Page, since_ns: int, version: int) -> None:
        super().__init__(page.id)
        self.page = page
        self.since_ns = since_ns
        self.version = version


class Reader:
    """Opens pages for whoever has their address."""

    def __init__(
        self, store: Store, documents: Documents, base_url: str, clock_ns: Callable[[], int]
    ) -> None:
        self.store = store
        self.documents = documents
        self.base_url = base_url
        self.clock_ns = clock_ns

    async def page(self, page_id: str) -> Page:
        """Look a page up. Raises HTTPException: 404 for an unknown one, 410 for one that was deleted; NothingYet."""
        page = await self.store.page(page_id)
        if page is None:
            raise HTTPException(404)
        if page.deleted:
            raise HTTPException(410)
        if not page.opened:
            with contextlib.suppress(StoreUnavailable):  # showing it matters more than that it was shown
                await self.store.mark_opened(page, self.clock_ns())
        if page.waits_since_ns is not None:
            progress = await self.store.progress(page)
            if not progress.received_ns:
                raise NothingYet(page, page.waits_since_ns, progress.version)
        return page

    async def page_of(self, request: Request) -> Page:
        """The page that is named in the path."""
        return await self.page(request.path_params["page_id"])

    async def whole(self, page: Page) -> Document:
        """The document of a page with all of its steps."""
        return await self.documents.read(page, Document.all_parts)

    def url(self, page: Page) -> str:
        """The absolute URL of a page. From the settings, never from a Host header."""
        return f"{self.base_url}/traces/{page.id}"


def etag_of(document: Document, *variant: str) -> str:
    """An edition never changes; what is asked of it makes the difference, and the release that renders it."""
    digest = hashlib.sha256("\0".join((LOOK, document.edition, *variant)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def unchanged(request: Request, etag: str) -> Response | None:
    """304 where the reader has it already. RFC 9110 13.1.2: compared weakly, as proxies may have weakened ours."""
    told = request.headers.get("if-none-match", "")
    known = {part.strip().removeprefix("W/") for part in told.split(",")}
    return Response(status_code=304, headers=revalidated(etag)) if etag in known or "*" in known else None


def revalidated(etag: str) -> Mapping[str, str]:
    """Caches ask each time, so that a deletion and a late span are seen at once."""
    return {"etag": etag, "cache-control": "no-cache", "vary": "accept"}
