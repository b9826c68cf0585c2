"""What is no trace and nobody's: health, figures, and files that browsers and crawlers ask for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from viewer import pages
from viewer.metrics import CONTENT_TYPE, Metrics
from viewer.policy import Policy, for_operator, public
from viewer.store.base import Store

_STATIC_CACHE = "public, max-age=31536000, immutable"  # their URLs carry a hash of the content


class Service:
    """The routes of the server itself."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self.routes: list[BaseRoute] = [
            for_operator("/healthz", self.healthz),
            for_operator("/readyz", self.readyz),
            for_operator("/metrics", self.metrics),
            public("/robots.txt", self.robots),
            public("/favicon.ico", self.icon),
            _PublicMount("/static", _CachedStatic(directory=pages.STATIC)),
        ]

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

    async def icon(self, request: Request) -> Response:
        """For what asks without having read a page."""
        headers = {"cache-control": "public, max-age=86400"}
        return FileResponse(pages.STATIC / "favicon.svg", media_type="image/svg+xml", headers=headers)


class _PublicMount(Mount):
    policy = Policy.PUBLIC


class _CachedStatic(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = _STATIC_CACHE
        return response
