"""`/app/account`: what is changed there holds, and only its owner changes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.viewer.accounts.site import EMAIL, PASSWORD, Site, open_site
from tests.viewer.accounts.test_doors import account_of, path_of_link
from viewer.store.people import Subscription

NEW = "another long password"


def test_account_page_tells_who_it_is(site: Site) -> None:
    """Its address, and since when."""
    browser = site.browser()
    browser.sign_up()
    text = browser.get("/app/account").text
    assert EMAIL in text
    assert "15 Jan 2027" in text
    assert "Change password" in text


def test_new_password_logs_out_every_other_browser(site: Site) -> None:
    """This one stays, and the old password is worth nothing."""
    here, there = site.browser(), site.browser()
    here.sign_up()
    there.log_in()
    answer = here.post("/app/account/password", current=PASSWORD, password=NEW)
    assert answer.headers["location"] == "/app/account?told=password"
    assert "every other browser is logged out" in here.get("/app/account?told=password").text
    assert "every other browser is logged out" not in here.get("/app/account?told=password").text
    assert here.is_in
    assert not there.is_in
    assert there.log_in().status_code == 401
    assert there.log_in(password=NEW).status_code == 303


@pytest.mark.parametrize(
    ("current", "password", "told"),
    [
        ("not the current one", NEW, "not the password of this account"),
        ("", NEW, "not the password of this account"),
        ("x" * 5_000, NEW, "not the password of this account"),
        (PASSWORD, "short", "8 characters"),
        (PASSWORD, "password1", "tried first"),
    ],
)
def test_password_is_not_changed_without_the_current_one(
    site: Site, current: str, password: str, told: str
) -> None:
    """Whoever found a browser open can not keep the account, nor guess without end."""
    browser = site.browser()
    browser.sign_up()
    answer = browser.post("/app/account/password", current=current, password=password)
    assert answer.status_code == 422
    assert told in answer.text
    for _ in range(6):
        answer = browser.post("/app/account/password", current="not the current one", password=NEW)
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    assert site.browser("198.51.100.7").log_in().status_code == 303


def test_account_without_a_password_gets_one(site: Site) -> None:
    """The first account of a server, reached by a link, needs no old one."""
    account = asyncio.run(site.store.accounts.create("local@tracen", site.now_ns))
    browser = site.browser()
    browser.post("/login/link", ticket=path_of_link(site, account).partition("=")[2])
    assert 'name="current"' not in browser.get("/app/account").text
    assert browser.post("/app/account/password", password=NEW).status_code == 303
    assert browser.is_in
    assert site.browser().log_in("local@tracen", NEW).status_code == 303
    assert browser.post("/app/account/password", password=PASSWORD).status_code == 422


def test_other_browsers_are_logged_out(site: Site) -> None:
    """All but the one that asks."""
    here, there = site.browser(), site.browser()
    here.sign_up()
    there.log_in()
    assert here.post("/app/account/sessions").headers["location"] == "/app/account?told=sessions"
    assert here.is_in
    assert not there.is_in


def test_traces_over_otlp_begin_as_chosen(site: Site) -> None:
    """Public until somebody says private."""
    browser = site.browser()
    browser.sign_up()
    assert not account_of(site).otlp_is_private
    for choice, is_private in (("private", True), ("public", False)):
        assert browser.post("/app/account/otlp", otlp=choice).status_code == 303
        assert account_of(site).otlp_is_private is is_private
        assert f'value="{choice}" checked' in browser.get("/app/account").text


def test_told_says_only_what_is_ours(site: Site) -> None:
    """And only what was just done: an address that somebody was sent makes a page say nothing."""
    browser = site.browser()
    browser.sign_up()
    browser.post("/app/account/sessions")
    assert 'role="status"' not in browser.get("/app/account?told=password").text
    assert "The key is revoked" not in browser.get("/app/settings?done=revoked").text
    assert "deleted for good" not in browser.get("/app/traces?deleted=200").text
    assert "Stripe did not answer" not in browser.get("/app/subscription?failed").text
    assert 'role="status"' in browser.get("/app/account?told=sessions").text
    assert "hacked" not in browser.get("/app/account?told=hacked").text
    assert 'role="status"' not in browser.get("/app/account?told=%3Cb%3E").text


def test_session_ends_with_its_account(site: Site) -> None:
    """In every browser, at once."""
    here, there = site.browser(), site.browser()
    here.sign_up()
    there.log_in()
    assert here.post("/app/account/delete", password="not it").status_code == 422
    assert there.is_in
    answer = here.post("/app/account/delete", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/goodbye")
    assert "is deleted" in here.get("/goodbye").text
    assert not here.is_in
    assert not there.is_in
    assert there.log_in().status_code == 401
    assert not here.client.cookies
    assert site.browser().sign_up().headers["location"] == "/app/start"  # the address is free again


def test_account_without_a_password_is_deleted_by_its_address(site: Site) -> None:
    """Typed, as a proof that it is meant."""
    account = asyncio.run(site.store.accounts.create("local@tracen", site.now_ns))
    browser = site.browser()
    browser.post("/login/link", ticket=path_of_link(site, account).partition("=")[2])
    answer = browser.post("/app/account/delete", email="remote@tracen")
    assert answer.status_code == 422
    assert "not the address" in answer.text
    assert browser.post("/app/account/delete", email=" LOCAL@tracen").status_code == 303


def test_account_is_kept_while_stripe_would_go_on_charging(tmp_path: Path) -> None:
    """Where its subscription can not be ended, nothing is deleted, and that is told."""
    nobody_there = {
        "stripe_secret_key": "sk_test_x",
        "stripe_webhook_secret": "whsec_x",
        "stripe_prices": "pro=price_1",
        "stripe_api_base": "http://127.0.0.1:9",
    }
    with open_site(tmp_path, **nobody_there) as site:
        browser = site.browser()
        browser.sign_up()
        paying = Subscription("pro", True, None, "cus_1", site.now_ns)
        asyncio.run(site.store.accounts.set_subscription(account_of(site).id, paying))
        answer = browser.post("/app/account/delete", password=PASSWORD)
        assert answer.status_code == 503
        assert "Nothing was deleted" in answer.text
        assert browser.is_in
