"""Sign-up, log-in and log-out through the app, as a browser does them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.viewer.accounts.site import EMAIL, PASSWORD, URL, Site, open_site
from viewer.accounts.fields import FORM
from viewer.accounts.passwords import MAX_BYTES
from viewer.accounts.tickets import invitation_url, login_url
from viewer.store.people import Account


def account_of(site: Site, email: str = EMAIL) -> Account:
    account = asyncio.run(site.store.accounts.by_email(email))
    assert account is not None
    return account


def path_of_link(site: Site, account: Account) -> str:
    """The path of a link that logs in, as an operator makes it."""
    url = asyncio.run(login_url(site.store.accounts, account, URL, site.now_ns))
    return url.removeprefix(URL)


def path_of_invitation(site: Site, email: str = "") -> str:
    url = asyncio.run(invitation_url(site.store.accounts, email, URL, site.now_ns))
    return url.removeprefix(URL)


# -- sign-up -------------------------------------------------------------------------------------------


def test_sign_up_opens_an_account_that_log_out_closes(site: Site) -> None:
    """The first minute: an account, a session, and none once it is left."""
    browser = site.browser()
    answer = browser.sign_up()
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/start")
    assert browser.is_in
    assert browser.get("/signup").headers["location"] == "/app/traces"
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert not browser.is_in


@pytest.mark.parametrize(
    ("email", "password", "told"),
    [
        ("ada@team", PASSWORD, "a domain such as team.example"),
        ("аda@team.example", PASSWORD, "without accents"),
        (EMAIL, "short", "8 characters"),
        (EMAIL, "password", "tried first"),
        (EMAIL, EMAIL, "your email address"),
        (EMAIL, "x" * (MAX_BYTES + 1), "1,025 bytes"),
        (EMAIL, "é" * 5_000, None),  # 30 kB, as a form sends it
    ],
)
def test_sign_up_says_which_field_is_wrong(site: Site, email: str, password: str, told: str | None) -> None:
    """422 with the form, what was typed in it but for the password, and no account."""
    browser = site.browser()
    answer = browser.sign_up(email, password)
    assert answer.status_code == (422 if told else 413)
    assert asyncio.run(site.store.accounts.by_email(EMAIL)) is None
    if told:
        assert told in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert f'value="{email}"' in answer.text
        assert answer.text.count(f'value="{password}"') == (password == email)


@pytest.mark.parametrize(
    "typed",
    ['"><script>alert(1)</script>@x.example', "'\" autofocus onfocus=alert(1) x='@x.example", "\u202ex\x00"],
)
def test_what_was_typed_is_shown_as_text(site: Site, typed: str) -> None:
    """In the field, with nothing of it markup; hidden characters are spelled out."""
    browser = site.browser()
    for answer in (browser.sign_up(typed), browser.log_in(typed)):
        assert answer.status_code in (422, 401)
        assert "<script" not in answer.text
        values = re.findall(r'<input class="input" id="email"[^>]*? value="([^"]*)"', answer.text)
        assert len(values) == 1
        assert "<" not in values[0]
        assert "\u202e" not in answer.text
        assert "\x00" not in answer.text


# -- log-in --------------------------------------------------------------------------------------------


def test_log_in_opens_the_account_with_its_password_alone(site: Site) -> None:
    """From any other browser, with the address in any case."""
    site.browser().sign_up()
    browser = site.browser()
    assert browser.log_in(password="another password").status_code == 401
    assert not browser.is_in
    answer = browser.log_in(email=" Ada@TEAM.example ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/traces")
    assert browser.is_in


@pytest.mark.parametrize(
    "password", ["with\x00nul and more", "🔑 🗝 🔐 🔒 🔓 🔏", "x" * MAX_BYTES, " spaces around "]
)
def test_odd_passwords_log_in(site: Site, password: str) -> None:
    """To the last character."""
    site.browser().sign_up(password=password)
    assert site.browser().log_in(password=password[:-1]).status_code == 401
    assert site.browser().log_in(password=password).status_code == 303


def test_password_that_is_too_long_is_refused_before_it_is_hashed(site: Site) -> None:
    """422 above 1,024 bytes, whoever's it may be."""
    site.browser().sign_up()
    for email in (EMAIL, "nobody@team.example"):
        answer = site.browser().log_in(email, "x" * 10_000)
        assert answer.status_code == 422
        assert "10,000 bytes" in answer.text


def test_session_is_another_one_after_each_log_in(site: Site) -> None:
    """A cookie that was there before, whoever put it there, is worth nothing afterwards."""
    owner, thief = site.browser(), site.browser()
    owner.sign_up()
    before = owner.client.cookies["tracen_session"]
    owner.log_in()
    after = owner.client.cookies["tracen_session"]
    assert after != before
    thief.client.cookies.set("tracen_session", before)
    assert not thief.is_in
    planted = "p" * 43
    victim = site.browser()
    victim.client.cookies.set("tracen_session", planted, domain="tracen.example", path="/")
    assert victim.log_in().status_code == 303
    thief.client.cookies.clear()
    thief.client.cookies.set("tracen_session", planted)
    assert not thief.is_in


