"""What is answered where no page is: in words for people, in problem+json for programs."""

from __future__ import annotations

import contextlib
import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from viewer import pages
from viewer.astray import secret_sent
from viewer.bodies import drained
from viewer.contexts import Link
from viewer.headers import SECURITY_HEADERS
from viewer.pages import HOME, LOG_IN, MINE
from viewer.policy import Gate
from viewer.problems import problem
from viewer.reading import Gone
from viewer.requests import Door
from viewer.store.base import StoreUnavailable

logger = logging.getLogger("tracen.viewer")

_WORDS_BY_STATUS = {
    400: ("Not understood", "What was sent can not be read."),
    401: ("Log in first", "This needs somebody who has logged in."),
    403: ("Refused", "This was not sent by a page of this server, so nothing was changed."),
    404: ("Nothing here", "There is no page at this address. Was the link copied whole?"),
    405: ("Not allowed", "This address does not answer this method."),
    413: ("Too large", "This form takes less than what was sent."),
    415: ("Not a form", "This address takes a form as browsers send it: application/x-www-form-urlencoded."),
    500: ("Something broke", "This is our fault, and it has been logged."),
    503: ("Not possible right now", "The store is busy or full; try again in a moment."),
}

_FOR_PROGRAMS = ("/healthz", "/readyz", "/metrics", "/oembed")


async def http_error(request: Request, error: Exception) -> Response:
    """Answer what a handler gave up on."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404 and secret_sent(request):
        return await _astray(request)
    headers = error.headers if isinstance(error, HTTPException) else None
    words = error.words if isinstance(error, Gone) else None
    return told(request, status, dict(headers or {}), words, await _ways_on(request))


async def _astray(request: Request) -> Response:
    """Answer a program that has sent something to no address, and have it remembered."""
    path = request.scope["path"][:200]
    message = f"nothing is received at {path}: payloads are posted to /api/traces, OTLP is to /v1/traces"
    await request.app.state.astray.note(request, Door.POST, message)
    answer = problem(404, "Nothing is received here", message, headers={"cache-control": "no-store"})
    return await drained(request, answer)


async def unavailable(request: Request, error: Exception) -> Response:
    """Answer that the store can not do it now."""
    retry_after_s = error.retry_after_s if isinstance(error, StoreUnavailable) else 1
    return told(request, 503, {"retry-after": str(retry_after_s)})


async def broken(request: Request, error: Exception) -> Response:
    """Answer a bug of ours: the wall before whoever asks."""
    logger.exception("unexpected error", exc_info=error)
    return told(request, 500, dict(SECURITY_HEADERS))  # the one answer that is made outside the middleware


def told(
    request: Request,
    status: int,
    headers: dict[str, str],
    words: tuple[str, str] | None = None,
    links: tuple[Link, ...] = (HOME, MINE, LOG_IN),
) -> Response:
    """The same words for people and for programs, each in its form. No cache keeps them: they may be over at once."""
    headers = {"cache-control": "no-store"} | headers
    title, detail = words or _WORDS_BY_STATUS.get(status, ("Refused", "The request was refused."))
    if _wants_problem(request):
        return problem(status, title, detail, headers=headers)
    return HTMLResponse(pages.render_message(status, title, detail, links), status, headers)


async def _ways_on(request: Request) -> tuple[Link, ...]:
    """Where whoever asked can go, by whether they have logged in; by nothing that they asked for."""
    gate: Gate = request.app.state.gate
    with contextlib.suppress(StoreUnavailable):
        return (MINE, HOME) if await gate.sessions.of(request) else (HOME, LOG_IN)
    return (HOME, MINE, LOG_IN)


def _wants_problem(request: Request) -> bool:
    """Whether a program asks: by the address, or because it says that it reads JSON and not HTML."""
    path, accept = request.scope["path"], request.headers.get("accept", "")
    if path.startswith("/api/") or path.endswith(".json") or path in _FOR_PROGRAMS:
        return True
    return "json" in accept and "text/html" not in accept
