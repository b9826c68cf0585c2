"""The same trace in other forms: as data, as a preview image, as what other pages embed, and beside another one."""

from __future__ import annotations

import asyncio
import html
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from tracen_otel.redact import Redaction
from viewer import trace_page, waiting
from viewer.bodies import media_type_of
from viewer.cards import card_of
from viewer.compare.page import render_compare
from viewer.document import HEAD, Document, json_pieces
from viewer.forms import markdown, otlp_json, perfetto
from viewer.listing import InvalidQuery
from viewer.policy import public
from viewer.preview.drawing import draw
from viewer.problems import problem
from viewer.reading import NothingYet, Reader, etag_of
from viewer.sharing.masks import Both, Masks
from viewer.store.base import Page, Telling
from viewer.tellings import MAX_READ_BYTES
from viewer.workers import SMALL_BYTES, run_sized, size_with_masks

MAX_WHOLE = 2
"""Forms for which a whole trace is in hand, at a time."""
_KEPT_PREVIEWS = 128
_EMBED_SIZE = (720, 420)
_MIN_EMBED = (240, 160)
_MARKDOWN = "text/markdown; charset=utf-8"
_SANDBOX = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}

Form = Callable[[Request], Awaitable[Response]]
Make = Callable[[Page, Document], Awaitable[str | bytes]]


