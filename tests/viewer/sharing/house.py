"""A service with an owner, a stranger and a trace, for the tests of who may see what of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient

from tests.bridge.otlp_bodies import json_body, json_span
from viewer.accounts.sessions import Sessions
from viewer.app import create_app
from viewer.keys import Authenticator, new_key, new_secret
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, Batch, BodyKind, Page, Sharing
from viewer.store.people import ALL_SCOPES, Scope
from viewer.store.sqlite import SqliteStore

URL = "http://tracen.example"
START_NS = 1_800_000_000 * NS_PER_S
OURS = {"sec-fetch-site": "same-origin"}
BROWSER = {"accept": "text/html,application/xhtml+xml"}
PAYLOAD: dict[str, Any] = {
    "prompt": "Write to Ada Lovelace.",
    "response": "Done.",
    "provider": "openai",
    "model": "gpt-5",
    "steps": [{"name": "plan", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 12}],
    "status": "success",
}

T = TypeVar("T")


@dataclass
class House:
    """The app, its store and clock, and what opens them. A test calls `client` as a stranger."""

    app: Starlette
    client: TestClient
    store: SqliteStore
    now_ns: int = START_NS
    cookie_by_email: dict[str, str] = field(default_factory=dict)

    def clock_ns(self) -> int:
        return self.now_ns

    def wait(self, work: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Run what is asynchronous where the app runs."""
        assert self.client.portal is not None
        return self.client.portal.call(lambda: work(*args, **kwargs))

    def key(self, email: str = "ada@example.com", scopes: frozenset[Scope] = ALL_SCOPES) -> str:
        """A new key of an account, made if there is none."""
        account, secret = self.wait(self.store.accounts.create, email, self.now_ns), new_secret()
        self.wait(self.store.accounts.add_key, account.id, new_key(secret, scopes=scopes), self.now_ns)
        return secret

    def cookie(self, email: str = "ada@example.com") -> dict[str, str]:
        """The header that a browser sends in which somebody has logged in."""
        if email not in self.cookie_by_email:
            account, answer = self.wait(self.store.accounts.create, email, self.now_ns), Response()
            sessions = Sessions(self.store.accounts, URL, self.clock_ns)
            self.wait(sessions.open, account, answer)
            self.cookie_by_email[email] = answer.headers["set-cookie"].partition(";")[0]
        return {"cookie": self.cookie_by_email[email]}

    def post(self, payload: Any = PAYLOAD, key: str | None = None) -> Page:
        """The page of a trace of Ada's."""
        answer = self.client.post("/api/traces", json=payload, headers={"x-tracen-key": key or self.key()})
        assert answer.status_code == 200, answer.text
        return self.page(answer.json()["trace_id"])

    def append(self, otel_trace_id: bytes, body: bytes | None = None) -> Page:
        """The page of a trace of Ada's that came over OTLP."""
        account = self.wait(self.store.accounts.create, "ada@example.com", self.now_ns)
        told = body or json_body(json_span(otel_trace_id, "plan"))
        batch = Batch(account.id, BodyKind.OTLP_JSON, told, frozenset((otel_trace_id,)), self.now_ns)
        page = self.wait(self.store.append, batch)
        assert page is not None
        return self.page(page.id)

    def page(self, page_id: str) -> Page:
        page = self.wait(self.store.page, page_id)
        assert page is not None
        return page

    def share(self, page: Page, **chosen: Any) -> Page:
        self.wait(self.store.set_sharing, page, Sharing(**chosen))
        return self.page(page.id)

    def get(self, path: str, *headers: dict[str, str]) -> httpx2.Response:
        merged = {name: value for some in headers for name, value in some.items()}
        if "cookie" in merged and (receipt := self.client.cookies.get("tracen_done")):
            merged["cookie"] += f"; tracen_done={receipt}"
        return self.client.get(path, headers=merged)

    def submit(self, path: str, fields: dict[str, str], *headers: dict[str, str]) -> httpx2.Response:
        """Send a form of ours, logged in as Ada unless told otherwise."""
        merged = {
            name: value
            for some in (OURS, BROWSER, *(headers or (self.cookie(),)))
            for name, value in some.items()
        }
        return self.client.post(path, data=fields, headers=merged)


@contextmanager
def opened(folder: Path, **chosen: Any) -> Iterator[House]:
    """A house for the length of a block."""
    store = SqliteStore(folder / "t.db")
    keys, requests = Authenticator(store, lambda: 0.0, lambda: START_NS), Requests(Metrics(), lambda: 0)
    house: House | None = None

    def clock_ns() -> int:
        return house.now_ns if house else START_NS

    app = create_app(store, Settings(base_url=URL, **chosen), keys, requests, clock_ns=clock_ns)
    with TestClient(app, URL, follow_redirects=False) as client:
        house = House(app, client, store)
        yield house
    store._opened.close()


def told(answer: httpx2.Response) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """All that an answer says, less when it was given."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name != "date")
    return answer.status_code, answer.content, tuple(headers)


__all__ = ["BROWSER", "OURS", "PAYLOAD", "START_NS", "URL", "House", "opened", "told"]
