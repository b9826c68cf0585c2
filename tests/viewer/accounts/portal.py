"""The viewer in process with people who are logged in, for tests of the pages about keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

from tests.viewer.accounts.members import Member, enrolled
from tests.viewer.stores import NOW
from viewer.app import create_app
from viewer.keys import Authenticator
from viewer.limits import Limiter, plans_of
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, Store
from viewer.store.sqlite import SqliteStore

HOST = "tracen.example"
URL = f"https://{HOST}"
OURS = {"sec-fetch-site": "same-origin"}
PAYLOAD = {
    "prompt": "What is the weather?",
    "response": "Sunny.",
    "provider": "openai",
    "model": "gpt-5",
    "status": "success",
    "steps": [],
    "title": "Weather in Paris",
}


@dataclass
class Clock:
    """Time stands still until a test moves it."""

    now_ns: int = NOW

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_PER_S)


def hold(client: TestClient, name: str, value: str, path: str) -> None:
    """Have a browser hold a cookie as if the service had given it."""
    client.cookies.set(name, value, HOST, path)


@dataclass
class Visitor:
    """A browser with a session, and programs beside it."""

    client: TestClient
    member: Member

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def submit(self, path: str, **fields: str | list[str]) -> httpx2.Response:
        """Send a form as a browser does, without following where it leads."""
        return self.client.post(path, data=fields, headers=OURS, follow_redirects=False)

    def post(self, secret: str, payload: object = PAYLOAD) -> httpx2.Response:
        """Send a trace with a key."""
        headers = {"x-tracen-key": secret, "content-type": "application/json"} if secret else {}
        return self.client.post("/api/traces", content=json.dumps(payload), headers=headers)


@dataclass
class Portal:
    """The service, and how one comes in."""

    app: Any
    store: Store
    clock: Clock
    requests: Requests
    db: Path
    key_age_s: float = 0.0
    """What the clock of the authenticator says."""

    @contextmanager
    def visit(self, email: str, *, with_first_key: bool = False) -> Iterator[Visitor]:
        """A browser in which somebody has logged in."""
        member = asyncio.run(
            enrolled(self.store, email, URL, with_first_key=with_first_key, now_ns=self.clock.now_ns)
        )
        with TestClient(self.app, URL) as client:
            for name, value in member.cookies.items():
                hold(client, name, value, "/app/start" if "first_key" in name else "/")
            yield Visitor(client, member)


@contextmanager
def opened_portal(folder: Path, requests_per_hour: int = 3) -> Iterator[Portal]:
    """A service on a file of its own."""
    clock, db = Clock(), folder / "store.db"
    store = SqliteStore(db)
    requests = Requests(Metrics(), clock)
    portal = Portal(None, store, clock, requests, db)
    keys = Authenticator(store, lambda: portal.key_age_s, clock)
    limiter = Limiter(store, plans_of("", requests_per_hour), clock)
    settings = Settings(base_url=URL)
    portal.app = create_app(store, settings, keys, requests, clock_ns=clock, limiter=limiter)
    try:
        yield portal
    finally:
        asyncio.run(store.close())
