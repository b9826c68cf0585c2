"""The viewer as an ASGI app: routes, and what happens when none fits or something breaks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tracen_otel import payload
from viewer import pages
from viewer.api import Api, page_url
from viewer.bodies import media_type_of
from viewer.headers import SECURITY_HEADERS, SecurityHeaders
from viewer.keys import Authenticator
from viewer.listing import Listing
from viewer.metrics import CONTENT_TYPE, Metrics
from viewer.problems import problem
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import Store, StoreUnavailable
from viewer.tellings import MEANING, Documents
from viewer.workers import SMALL_BYTES, run_sized

logger = logging.getLogger("tracen.viewer")

_STATIC_CACHE = "public, max-age=31536000, immutable"  # their URLs carry a hash of the content


def create_app(
    store: Store,
    settings: Settings,
    keys: Authenticator,
    requests: Requests,
    *,
    more_routes: Sequence[BaseRoute] = (),
    clock_ns: Callable[[], int] = time.time_ns,
) -> Starlette:
    """Compose the viewer over a store; `more_routes` (the bridge's) come first."""
    documents = Documents(store, requests.metrics)
    api = Api(store, keys, settings, requests, Listing(store, documents), clock_ns)
    service = _Service(store, documents, settings, requests.metrics, clock_ns)
    app = Starlette(
        routes=[
            *more_routes,
            *api.routes,
            Route("/", service.home),
            Route("/traces/{page_id}.json", service.trace_json),
            Route("/traces/{page_id}", service.trace),
            Route("/healthz", service.healthz),
            Route("/readyz", service.readyz),
            Route("/metrics", service.metrics),
            Route("/robots.txt", service.robots),
            Mount("/static", _CachedStatic(directory=pages.STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: _http_error, StoreUnavailable: _unavailable, Exception: _broken},
    )
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return app


class _Service:
    """The pages for people, over one store."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        settings: Settings,
        metrics: Metrics,
        clock_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._documents = documents
        self._settings = settings
        self._metrics = metrics
        self._clock_ns = clock_ns

    async def home(self, request: Request) -> Response:
        return HTMLResponse(pages.render_home(base_url=self._settings.base_url))

    async def trace(self, request: Request) -> Response:
        if _prefers_json(request.headers.get("accept", "")):
            return await self.trace_json(request)
        page_id = request.path_params["page_id"]
        document = await self._document(page_id)
        etag = await _etag(document, MEANING)  # another release may render it otherwise
        if _is_known(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=_revalidated(etag))
        url = page_url(self._settings.base_url, page_id)
        html = await run_sized(len(document), _render, document, url, page_id)
        return HTMLResponse(html, headers=_revalidated(etag))

    async def trace_json(self, request: Request) -> Response:
        document = await self._document(request.path_params["page_id"])
        etag = await _etag(document)
        if _is_known(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=_revalidated(etag))
        return Response(document, media_type="application/json", headers=_revalidated(etag))

    async def _document(self, page_id: str) -> bytes:
        page = await self._store.page(page_id)
        if page is None:
            raise HTTPException(404)
        if page.deleted:
            raise HTTPException(410)
        if not page.opened:
            with contextlib.suppress(StoreUnavailable):  # showing it matters more than that it was shown
                await self._store.mark_opened(page, self._clock_ns())
        return await self._documents.document(page)

    async def healthz(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        await self._store.check_writable()
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def robots(self, request: Request) -> Response:
        """Crawlers may fetch: only then do they see that pages say noindex."""
        return PlainTextResponse("User-agent: *\nAllow: /\n")


def _render(document: bytes, page_url: str, page_id: str) -> str:
    trace = payload.decode(json.loads(document))  # our own: no limits of strangers apply
    return pages.render_trace(trace, page_url=page_url, json_url=f"/traces/{page_id}.json")


class _CachedStatic(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = _STATIC_CACHE
        return response


def _prefers_json(accept: str) -> bool:
    """Whether JSON is named and HTML is not; a browser always names HTML."""
    media_types = {media_type_of(part) for part in accept.split(",")}
    return "application/json" in media_types and "text/html" not in media_types


def _is_known(etag: str, if_none_match: str) -> bool:
    """RFC 9110 13.1.2: compared weakly, as proxies may have weakened ours."""
    known = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return etag in known or "*" in known


async def _etag(content: bytes, variant: str = "") -> str:
    """Of a large document in a thread: hashing lets others run."""
    digest = hashlib.sha256(variant.encode())
    if len(content) > SMALL_BYTES:
        await asyncio.to_thread(digest.update, content)
    else:
        digest.update(content)
    return f'"{digest.hexdigest()[:32]}"'


def _revalidated(etag: str) -> dict[str, str]:
    """Caches ask each time, so that a deletion and a late span are seen at once."""
    return {"etag": etag, "cache-control": "no-cache", "vary": "accept"}


_WORDS_BY_STATUS = {
    404: ("Nothing here", "There is no page at this address. Was the link copied whole?"),
    405: ("Not allowed", "This address does not answer this method."),
    410: ("Deleted", "This trace was deleted by its owner."),
    500: ("Something broke", "This is our fault, and it has been logged."),
    503: ("Not possible right now", "The store is busy or full; try again in a moment."),
}


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return _told(request, status, dict(headers or {}))


async def _unavailable(request: Request, error: Exception) -> Response:
    retry_after_s = error.retry_after_s if isinstance(error, StoreUnavailable) else 1
    return _told(request, 503, {"retry-after": str(retry_after_s)})


async def _broken(request: Request, error: Exception) -> Response:
    logger.exception("unexpected error", exc_info=error)
    return _told(request, 500, dict(SECURITY_HEADERS))  # the one answer that is made outside the middleware


def _told(request: Request, status: int, headers: dict[str, str]) -> Response:
    """The same words for people and for programs, each in its form."""
    title, detail = _WORDS_BY_STATUS.get(status, ("Refused", "The request was refused."))
    path = request.scope["path"]
    if path.startswith("/api/") or path.endswith(".json") or path in ("/healthz", "/readyz"):
        return problem(status, title, detail, headers=headers)
    return HTMLResponse(pages.render_message(status, title, detail), status, headers)
