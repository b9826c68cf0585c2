"""The export holds everything of an account, nothing of others, and no secret."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.viewer.accounts.site import PASSWORD, Browser, Site
from tests.viewer.accounts.test_doors import account_of
from tests.viewer.samples import agent_trace
from tracen_otel.payload import encode
from viewer.keys import new_key, new_secret
from viewer.store.base import Limit, Post

BODY = json.dumps(encode(agent_trace())).encode()


def owner_of(site: Site) -> Browser:
    browser = site.browser()
    browser.sign_up()
    return browser


def post(site: Site, account_id: str, count: int, body: bytes = BODY) -> list[str]:
    """The pages of traces that were posted, oldest first."""
    limit = Limit(1_000_000)

    async def posted() -> list[str]:
        key = await site.store.accounts.add_key(account_id, new_key(new_secret()), site.now_ns)
        outcomes = await asyncio.gather(
            *(
                site.store.post(Post(account_id, key.id, body, n.to_bytes(16, "big"), site.now_ns - n, limit))
                for n in range(1, count + 1)
            )
        )
        await site.store.accounts.revoke_key(account_id, key.id, site.now_ns)
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


@pytest.mark.anyio
async def test_account_has_one_export_at_a_time(site: Site) -> None:
    """And another one as soon as the first is let go of, however it ended."""
    from starlette.requests import Request

    from viewer.accounts.export import Exports
    from viewer.metrics import Metrics
    from viewer.store.base import StoreUnavailable
    from viewer.store.people import Account, Session
    from viewer.tellings import Documents

    exports = Exports(site.store, Documents(site.store, Metrics()), "http://x.example", lambda: site.now_ns)
    request = Request({"type": "http", "headers": [], "state": {}})
    request.state.session = Session(b"", Account("7", "ada@team.example"), 0, 0)
    first = await exports.answer(request)
    with pytest.raises(StoreUnavailable):
        await exports.answer(request)
    del first  # never begun
    second = await exports.answer(request)
    iterator = second.body_iterator  # type: ignore[attr-defined]
    await anext(iterator)
    with pytest.raises(StoreUnavailable):
        await exports.answer(request)
    await iterator.aclose()
    del iterator, second
    await exports.answer(request)
