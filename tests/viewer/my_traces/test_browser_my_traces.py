"""The list in a real browser: it renews itself, and rows are selected and deleted, with and without scripts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browsers import WITHOUT_CLIPBOARD, running_browser
from tests.processes import TracenProcess, running_tracen
from tests.shots.camera import HEIGHT_BY_WIDTH, Look
from tests.viewer.accessibility import violations
from tests.viewer.my_traces.service import cookie_of, payload
from tests.viewer.samples import HOSTILE
from viewer.accounts.addresses import LOCAL
from viewer.my_traces.page import ROWS
from viewer.store.sqlite import SqliteStore

pytestmark = pytest.mark.browser

PHONE, DESK = Look(390, "dark"), Look(1280, "light")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    db = tmp_path_factory.mktemp("my-traces") / "tracen.db"
    with running_tracen(db, "--requests-per-hour", "100000") as process:
        yield process


def logged_in(server: TracenProcess, email: str) -> tuple[str, str]:
    """A cookie that was made beside the running server, as its commands do; the browser has this thread's loop."""

    async def log_in() -> tuple[str, str]:
        store = SqliteStore(server.db, exclusive=False)
        try:
            return await cookie_of(store.accounts, email, server.http, time.time_ns())
        finally:
            await store.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(log_in())).result()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in to an account of their own, and their key."""

    server: TracenProcess
    cookie: tuple[str, str]
    key: str

    @property
    def url(self) -> str:
        return f"{self.server.http}/app/traces"

    def post(self, title: str, ago_s: float = 0) -> str:
        """Post a trace; the address of its page."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.server.http}/api/traces",
            json.dumps(payload(title, ago_s, time.time_ns())).encode(),
            {"content-type": "application/json", "x-tracen-key": self.key},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            url: str = json.load(answer)["url"]
        return url

    def delete(self, url: str) -> None:
        """Delete a trace by its key, as a program does."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            url.replace("/traces/", "/api/traces/"), method="DELETE", headers={"x-tracen-key": self.key}
        )
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - our own server

    @contextlib.contextmanager
    def browsing(self, browser: Browser, look: Look = DESK, **more: bool) -> Iterator[BrowserContext]:
        context = browser.new_context(
            viewport={"width": look.width, "height": HEIGHT_BY_WIDTH.get(look.width, 900)},
            color_scheme=look.scheme,
            **more,  # type: ignore[arg-type]
        )
        name, value = self.cookie
        context.add_cookies([{"name": name, "value": value, "url": self.server.http}])
        try:
            yield context
        finally:
            context.close()


@pytest.fixture
def person(server: TracenProcess, request: pytest.FixtureRequest) -> Person:
    """A new account for each test."""
    email = f"{abs(hash(request.node.name))}@example.com"
    key = server.create_key(email)
    return Person(server, logged_in(server, email), key)


def titles(page: Page) -> list[str]:
    return page.locator(".mine-title").all_text_contents()


def row(page: Page, title: str) -> Locator:
    """The row with a title."""
    return page.locator(".mine-row").filter(has=page.get_by_role("link", name=title, exact=True))


def opened(context: BrowserContext, person: Person, count: int, query: str = "") -> Page:
    """The list with so many rows; a summary takes a moment."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    for _ in range(100):
        page.goto(person.url + query)
        if page.locator(".mine-row").count() >= count:
            break
        page.wait_for_timeout(100)
    assert page.locator(".mine-row").count() == count
    assert not complaints
    return page


def test_trace_appears_without_reload(browser: Browser, person: Person) -> None:
    """In the list that was empty, then above the others, marked as new; a deleted one goes."""
    with person.browsing(browser) as context:
        page = opened(context, person, 0)
        page.evaluate("window.isSame = true")
        person.post("first", 60)
        expect(page.locator(".mine-title")).to_have_text(["first"])
        url = person.post("second")
        expect(page.locator(".mine-title")).to_have_text(["second", "first"])
        expect(row(page, "second")).to_have_class("mine-row is-new")
        expect(row(page, "first")).to_have_class("mine-row")
        expect(page.locator(".mine-count")).to_have_text("2 traces")
        expect(page.locator("body > [role=status]").get_by_text("1 new trace")).to_be_attached()
        person.delete(url)
        expect(page.locator(".mine-title")).to_have_text(["first"])
        assert page.evaluate("window.isSame")


def test_trace_older_than_all_appears_below_them(browser: Browser, person: Person) -> None:
    """And what comes after it still appears above."""
    person.post("middle", 60)
    with person.browsing(browser) as context:
        page = opened(context, person, 1)
        person.post("old", 3600)
        expect(page.locator(".mine-title")).to_have_text(["middle", "old"])
        person.post("new")
        expect(page.locator(".mine-title")).to_have_text(["new", "middle", "old"])