def test_cookies_are_for_the_server_alone(site: Site, tmp_path: Path) -> None:
    """No script reads them, no other site sends them along; over TLS their name and flags say so."""
    answer = site.browser().sign_up()
    assert all(
        "HttpOnly" in cookie and "SameSite=" in cookie and "Path=/" in cookie and "; Secure" not in cookie
        for cookie in answer.headers.get_list("set-cookie")
    )
    (tmp_path / "tls").mkdir()
    with open_site(tmp_path / "tls", base_url="https://tracen.example") as secure:
        cookies = secure.browser().sign_up().headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "__Host-tracen_session",
        "__Host-tracen_known",
        "__Secure-tracen_first_key",
    ]
    assert all("; Secure" in cookie for cookie in cookies)


@pytest.mark.parametrize("path", ["/signup", "/login", "/login/link", "/app/account", "/app/account/close"])
def test_head_is_answered_as_get_and_does_nothing(site: Site, path: str) -> None:
    """What other sites may ask for is never taken for a form."""
    browser = site.browser()
    if path.startswith("/app"):
        browser.sign_up()
    form = f"email=bob@team.example&password={PASSWORD}".encode()
    headers = {"content-type": FORM, "sec-fetch-site": "cross-site"}
    asked = browser.client.get(path)
    answer = browser.client.request("HEAD", path, content=form, headers=headers)
    assert answer.status_code == asked.status_code
    assert "set-cookie" not in answer.headers
    assert asyncio.run(site.store.accounts.by_email("bob@team.example")) is None


def test_head_logs_nobody_in(site: Site) -> None:
    """Though it brings the right password."""
    owner = site.browser()
    owner.sign_up()
    owner.post("/logout")
    form = f"email={EMAIL}&password={PASSWORD}".encode()
    answer = owner.client.request("HEAD", "/login", content=form, headers={"content-type": FORM})
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert not owner.is_in


def test_log_out_ends_the_session_of_its_token(site: Site) -> None:
    """Not the cookie alone: a copy of it opens nothing either."""
    browser, copy = site.browser(), site.browser()
    browser.sign_up()
    copy.client.cookies.set("tracen_session", browser.client.cookies["tracen_session"])
    assert copy.is_in
    browser.post("/logout")
    assert "tracen_session" not in browser.client.cookies
    assert "tracen_first_key" not in browser.client.cookies
    assert not copy.is_in
    assert browser.post("/logout").status_code == 303  # once more harms nobody


def test_pages_of_accounts_are_kept_by_nobody(site: Site) -> None:
    """Neither by a browser's cache nor by a proxy."""
    browser = site.browser()
    answers = [browser.get("/signup"), browser.get("/login"), browser.log_in(), browser.sign_up()]
    answers += [browser.get("/app/account"), browser.get("/app/export"), browser.get("/app/account/close")]
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)


def test_hash_is_renewed_at_log_in(site: Site) -> None:
    """Where it was made with weaker parameters; sessions go on."""
    from tests.viewer.accounts.test_passwords import QUICK

    browser = site.browser()
    browser.sign_up()
    account = account_of(site)
    old = asyncio.run(site.store.accounts.password_hash(account.id))
    assert old is not None
    asyncio.run(site.store.accounts.rehash(account.id, old, QUICK.hash(PASSWORD)))
    assert site.browser().log_in().status_code == 303
    new = asyncio.run(site.store.accounts.password_hash(account.id))
    assert new is not None
    assert "m=19456,t=2,p=1" in new
    assert browser.is_in


# -- too many attempts ---------------------------------------------------------------------------------


def test_log_in_is_slowed_down_and_not_locked(site: Site) -> None:
    """After a hundred tries the owner still gets in, in a minute at most."""
    site.browser().sign_up()
    guesser = site.browser("198.51.100.7")
    waits = 0
    for _ in range(100):
        answer = guesser.log_in(password="a wrong guess")
        if answer.status_code == 429:
            waits += 1
            site.pass_time(int(answer.headers["retry-after"]))
    assert waits > 40
    site.pass_time(60)
    assert guesser.log_in().status_code == 303


def test_owner_who_was_here_before_is_not_kept_waiting(site: Site) -> None:
    """Though others guess from everywhere, from their own network too; the owner's browser is known."""
    owner = site.browser()
    owner.sign_up()
    owner.post("/logout")
    for n in range(20):
        site.browser(f"203.0.113.{n}").log_in(password="a wrong guess")
    for _ in range(6):
        answer = site.browser().log_in(password="a wrong guess")
    assert answer.status_code == 429
    assert site.browser("198.51.100.7").log_in().status_code == 303  # nothing has failed there
    assert owner.log_in().status_code == 303


