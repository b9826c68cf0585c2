"""The routes of the reference. It is public, and the same for everybody."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from viewer.reference.openapi import document
from viewer.settings import Settings


class Reference:
    """`/docs` and `/openapi.json` of this server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._document = json.dumps(document(settings), ensure_ascii=False, indent=1).encode()
        self.routes = [
            Route("/openapi.json", self.openapi),
        ]

    async def openapi(self, request: Request) -> Response:
        """For programs: pages of other origins may read it, since it tells nothing of anybody."""
        headers = {"access-control-allow-origin": "*"}
        return Response(self._document, media_type="application/json", headers=headers)
