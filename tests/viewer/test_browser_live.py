"""A page that is open while the run goes on."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers import running_browser
from tests.processes import TracenProcess
from tests.shots.sources import Sent
from tests.shots.spans import Recorder
from tests.viewer.test_browser import opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


class Run:
    """A run whose spans are sent as they end: the root last."""

    def __init__(self, tracen: TracenProcess) -> None:
        self.tracen = tracen
        self.told = Recorder("planner")
        self.root = self.told.agent("planner", 0, 60_000)
        self.root_span = self.told.spans.pop()

    def send(self) -> str:
        """Send what has ended since; returns the path of the page."""
        path = Sent(self.told.requests).publish(self.tracen)
        self.told.spans.clear()
        return self.tracen.http + path

    def work(self, *numbers: int) -> str:
        for n in numbers:
            self.told.tool(f"search {n}", 1_000 * n, 900, self.root, {"query": n}, {"found": n})
        return self.send()

    def end(self) -> str:
        self.told.spans.append(self.root_span)
        return self.send()


@pytest.fixture
def run(tracen: TracenProcess) -> Run:
    return Run(tracen)


def top_of(page: Page, text: str) -> float:
    box = page.locator(".line", has_text=text).first.bounding_box()
    assert box
    return box["y"]


def test_steps_appear_while_the_run_goes_on(browser: Browser, run: Run) -> None:
    """Without reload; the page says that it is receiving, until the root has come and the steps hang under it."""
    page = opened(browser, run.work(1))
    assert page.get_by_text("Running", exact=True).is_visible()
    assert page.get_by_text("Still receiving").is_visible()
    run.work(2, 3)
    expect(page.locator(".row-title", has_text="search 3")).to_be_visible()
    assert page.locator("#row-3").get_attribute("aria-level") == "1"
    run.end()
    expect(page.get_by_text("Succeeded", exact=True)).to_be_visible()
    expect(page.locator("h1")).to_have_text("invoke_agent planner")
    expect(page.locator("#row-4")).to_have_attribute("aria-level", "2")
    expect(page.get_by_text("Still receiving")).not_to_be_visible()
    page.context.close()


def test_news_leave_the_reader_where_they_are(browser: Browser, run: Run) -> None:
    """What is unfolded stays so, the focus stays on its step, and nothing moves, though rows come in above."""
    page = opened(browser, run.work(*range(20, 60)))
    row = page.locator(".line", has_text="search 45").first
    row.locator("summary").first.click()
    expect(row.get_by_text('{"query": 45}').first).to_be_visible()
    row.evaluate("row => row.scrollIntoView({block: 'center'})")
    row.evaluate("row => row.focus({preventScroll: true})")
    before = top_of(page, "search 45")
    run.work(*range(1, 20))
    expect(page.get_by_text("59 steps")).to_be_visible()
    assert top_of(page, "search 45") == pytest.approx(before, abs=2)
    assert page.locator(".line", has_text="search 45").first.get_by_text('{"query": 45}').first.is_visible()
    assert "search 45" in str(page.evaluate("document.activeElement.textContent"))
    page.context.close()


def test_reader_who_types_is_not_interrupted(browser: Browser, run: Run) -> None:
    """The words in the search field stay, and so does the cursor."""
    page = opened(browser, run.work(1))
    page.get_by_role("searchbox").click()
    page.keyboard.type("status")
    run.work(2)
    expect(page.locator(".row-title", has_text="search 2")).to_be_visible()
    page.keyboard.type(":error")
    assert page.get_by_role("searchbox").input_value() == "status:error"
    page.context.close()


def test_deletion_is_seen_at_once(browser: Browser, run: Run) -> None:
    """A page that is open when its trace is deleted says so."""
    url = run.work(1)
    page = opened(browser, url)
    request = urllib.request.Request(  # noqa: S310 - our own server
        url.replace("/traces/", "/api/traces/"), method="DELETE", headers={"X-Tracen-Key": run.tracen.key}
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - our own server
    expect(page.get_by_role("heading", name="Deleted")).to_be_visible()
    page.context.close()


def test_running_page_says_how_to_see_more_without_scripts(browser: Browser, run: Run) -> None:
    """Nobody waits for what can not come."""
    page = opened(browser, run.work(1), scripts=False)
    assert page.get_by_text("reload the page to see more").is_visible()
    page.context.close()
