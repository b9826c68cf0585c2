"""The first minute in a real browser: a page that is open, a shell beside it, and what comes of it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsers import launched, running_browser
from tests.processes import TracenProcess
from tests.shots.camera import settle
from tests.viewer.accessibility import violations
from tests.viewer.accounts.members import Member, join
from tests.viewer.accounts.portal import PAYLOAD
from tests.viewer.reference.test_snippets import require_program
from viewer.accounts.key_list import MAX_LABEL

pytestmark = pytest.mark.browser

PHONE, DESK = 390, 1440
LONG = "a label of a team that names things at length " * 4


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def joined(tracen: TracenProcess, *, with_first_key: bool = True) -> Member:
    return join(tracen, f"{uuid.uuid4().hex}@example.com", with_first_key=with_first_key)


@contextmanager
def opened(browser: Browser, tracen: TracenProcess, member: Member, path: str) -> Iterator[Page]:
    """A page of somebody who has logged in; nothing on it may fail, in the console either."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    try:
        yield entered(context, tracen, member, path)
    finally:
        context.close()


def entered(context: BrowserContext, tracen: TracenProcess, member: Member, path: str) -> Page:
    member.enter(context, tracen.http)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(tracen.http + path)
    return page


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def shell(command: str) -> str:
    done = subprocess.run(["sh"], input=command + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def post(tracen: TracenProcess, key: str, payload: object) -> int:
    headers = {"content-type": "application/json", "x-tracen-key": key}
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{tracen.http}/api/traces", json.dumps(payload).encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_first_minute(browser: Browser, tracen: TracenProcess) -> None:
    """The line is copied from the page into a shell; the trace appears with its address, which copies, and opens."""
    require_program("curl")
    member = joined(tracen)
    with opened(browser, tracen, member, "/app/start") as page:
        page.evaluate("window.isTheSame = true")
        expect(page.get_by_text("Waiting for your trace")).to_be_visible()
        page.get_by_role("button", name="Copy the key").click()
        expect(page.get_by_role("button", name="Copy the key")).to_have_text("Copied")
        assert clipboard(page) == member.secret
        page.get_by_role("button", name="Copy: Shell", exact=True).click()
        expect(page.get_by_role("button", name="Copy: Shell", exact=True)).to_have_text("Copied")
        url = json.loads(shell(clipboard(page)))["url"]
        link = page.get_by_role("link", name=url)
        expect(link).to_be_visible()
        news = page.get_by_role("status").filter(has_text="It came just now")
        expect(news).to_contain_text("Succeeded What is the weather in Paris?")
        expect(page.get_by_text("Waiting for your trace")).not_to_be_visible()
        expect(page).to_have_title("Your trace has arrived · Tracen")
        page.get_by_role("button", name="Copy the address of the trace").click()
        page.wait_for_function("url => navigator.clipboard.readText().then(text => text === url)", arg=url)
        assert page.evaluate("window.isTheSame")
        assert page.get_by_text(member.secret).first.is_visible()
        page.reload()
        expect(link).to_be_visible()
        assert member.secret in page.content()
        page.get_by_role("button", name="Done, do not show it again").click()
        page.goto(f"{tracen.http}/app/start")
        assert member.secret not in page.content()
        link.click()
        expect(page.get_by_role("heading", name="What is the weather in Paris?")).to_be_visible()


def test_refusals_appear_and_give_way(browser: Browser, tracen: TracenProcess) -> None:
    """Wrong fields, then a key that is cut off, then one that works: each as it comes, without a reload."""
    member = joined(tracen)
    with opened(browser, tracen, member, "/app/start") as page:
        page.evaluate("window.isTheSame = true")
        news = page.get_by_role("status").filter(has_text="Waiting")
        assert post(tracen, member.secret, PAYLOAD | {"provider": "OpenAI"}) == 422
        expect(news).to_contain_text("A request was refused: Wrong fields")
        expect(news).to_contain_text("Answered 422, just now")
        expect(news).to_contain_text('got "OpenAI"')
        expect(news).to_contain_text("Correct the fields")
        assert post(tracen, member.secret[:-5], PAYLOAD) == 401
        expect(news).to_contain_text("A request from your network came with a key that is unknown")
        assert post(tracen, member.secret, PAYLOAD | {"title": "<b>bold</b>"}) == 200
        expect(page.get_by_text("<b>bold</b>")).to_be_visible()
        expect(page.get_by_text("came with a key that is unknown")).not_to_be_visible()
        assert post(tracen, member.secret, {}) == 422
        expect(page.get_by_text("A request was refused: Wrong fields")).to_be_visible()
        assert page.get_by_text("<b>bold</b>").is_visible()
        assert page.evaluate("window.isTheSame")


def test_failed_run_says_so(browser: Browser, tracen: TracenProcess) -> None:
    """The trace arrived; that the run failed is how it ended."""
    member = joined(tracen)
    with opened(browser, tracen, member, "/app/start") as page:
        post(tracen, member.secret, PAYLOAD | {"status": "error"})
        pill = page.locator("[data-part=arrived] .status")
        expect(pill).to_have_text("Failed")
        expect(pill).to_have_class("status is-bad")


def test_page_says_that_it_has_stopped_looking(browser: Browser, tracen: TracenProcess) -> None:
    """Where its news are refused: then there is a link to look again."""
    member = joined(tracen)
    context = browser.new_context()
    context.route("**/app/start/events*", lambda route: route.fulfill(status=503))
    page = entered(context, tracen, member, "/app/start")
    expect(page.get_by_text("This page has stopped looking.")).to_be_visible()
    post(tracen, member.secret, PAYLOAD)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("Weather in Paris", exact=True)).to_be_visible()
    context.close()


