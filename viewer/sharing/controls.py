"""`/app/traces/{page_id}/sharing`: where the owner of a trace decides who sees it and what of it, and takes it back."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from viewer.accounts.answers import HOME, led_to, page_answer
from viewer.accounts.fields import posted_fields
from viewer.accounts.frame import frame_for
from viewer.accounts.receipt import Receipts
from viewer.policy import session_of, with_session
from viewer.reading import Reader, gone
from viewer.sharing.choices import Refused, chosen_sharing, require_mask
from viewer.sharing.masks import cleaned, digest_of
from viewer.sharing.review import reviewed
from viewer.sharing.states import sharing_path
from viewer.sharing.view import sharing_page
from viewer.store.base import Page
from viewer.workers import run_sized, size_with_masks

MAX_REVIEWS = 2
"""For which a whole trace is in hand, at a time."""
_MAX_FORM = 16 * 1024
_SAID = {
    "saved": "Saved.",
    "link": "The old link was withdrawn. This is the new one.",
    "masked": "It is masked now in every form of the page. What is spelled otherwise is a text of its own.",
    "unmasked": "It is shown again.",
}


class SharingControls:
    """The page of the controls and what its forms do. For others than the owner there is none."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._store = reader.store
        self._receipts = Receipts(reader.base_url)
        self._turn = asyncio.Lock()
        self._reviews = asyncio.Semaphore(MAX_REVIEWS)
        path = sharing_path("{page_id}")
        self.routes = [
            with_session(path, self.show, ["GET"]),
            with_session(f"{path}/audience", self.set_audience, ["POST"]),
            with_session(f"{path}/look", self.look, ["POST"]),
            with_session(f"{path}/mask", self.mask, ["POST"]),
            with_session(f"{path}/unmask", self.unmask, ["POST"]),
            with_session(f"{path}/withdraw", self.withdraw, ["POST"]),
            with_session(f"{path}/delete", self.delete, ["POST"]),
        ]

    async def _own(self, request: Request) -> Page:
        """The page in the path, if it is theirs. Raises HTTPException."""
        page = await self._store.page(request.path_params["page_id"])
        if page is None or page.account_id != session_of(request).account.id:
            raise HTTPException(404)
        if (nowhere := gone(page)) is not None:
            raise nowhere
        return page

    async def show(self, request: Request) -> Response:
        """The controls."""
        page = await self._own(request)
        word = request.query_params.get("done", "") if self._receipts.is_for(request) else ""
        answer = await self._shown(request, page, said=_SAID.get(word, ""))
        return self._receipts.take_back(request, answer)

    # -- who, until when -------------------------------------------------------------------------------

    async def set_audience(self, request: Request) -> Response:
        """Decide who can see the page, until when, and whether search engines may list it."""
        page, fields = await self._own(request), await posted_fields(request, _MAX_FORM)
        try:
            chosen = chosen_sharing(page, fields, self._reader.clock_ns())
        except Refused as error:
            return await self._shown(request, page, wrong=str(error))
        await self._store.set_sharing(page, chosen)
        return self._done(page, "saved")

    async def withdraw(self, request: Request) -> Response:
        """Give the trace another link; the old one leads nowhere from now on."""
        page = await self._own(request)
        return self._done(await self._store.reissue(page, self._reader.clock_ns()), "link")

    async def delete(self, request: Request) -> Response:
        """Delete the trace for good."""
        page = await self._own(request)
        await self._store.delete(page, self._reader.clock_ns())
        return led_to(HOME)

    # -- what of it ------------------------------------------------------------------------------------

    async def look(self, request: Request) -> Response:
        """Show where a text stands that may be masked. Nothing is changed; the text is in no address and no log."""
        page, fields = await self._own(request), await posted_fields(request, _MAX_FORM)
        text = cleaned(fields.get("text", ""))
        try:
            require_mask(page, text)
        except Refused as error:
            return await self._shown(request, page, text=text, wrong=str(error))
        return await self._shown(request, page, text=text, is_sought=True)

    async def mask(self, request: Request) -> Response:
        """Mask a text wherever it stands."""
        fields = await posted_fields(request, _MAX_FORM)
        text = cleaned(fields.get("text", ""))
        async with self._turn:  # none that is added meanwhile is lost
            page = await self._own(request)
            try:
                require_mask(page, text)
            except Refused as error:
                return await self._shown(request, page, text=text, wrong=str(error))
            await self._store.set_masks(page, (*page.masks, text))
        return self._done(page, "masked")

    async def unmask(self, request: Request) -> Response:
        """Show a text again."""
        fields = await posted_fields(request, _MAX_FORM)
        async with self._turn:
            page = await self._own(request)
            left = tuple(text for text in page.masks if digest_of((text,)) != fields.get("mask"))
            await self._store.set_masks(page, left)
        return self._done(page, "unmasked")

    # -- the page --------------------------------------------------------------------------------------

    def _done(self, page: Page, word: str) -> Response:
        return self._receipts.led_to(f"{sharing_path(page.id)}?done={word}")

    async def _shown(
        self,
        request: Request,
        page: Page,
        *,
        said: str = "",
        wrong: str = "",
        text: str = "",
        is_sought: bool = False,
    ) -> Response:
        async with self._reviews:
            document = await self._reader.whole(page)
            sought = text if is_sought else ""
            size = size_with_masks(document.size, sought)
            review = await run_sized(size, reviewed, document, sought)
        shown = sharing_page(
            page,
            review,
            frame_for(request, HOME),
            page_url=self._reader.url(page),
            now_ns=self._reader.clock_ns(),
            said=said,
            wrong=wrong,
            text=text,
        )
        return page_answer(shown, 422 if wrong else 200)