def test_list_holds_while_all_of_it_changes(browser: Browser, person: Person) -> None:
    """More arrive at once than a page shows; where some are deleted, those of the next page come up."""
    person.post("before", 3600)
    with person.browsing(browser) as context:
        page = opened(context, person, 1)
        context.set_offline(True)  # so that all of them come with one look
        urls = [person.post(f"run {n}", 60 * (n + 1)) for n in range(ROWS + 3)]
        context.set_offline(False)
        expect(page.locator(".mine-title")).to_have_text([f"run {n}" for n in range(ROWS)], timeout=20_000)
        for url in urls[:2]:
            person.delete(url)
        expect(page.locator(".mine-title")).to_have_text([f"run {n}" for n in range(2, ROWS + 2)])
        expect(page.locator(".mine-count")).to_have_text(f"The newest {ROWS} traces")


def test_news_leave_focus_and_place(browser: Browser, person: Person) -> None:
    """The row with the focus is the same element, and stands where it stood."""
    for n in range(30):
        person.post(f"run {n}", 60 * (n + 1))
    with person.browsing(browser) as context:
        page = opened(context, person, 30)
        title = row(page, "run 20").locator(".mine-title")
        title.focus()
        title.evaluate("link => link.scrollIntoView({block: 'center'})")
        title.evaluate("link => (window.link = link)")
        before = title.bounding_box()
        person.post("news")
        expect(page.locator(".mine-row")).to_have_count(31)
        assert page.evaluate("document.activeElement === window.link")
        after = title.bounding_box()
        assert before
        assert after
        assert abs(after["y"] - before["y"]) <= 2


def test_list_waits_while_somebody_selects(browser: Browser, person: Person) -> None:
    """What was selected stays where it is, a line tells of what came, and it comes once nothing is selected."""
    person.post("one", 60)
    with person.browsing(browser) as context:
        page = opened(context, person, 1)
        box = page.get_by_role("checkbox", name="Select one")
        box.check()
        person.post("two")
        expect(page.get_by_text("1 new trace.")).to_be_visible()
        assert titles(page) == ["one"]
        box.uncheck()
        expect(page.locator(".mine-title")).to_have_text(["two", "one"])
        expect(page.locator(".mine-news")).to_be_hidden()


def test_older_pages_tell_of_changes(browser: Browser, person: Person) -> None:
    """They stay as they are; a line leads to the newest."""
    person.post("one", 60)
    with person.browsing(browser) as context:
        page = opened(context, person, 1, "?before=9223372036854775807")
        person.post("two")
        page.get_by_role("link", name="Show").click()
        expect(page.locator(".mine-title")).to_have_text(["two", "one"])
        assert page.url == person.url


def test_filtered_list_shows_what_matches_alone(browser: Browser, person: Person) -> None:
    """News that the filters leave out change nothing that is seen."""
    person.post("invoice 1", 60)
    with person.browsing(browser) as context:
        page = opened(context, person, 1, "?q=invoice")
        person.post("weather", 30)
        person.post("invoice 2")
        expect(page.locator(".mine-title")).to_have_text(["invoice 2", "invoice 1"])


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_selected_traces_are_deleted(browser: Browser, person: Person, scripts: bool) -> None:
    """After a page that asks; the list says so once, and the other ones are still there."""
    urls = [person.post(title, 60 * (n + 1)) for n, title in enumerate(("one", "two", "three"))]
    with person.browsing(browser, java_script_enabled=scripts) as context:
        page = opened(context, person, 3)
        assert page.get_by_role("checkbox", name="Select all").is_visible() == scripts
        page.get_by_role("checkbox", name="Select one").check()
        page.get_by_role("checkbox", name="Select three").check()
        page.get_by_role("button", name="Delete 2…" if scripts else "Delete selected…").click()
        expect(page.get_by_role("heading", name="Delete 2 traces?")).to_be_visible()
        assert page.locator("main li").all_text_contents() == ["one", "three"]
        page.get_by_role("button", name="Delete 2 traces").click()
        expect(page.get_by_text("2 traces deleted for good.")).to_be_visible()
        assert titles(page) == ["two"]
        if scripts:
            assert page.url == person.url
            page.reload()
            expect(page.get_by_text("deleted for good")).to_have_count(0)
    for url, status in zip(urls, (410, 200, 410), strict=True):
        with contextlib.suppress(urllib.error.HTTPError):
            assert urllib.request.urlopen(url, timeout=30).status == status  # noqa: S310 - our own server


def test_all_of_a_page_are_selected_at_once(browser: Browser, person: Person) -> None:
    """And a stretch of rows with Shift, as lists of mail do."""
    for n in range(5):
        person.post(f"run {n}", 60 * (n + 1))
    with person.browsing(browser) as context:
        page = opened(context, person, 5)
        everything = page.get_by_role("checkbox", name="Select all on this page")
        everything.check()
        expect(page.get_by_text("5 selected")).to_be_visible()
        everything.uncheck()
        expect(page.get_by_role("button", name="Delete selected…")).to_be_disabled()
        page.get_by_role("checkbox", name="Select run 1").check()
        page.get_by_role("checkbox", name="Select run 3").click(modifiers=["Shift"])
        expect(page.get_by_text("3 selected")).to_be_visible()


