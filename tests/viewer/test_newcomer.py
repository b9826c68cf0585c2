"""A newcomer's first quarter of an hour, in a real browser, with a real shell beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers import running_browser
from tests.processes import TracenProcess, running_tracen

pytestmark = pytest.mark.browser

_EMAIL, _PASSWORD = "newcomer@example.com", "correct horse battery staple"
_FORMS = ("", ".json", ".md", ".otlp.json", ".perfetto.json", "/og.png", "/events", "/steps/1", "/rows")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """As anybody starts it: nothing is set."""
    with running_tracen(tmp_path_factory.mktemp("newcomer") / "tracen.db") as server:
        yield server


def test_newcomer_signs_up_sends_shares_and_deletes(browser: Browser, server: TracenProcess) -> None:
    """Sign up, copy the key, paste the cURL line into a shell, see the trace appear, open its URL in a second
    browser without cookies, delete it, see 410.
    """
    page = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    _sign_up(page, server)
    key = _copied(page)
    assert key.startswith("tracen_sk_")

    command = page.locator("figure pre", has_text="curl ").first.text_content() or ""
    assert key in command
    assert server.http in command
    sent = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert sent.returncode == 0, sent.stderr

    link = page.locator("#arrived-url")
    expect(link).to_be_visible(timeout=20_000)  # without a reload
    url = link.text_content() or ""
    assert url in sent.stdout

    friend = browser.new_context().new_page()
    answer = friend.goto(url)
    assert answer is not None
    assert answer.status == 200
    heading = friend.locator("h1").text_content() or ""
    assert heading in (page.locator("[data-told=heading]").text_content() or "")
    assert friend.locator("text=Log out").count() == 0

    page.goto(f"{server.http}/app/traces")
    expect(page.locator("main")).to_contain_text(heading, timeout=20_000)

    _delete(page, url, server)
    expect(friend.locator("h1")).to_have_text("Deleted", timeout=20_000)  # without a reload
    answer = friend.reload()
    assert answer is not None
    assert answer.status == 410
    for form in _FORMS:
        assert httpx2.get(url + form).status_code == 410, form
    assert httpx2.get(url.replace("/traces/", "/embed/")).status_code == 410
    assert httpx2.get(f"{server.http}/oembed", params={"url": url}).status_code == 410


def _sign_up(page: Page, server: TracenProcess) -> None:
    page.goto(server.http)
    page.get_by_role("link", name="Get your key").click()
    page.get_by_label("Email").fill(_EMAIL)
    page.get_by_label("Password").fill(_PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/app/start")


def _copied(page: Page) -> str:
    """What the copy button beside the key puts on the clipboard."""
    page.locator("[data-copy]").first.click()
    copied: str = page.evaluate("navigator.clipboard.readText()")
    return copied


def _delete(page: Page, url: str, server: TracenProcess) -> None:
    """By the sharing page of the trace, which its own page leads to."""
    page.goto(url)
    page.locator(
        f"a[href$='{url.removeprefix(server.http).replace('/traces', '/app/traces')}/sharing']"
    ).click()
    page.get_by_text("Delete the trace").click()
    page.get_by_role("button", name="Delete it for good").click()
    page.wait_for_load_state()