def test_sign_ups_of_a_network_are_slowed_down(site: Site) -> None:
    """The form says when to come back, and keeps what was typed but for the password."""
    browser = site.browser()
    for n in range(30):
        assert browser.sign_up(f"ada{n}@team.example").status_code == 303
    answer = browser.sign_up("ada30@team.example")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert "Try again in 10 s." in answer.text
    assert 'value="ada30@team.example"' in answer.text
    assert PASSWORD not in answer.text
    assert site.browser("198.51.100.7").sign_up("ada30@team.example").status_code == 303


def test_address_of_a_client_is_what_a_trusted_proxy_saw(tmp_path: Path) -> None:
    """With none, X-Forwarded-For makes nobody another one."""
    for proxies, status in ((0, 429), (1, 401)):
        folder = tmp_path / str(proxies)
        folder.mkdir()
        with open_site(folder, proxies=proxies) as site:
            browser = site.browser()
            for n in range(6):
                browser.client.headers["x-forwarded-for"] = f"203.0.113.{n}"
                answer = browser.log_in(password="a wrong guess")
            assert answer.status_code == status


# -- invitations ---------------------------------------------------------------------------------------


def test_closed_server_says_how_one_gets_an_account(tmp_path: Path) -> None:
    """No form, and none is taken."""
    for mode, told in (("invitation", "by invitation"), ("closed", "no new accounts")):
        folder = tmp_path / mode
        folder.mkdir()
        with open_site(folder, sign_up=mode) as site:
            browser = site.browser()
            for answer in (browser.get("/signup"), browser.sign_up()):
                assert answer.status_code == 403
                assert told in answer.text
                assert "<form" not in answer.text.partition("<main")[2]
            assert asyncio.run(site.store.accounts.by_email(EMAIL)) is None
            assert "/signup" not in browser.get("/login").text


def test_closed_server_takes_no_invitation(tmp_path: Path) -> None:
    """One that was sent before it was closed included."""
    with open_site(tmp_path, sign_up="closed") as site:
        path, browser = path_of_invitation(site, EMAIL), site.browser()
        for answer in (browser.get(path), browser.sign_up(invitation=path.partition("=")[2])):
            assert answer.status_code == 403
            assert "no new accounts" in answer.text
        assert asyncio.run(site.store.accounts.by_email(EMAIL)) is None


def test_invitation_admits_once_whom_it_names(tmp_path: Path) -> None:
    """Before it is a week old."""
    with open_site(tmp_path, sign_up="invitation") as site:
        path = path_of_invitation(site, EMAIL)
        token = path.partition("=")[2]
        browser = site.browser()
        assert f'value="{EMAIL}"' in browser.get(path).text
        eve = site.browser()
        answer = eve.sign_up("eve@x.example", invitation=token)
        assert answer.status_code == 422
        assert f"This invitation is for {EMAIL}." in answer.text
        assert browser.sign_up("eve@x.example", "short", invitation=token).text.count(token) == 1
        assert browser.sign_up(invitation=token).status_code == 303
        assert browser.is_in
        late = site.browser()
        assert late.get(path).status_code == 410
        assert late.sign_up("bob@x.example", invitation=token).status_code == 410
        other = path_of_invitation(site)
        site.pass_time(8 * 24 * 3600)
        assert late.get(other).status_code == 410


# -- a link that logs in -------------------------------------------------------------------------------


def test_link_logs_in_once_and_only_by_its_button(site: Site) -> None:
    """A chat that looks the link up does not use it up."""
    account = asyncio.run(site.store.accounts.create("local@tracen", site.now_ns))
    path = path_of_link(site, account)
    browser = site.browser()
    for _ in range(3):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "local@tracen" in answer.text
    assert not browser.is_in
    token = path.partition("=")[2]
    assert browser.post("/login/link", ticket=token).headers["location"] == "/app/traces"
    assert browser.is_in
    other = site.browser()
    assert other.get(path).status_code == 410
    assert other.post("/login/link", ticket=token).status_code == 410
    assert not other.is_in


def test_link_is_over_after_fifteen_minutes(site: Site) -> None:
    """And nothing else opens that door."""
    account = asyncio.run(site.store.accounts.create(EMAIL, site.now_ns))
    path = path_of_link(site, account)
    site.pass_time(15 * 60)
    browser = site.browser()
    for ticket in (path.partition("=")[2], "", "x" * 5_000, path_of_invitation(site).partition("=")[2]):
        assert browser.post("/login/link", ticket=ticket).status_code == 410
    assert browser.get("/login/link").status_code == 410


def test_link_sets_a_new_password(site: Site) -> None:
    """For who forgot theirs: the old one is out, and so is whoever used it."""
    owner = site.browser()
    owner.sign_up()
    token = path_of_link(site, account_of(site)).partition("=")[2]
    browser = site.browser()
    answer = browser.post("/login/link", ticket=token, password="short")
    assert answer.status_code == 422
    assert token in answer.text
    assert owner.is_in
    assert browser.post("/login/link", ticket=token, password="another long password").status_code == 303
    assert browser.is_in
    assert not owner.is_in
    assert owner.log_in().status_code == 401
    assert owner.log_in(password="another long password").status_code == 303
