"""Sign-up, log-in and account in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browsers import launched, require_chromium
from tests.processes import TracenProcess, running_tracen
from tests.shots.camera import Look, opened
from tests.viewer.accessibility import violations
from tests.viewer.accounts.site import PASSWORD

pytestmark = pytest.mark.browser

NAME = "tracen.test"
"""A name without TLS that is not localhost: there browsers send no Sec-Fetch-Site."""
LOOKS = [Look(390, "dark"), Look(1440, "light")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_chromium()
    with (
        sync_playwright() as playwright,
        launched(playwright.chromium, f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def own_tracen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    db = tmp_path_factory.mktemp("accounts") / "tracen.db"
    with running_tracen(db, "--allowed-hosts", NAME) as tracen:
        yield tracen


def sign_up(page: Page, at: str, email: str) -> None:
    page.goto(f"{at}/signup")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/app/start")


def link_into_local_account(tracen: TracenProcess) -> str:
    """The link that the server printed at its first start."""
    told = tracen.db.with_suffix(".stderr").read_text()
    return next(word for word in told.split() if "/login/link?ticket=" in word)


def test_account_from_sign_up_to_its_end_over_plain_http(browser: Browser, own_tracen: TracenProcess) -> None:
    """On a server in a private network: forms are known to be ours by their Origin alone."""
    at = f"http://{NAME}:{urlsplit(own_tracen.http).port}"
    page = browser.new_context().new_page()
    sign_up(page, at, "ada@team.example")
    page.goto(f"{at}/app/account")
    page.get_by_role("button", name="Log out", exact=True).click()
    page.wait_for_url("**/login")
    page.goto(f"{at}/app/account")
    page.get_by_label("Email").fill("ada@team.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/app/account")
    page.get_by_label("private", exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    assert download.value.suggested_filename.startswith("tracen-export-")
    page.get_by_role("link", name="Delete the account…").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Delete everything").click()
    page.wait_for_url("**/goodbye")
    page.context.close()


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_break_no_rule_of_accessibility(
    browser: Browser, own_tracen: TracenProcess, look: Look
) -> None:
    """As they open, and with errors shown."""
    at = own_tracen.http
    found: dict[str, list[str]] = {}
    with opened(browser, f"{at}/signup", look, bypass_csp=True) as page:

        def look_at(name: str) -> None:
            found[name] = violations(page)

        look_at("sign-up")
        page.evaluate("document.forms[0].noValidate = true")
        page.get_by_label("Email").fill("<b>@x")
        page.get_by_label("Password").fill("short")
        page.get_by_role("button", name="Create account").click()
        page.locator("#email-wrong").wait_for()
        look_at("sign-up, refused")
        page.goto(f"{at}/login?next=/app/start")
        look_at("log-in")
        page.get_by_label("Email").fill("nobody@team.example")
        page.get_by_label("Password").fill("a wrong guess")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").wait_for()
        look_at("log-in, refused")
        sign_up(page, at, f"ada-{look.width}@team.example")
        page.goto(f"{at}/app/account?told=sessions")
        look_at("account")
        page.goto(f"{at}/app/account/close")
        look_at("close")
        page.goto(f"{at}/goodbye")
        look_at("goodbye")
        page.goto(link_into_local_account(own_tracen))
        look_at("link")
    assert not {name: told for name, told in found.items() if told}
