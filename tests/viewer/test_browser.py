"""Trace pages in a real browser, served by a real Tracen under its own content security policy."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect

from tests.browsers import WITHOUT_CLIPBOARD, running_browser
from tests.processes import TracenProcess
from tests.viewer.samples import (
    ANSWER,
    HOSTILE,
    QUESTION,
    TRICKY,
    agent_trace,
    failed_trace,
    hostile_trace,
    silent_trace,
)
from tracen_otel import payload
from tracen_otel.model import Trace

pytestmark = pytest.mark.browser

SCRIPTS = ("timeline", "keys", "page", "copy")
PHONE = 390
WIDE = 1440

SAMPLES = {
    "agent": agent_trace(),
    "failed": failed_trace(),
    "silent": silent_trace(),
    "hostile": hostile_trace(HOSTILE + "x" * 3_000),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def publish(tracen: TracenProcess, trace: Trace) -> str:
    """Post a trace as programs do; returns the address of its page on this machine."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{tracen.http}/api/traces",
        json.dumps(payload.encode(trace)).encode(),
        {"Content-Type": "application/json", "X-Tracen-Key": tracen.key},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
        url: str = json.load(answer)["url"]
    return tracen.http + urlsplit(url).path


@dataclass  # without slots: Playwright keeps notes on objects whose methods it calls
class Witness:
    """Writes down what a page does behind the reader's back."""

    origin: str
    dialogs: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("dialog", self.see_dialog)
        page.on("request", self.see_request)
        page.on("console", self.see_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def see_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def see_request(self, request: Request) -> None:
        if not request.url.startswith(self.origin + "/"):
            self.foreign_requests.append(request.url)

    def see_console(self, message: ConsoleMessage) -> None:
        self.complaints.append(message.text)

    def saw_nothing(self) -> bool:
        return not (self.dialogs or self.foreign_requests or self.complaints)


def opened(
    browser: Browser, url: str, *, width: int = WIDE, scripts: bool = True, scheme: str = "light"
) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        java_script_enabled=scripts,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(url)
    return page


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_page_is_complete_with_and_without_scripts(
    browser: Browser, tracen: TracenProcess, scripts: bool
) -> None:
    """Prompt, response and every step are in view, and a step unfolds with a click."""
    page = opened(browser, publish(tracen, agent_trace()), scripts=scripts)
    assert page.get_by_text(QUESTION, exact=True).first.is_visible()
    assert page.locator("pre", has_text=ANSWER.splitlines()[1]).first.is_visible()
    for step in agent_trace().steps:
        assert page.locator("summary.row", has_text=step.name).first.is_visible()
    body = page.locator("#step-2")
    assert not body.is_visible()
    page.locator("summary.row").nth(1).click()
    assert body.is_visible()
    assert body.get_by_text("Calls search").is_visible()
    page.context.close()


def test_step_unfolds_from_the_keyboard(browser: Browser, tracen: TracenProcess) -> None:
    """Rows can be reached and opened without a mouse, and show that they have the focus."""
    page = opened(browser, publish(tracen, agent_trace()))
    row = page.locator("summary.row").first
    row.focus()
    page.keyboard.press("Enter")
    assert page.locator("#step-1").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert row.evaluate("row => getComputedStyle(row).outlineStyle") == "solid"
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_deep_link_unfolds_its_step(browser: Browser, tracen: TracenProcess, scripts: bool) -> None:
    """A link to a step opens it and scrolls to it; the failure's link is one."""
    url = publish(tracen, failed_trace())
    page = opened(browser, f"{url}#step-4", scripts=scripts)
    assert page.locator("#step-4").is_visible()
    assert not page.locator("#step-6").is_visible()
    page.get_by_role("link", name="step 6, chat gpt-4.1").first.click()
    assert page.locator("#step-6").is_visible()
    page.context.close()


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_tokens_explain_themselves_without_scripts(
    browser: Browser, tracen: TracenProcess, width: int
) -> None:
    """The explanation opens over the page, inside the screen, and leads to a step that it names."""
    page = opened(browser, publish(tracen, agent_trace()), width=width, scripts=False)
    assert not page.locator(".why-body").is_visible()
    below = page.locator(".conversation").bounding_box()
    page.get_by_text("Why this number").click()
    box = page.locator(".why-body").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.locator(".conversation").bounding_box() == below
    page.get_by_role("link", name="6. chat gpt-4.1").click()
    assert page.locator("#step-6").is_visible()
    page.context.close()


@pytest.mark.parametrize("width", [320, PHONE, 768, WIDE])
@pytest.mark.parametrize("name", SAMPLES)
def test_page_never_scrolls_sideways(browser: Browser, tracen: TracenProcess, name: str, width: int) -> None:
    """Long lines wrap or scroll in their own box, with every step unfolded."""
    page = opened(browser, publish(tracen, SAMPLES[name]), width=width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("text", [HOSTILE, TRICKY], ids=["markup", "controls"])
@pytest.mark.parametrize(
    "place",
    ["/traces/{0}", "/traces/{0}?text=markdown", "/traces/{0}?q=alert", "/traces/{0}/steps/1",
     "/embed/{0}", "/compare/{0}/{0}"],
)  # fmt: skip
def test_hostile_text_does_nothing(browser: Browser, tracen: TracenProcess, text: str, place: str) -> None:
    """No dialog, no request to anywhere else, no violation of the policy, no element of its making."""
    url = tracen.http + place.format(publish(tracen, hostile_trace(text)).rpartition("/")[2])
    context = browser.new_context()
    page = context.new_page()
    witness = Witness(tracen.http)
    witness.watch(page)
    page.goto(url)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    page.wait_for_timeout(500)
    assert witness.saw_nothing(), witness
    assert page.locator("img, iframe, style, object, [onclick], [onerror]").count() == 0
    sources = page.locator("script").evaluate_all("all => all.map(one => one.src || one.textContent)")
    assert {urlsplit(source).path for source in sources} <= {f"/static/{name}.js" for name in SCRIPTS}
    links = page.locator("a").evaluate_all("all => all.map(one => one.href)")
    assert all(urlsplit(link).scheme in ("http", "https") for link in links)
    context.close()


def test_markdown_is_rendered_on_request(browser: Browser, tracen: TracenProcess) -> None:
    """Headings, lists and code as such; an image stays text, and the plain text is one click away."""
    text = (
        "# Plan\n\n- **one**\n- `two`\n\n![map](https://evil.example/map.png)\n\n[go](https://example.com/x)"
    )
    page = opened(browser, publish(tracen, Trace("q", text)))
    assert page.locator(".said pre").last.text_content() == text
    page.get_by_role("link", name="Show texts as Markdown").click()
    expect(page.locator(".prose li strong")).to_have_text("one")
    assert page.locator("img").count() == 0
    assert "nofollow" in str(page.get_by_role("link", name="go").get_attribute("rel"))
    page.get_by_role("link", name="Show texts as they were sent").click()
    expect(page.locator(".said pre").last).to_have_text(text)
    page.context.close()


@pytest.mark.parametrize("text", ["[" * 1_000_000, "line " * 600_000], ids=["brackets", "one-line"])
def test_absurd_text_makes_an_ordinary_page(browser: Browser, tracen: TracenProcess, text: str) -> None:
    """Its beginning is shown, also where Markdown is asked for, and the rest is offered."""
    url = publish(tracen, Trace(text, "short"))
    for query in ("", "?text=markdown"):
        page = opened(browser, url + query)
        assert page.get_by_text("short").is_visible()
        assert page.get_by_role("checkbox", name=re.compile("Show the first 200,000 of")).count() == 1
        page.context.close()


@pytest.mark.parametrize("has_clipboard", [True, False], ids=["clipboard", "none"])
def test_texts_can_be_copied(browser: Browser, tracen: TracenProcess, has_clipboard: bool) -> None:
    """As they were sent, all of them, and the trace as Markdown; on plain http too, without a clipboard."""
    text = "line\n" * 500
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(publish(tracen, Trace(text, "short")))
    page.evaluate("window.clipboard = navigator.clipboard" if has_clipboard else WITHOUT_CLIPBOARD)
    page.locator(".turn.is-user .quote").hover()
    page.get_by_role("button", name="Copy this text").first.click()
    expect(page.get_by_role("status").last).to_have_text("Copied")
    assert page.evaluate("window.clipboard.readText()") == text
    page.get_by_text("Share", exact=True).click()
    page.get_by_role("link", name="Markdown", exact=True).click()
    page.wait_for_function("window.clipboard.readText().then(text => text.startsWith('# line'))")
    context.close()


def test_motion_is_left_out_where_the_reader_wants_none(browser: Browser, tracen: TracenProcess) -> None:
    """No animation runs under `prefers-reduced-motion`."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(publish(tracen, agent_trace()))
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()


def test_page_prints_what_was_said_and_done(browser: Browser, tracen: TracenProcess) -> None:
    """Without buttons and menus, with all of a long text."""
    page = opened(browser, publish(tracen, Trace("line\n" * 100, "short", steps=agent_trace().steps)))
    page.emulate_media(media="print")
    assert not page.get_by_role("searchbox").is_visible()
    assert not page.get_by_text("Share", exact=True).is_visible()
    assert page.locator(".rest").first.is_visible()
    assert page.locator(".row-title").first.is_visible()
    page.context.close()


def test_hostile_text_reads_as_it_was_sent(browser: Browser, tracen: TracenProcess) -> None:
    """The text content of the page equals the payload's: what is quoted, titles, keys and names."""
    page = opened(browser, publish(tracen, hostile_trace(HOSTILE)))
    assert page.locator(".conversation .said pre").all_text_contents() == [HOSTILE, HOSTILE]
    assert page.locator("h1").text_content() == HOSTILE
    assert page.locator("#step-1 .attributes dt").first.text_content() == HOSTILE
    assert page.locator("#step-1 .exchange.is-error pre").text_content() == HOSTILE
    page.context.close()


def test_line_ends_and_blanks_survive(browser: Browser, tracen: TracenProcess) -> None:
    """What a reader copies out of the page is what was sent."""
    text = "\n\n  a\r\n\tb  \n"
    page = opened(browser, publish(tracen, Trace(prompt=text, response="r")))
    assert page.locator(".conversation .said pre").first.text_content() == text
    page.context.close()


def test_policy_blocks_what_the_page_does_not_need(browser: Browser, tracen: TracenProcess) -> None:
    """The tests above mean something: under this policy an inline style would have been reported."""
    page = opened(browser, publish(tracen, agent_trace()))
    witness = Witness(tracen.http)
    witness.watch(page)
    page.evaluate("document.body.setAttribute('style', 'color: rgb(1, 2, 3)')")
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(1, 2, 3)"
    assert any("style" in complaint for complaint in witness.complaints)
    page.context.close()


def test_bars_are_drawn(browser: Browser, tracen: TracenProcess) -> None:
    """Bars have the widths of their durations, under a policy that forbids style attributes."""
    page = opened(browser, publish(tracen, agent_trace()))
    boxes = [bar.bounding_box() for bar in page.locator("rect.bar").all()]
    widths = [box["width"] for box in boxes if box]
    assert len(widths) == 6
    assert widths[0] > 300
    assert widths[1] / widths[0] == pytest.approx(1_830 / 9_210, abs=0.02)
    page.context.close()


def test_long_text_unfolds_without_scripts(browser: Browser, tracen: TracenProcess) -> None:
    """A long prompt shows its beginning; one click shows all of it."""
    url = publish(tracen, Trace(prompt="line\n" * 500, response="short"))
    page = opened(browser, url, scripts=False)
    prompt = page.locator(".conversation pre").first
    before = prompt.bounding_box()
    page.get_by_role("checkbox", name="Show all 2,500 characters").check()
    after = prompt.bounding_box()
    assert before
    assert after
    assert before["height"] < 600 < 5_000 < after["height"]
    assert prompt.text_content() == "line\n" * 500
    page.context.close()


def test_dark_and_light_follow_the_reader(browser: Browser, tracen: TracenProcess) -> None:
    """The page takes the scheme that the reader's system asks for."""
    url = publish(tracen, agent_trace())
    grounds = []
    for scheme in ("light", "dark"):
        page = opened(browser, url, scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        page.context.close()
    assert grounds == ["rgb(251, 250, 248)", "rgb(18, 18, 20)"]


def test_page_has_landmarks_and_headings(browser: Browser, tracen: TracenProcess) -> None:
    """A screen reader finds the main part, the sections by name, and the rows as a tree."""
    page = opened(browser, publish(tracen, failed_trace()))
    for landmark in ("banner", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1
    for name in ("The run failed", "Conversation", "Timeline"):
        assert page.get_by_role("region", name=name).count() == 1
        assert page.get_by_role("heading", name=name, level=2).count() == 1
    assert page.get_by_role("tree", name="Steps").count() == 1
    assert page.get_by_role("treeitem").count() == 6
    assert page.get_by_role("treeitem", name="chat gpt-4.1").first.get_attribute("aria-level") == "2"
    page.context.close()
