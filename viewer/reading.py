"""How a request becomes the page that it asks for: found, gone or unknown, and whether this reader may see it.

A page that is not shared is, for everybody but its owner, as if there were none: not a byte tells it from an unknown
one. What a reader has already is settled after that.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from viewer.accounts.sessions import Sessions
from viewer.document import Document
from viewer.headers import MAY_BE_INDEXED
from viewer.keys import Authenticator, ScopeMissing, Unauthenticated, secret_of
from viewer.pages import LOOK
from viewer.store.base import Page, Progress, Store, StoreUnavailable
from viewer.store.people import Scope
from viewer.tellings import Documents

_NO_STORE = {"cache-control": "no-store"}
"""Of what says that there is nothing: there may be in a moment, or for somebody else."""
FOR_ONE = {"cache-control": "private, no-store", "vary": "accept, cookie"}
"""Of what only one person may see."""


DELETED = ("Deleted", "This trace was deleted by its owner.")
WITHDRAWN = ("Link withdrawn", "This link was withdrawn by its owner.")
EXPIRED = ("No longer shared", "This trace was shared for a time, and that time is over.")


class NothingYet(Exception):
    """The page was handed out ahead of its trace, and nothing of that has come."""

    def __init__(self, page: Page, since_ns: int, version: int) -> None:
        super().__init__(page.id)
        self.page = page
        self.since_ns = since_ns
        self.version = version


class Gone(HTTPException):
    """410: there was a page, and whoever comes now may know that. `words` say why, in a title and a sentence."""

    def __init__(self, title: str, detail: str) -> None:
        super().__init__(410, headers=_NO_STORE)
        self.words = (title, detail)


def gone(page: Page) -> Gone | None:
    """Why nobody at all can see a page any more; None where somebody can."""
    if page.withdrawn:
        return Gone(*WITHDRAWN)
    return Gone(*DELETED) if page.deleted else None


class Reader:
    """Opens pages for whoever has their address and may see them."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        base_url: str,
        clock_ns: Callable[[], int],
        sessions: Sessions,
        keys: Authenticator,
    ) -> None:
        self.store = store
        self.documents = documents
        self.base_url = base_url
        self.clock_ns = clock_ns
        self._sessions = sessions
        self._keys = keys

    # -- who may see a page ----------------------------------------------------------------------------

    async def shared_page(self, page_id: str) -> Page:
        """Look a page up for anybody: cookies and keys are not looked at. Raises as `page` does."""
        return await self._let_in(await self._found(page_id, None, takes_key=False), None, takes_key=False)

    async def page(self, page_id: str, request: Request, *, takes_key: bool = False) -> Page:
        """Look a page up for whoever sent the request, its owner too; `takes_key`: programs of the owner's as well.

        Raises HTTPException (404 for a page that is unknown or private, 410 for one that is gone) and NothingYet.
        """
        page = await self._found(page_id, request, takes_key=takes_key)
        return await self._let_in(page, request, takes_key=takes_key)

    async def page_of(self, request: Request, *, takes_key: bool = False) -> Page:
        """The page that is named in the path."""
        return await self.page(request.path_params["page_id"], request, takes_key=takes_key)

    def is_shared(self, page: Page) -> bool:
        """Whether anybody who has the link may see it now."""
        until_ns = page.shared_until_ns
        return not page.is_private and (until_ns is None or self.clock_ns() < until_ns)

    async def is_owner(self, request: Request, page: Page) -> bool:
        """Whether the owner of a page has logged in with this browser."""
        session = await self._sessions.of(request)
        return session is not None and session.account.id == page.account_id

    def may_go_on(self, page: Page, progress: Progress) -> bool:
        """Whether anybody who looks at a page may hear how it goes on. While it is empty it has nothing to hide."""
        return self.is_shared(page) or (page.waits_since_ns is not None and not progress.received_ns)

    async def _found(self, page_id: str, request: Request | None, *, takes_key: bool) -> Page:
        page = await self.store.page(page_id)
        if page is None:
            raise HTTPException(404, headers=_NO_STORE)
        if (nowhere := gone(page)) is not None:
            if page.is_private and not await self._is_of(request, page, takes_key):
                raise HTTPException(404, headers=_NO_STORE)  # as before it was gone
            raise nowhere
        return page

    async def _let_in(self, page: Page, request: Request | None, *, takes_key: bool) -> Page:
        if page.waits_since_ns is not None:
            progress = await self.store.progress(page)
            if not progress.received_ns:
                await self._note_opened(page)
                raise NothingYet(page, page.waits_since_ns, progress.version)
        if not self.is_shared(page) and not await self._is_of(request, page, takes_key):
            if page.is_private:
                raise HTTPException(404, headers=_NO_STORE)
            raise Gone(*EXPIRED)
        await self._note_opened(page)
        return page

    async def _is_of(self, request: Request | None, page: Page, takes_key: bool) -> bool:
        if request is None:
            return False
        if await self.is_owner(request, page):
            return True
        if not takes_key:
            return False
        secret = secret_of(request.headers)
        try:
            key = await self._keys.key_of(secret, Scope.READ)
        except (Unauthenticated, ScopeMissing):  # to say so would tell that there is a page
            return False
        return key.account_id == page.account_id

    async def _note_opened(self, page: Page) -> None:
        if not page.opened:
            with contextlib.suppress(StoreUnavailable):  # showing it matters more than that it was shown
                await self.store.mark_opened(page, self.clock_ns())

    # -- what is sent ----------------------------------------------------------------------------------

    async def whole(self, page: Page) -> Document:
        """The document of a page with all of its steps."""
        return await self.documents.read(page, Document.all_parts)

    def url(self, page: Page) -> str:
        """The absolute URL of a page. From the settings, never from a Host header."""
        return f"{self.base_url}/traces/{page.id}"

    def headers(self, etag: str, *pages: Page) -> Mapping[str, str]:
        """What is said of an answer that shows `pages`: whether it may be kept, and by whom."""
        return revalidated(etag) if all(map(self.is_shared, pages)) else FOR_ONE

    def unchanged(self, request: Request, etag: str, *pages: Page) -> Response | None:
        """304 where the reader has it already. What only one person may see is sent anew each time."""
        return unchanged(request, etag) if all(map(self.is_shared, pages)) else None


def etag_of(document: Document, *variant: str) -> str:
    """An edition never changes; what is asked of it makes the difference, and the release that renders it."""
    digest = hashlib.sha256("\0".join((LOOK, document.edition, *variant)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def unchanged(request: Request, etag: str, *, is_indexed: bool = False) -> Response | None:
    """304 where the reader has it already. RFC 9110 13.1.2: compared weakly, as proxies may have weakened ours."""
    told = request.headers.get("if-none-match", "")
    known = {part.strip().removeprefix("W/") for part in told.split(",")}
    headers = revalidated(etag, is_indexed=is_indexed)
    return Response(status_code=304, headers=headers) if etag in known or "*" in known else None


def revalidated(etag: str, *, is_indexed: bool = False) -> Mapping[str, str]:
    """Caches ask each time, so that a deletion and a late span are seen at once."""
    headers = {"etag": etag, "cache-control": "no-cache", "vary": "accept"}
    return headers | MAY_BE_INDEXED if is_indexed else headers