def test_keys_move_and_select(browser: Browser, person: Person) -> None:
    """j and k move, x selects, / searches; nothing happens in a field, nor where letters are switched off."""
    for n in range(3):
        person.post(f"run {n}", 60 * (n + 1))
    with person.browsing(browser) as context:
        page = opened(context, person, 3)
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.get_by_role("checkbox", name="Select run 1")).to_be_checked()
        page.keyboard.press("k")
        expect(row(page, "run 0").locator(".mine-title")).to_be_focused()
        page.keyboard.press("/")
        page.keyboard.type("jxk/")
        assert page.get_by_role("searchbox").input_value() == "jxk/"
        page.evaluate("localStorage.setItem('tracen-letters', 'off')")
        page.locator("h1").click()
        page.keyboard.press("j")
        expect(page.locator(".mine-title:focus")).to_have_count(0)


def test_form_filters_and_sends_no_empty_fields(browser: Browser, person: Person) -> None:
    """The address that somebody sends on says what they filtered by and no more."""
    person.post("one")
    with person.browsing(browser) as context:
        page = opened(context, person, 1)
        page.get_by_role("searchbox").fill("one")
        page.get_by_role("combobox", name="Time").select_option("Past hour")
        expect(page.get_by_label("From")).to_be_hidden()
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_text("1 trace that matches")).to_be_visible()
        assert page.url == f"{person.url}?q=one&time=hour"
        page.get_by_role("combobox", name="Time").select_option("Between…")
        expect(page.get_by_label("From")).to_be_visible()
        page.get_by_label("From").fill("2026-01-01T10:00")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Since 2026-01-01 10:00 UTC")).to_be_visible()
        page.get_by_role("link", name="“one”").click()
        assert page.url == f"{person.url}?time=between&from=2026-01-01T10%3A00"


def test_link_is_copied(browser: Browser, person: Person) -> None:
    """The button copies the absolute address of the page, whatever the title holds."""
    url = person.post(HOSTILE)
    with person.browsing(browser) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = opened(context, person, 1)
        page.locator(".mine-links .copy").click()
        expect(page.locator(".mine-links .copy")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == url


def test_link_is_copied_where_there_is_no_clipboard(browser: Browser, person: Person) -> None:
    """On plain http in a network: nothing is left in the page, and the focus stays."""
    url = person.post("one")
    with person.browsing(browser) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = opened(context, person, 1)
        page.evaluate(WITHOUT_CLIPBOARD)
        page.locator(".mine-links .copy").click()
        expect(page.locator(".mine-links .copy")).to_have_text("Copied")
        assert page.evaluate("window.clipboard.readText()") == url
        assert page.locator("textarea").count() == 0
        expect(page.locator(".mine-links .copy")).to_be_focused()


@pytest.mark.parametrize("look", [PHONE, DESK], ids=["phone-dark", "desk-light"])
def test_pages_break_no_rule(browser: Browser, person: Person, look: Look) -> None:
    """Empty, filled, selected, filtered, without a match, told what was wrong, asked before deletion."""
    found: list[str] = []
    with person.browsing(browser, look, bypass_csp=True) as context:
        page = opened(context, person, 0)
        found += violations(page)
        for n, title in enumerate(("one", "x" * 300, HOSTILE)):
            person.post(title, 60 * (n + 1))
        page = opened(context, person, 3)
        found += violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("checkbox", name="Select all").check()
        found += violations(page)
        page.get_by_role("button", name="Delete 3…").click()
        expect(page.get_by_role("heading", name="Delete 3 traces?")).to_be_visible()
        found += violations(page)
        for query in (
            "?q=one&status=success&time=between&from=2026-01-01",
            "?q=nothing",
            "?status=x&before=1",
        ):
            page.goto(person.url + query)
            found += violations(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("width", "least"), [(390, 250), (1024, 700), (1201, 350), (1280, 400), (1600, 500)])
def test_titles_have_the_most_room(browser: Browser, person: Person, width: int, least: int) -> None:
    """On every screen; what sends the filters is as wide as a phone, and elsewhere stands beside the last of them."""
    person.post("word " * 60)
    with person.browsing(browser, Look(width, "light")) as context:
        page = opened(context, person, 1)
        assert page.evaluate("document.querySelector('.mine-title').clientWidth") >= least
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        selectors = (".filters", ".filters > button", "[name=time]")
        form, button, last = (page.locator(one).bounding_box() for one in selectors)
        assert form
        assert button
        assert last
        if width == PHONE.width:
            assert button["width"] == form["width"]
        else:
            assert abs(button["y"] - last["y"]) < 2


def test_local_account_has_a_list(server: TracenProcess, browser: Browser) -> None:
    """The account that a server makes for itself is one like the others."""
    cookie = logged_in(server, LOCAL)
    with Person(server, cookie, server.key).browsing(browser) as context:
        page = context.new_page()
        page.goto(f"{server.http}/app/traces")
        expect(page.get_by_role("heading", name="My traces")).to_be_visible()