class TraceForms:
    """The routes of all forms of a trace but its page for people."""

    def __init__(self, reader: Reader, *, redacts: bool = True) -> None:
        self._reader = reader
        self._redacts = redacts
        self._previews: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._turns = asyncio.Semaphore(MAX_WHOLE)
        self.routes = [
            public("/traces/{page_id}.otlp.json", self.otlp_json),
            public("/traces/{page_id}.perfetto.json", self.perfetto),
            public("/traces/{page_id}.json", self.json),
            public("/traces/{page_id}.md", self.markdown),
            public("/traces/{page_id}/og.png", self.preview),
            public("/embed/{page_id}", self.embed),
            public("/oembed", self.oembed),
            public("/compare/{a}/{b}", self.compare),
        ]
        self._form_by_media_type: dict[str, Form] = {
            "application/json": self.json,
            "text/markdown": self.markdown,
        }

    def preferred(self, request: Request) -> Form | None:
        """The form that is named first, where HTML is not named at all; a browser always names it."""
        named = [media_type_of(part) for part in request.headers.get("accept", "").split(",")]
        if "text/html" in named:
            return None
        return next((form for name in named if (form := self._form_by_media_type.get(name))), None)

    # -- the trace as data -----------------------------------------------------------------------------

    async def json(self, request: Request) -> Response:
        """The extended payload."""
        page = await self._reader.page_of(request, takes_key=True)
        etag = etag_of(await self._reader.documents.read(page), "json")
        if known := self._reader.unchanged(request, etag, page):
            return known
        document = await self._reader.whole(page)
        headers = self._headers(request, page, etag, "json")
        return StreamingResponse(_json_pieces(document), media_type="application/json", headers=headers)

    async def markdown(self, request: Request) -> Response:
        """The page as text, no longer than `?max_chars=`."""
        try:
            max_chars = markdown.parse_max_chars(request.query_params.get("max_chars"))
        except InvalidQuery as error:
            return problem(400, "Wrong parameter", str(error))

        async def make(page: Page, document: Document) -> str:
            return await run_sized(document.size, _markdown, document, self._reader.url(page), max_chars)

        return await self._of_whole(request, make, "md", _MARKDOWN, str(max_chars))

    async def perfetto(self, request: Request) -> Response:
        """Trace events for ui.perfetto.dev and chrome://tracing."""

        async def make(page: Page, document: Document) -> bytes:
            return await run_sized(document.size, _perfetto, document)

        return await self._of_whole(request, make, "perfetto.json", "application/json")

    async def otlp_json(self, request: Request) -> Response:
        """The spans as they came but for secrets, as an OTLP/JSON request."""

        async def make(page: Page, document: Document) -> bytes:
            telling = await self._reader.store.telling(page, MAX_READ_BYTES)
            told = sum(len(body) for _, body in telling.bodies) + document.size
            size = size_with_masks(told, page.masks)
            return await run_sized(
                size, _otlp_json, telling, page.otel_trace_id.hex(), document, self._redacts, page.masks
            )

        return await self._of_whole(request, make, "otlp.json", "application/json")

    async def _of_whole(
        self, request: Request, make: Make, suffix: str, media_type: str, *variant: str
    ) -> Response:
        """A form that takes all steps to make; a reader who has it already costs no more than a look."""
        page = await self._reader.page_of(request, takes_key=True)
        etag = etag_of(await self._reader.documents.read(page), suffix, *variant)
        if known := self._reader.unchanged(request, etag, page):
            return known
        async with self._turns:
            body = await make(page, await self._reader.whole(page))
        return Response(body, media_type=media_type, headers=self._headers(request, page, etag, suffix))

    def _headers(self, request: Request, page: Page, etag: str, suffix: str) -> dict[str, str]:
        """Of data: a browser that is led to it runs nothing, and with `?download` keeps it as a file."""
        headers = {**self._reader.headers(etag, page), **_SANDBOX}
        if "download" in request.query_params:
            headers["content-disposition"] = f'attachment; filename="trace-{page.id}.{suffix}"'
        return headers

    # -- where links are shared ------------------------------------------------------------------------

    async def preview(self, request: Request) -> Response:
        """The picture that stands for the page, kept for the edition that it was drawn of. The same for everybody."""
        try:
            page = await self._reader.shared_page(request.path_params["page_id"])
        except HTTPException:
            self._previews.pop(request.path_params["page_id"], None)  # nobody may see it any more
            raise
        except NothingYet:
            return waiting.preview()
        document = await self._reader.documents.read(page)
        etag = etag_of(document, "preview")
        if known := self._reader.unchanged(request, etag, page):
            return known
        edition, image = self._previews.get(page.id, ("", b""))
        if edition != document.edition:
            image = await run_sized(max(document.size_of(HEAD), SMALL_BYTES + 1), _drawn, document)
            self._previews[page.id] = document.edition, image
            if len(self._previews) > _KEPT_PREVIEWS:
                self._previews.popitem(last=False)
        headers = {**self._reader.headers(etag, page), "cross-origin-resource-policy": "cross-origin"}
        return Response(image, media_type="image/png", headers=headers)

    async def embed(self, request: Request) -> Response:
        """The trace in short, which other pages may frame. The same for everybody."""
        try:
            page = await self._reader.shared_page(request.path_params["page_id"])
        except NothingYet as nothing:
            return waiting.embed(self._reader.url(nothing.page))
        document = await self._reader.documents.read(page)
        etag = etag_of(document, "embed")
        if known := self._reader.unchanged(request, etag, page):
            return known
        size, url = document.size_of(HEAD), self._reader.url(page)
        text = await run_sized(size, trace_page.render_embed, document, page_url=url)
        return HTMLResponse(text, headers=self._reader.headers(etag, page))

    async def oembed(self, request: Request) -> Response:
        """https://oembed.com 2.3.4.3, rich: an iframe for the URL of a page of this server, and no other."""
        query = request.query_params
        if query.get("format", "json") != "json":
            return problem(501, "Not implemented", "format: json is what is answered here")
        width, height = (_clamped(query.get(name), n) for n, name in enumerate(("maxwidth", "maxheight")))
        try:
            page = await self._reader.shared_page(self._page_id(query.get("url", "")))
            document = await self._reader.documents.read(page)
            title = await run_sized(document.size_of(HEAD), trace_page.title_of, document)
        except NothingYet as nothing:
            page, title = nothing.page, waiting.TITLE
        src = f"{self._reader.base_url}/embed/{page.id}"
        frame = (
            f'<iframe src="{html.escape(src)}" width="{width}" height="{height}" title="{html.escape(title)}" '
            'sandbox="allow-popups allow-popups-to-escape-sandbox allow-same-origin" loading="lazy"></iframe>'
        )
        told = {
            "version": "1.0",
            "type": "rich",
            "provider_name": "Tracen",
            "provider_url": self._reader.base_url,
            "title": title,
            "html": frame,
            "width": width,
            "height": height,
            "thumbnail_url": f"{self._reader.url(page)}/og.png",
            "thumbnail_width": 1200,
            "thumbnail_height": 630,
        }
        return JSONResponse(told, headers={"access-control-allow-origin": "*"})

    def _page_id(self, url: str) -> str:
        """The page id in a URL of this server. Raises HTTPException."""
        start = f"{self._reader.base_url}/traces/"
        if not url.startswith(start):
            raise HTTPException(404)
        return re.split("[?#]", url.removeprefix(start), maxsplit=1)[0]

    # -- two traces ------------------------------------------------------------------------------------

    async def compare(self, request: Request) -> Response:
        """What changed from one trace to another."""
        a, b = [await self._reader.page(request.path_params[name], request) for name in ("a", "b")]
        one, other = await self._reader.whole(a), await self._reader.whole(b)
        etag = etag_of(one, other.edition)
        if known := self._reader.unchanged(request, etag, a, b):
            return known
        size = one.size + other.size
        text = await run_sized(size, _compared, one, other, f"/traces/{a.id}", f"/traces/{b.id}")
        return HTMLResponse(text, headers=self._reader.headers(etag, a, b))


async def _json_pieces(document: Document) -> AsyncIterator[bytes]:
    """On the event loop, a part at a time."""
    for piece in json_pieces(document):
        yield piece


def _markdown(document: Document, page_url: str, max_chars: int) -> str:
    return markdown.render(document.trace(), page_url=page_url, max_chars=max_chars)


def _perfetto(document: Document) -> bytes:
    return perfetto.render(document.trace())


def _otlp_json(
    telling: Telling, otel_trace_id: str, document: Document, redacts: bool, masks: tuple[str, ...]
) -> bytes:
    masking = Both(Redaction(redacts), Masks(masks))
    return otlp_json.render(telling.bodies, otel_trace_id, document.trace(), masking)


def _drawn(document: Document) -> bytes:
    return draw(card_of(document))


def _compared(a: Document, b: Document, a_url: str, b_url: str) -> str:
    return render_compare(a.trace(), b.trace(), a_url=a_url, b_url=b_url)


def _clamped(text: str | None, side: int) -> int:
    """A side of the frame, as large as the asking page has room for, within reason."""
    if text is None or not (text.isascii() and text.isdigit()):
        return _EMBED_SIZE[side]
    return min(max(int(text[:6]), _MIN_EMBED[side]), _EMBED_SIZE[side])
