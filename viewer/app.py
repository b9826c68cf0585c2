"""The viewer as an ASGI app: its parts, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from viewer import refusals, waiting
from viewer.accounts.arrivals import Arrivals
from viewer.accounts.keyring import Keyring
from viewer.accounts.keys_page import KeysPages
from viewer.accounts.routes import account_routes
from viewer.accounts.sessions import Sessions
from viewer.accounts.start_page import StartPages
from viewer.accounts.throttle import Throttle
from viewer.api import Api
from viewer.astray import Astray
from viewer.front.home import Front
from viewer.headers import SecurityHeaders
from viewer.keys import Authenticator
from viewer.limits import Guesses, Limiter, SteadyClock, plans_of
from viewer.listing import Listing
from viewer.my_traces.routes import MyTraces
from viewer.network import Hosts
from viewer.policy import Gate
from viewer.reading import NothingYet, Reader
from viewer.reference.routes import Reference
from viewer.requests import Requests
from viewer.service import Service
from viewer.settings import Settings
from viewer.sharing.controls import SharingControls
from viewer.store.base import Store, StoreUnavailable
from viewer.subscriptions.desk import SubscriptionDesk
from viewer.tellings import Documents
from viewer.trace_forms import TraceForms
from viewer.traces import TracePages


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
            *Service(store, requests.metrics).routes,
        ],
        middleware=[Middleware(SecurityHeaders, is_secure=settings.base_url.startswith("https:"))],
        exception_handlers={
            HTTPException: refusals.http_error,
            NothingYet: waiting.refused,
            StoreUnavailable: refusals.unavailable,
            Exception: refusals.broken,
        },
    )
    app.state.gate = Gate(
        sessions, Hosts(settings.base_url, settings.allowed_hosts), settings.operator_token, refusals.told
    )
    app.state.astray = Astray(keys, requests, settings.proxies)
    app.state.subscriptions = subscriptions  # what an account pays for ends with it
    app.state.streams = (traces.watcher, arrivals, mine.news)  # ended with the server
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return app
