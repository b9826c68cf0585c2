"""The export holds everything of an account, nothing of others, and no secret."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from tests.viewer.accounts.site import PASSWORD, Browser, Site
from tests.viewer.accounts.test_doors import account_of
from tests.viewer.samples import agent_trace
from tracen_otel.payload import encode
from viewer.accounts.export import MAX_AT_ONCE, Exports
from viewer.keys import new_key, new_secret
from viewer.metrics import Metrics
from viewer.store.base import Limit, Post, StoreUnavailable
from viewer.store.people import Account, Session
from viewer.tellings import Documents

BODY = json.dumps(encode(agent_trace())).encode()


def owner_of(site: Site) -> Browser:
    browser = site.browser()
    browser.sign_up()
    return browser


def post(site: Site, account_id: str, count: int, body: bytes = BODY) -> list[str]:
    """The pages of traces that were posted, oldest first."""
    limit = Limit(1_000_000)

    async def posted() -> list[str]:
        outcomes = await asyncio.gather(
            *(
                site.store.post(Post(account_id, "key", body, n.to_bytes(16, "big"), site.now_ns - n, limit))
                for n in range(1, count + 1)
            )
        )
        return [outcome.page_id for outcome in outcomes]

    return asyncio.run(posted())


def lines(browser: Browser) -> list[dict[str, Any]]:
    answer = browser.get("/app/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="tracen-export-2027-01-15.jsonl"'
    return [json.loads(line) for line in answer.text.splitlines()]


def test_export_holds_everything_and_no_secret(site: Site) -> None:
    """Account, keys, and each trace with its URL and all that its page shows."""
    browser = owner_of(site)
    account = account_of(site)
    secret = new_secret()
    asyncio.run(site.store.accounts.add_key(account.id, new_key(secret, "ci"), site.now_ns))
    stranger = asyncio.run(site.store.accounts.create("bob@team.example", site.now_ns))
    page_ids = post(site, account.id, 3)
    (strangers,) = post(site, stranger.id, 1)
    deleted = asyncio.run(site.store.page(page_ids.pop()))
    assert deleted is not None
    asyncio.run(site.store.delete(deleted, site.now_ns))

    told = lines(browser)
    assert [line["kind"] for line in told] == ["export", "account", "key", "key", "trace", "trace", "end"]
    assert told[1]["email"] == account.email
    assert {line["label"] for line in told[2:4]} == {"ci", "first key"}
    assert next(line["hint"] for line in told if line.get("label") == "ci") == f"{secret[:14]}…{secret[-4:]}"
    traces = [line for line in told if line["kind"] == "trace"]
    assert [trace["url"] for trace in traces] == [f"http://tracen.example/traces/{one}" for one in page_ids]
    assert told[-1] == {"kind": "end", "traces": 2}
    for trace, page_id in zip(traces, page_ids, strict=True):
        assert trace["payload"] == browser.get(f"/traces/{page_id}.json").json()
        assert len(trace["payload"]["steps"]) > 3
    text = json.dumps(told)
    kept = asyncio.run(site.store.accounts.password_hash(account.id))
    cookies = browser.client.cookies.values()
    for hidden in (secret, PASSWORD, kept, *cookies, strangers, deleted.id, "argon2"):
        assert hidden is not None
        assert hidden not in text


def test_export_of_an_empty_account_is_whole(site: Site) -> None:
    """It says what it is."""
    told = lines(owner_of(site))
    assert [line["kind"] for line in told] == ["export", "account", "key", "end"]
    assert "without its secret" in told[0]["about"]


def test_export_goes_on_over_many_pages_of_the_store(site: Site) -> None:
    """Each trace once, newest first."""
    browser = owner_of(site)
    account_id, count = account_of(site).id, 230
    page_ids = post(
        site,
        account_id,
        count,
        b'{"prompt":"p","response":"' + b"r" * 5_000 + b'","provider":"openai",'
        b'"model":"m","status":"success","steps":[]}',
    )
    told: list[str] = []
    with browser.client.stream("GET", "/app/export") as answer:
        for line in answer.iter_lines():
            told.append(json.loads(line).get("trace_id", ""))
    assert [page_id for page_id in told if page_id] == page_ids


def test_export_is_made_for_who_is_logged_in(site: Site) -> None:
    """Nobody else."""
    assert site.browser().get("/app/export").headers["location"] == "/login?next=/app/export"


def exports_of(site: Site, patience_s: float = 60.0) -> Exports:
    documents = Documents(site.store, Metrics())
    return Exports(site.store, documents, "http://x.example", lambda: site.now_ns, patience_s)


def asked(account_id: str = "7", method: str = "GET") -> Request:
    """What somebody sends who has logged in."""
    request = Request({"type": "http", "method": method, "headers": [], "state": {}, "asgi": {}})
    request.state.session = Session(b"", Account(account_id, "ada@team.example"), 0, 0)
    return request


async def leave(answer: Response, *, is_aborted: bool) -> None:
    """Read the beginning of an answer and no more; `is_aborted`: close the connection then."""
    begun = asyncio.Event()

    async def receive() -> Message:
        await begun.wait()
        if not is_aborted:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            begun.set()
            await asyncio.Event().wait()  # a full buffer, which nobody empties

    await answer(asked().scope, receive, send)


@pytest.mark.anyio
async def test_account_has_one_export_at_a_time(site: Site) -> None:
    """And eight accounts one each: whoever comes then is asked to come back."""
    exports = exports_of(site)
    await exports.answer(asked("7"))
    with pytest.raises(StoreUnavailable):
        await exports.answer(asked("7"))
    for n in range(1, MAX_AT_ONCE):
        await exports.answer(asked(f"7{n}"))
    with pytest.raises(StoreUnavailable):
        await exports.answer(asked("8"))


@pytest.mark.anyio
@pytest.mark.parametrize("is_aborted", [True, False])
async def test_export_that_nobody_reads_on_makes_room(site: Site, is_aborted: bool) -> None:
    """At once where the connection is closed, else when patience ends; without waiting for the garbage collector."""
    exports = exports_of(site, 60.0 if is_aborted else 0.05)
    gc.disable()
    try:
        for _ in range(3):
            answer = await exports.answer(asked())
            await asyncio.wait_for(leave(answer, is_aborted=is_aborted), 20)
    finally:
        gc.enable()


@pytest.mark.anyio
async def test_head_of_an_export_begins_none(site: Site) -> None:
    """It has the headers, and takes nobody's place."""
    exports = exports_of(site)
    first = await exports.answer(asked())
    head = await exports.answer(asked(method="HEAD"))
    assert head.headers.items() == first.headers.items()
    await asyncio.wait_for(leave(head, is_aborted=True), 20)
    with pytest.raises(StoreUnavailable):
        await exports.answer(asked())


def test_exports_follow_each_other_over_http(site: Site) -> None:
    """HEAD, then GET, as often as one likes."""
    browser = owner_of(site)
    for _ in range(2):
        head = browser.client.head("/app/export")
        assert (head.status_code, head.text) == (200, "")
        assert head.headers["content-type"] == "application/x-ndjson"
        assert lines(browser)[-1]["kind"] == "end"
