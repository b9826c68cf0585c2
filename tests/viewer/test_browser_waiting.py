"""A page that is open before anything of its trace has come."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browsers import launched, running_browser
from tests.processes import TracenProcess
from tests.viewer.test_browser import opened
from tests.viewer.test_browser_live import Run

pytestmark = pytest.mark.browser

WAITS = "Nothing of it has arrived yet"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def run(tracen: TracenProcess) -> Run:
    return Run(tracen)


def call(run: Run, method: str, path: str) -> Any:
    headers = {"X-Tracen-Key": run.tracen.key}
    request = urllib.request.Request(run.tracen.http + path, method=method, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
        return json.loads(answer.read() or b"null")


def reserve(run: Run) -> str:
    """Ask for the page of a run that has just begun."""
    url: str = call(run, "PUT", f"/api/traces/by-otel/{run.root_span.trace_id.hex()}")["url"]
    return url


def test_page_that_waits_shows_the_run_as_soon_as_it_comes(browser: Browser, run: Run) -> None:
    """Without a hand; then it is followed like any other, at the same address."""
    url = reserve(run)
    page = opened(browser, url)
    expect(page.get_by_role("heading", name="The run has begun")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(WAITS)
    assert run.work(1) == url
    expect(page.locator(".row-title", has_text="search 1")).to_be_visible()
    assert page.get_by_text("Still receiving").is_visible()
    run.work(2)
    run.end()
    expect(page.locator(".row-title", has_text="search 2")).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True)).to_be_visible()
    assert page.url == url
    page.context.close()


def test_page_that_waits_rests_while_nothing_comes(browser: Browser, run: Run) -> None:
    """It hears how things are, and is not loaded again for that."""
    page = opened(browser, reserve(run))
    page.evaluate("window.isTheSame = true")
    told = page.evaluate(
        """() => new Promise(done => {
            new EventSource(document.querySelector(".waiting").dataset.events)
                .addEventListener("change", event => done(event.data));
        })"""
    )
    assert told == "0"
    assert page.evaluate("window.isTheSame")
    page.context.close()


def test_page_that_waits_hears_of_its_deletion(browser: Browser, run: Run) -> None:
    """Its owner may think better of it."""
    url = reserve(run)
    page = opened(browser, url)
    call(run, "DELETE", f"/api/traces/{url.rpartition('/')[2]}")
    expect(page.get_by_role("heading", name="Deleted")).to_be_visible(timeout=30_000)
    page.context.close()


def test_page_that_waits_looks_again_without_scripts(browser: Browser, run: Run) -> None:
    """It says so, and it does. Scripts are off in the browser itself: only then does it read what is for such."""
    with launched(browser.browser_type, "--blink-settings=scriptEnabled=false") as scriptless:
        page = scriptless.new_page()
        page.goto(reserve(run))
        assert "this page looks again every 5 seconds" in page.get_by_role("status").inner_text()
        run.work(1)
        expect(page.locator(".row-title", has_text="search 1")).to_be_visible(timeout=30_000)
