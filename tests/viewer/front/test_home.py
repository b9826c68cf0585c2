"""The front door: what strangers see, and the trace that it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.testclient import TestClient

from tests.viewer.markup import Page
from viewer.accounts.frame import Frame
from viewer.accounts.sessions import Sessions
from viewer.app import create_app
from viewer.front.home import home_page
from viewer.front.sample import EMAIL, page_of_sample, plant
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.pages import render
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import Store
from viewer.store.sqlite import SqliteStore

URL = "http://tracen.example"
NOW = 1_800_000_000 * 10**9
SETTINGS = Settings(base_url=URL, sign_up="open")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "t.db")
    yield store
    asyncio.run(store.close())


def client_of(store: Store) -> TestClient:
    requests = Requests(Metrics(), lambda: NOW)
    keys = Authenticator(store, lambda: 0.0)
    return TestClient(create_app(store, SETTINGS, keys, requests, clock_ns=lambda: NOW), URL)


def test_home_shows_a_trace_that_is_a_real_page(store: SqliteStore) -> None:
    """Its heading, prompt, answer and every step; its link opens the page."""
    asyncio.run(plant(store, NOW))
    client = client_of(store)
    page = Page(client.get("/").text)
    sample = asyncio.run(page_of_sample(store, NOW))
    assert sample is not None
    href = f"/traces/{sample.id}"
    assert page.all("a", href=href)
    assert client.get(href).status_code == 200
    told = client.get(href + ".json").json()
    for text in (told["title"], told["prompt"], told["response"], *(step["name"] for step in told["steps"])):
        assert text in page.text
    assert len([e for e in page.all("li") if e.attributes.get("id", "").startswith("row-")]) == len(
        told["steps"]
    )


def test_sample_tells_what_a_trace_can_tell(store: SqliteStore) -> None:
    """A failure that was recovered from, tools, models and tokens that add up."""
    asyncio.run(plant(store, NOW))
    page = asyncio.run(page_of_sample(store, NOW))
    assert page is not None
    told = client_of(store).get(f"/traces/{page.id}.json").json()
    steps = told["steps"]
    assert told["status"] == "success"
    assert {step["kind"] for step in steps} >= {"agent", "llm", "tool", "retrieval"}
    assert any(step.get("status") == "error" for step in steps)
    for count in ("input_tokens", "output_tokens"):
        assert told[count] == sum(step.get(count) or 0 for step in steps)


def test_sample_is_planted_once(store: SqliteStore) -> None:
    """Each start finds it; nobody can log in to its account, and it has no key."""
    for _ in range(3):
        asyncio.run(plant(store, NOW))
    account = asyncio.run(store.accounts.by_email(EMAIL))
    assert account is not None
    assert not account.has_password
    assert asyncio.run(store.accounts.keys_of(account.id)) == []
    assert len(asyncio.run(store.recent_traces(account.id, None, 10))) == 1


def test_home_does_without_the_sample(store: SqliteStore) -> None:
    """It was never planted, or an operator deleted it."""
    client = client_of(store)
    assert "Show what your agent did" in client.get("/").text
    asyncio.run(plant(store, NOW))
    page = asyncio.run(page_of_sample(store, NOW))
    assert page is not None
    asyncio.run(store.delete(page, NOW))
    answer = client.get("/")
    assert answer.status_code == 200
    assert "cracked" not in answer.text


@pytest.mark.parametrize(
    ("mode", "is_known", "begin"),
    [
        ("open", False, "/signup"),
        ("invitation", False, "/login"),
        ("closed", False, "/login"),
        ("closed", True, "/app/traces"),
    ],
)
def test_home_leads_where_its_reader_can_go(mode: str, is_known: bool, begin: str) -> None:
    """Nobody is sent to sign up where that is closed, nor to log in twice."""
    frame = Frame("ada@x.example", (), ()) if is_known else None
    page = home_page(replace(SETTINGS, sign_up=mode), None, NOW, frame)
    assert page.begin.href == begin
    html = Page(render(page))
    assert bool(html.all("a", href="/signup")) == (begin == "/signup")
    assert is_known or html.all("a", href="/docs")


def test_home_knows_who_has_logged_in(store: SqliteStore) -> None:
    """And is kept by no shared cache."""
    client = client_of(store)
    account = asyncio.run(store.accounts.create("ada@x.example", NOW))
    response = Response()
    asyncio.run(Sessions(store.accounts, URL, lambda: NOW).open(account, response))
    client.headers["cookie"] = response.headers["set-cookie"].partition(";")[0]
    home = client.get("/")
    assert "See your traces" in home.text
    assert "Log out" in home.text
    assert home.headers["referrer-policy"] == "same-origin"
    assert home.headers["cache-control"].startswith("private")


def test_crawlers_and_browsers_find_what_they_ask_for(store: SqliteStore) -> None:
    """robots.txt lets them read that pages are not to be listed; an icon is there under its old name too."""
    client = client_of(store)
    assert client.get("/robots.txt").text == "User-agent: *\nAllow: /\n"
    icon = client.get("/favicon.ico")
    assert icon.status_code == 200
    assert icon.headers["content-type"].startswith("image/")
    assert json.loads(client.get("/traces/none.json").text)["status"] == 404
