"""The app as browsers meet it: a real store behind it, a clock that is set, no sleeping."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
from starlette.testclient import TestClient

from tests.viewer.stores import NOW
from viewer.accounts.throttle import Throttle
from viewer.app import create_app
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S
from viewer.store.sqlite import SqliteStore

URL = "http://tracen.example"
EMAIL, PASSWORD = "ada@team.example", "correct horse battery staple"
FROM_A_PAGE = {"sec-fetch-site": "same-origin", "accept": "text/html"}


@dataclass(slots=True)
class Site:
    """The app, its store and its clock; each browser has its own cookies."""

    store: SqliteStore
    settings: Settings
    now_ns: int = NOW
    clients: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    app: object = None

    def pass_time(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_PER_S)

    def browser(self, address: str = "192.0.2.1") -> Browser:
        client = TestClient(
            self.app,  # type: ignore[arg-type]
            self.settings.base_url,
            follow_redirects=False,
            client=(address, 50_000),
            headers=FROM_A_PAGE,
        )
        return Browser(self.clients.enter_context(client))


@dataclass(slots=True)
class Browser:
    """Somebody's browser: it keeps cookies, and posts from our own pages."""

    client: TestClient

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> httpx2.Response:
        return self.client.post(path, data=fields)

    def sign_up(self, email: str = EMAIL, password: str = PASSWORD, **more: str) -> httpx2.Response:
        return self.post("/signup", email=email, password=password, **more)

    def log_in(self, email: str = EMAIL, password: str = PASSWORD, **more: str) -> httpx2.Response:
        return self.post("/login", email=email, password=password, **more)

    @property
    def is_in(self) -> bool:
        """Whether a page for people who have logged in opens."""
        return self.get("/login").headers.get("location") == "/app/traces"


@contextlib.contextmanager
def open_site(folder: Path, **settings: object) -> Iterator[Site]:
    """A site on a fresh file; `settings` differ from those of an open server."""
    store = SqliteStore(folder / "site.db")
    chosen = replace(Settings(base_url=URL, sign_up="open"), **settings)  # type: ignore[arg-type]
    site = Site(store, chosen)
    keys = Authenticator(store, lambda: 0.0, lambda: site.now_ns)
    requests = Requests(Metrics(), lambda: site.now_ns)
    throttle = Throttle(lambda: site.now_ns)
    site.app = create_app(store, chosen, keys, requests, clock_ns=lambda: site.now_ns, throttle=throttle)
    try:
        with site.clients:
            yield site
    finally:
        store._opened.close()