def test_start_is_complete_without_scripts(browser: Browser, tracen: TracenProcess) -> None:
    """Key, snippets, and a link that looks again; no button that would do nothing."""
    member = joined(tracen)
    with launched(browser.browser_type, "--blink-settings=scriptEnabled=false") as scriptless:
        context = scriptless.new_context()
        member.enter(context, tracen.http)
        page = context.new_page()
        page.goto(f"{tracen.http}/app/start")
        assert member.secret in page.locator("#snippet-curl").inner_text()
        assert not page.get_by_role("button", name="Copy").first.is_visible()
        post(tracen, member.secret, PAYLOAD)
        page.get_by_role("link", name="Look again").click()
        expect(page.get_by_text("Weather in Paris", exact=True)).to_be_visible()


def test_key_is_made_copied_rotated_and_revoked(browser: Browser, tracen: TracenProcess) -> None:
    """By hand, as its owner does."""
    with opened(browser, tracen, joined(tracen, with_first_key=False), "/app/settings") as page:
        page.get_by_role("textbox", name="Name").fill("my laptop")
        page.get_by_role("button", name="Make the key").click()
        page.get_by_role("button", name="Copy the key").click()
        expect(page.get_by_role("button", name="Copy the key")).to_have_text("Copied")
        secret = clipboard(page)
        assert post(tracen, secret, PAYLOAD) == 200
        page.get_by_text("OpenTelemetry Collector", exact=True).click()
        page.get_by_role("button", name="Copy: Beside the exporters").click()
        page.wait_for_function(
            "() => navigator.clipboard.readText().then(text => text.includes('otlp_http'))"
        )
        assert secret in clipboard(page)
        page.goto(f"{tracen.http}/app/settings")
        assert secret not in page.content()
        assert page.get_by_text("Accepted").is_visible()
        page.locator("summary", has_text="Rotate").click()
        page.get_by_role("button", name="Make the new key").click()
        expect(page.get_by_role("heading", name="Your new key: my laptop")).to_be_visible()
        assert page.get_by_text("Replaced: it ends").is_visible()
        page.locator("summary", has_text="Revoke").last.click()
        page.get_by_role("button", name="Revoke for good").click()
        expect(page.get_by_text("The key is revoked")).to_be_visible()
        expect(page.get_by_text("Replaced: it ends")).not_to_be_visible()


# -- for everybody, at every width ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(tracen: TracenProcess) -> Member:
    """Somebody with keys of long and hostile names, a trace, and a refusal after it."""
    member = joined(tracen)
    post(tracen, member.secret, PAYLOAD)
    post(tracen, member.secret, {"steps": [{}] * 10})
    return member


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")])
def test_pages_break_no_rule_and_fit(
    browser: Browser, tracen: TracenProcess, busy: Member, width: int, scheme: str
) -> None:
    """axe finds nothing, and nothing scrolls sideways: empty, with a new key, refused, and with long names."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = entered(context, tracen, busy, "/app/settings")
    for name in (LONG[:MAX_LABEL], "x" * MAX_LABEL, "\u202e<i>"):
        page.get_by_role("textbox", name="Name").fill(name)
        page.get_by_role("button", name="Make the key").click()
        check(page, width)
    page.get_by_role("textbox", name="Name").fill(" ")
    page.get_by_role("button", name="Make the key").click()
    page.locator("summary", has_text="Revoke").first.click()
    check(page, width)
    page.goto(f"{tracen.http}/app/start")
    check(page, width)
    context.close()
    for member in (joined(tracen), joined(tracen, with_first_key=False)):
        context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
        for path in ("/app/start", "/app/settings"):
            check(entered(context, tracen, member, path), width)
        context.close()


def check(page: Page, width: int) -> None:
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not violations(page)
