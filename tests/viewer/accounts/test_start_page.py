"""`/app/start` without a script: the first key, and what has come of it."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.testclient import TestClient

from tests.viewer.accounts.members import cookies_of
from tests.viewer.accounts.portal import PAYLOAD, URL, Portal, Visitor, hold, opened_portal
from viewer.accounts.first_key import give_decoy_key, give_first_key
from viewer.keys import new_secret
from viewer.reference.snippets import PLACEHOLDER

COOKIE = "__Secure-tracen_first_key"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with opened_portal(tmp_path) as portal:
        yield portal


@pytest.fixture
def ada(portal: Portal) -> Iterator[Visitor]:
    with portal.visit("ada@example.com", with_first_key=True) as visitor:
        yield visitor


def part(visitor: Visitor, name: str) -> str:
    """The text of a part of the news; "" where it is hidden."""
    page = visitor.get("/app/start").text
    found = re.search(rf'<div data-part="{name}"( hidden)?>(.*?)</div>', page, re.DOTALL)
    assert found
    return "" if found[1] else " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[2])).split())


def test_first_key_is_there_while_it_is_being_copied(portal: Portal, ada: Visitor) -> None:
    """As often as the page is opened, in the key's place and in every snippet; not cached, and not on the settings."""
    for _ in range(2):
        page = ada.get("/app/start")
        assert page.headers["cache-control"] == "no-store"
        assert "set-cookie" not in page.headers
        assert page.text.count(ada.member.secret) == 8
        assert PLACEHOLDER not in page.text
    assert ada.member.secret not in ada.get("/app/settings").text
    assert "Waiting for your trace" in part(ada, "waiting")
    assert "Nothing appears? tracen doctor" in part(ada, "waiting")


def test_decoy_looks_like_a_first_key(portal: Portal) -> None:
    """Who signs up with an address that has an account already gets an answer that tells nobody so."""
    answers = Response(), Response()

    async def sign_up() -> None:
        account = await portal.store.accounts.create("eve@example.com", portal.clock.now_ns)
        await give_first_key(
            portal.store.accounts, account, answers[0], base_url=URL, now_ns=portal.clock.now_ns
        )
        give_decoy_key(answers[1], base_url=URL)

    asyncio.run(sign_up())
    secret, decoy = (cookies_of(answer)[COOKIE] for answer in answers)
    first, second = (answer.headers["set-cookie"] for answer in answers)
    assert first.replace(secret, "") == second.replace(decoy, "")
    assert len(secret) == len(decoy)
    with portal.visit("eve@example.com") as eve:
        assert [eve.post(key).status_code for key in (secret, decoy)] == [200, 401]


def test_first_key_is_made_once(portal: Portal, ada: Visitor) -> None:
    """Who signs up again with the password of the account gets no key more, and a page that offers one."""
    answer = Response()
    again = give_first_key(
        portal.store.accounts, ada.member.account, answer, base_url=URL, now_ns=portal.clock.now_ns
    )
    asyncio.run(again)
    decoy = cookies_of(answer)[COOKIE]
    hold(ada.client, COOKIE, decoy, "/app/start")
    page = ada.get("/app/start").text
    assert decoy not in page
    assert "Make another key" in page
    assert ada.get("/app/settings").text.count('class="key"') == 1


def test_first_key_is_shown_until_done(ada: Visitor) -> None:
    """The button takes it back and leads on."""
    answer = ada.submit("/app/start/done")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/traces")
    assert f"{COOKIE}=" in answer.headers["set-cookie"]
    assert "Max-Age=0; Path=/app/start" in answer.headers["set-cookie"]
    page = ada.get("/app/start").text
    assert ada.member.secret not in page
    assert "Make another key" in page
    assert PLACEHOLDER in page


def test_first_trace_is_told_beside_the_key(portal: Portal, ada: Visitor) -> None:
    """With its title, how it ended, and its address; the key stays for as long as the page says."""
    url = ada.post(ada.member.secret).json()["url"]
    page = ada.get("/app/start")
    assert ada.member.secret in page.text
    assert "set-cookie" not in page.headers
    assert f'<a id="arrived-url" data-told="url" href="{url}">{url}</a>' in page.text
    assert 'data-copy="arrived-url"' in page.text
    assert "Succeeded Weather in Paris" in part(ada, "arrived")
    assert part(ada, "waiting") == ""


def test_account_without_its_key_makes_another(portal: Portal) -> None:
    """Who comes back later: one button makes a key, which is shown as the first was; older traces do not hide it."""
    with portal.visit("ada@example.com") as ada:
        assert "This account has none yet" in ada.get("/app/start").text
        for count in (1, 2):
            answer = ada.submit("/app/start/key")
            assert (answer.status_code, answer.headers["location"]) == (303, "/app/start")
            for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/app/start", "Max-Age=600"):
                assert word in answer.headers["set-cookie"]
            secret = ada.client.cookies.get(COOKIE, path="/app/start")
            assert secret
            assert secret in ada.get("/app/start").text
            portal.clock.forward(1)
            assert ada.post(secret).status_code == 200
            assert secret in ada.get("/app/start").text
            ada.submit("/app/start/done")
            assert secret not in ada.get("/app/start").text
            assert ada.get("/app/settings").text.count('class="key"') == count
            portal.clock.forward(1)


