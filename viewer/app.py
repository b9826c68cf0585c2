"""The viewer as an ASGI app: routes, and what happens when none fits or something breaks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from viewer import pages, waiting
from viewer.accounts.arrivals import Arrivals
from viewer.accounts.keyring import Keyring
from viewer.accounts.keys_page import KeysPages
from viewer.accounts.routes import account_routes
from viewer.accounts.sessions import Sessions
from viewer.accounts.start_page import StartPages
from viewer.accounts.throttle import Throttle
from viewer.api import Api
from viewer.front.home import Front
from viewer.headers import SECURITY_HEADERS, SecurityHeaders
from viewer.keys import Authenticator
from viewer.limits import Guesses, Limiter, SteadyClock, plans_of
from viewer.listing import Listing
from viewer.metrics import CONTENT_TYPE, Metrics
from viewer.my_traces.routes import MyTraces
from viewer.network import Hosts
from viewer.policy import Gate, Policy, for_operator, public
from viewer.problems import problem
from viewer.reading import Gone, NothingYet, Reader
from viewer.reference.routes import Reference
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.sharing.controls import SharingControls
from viewer.store.base import Store, StoreUnavailable
from viewer.subscriptions.desk import SubscriptionDesk
from viewer.tellings import Documents
from viewer.trace_forms import TraceForms
from viewer.traces import TracePages

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
    limiter: Limiter | None = None,
    guesses: Guesses | None = None,
    throttle: Throttle | None = None,
) -> Starlette:
    """Compose the viewer over a store; `more_routes` (the bridge's) come first. Raises StripeUnusable."""
    documents = Documents(store, requests.metrics, redacts=settings.redact)
    plans = plans_of(settings.plans, settings.requests_per_hour)
    limiter = limiter or Limiter(store, plans, SteadyClock(clock_ns))
    api = Api(
        store, keys, settings, requests, Listing(store, documents), limiter, guesses or Guesses(), clock_ns
    )
    service = _Service(store, requests.metrics)
    sessions = Sessions(store.accounts, settings.base_url, clock_ns)
    reader = Reader(store, documents, settings.base_url, clock_ns, sessions, keys)
    forms = TraceForms(reader, redacts=settings.redact)
    traces = TracePages(reader, forms)
    keyring = Keyring(store.accounts, clock_ns)
    keys_pages = KeysPages(store.accounts, keyring, limiter, requests, settings.base_url, clock_ns)
    arrivals = Arrivals(store, documents, requests, settings.base_url, clock_ns)
    start = StartPages(store.accounts, sessions, keyring, arrivals, settings, clock_ns)
    subscriptions = SubscriptionDesk(store.accounts, settings, plans, clock_ns)
    mine = MyTraces(store, settings.base_url, clock_ns)
    app = Starlette(
        routes=[
            *more_routes,
            *api.routes,
            *Front(store, documents, sessions, settings, clock_ns).routes,
            *account_routes(store, documents, sessions, settings, clock_ns, throttle or Throttle()),
            *forms.routes,
            *traces.routes,
            *keys_pages.routes,
            *start.routes,
            *subscriptions.routes,
            *Reference(settings, sessions, clock_ns).routes,
            *SharingControls(reader).routes,
            *mine.routes,
            for_operator("/healthz", service.healthz),
            for_operator("/readyz", service.readyz),
            for_operator("/metrics", service.metrics),
            public("/robots.txt", service.robots),
            public("/favicon.ico", service.icon),
            _PublicMount("/static", _CachedStatic(directory=pages.STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={
            HTTPException: _http_error,
            NothingYet: waiting.refused,
            StoreUnavailable: _unavailable,
            Exception: _broken,
        },
    )
    app.state.gate = Gate(
        sessions, Hosts(settings.base_url, settings.allowed_hosts), settings.operator_token, _told
    )
    app.state.subscriptions = subscriptions  # what an account pays for ends with it
    app.state.streams = (traces.watcher, arrivals, mine.news)  # ended with the server
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return app


class _Service:
    """What is no trace and no page: health, figures."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

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


_WORDS_BY_STATUS = {
    400: (
        "Not this host",
        "This server is known by another name; whoever runs it can add this one to --allowed-hosts.",
    ),
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


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    words = error.words if isinstance(error, Gone) else None
    return _told(request, status, dict(headers or {}), words)


async def _unavailable(request: Request, error: Exception) -> Response:
    retry_after_s = error.retry_after_s if isinstance(error, StoreUnavailable) else 1
    return _told(request, 503, {"retry-after": str(retry_after_s)})


async def _broken(request: Request, error: Exception) -> Response:
    logger.exception("unexpected error", exc_info=error)
    return _told(request, 500, dict(SECURITY_HEADERS))  # the one answer that is made outside the middleware


def _told(
    request: Request, status: int, headers: dict[str, str], words: tuple[str, str] | None = None
) -> Response:
    """The same words for people and for programs, each in its form."""
    title, detail = words or _WORDS_BY_STATUS.get(status, ("Refused", "The request was refused."))
    if _wants_problem(request):
        return problem(status, title, detail, headers=headers)
    return HTMLResponse(pages.render_message(status, title, detail), status, headers)


def _wants_problem(request: Request) -> bool:
    """Whether a program asks: by the address, or because it says that it reads JSON and not HTML."""
    path, accept = request.scope["path"], request.headers.get("accept", "")
    if path.startswith("/api/") or path.endswith(".json") or path in _FOR_PROGRAMS:
        return True
    return "json" in accept and "text/html" not in accept
