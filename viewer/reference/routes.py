"""The routes of the reference. It is public, and the same for everybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from viewer import pages
from viewer.reference.openapi import document
from viewer.reference.page import docs_page
from viewer.settings import Settings
from viewer.store.base import NS_PER_S


class Reference:
    """`/docs` and `/openapi.json` of this server."""

    def __init__(self, settings: Settings, clock_ns: Callable[[], int]) -> None:
        self._settings = settings
        self._clock_ns = clock_ns
        self._document = json.dumps(document(settings), ensure_ascii=False, indent=1).encode()
        self.routes = [
            Route("/docs", self.docs),
            Route("/openapi.json", self.openapi),
        ]

    async def docs(self, request: Request) -> Response:
        """For people. The run that the snippets tell of begins now, so that it is the newest wherever it is listed."""
        now = datetime.fromtimestamp(self._clock_ns() // NS_PER_S, UTC)
        return HTMLResponse(pages.render(docs_page(self._settings, now)))

    async def openapi(self, request: Request) -> Response:
        """For programs: pages of other origins may read it, since it tells nothing of anybody."""
        headers = {"access-control-allow-origin": "*"}
        return Response(self._document, media_type="application/json", headers=headers)