def test_secret_that_is_not_this_accounts_is_not_shown(portal: Portal, ada: Visitor) -> None:
    """Another person's browser, a key that was revoked, or one that never was."""
    with portal.visit("eve@example.com") as eve:
        for secret in (ada.member.secret, new_secret()):
            hold(eve.client, COOKIE, secret, "/app/start")
            page = eve.get("/app/start")
            assert secret not in page.text
            assert "Max-Age=0" in page.headers["set-cookie"]


def test_refusal_is_told_with_its_reason(portal: Portal, ada: Visitor) -> None:
    """Status, what was wrong, and what to do; the next good request puts it right."""
    ada.post(ada.member.secret, PAYLOAD | {"provider": "OpenAI", "steps": None})
    told = part(ada, "refused")
    assert told.startswith("A request was refused: Wrong fields Answered 422 , just now")
    assert "provider: expected one of" in told
    assert "steps: " in told
    assert told.endswith("Correct the fields that the message names, then send it again.")
    assert part(ada, "waiting")
    assert ada.member.secret in ada.get("/app/start").text
    portal.clock.forward(1)
    ada.post(ada.member.secret)
    assert part(ada, "refused") == ""


def test_used_up_key_is_told_beside_the_trace(portal: Portal, ada: Visitor) -> None:
    """429 comes after what was accepted, and hides none of it."""
    for _ in range(4):
        ada.post(ada.member.secret)
        portal.clock.forward(1)
    assert "Too many requests Answered 429" in part(ada, "refused")
    assert "Weather in Paris" in part(ada, "arrived")


def test_stranger_of_the_same_network_is_told(portal: Portal, ada: Visitor) -> None:
    """A key that was copied in part is nobody's, so the network is all that leads to whom it concerns."""
    portal.clock.forward(1)
    ada.post(ada.member.secret[:-1])
    told = part(ada, "refused")
    assert told.startswith("A request from your network came with a key that is unknown Answered 401")
    assert "this is no Tracen key" in told
    ada.post("")
    assert part(ada, "refused").startswith("A request from your network came without a key Answered 401")
    ada.post(new_secret())
    assert "the key is unknown, expired or revoked" in part(ada, "refused")
    portal.clock.forward(1)
    ada.post(ada.member.secret, {})
    assert "Wrong fields" in part(ada, "refused")


def test_stranger_of_another_network_is_not_told(portal: Portal, ada: Visitor) -> None:
    """It concerns somebody else."""
    portal.clock.forward(1)
    with TestClient(portal.app, URL, client=("198.51.100.7", 50_000)) as elsewhere:
        headers = {"x-tracen-key": new_secret()}
        assert elsewhere.post("/api/traces", content="{}", headers=headers).status_code == 401
    assert part(ada, "refused") == ""


def test_refusals_are_told_for_an_hour(portal: Portal, ada: Visitor) -> None:
    """Who comes back the next day is not told of the last one's troubles."""
    ada.post(ada.member.secret, {})
    portal.clock.forward(3599)
    assert part(ada, "refused")
    portal.clock.forward(2)
    assert part(ada, "refused") == ""


def test_refusals_from_before_a_key_are_not_told(portal: Portal) -> None:
    """Whoever makes a key is told what becomes of that one."""
    with portal.visit("ada@example.com") as ada:
        ada.post(new_secret())
        ada.post("")
        portal.clock.forward(1)
        ada.submit("/app/start/key")
        assert part(ada, "refused") == ""


def test_nobody_else_sees_what_came(portal: Portal, ada: Visitor) -> None:
    """Neither the trace nor the refusal."""
    ada.post(ada.member.secret)
    ada.post(ada.member.secret, {})
    with portal.visit("eve@example.com") as eve:
        assert part(eve, "arrived") == part(eve, "refused") == ""
        assert part(eve, "waiting")


def test_title_of_a_trace_is_hostile_text(portal: Portal, ada: Visitor) -> None:
    """As everywhere."""
    ada.post(ada.member.secret, PAYLOAD | {"title": "<script>alert(1)</script>\u202e"})
    page = ada.get("/app/start").text
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_deleted_trace_has_not_arrived(portal: Portal, ada: Visitor) -> None:
    """The page waits again."""
    url = ada.post(ada.member.secret).json()["url"]
    deleted = ada.client.delete(
        url.replace("/traces/", "/api/traces/"), headers={"x-tracen-key": ada.member.secret}
    )
    assert deleted.status_code == 204
    assert part(ada, "arrived") == ""


def test_page_goes_on_without_a_script(ada: Visitor) -> None:
    """It says how to look again."""
    assert '<p class="without-script"><a href="/app/start">Look again</a>' in ada.get("/app/start").text


@pytest.mark.parametrize("since", ["x", "-1", "1" * 30, "١"])
def test_news_are_since_a_time(ada: Visitor, since: str) -> None:
    """Anything else is no address of ours."""
    assert ada.get(f"/app/start/events?since={since}").status_code == 404
