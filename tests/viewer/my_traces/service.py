"""A viewer over a real store, with somebody who has logged in and a neighbour."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from starlette.responses import Response
from starlette.testclient import TestClient

from tests.viewer.markup import Page
from tracen_otel.timestamps import format_timestamp
from viewer.accounts.sessions import Sessions
from viewer.app import create_app
from viewer.keys import Authenticator, create_key
from viewer.metrics import Metrics
from viewer.my_traces.filters import PATH
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S
from viewer.store.people import Accounts
from viewer.store.sqlite import SqliteStore
from viewer.summariser import Summariser

URL = "http://tracen.example"
OURS = {"sec-fetch-site": "same-origin"}
ADA, EVE = "ada@example.com", "eve@example.com"


@dataclass
class Clock:
    """Time stands still until a test moves it."""

    now_ns: int = 1_800_000_000 * NS_PER_S

    def __call__(self) -> int:
        return self.now_ns


async def cookie_of(accounts: Accounts, email: str, base_url: str, now_ns: int) -> tuple[str, str]:
    """Log somebody in; name and value of the cookie."""
    account = await accounts.create(email, now_ns)
    answer = Response()
    await Sessions(accounts, base_url, lambda: now_ns).open(account, answer)
    name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    return name, value


def payload(title: str, ago_s: float = 0, now_ns: int = Clock().now_ns, **more: Any) -> dict[str, Any]:
    """A trace that began so long ago, named by its prompt."""
    step = {"name": "answer", "timestamp": format_timestamp(now_ns - int(ago_s * NS_PER_S)), "latency_ms": 20}
    plain = {"prompt": title, "response": "Yes.", "provider": "openai", "model": "gpt-5", "status": "success"}
    return plain | {"steps": [step]} | more


@dataclass
class MyTracesService:
    """The app, the person who looks at it, and keys of both accounts."""

    store: SqliteStore
    client: TestClient
    clock: Clock
    keys: dict[str, str] = field(default_factory=dict)

    def post(self, title: str, ago_s: float = 0, email: str = ADA, **more: Any) -> str:
        """Post a trace; the id of its page."""
        answer = self.client.post(
            "/api/traces",
            content=json.dumps(payload(title, ago_s, self.clock.now_ns, **more)),
            headers={"content-type": "application/json", "x-tracen-key": self.keys[email]},
        )
        assert answer.status_code == 200, answer.text
        page_id: str = answer.json()["url"].rpartition("/")[2]
        return page_id

    def summarise(self) -> None:
        """Put into the lists what has come."""
        summariser = Summariser(self.store, self.clock)

        async def work() -> None:
            while await summariser.work():
                pass

        asyncio.run(work())

    def send(self, *titles: str) -> list[str]:
        """Post traces, the first one the newest, and list them; the ids of their pages."""
        ids = [self.post(title, ago_s=60 * (n + 1)) for n, title in enumerate(titles)]
        self.summarise()
        return ids

    def open(self, query: str = "") -> Page:
        """The list as a page."""
        answer = self.client.get(PATH + query)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def titles(self, query: str = "") -> list[str]:
        return titles_of(self.open(query))

    def delete(self, *ids: str, **more: str) -> httpx2.Response:
        fields = {"id": list(ids)} | more
        return self.client.post(f"{PATH}/delete", data=fields, headers=OURS, follow_redirects=False)


def titles_of(page: Page) -> list[str]:
    """The titles of the rows, from the top."""
    return [link.text for link in page.all("a", class_="mine-title")]


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[MyTracesService]:
    """The service on a store of its own."""
    clock, store = Clock(), SqliteStore(folder / "t.db")
    keys = Authenticator(store, lambda: 0.0, clock)
    settings = Settings(base_url=URL, requests_per_hour=100_000)
    app = create_app(store, settings, keys, Requests(Metrics(), clock), clock_ns=clock)
    with TestClient(app, URL) as client:
        service = MyTracesService(store, client, clock)
        for email in (ADA, EVE):
            service.keys[email] = asyncio.run(create_key(store, email, clock.now_ns))
        client.cookies.set(*asyncio.run(cookie_of(store.accounts, ADA, URL, clock.now_ns)))
        yield service
    store._opened.close()
