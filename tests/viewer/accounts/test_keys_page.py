"""Keys on `/app/settings`: made, shown once, listed, rotated, revoked, for their owner alone."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.viewer.accounts.portal import PAYLOAD, Portal, Visitor, hold, opened_portal
from viewer.accounts.key_list import MAX_LABEL
from viewer.accounts.keyring import MAX_KEYS, OVERLAP_NS
from viewer.keys import PREFIX, new_key, new_secret
from viewer.store.accounts import SqliteAccounts
from viewer.store.base import NS_PER_S
from viewer.store.people import Key, NewKey, Scope

SECRET = re.compile(PREFIX + r"[0-9A-Za-z]{36}")
HOSTILE = "<script>alert(1)</script>\" onload='x' \u202egnp.exe \x00"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with opened_portal(tmp_path) as portal:
        yield portal


@pytest.fixture
def ada(portal: Portal) -> Iterator[Visitor]:
    with portal.visit("ada@example.com") as visitor:
        yield visitor


def make(visitor: Visitor, label: str = "laptop", *scopes: str) -> str:
    """A key made by the form; its secret, as the page shows it."""
    answer = visitor.submit("/app/keys", label=label, scope=list(scopes or ("write", "read")))
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/settings#new-key")
    return shown(visitor)


def shown(visitor: Visitor) -> str:
    found = SECRET.search(visitor.get("/app/settings").text)
    assert found
    return found[0]


def actions(visitor: Visitor, name: str) -> list[str]:
    """Where the forms of the page lead that do `name`, in its order."""
    return re.findall(rf'action="(/app/keys/\w+/{name})"', visitor.get("/app/settings").text)


# -- made, and shown once ------------------------------------------------------------------------------


def test_secret_is_shown_once(portal: Portal, ada: Visitor) -> None:
    """On the page after the form, and on no later one; another browser of the same person never sees it."""
    secret = make(ada)
    assert ada.post(secret).status_code == 200
    assert secret not in ada.get("/app/settings").text
    with portal.visit("ada@example.com") as other:
        ada.submit("/app/keys", label="second", scope=["write"])
        assert not SECRET.search(other.get("/app/settings").text)
    assert SECRET.search(ada.get("/app/settings").text)


def test_secret_is_in_no_file(portal: Portal, ada: Visitor) -> None:
    """The store keeps its hash and a hint; what was written to the disk holds neither the secret nor its middle."""
    secret = make(ada)
    ada.post(secret)
    written = b"".join(path.read_bytes() for path in portal.db.parent.iterdir() if path.is_file())
    assert b"laptop" in written
    assert secret.encode() not in written
    assert secret[len(PREFIX) + 4 : -4].encode() not in written


def test_secret_travels_where_no_script_and_no_other_site_sees_it(ada: Visitor) -> None:
    """A cookie for the one page, for a minute; the answer that shows it takes it back. Nothing is cached."""
    answer = ada.submit("/app/keys", label="laptop", scope=["write"])
    given = answer.headers["set-cookie"]
    assert SECRET.search(given)
    for word in ("__Secure-", "HttpOnly", "SameSite=strict", "Secure", "Path=/app/settings", "Max-Age=60"):
        assert word in given
    page = ada.get("/app/settings")
    assert "Max-Age=0" in page.headers["set-cookie"]
    assert not SECRET.search(page.headers["set-cookie"])
    assert "set-cookie" not in ada.get("/app/settings").headers
    assert {answer.headers["cache-control"], page.headers["cache-control"]} == {"no-store"}


def test_asking_for_the_head_does_not_use_the_secret_up(ada: Visitor) -> None:
    """Who shows nothing takes nothing back."""
    ada.submit("/app/keys", label="laptop", scope=["write"])
    assert "set-cookie" not in ada.client.head("/app/settings").headers
    assert shown(ada)


def test_secret_of_somebody_else_is_not_shown(portal: Portal, ada: Visitor) -> None:
    """What a browser brings is looked up: a cookie that was planted shows nothing, and is taken back."""
    with portal.visit("eve@example.com") as eve:
        planted = make(eve)
    for value in (planted, new_secret(), "<script>", "x" * 5_000):
        hold(ada.client, "__Secure-tracen_new_key", value, "/app/settings")
        page = ada.get("/app/settings")
        assert page.status_code == 200
        assert value not in page.text
        assert "Max-Age=0" in page.headers["set-cookie"]


def test_snippets_hold_the_key(ada: Visitor) -> None:
    """Exporter, OTLP environment, cURL and Collector, each with server and key, each with a button that copies."""
    ada.submit("/app/keys", label="laptop", scope=["write"])
    page = ada.get("/app/settings").text
    secret = SECRET.findall(page)[0]
    for name in ("curl", "exporter", "otlp", "collector"):
        found = re.search(rf'id="snippet-{name}"[^>]*>(.*?)</pre>', page, re.DOTALL)
        assert found, name
        text = html.unescape(found[1])
        assert secret in text
        assert "https://tracen.example" in text
        assert f'data-copy="snippet-{name}"' in page
    assert 'data-copy="secret"' in page


# -- what the form refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"label": " \t ", "scope": ["write"]}, "Give it a name"),
        ({"scope": ["write"]}, "Give it a name"),
        ({"label": "x" * (MAX_LABEL + 1), "scope": ["write"]}, f"{MAX_LABEL} at most"),
        ({"label": "laptop"}, "Choose write, read, or both"),
        ({"label": "laptop", "scope": ["write", "admin"]}, "Choose write, read, or both"),
    ],
)
def test_form_says_what_is_wrong(ada: Visitor, fields: dict[str, str | list[str]], words: str) -> None:
    """It comes back as it was filled in, and no key is made."""
    answer = ada.submit("/app/keys", **fields)
    assert answer.status_code == 422
    assert words in html.unescape(answer.text)
    assert 'class="key"' not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_label_of_the_longest_is_kept_whole(ada: Visitor) -> None:
    """A hundred characters of any script, spaces made one."""
    label = "ключ " * 20
    make(ada, label)
    assert " ".join(label.split()) in ada.get("/app/settings").text


def test_labels_are_hostile_text(ada: Visitor) -> None:
    """Wherever a label stands it is text: also within attributes, and after a refusal."""
    make(ada, HOSTILE)
    ada.submit("/app/keys", label="again", scope=["write"])
    for page in (ada.get("/app/settings").text, ada.submit("/app/keys", label=HOSTILE).text):
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "\x00" not in page
        assert not re.search(r"<[^>]*=\"[^\"]*<span", page)
        assert "\\u202egnp.exe" in page


def test_account_has_so_many_keys_and_no_more(portal: Portal, ada: Visitor) -> None:
    """Then the page says so in the place of the form; what was revoked makes room."""
    account = ada.member.account

    async def fill() -> None:
        for n in range(MAX_KEYS):
            await portal.store.accounts.add_key(account.id, new_key(new_secret(), f"key {n}"), n)

    asyncio.run(fill())
    page = ada.get("/app/settings").text
    assert f"at most {MAX_KEYS} keys" in page
    assert 'action="/app/keys"' not in page
    refused = ada.submit("/app/keys", label="one more", scope=["write"])
    assert (refused.status_code, f"at most {MAX_KEYS} keys" in refused.text) == (409, True)
    assert ada.submit(actions(ada, "rotate")[0]).status_code == 409
    assert ada.submit(actions(ada, "revoke")[0]).status_code == 303
    make(ada)


# -- the list ------------------------------------------------------------------------------------------


def test_list_tells_what_a_key_is_and_what_it_did(portal: Portal, ada: Visitor) -> None:
    """Name, hint, scopes, age, last use, and requests of this hour with what is left and when there is more."""
    secret = make(ada, "laptop", "write")
    page = ada.get("/app/settings").text
    assert f"{secret[:14]}…{secret[-4:]}" in page
    assert "write only" in page
    assert "<dd>never</dd>" in page
    assert "0 of 3" in page
    portal.clock.forward(600)
    for _ in range(2):
        assert ada.post(secret).status_code == 200
    portal.clock.forward(60)
    page = ada.get("/app/settings").text
    assert "2 of 3 · <small>1 left, one more in 59 min 00 s" in page
    assert re.search(r"<dt>Made</dt><dd><time [^>]+>11 minutes ago</time>", page)
    portal.clock.forward(3600)
    assert "0 of 3" in ada.get("/app/settings").text


def test_key_that_only_reads_tells_of_no_posts(ada: Visitor) -> None:
    """It can not send, so there is nothing to count."""
    secret = make(ada, "dashboard", "read")
    assert ada.post(secret).status_code == 403
    page = ada.get("/app/settings").text
    assert "read only" in page
    assert "Posts this hour" not in page


def test_account_without_keys_is_told_what_to_do(ada: Visitor) -> None:
    """And so is one to which nothing has come."""
    page = ada.get("/app/settings").text
    assert "No key yet" in page
    assert "Nothing came with a key of this account" in page


# -- revoke and rotate ---------------------------------------------------------------------------------


def test_revoked_key_is_refused_within_a_second(portal: Portal, ada: Visitor) -> None:
    """It is gone from the list, and a second time is told 404."""
    secret = make(ada)
    assert ada.post(secret).status_code == 200
    (revoke,) = actions(ada, "revoke")
    answer = ada.submit(revoke)
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/settings?done=revoked")
    portal.key_age_s += 1
    assert ada.post(secret).status_code == 401
    page = ada.get("/app/settings?done=revoked").text
    assert "The key is revoked" in page
    assert "No key yet" in page
    assert ada.submit(revoke).status_code == 404


def test_rotated_key_works_for_a_day_beside_the_new_one(portal: Portal, ada: Visitor) -> None:
    """The new one has its name and its scopes, and is shown once."""
    old = make(ada, "CI", "write")
    assert ada.submit(actions(ada, "rotate")[0]).headers["location"] == "/app/settings#new-key"
    new = shown(ada)
    assert new != old
    page = ada.get("/app/settings").text
    assert new not in page
    assert page.count("<bdi>CI</bdi>") == 2
    assert page.count("write only") == 2
    assert "it ends <time" in page
    assert "in 24 hours" in page
    assert len(actions(ada, "rotate")) == 1
    for secret in (old, new):
        assert ada.post(secret).status_code == 200
    portal.clock.forward(OVERLAP_NS / NS_PER_S)
    portal.key_age_s += 1
    assert [ada.post(secret).status_code for secret in (old, new)] == [401, 200]
    page = ada.get("/app/settings").text
    assert "Was replaced, and ended" in page
    assert ada.submit(actions(ada, "revoke")[-1]).status_code == 303
    assert "Was replaced" not in ada.get("/app/settings").text


def test_keys_of_another_account_are_unknown(portal: Portal, ada: Visitor) -> None:
    """404, and nothing has changed."""
    secret = make(ada)
    forms = [actions(ada, "revoke")[0], actions(ada, "rotate")[0]]
    with portal.visit("eve@example.com") as eve:
        for path in (*forms, "/app/keys/unknown/revoke", "/app/keys/%00/rotate"):
            answer = eve.submit(path)
            assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store"), path
    assert ada.post(secret).status_code == 200
    assert len(actions(ada, "revoke")) == 1


# -- the last requests ---------------------------------------------------------------------------------


def test_page_tells_what_became_of_the_last_requests(portal: Portal, ada: Visitor) -> None:
    """Of all keys together, newest first, each with what to do; nobody else sees them."""
    laptop, ci = make(ada, "laptop"), make(ada, "CI")
    url = ada.post(laptop).json()["url"]
    portal.clock.forward(1)
    ada.post(ci, PAYLOAD | {"provider": "<b>OpenAI</b>"})
    portal.clock.forward(1)
    page = ada.get("/app/settings").text
    lines = re.findall(r'<li class="request">(.*?)</li>', page, re.DOTALL)
    assert len(lines) == 2
    for words in (
        "Wrong fields",
        "422",
        "POST",
        '<bdi class="request-key">CI</bdi>',
        "provider: expected one of",
    ):
        assert words in lines[0]
    assert "&lt;b&gt;OpenAI" in lines[0]
    for words in ("Accepted", "200", "laptop", f'href="{url}"', f'data-text="{url}"'):
        assert words in lines[1]
    with portal.visit("eve@example.com") as eve:
        assert url not in eve.get("/app/settings").text


def test_requests_of_a_revoked_key_are_still_told(ada: Visitor) -> None:
    """It is often just then that one wants to know; the key goes by its name."""
    ada.post(make(ada, "nightly run"))
    ada.submit(actions(ada, "revoke")[0])
    assert "nightly run (revoked)" in ada.get("/app/settings").text


def test_key_of_a_run_that_is_over_alarms_nobody(ada: Visitor) -> None:
    """`tracen run` makes a key for each run and revokes it at its end."""
    ada.post(make(ada, "tracen run python agent.py"))
    ada.submit(actions(ada, "revoke")[0])
    page = ada.get("/app/settings").text
    assert "tracen run python agent.py (ended)" in page
    assert "(revoked)" not in page


def test_scopes_are_kept(portal: Portal, ada: Visitor) -> None:
    """As they were chosen."""
    for scope in Scope:
        make(ada, scope, scope)
    keys = asyncio.run(portal.store.accounts.keys_of(ada.member.account.id))
    assert {key.label: key.scopes for key in keys} == {scope: {scope} for scope in Scope}


@pytest.mark.parametrize("path", ["/app/keys", "/app/start/key"])
def test_account_that_ends_meanwhile_gets_no_key(
    portal: Portal, ada: Visitor, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Its session is over, and that is what is answered."""
    add_key = SqliteAccounts.add_key

    async def close_first(
        accounts: SqliteAccounts, account_id: str, new: NewKey, now_ns: int, most: int
    ) -> Key:
        await accounts.close_account(account_id, now_ns)
        return await add_key(accounts, account_id, new, now_ns, most)

    monkeypatch.setattr(SqliteAccounts, "add_key", close_first)
    answer = ada.submit(path, label="laptop", scope=["write"])
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Session")
    assert "set-cookie" not in answer.headers
