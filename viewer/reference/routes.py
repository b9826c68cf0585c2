"""The routes of the reference, which anybody may read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from viewer import pages
from viewer.accounts.frame import Frame, frame_of, headers_with
from viewer.accounts.sessions import Sessions
from viewer.policy import public
from viewer.reference.openapi import document
from viewer.reference.page import docs_page
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, StoreUnavailable


class Reference:
    """`/docs` and `/openapi.json` of this server."""

    def __init__(self, settings: Settings, sessions: Sessions, clock_ns: Callable[[], int]) -> None:
        self._settings = settings
        self._sessions = sessions
        self._clock_ns = clock_ns
        self._page = lru_cache(maxsize=8)(self._rendered)
        self._document = json.dumps(document(settings), ensure_ascii=False, indent=1).encode()
        self.routes = [
            public("/docs", self.docs),
            public("/openapi.json", self.openapi),
        ]

    async def docs(self, request: Request) -> Response:
        """For people. The run that the snippets tell of begins now, so that it is the newest wherever it is listed."""
        frame = None
        with contextlib.suppress(StoreUnavailable):  # who reads it matters for a link alone
            session = await self._sessions.of(request)
            frame = frame_of(session, request, "/docs") if session else None
        minute = self._clock_ns() // NS_PER_S // 60
        return HTMLResponse(self._page(minute, frame), headers=headers_with(frame))

    def _rendered(self, minute: int, frame: Frame | None) -> str:
        """Some milliseconds of work, done once a minute for all strangers."""
        at = datetime.fromtimestamp(minute * 60, UTC)
        return pages.render(docs_page(self._settings, at, frame))

    async def openapi(self, request: Request) -> Response:
        """For programs: pages of other origins may read it, since it tells nothing of anybody."""
        headers = {"access-control-allow-origin": "*"}
        return Response(self._document, media_type="application/json", headers=headers)
