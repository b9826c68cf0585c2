"""The owner in one browser, a reader without cookies in another."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.responses import Response

from tests.browsers import running_browser
from tests.processes import TracenProcess
from tests.viewer.accessibility import violations
from tests.viewer.samples import QUESTION, agent_trace
from tests.viewer.test_browser import publish
from viewer.accounts.sessions import Sessions
from viewer.keys import sha256_of
from viewer.store.sqlite import SqliteStore

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def session_of_owner(tracen: TracenProcess) -> tuple[str, str]:
    """Name and value of the cookie of whoever owns the server's key, as logging in would set it."""

    async def begun() -> tuple[str, str]:
        store = SqliteStore(tracen.db, exclusive=False)
        key = await store.accounts.key(sha256_of(tracen.key))
        assert key is not None
        account, answer = await store.accounts.by_id(key.account_id), Response()
        assert account is not None
        await Sessions(store.accounts, tracen.http, time.time_ns).open(account, answer)
        await store.close()
        name, _, rest = answer.headers["set-cookie"].partition("=")
        return name, rest.partition(";")[0]

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs on this one
        return thread.submit(lambda: asyncio.run(begun())).result(60)


@pytest.fixture
def owner(browser: Browser, tracen: TracenProcess) -> Iterator[BrowserContext]:
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce")
    name, value = session_of_owner(tracen)
    context.add_cookies(
        [{"name": name, "value": value, "url": tracen.http, "httpOnly": True, "sameSite": "Lax"}]
    )
    yield context
    context.close()


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def status_of(reader: Page, url: str) -> int:
    answer = reader.goto(url)
    assert answer is not None
    return answer.status


def test_owner_shares_hides_and_takes_back(
    owner: BrowserContext, reader: Page, tracen: TracenProcess
) -> None:
    """Private, public again, another link, deleted: the reader sees 200, 404, 200, 410 and 410."""
    url = publish(tracen, agent_trace())
    assert status_of(reader, url) == 200
    expect(reader.locator(".owner-bar")).to_have_count(0)
    page = owner.new_page()
    page.goto(url)
    page.locator(".owner-bar").get_by_role("link", name="Change who can see it").click()
    page.get_by_label("Only me").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Only you can see this page.")).to_be_visible()
    assert status_of(reader, url) == 404
    page.goto(url)
    expect(page.locator(".owner-bar")).to_contain_text("Only you can see this page.")
    page.get_by_role("link", name="Change who can see it").click()
    page.get_by_label("Anybody with the link").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_have_text("Saved.")
    assert status_of(reader, url) == 200

    page.get_by_text("Another link").click()
    page.get_by_role("button", name="Withdraw this link").click()
    expect(page.get_by_role("status").first).to_contain_text("This is the new one.")
    new = tracen.http + urlsplit(page.locator("#url").inner_text()).path
    assert new != url
    assert status_of(reader, url) == 410
    assert status_of(reader, new) == 200
    page.get_by_text("Delete the trace").click()
    page.get_by_role("button", name="Delete it for good").click()
    page.wait_for_url("**/app/traces")
    for form in ("", ".json", "/og.png"):
        assert status_of(reader, new + form) == 410
    assert status_of(reader, new.replace("/traces/", "/embed/")) == 410


def test_owner_masks_what_they_mark_in_the_preview(
    owner: BrowserContext, reader: Page, tracen: TracenProcess
) -> None:
    """Marked with the mouse, looked for, masked; a reader who has the page open sees the mark in its place."""
    url = publish(tracen, agent_trace())
    reader.goto(url)
    expect(reader.locator("body")).to_contain_text(QUESTION)
    page = owner.new_page()
    page.goto(tracen.http + "/app" + urlsplit(url).path + "/sharing")
    page.locator("#preview dd", has_text=QUESTION).first.click(click_count=3)
    expect(page.locator("#mask-text")).to_have_value(QUESTION)
    page.get_by_role("button", name="Find it").click()
    expect(page.locator(".sought")).to_contain_text("This stands in")
    assert not violations(page)
    page.get_by_role("button", name="Mask it everywhere").click()
    expect(page.locator(".own-masks")).to_contain_text(QUESTION)
    expect(reader.locator("body")).to_contain_text("[masked: by its owner]", timeout=30_000)
    assert QUESTION not in reader.content()
    page.get_by_role("button", name="Show again").click()
    expect(reader.locator("body")).to_contain_text(QUESTION, timeout=30_000)


def test_last_day_is_asked_for_where_a_day_is_chosen(owner: BrowserContext, tracen: TracenProcess) -> None:
    """And the form says so where it is over."""
    page = owner.new_page()
    page.goto(tracen.http + "/app" + urlsplit(publish(tracen, agent_trace())).path + "/sharing")
    expect(page.get_by_label("Last day")).to_be_hidden()
    page.locator("select[name=until]").select_option("date")
    page.get_by_label("Last day").fill("2020-01-31")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("2020-01-31 is over")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_controls_break_no_rule(
    owner: BrowserContext, tracen: TracenProcess, width: int, scheme: str
) -> None:
    """As they open, with every fold unfolded, and on the page of a trace that is private."""
    url = publish(tracen, agent_trace())
    page = owner.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(tracen.http + "/app" + urlsplit(url).path + "/sharing")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert not violations(page)
    page.get_by_label("Only me").check()
    page.get_by_role("button", name="Save").click()
    assert not violations(page)
    page.goto(url)
    assert not violations(page)


def test_reader_who_watches_is_told_when_a_page_becomes_private(
    owner: BrowserContext, reader: Page, tracen: TracenProcess
) -> None:
    """The stream ends, and what was open is there no more."""
    url = publish(tracen, agent_trace())
    reader.goto(url)
    page = owner.new_page()
    page.goto(tracen.http + "/app" + urlsplit(url).path + "/sharing")
    page.get_by_label("Only me").check()
    page.get_by_role("button", name="Save").click()
    expect(reader.get_by_role("heading", name="Nothing here")).to_be_visible(timeout=30_000)
    address = urlsplit(tracen.http)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request("GET", urlsplit(url).path + "/events")
    assert connection.getresponse().status == 404
    connection.close()
