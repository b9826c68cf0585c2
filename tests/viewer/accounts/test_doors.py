"""Sign-up, log-in and log-out through the app, as a browser does them."""

from __future__ import annotations

from tests.viewer.accounts.site import Site


def test_sign_up_opens_an_account_that_log_out_closes(site: Site) -> None:
    """The first minute: an account, a session, and none once it is left."""
    browser = site.browser()
    answer = browser.sign_up()
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/start")
    assert browser.is_in
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert not browser.is_in


def test_log_in_opens_the_account_with_its_password_alone(site: Site) -> None:
    """From any other browser, with the address in any case."""
    site.browser().sign_up()
    browser = site.browser()
    assert browser.log_in(password="another password").status_code == 401
    assert not browser.is_in
    answer = browser.log_in(email=" Ada@TEAM.example ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/traces")
    assert browser.is_in
