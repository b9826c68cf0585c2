"""The timeline in a real browser: long ones, keys, search, zoom, folds, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers import running_browser
from tests.processes import TracenProcess
from tests.viewer.samples import agent_trace, failed_trace, step
from tests.viewer.test_browser import PHONE, opened, publish
from tracen_otel.model import Status, StepKind, Trace

pytestmark = pytest.mark.browser

LONG = 2_500
FAILED = (701, 1_900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def long_trace() -> Trace:
    """An agent's thousands of steps in time, of which two failed."""
    steps = [step("agent", 0, 10 * LONG, id="a", kind=StepKind.AGENT)]
    for n in range(2, LONG + 1):
        kind = StepKind.LLM if n % 5 == 0 else StepKind.TOOL
        one = step(f"work {n}", 10 * n, 8, id=f"s{n}", parent="a", kind=kind, input=f"input of {n}")
        if n in FAILED:
            one = replace(one, status=Status.ERROR, error_message=f"boom in {n}")
        steps.append(one)
    return Trace("q", "a", steps=tuple(steps))


def noisy_trace() -> Trace:
    """LLM calls between which there is plumbing, once a little and once very much of it."""
    steps = [step("agent", 0, 9_000, id="a", kind=StepKind.AGENT)]
    steps += [step(f"GET /{n}", 10 + n, 1, id=f"h{n}", parent="a", kind=StepKind.HTTP) for n in range(5)]
    steps.append(step("chat", 20, 5, id="c", parent="a", kind=StepKind.LLM))
    steps += [step(f"select {n}", 30 + n, 1, id=f"d{n}", parent="a", kind=StepKind.DB) for n in range(300)]
    steps.append(step("answer", 400, 5, id="z", parent="a", kind=StepKind.LLM))
    return Trace("q", "a", steps=tuple(steps))


@pytest.fixture(scope="module")
def long_url(tracen: TracenProcess) -> str:
    return publish(tracen, long_trace())


@pytest.fixture(scope="module")
def noisy_url(tracen: TracenProcess) -> str:
    return publish(tracen, noisy_trace())


def row(page: Page, number: int) -> object:
    return page.locator(f"#row-{number}")


# -- long timelines -----------------------------------------------------------------------------------


def test_rows_come_when_they_are_scrolled_to(browser: Browser, long_url: str) -> None:
    """The end of the timeline is reached by scrolling, and rows far away go again."""
    page = opened(browser, long_url)
    assert page.locator(".line").count() <= 125
    page.evaluate("document.querySelector('.steps').scrollIntoView({block: 'end'})")
    expect(page.locator(f"#row-{LONG}")).to_be_visible()
    early = page.locator("#row-300, #row-150")
    for share in [*range(95, 0, -5)] * 10:  # where a row is depends on which have come
        page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {share} / 100)")
        page.wait_for_timeout(250)
        if early.count():
            break
    expect(early.first).to_be_attached()
    assert page.locator(".line").count() < LONG
    page.context.close()


def test_every_step_is_reached_without_scripts(browser: Browser, long_url: str) -> None:
    """Links lead from one stretch of the timeline to the next, and a step has a page of its own."""
    page = opened(browser, long_url, scripts=False)
    page.get_by_role("link", name="Steps 1,201 to 1,300").click()
    assert page.locator("#row-1250").is_visible()
    page.locator("#row-1250 summary").click()
    page.get_by_role("link", name="What step 1250 did").click()
    assert page.get_by_text("input of 1250").is_visible()
    page.get_by_role("link", name="Step 1251").click()
    assert page.get_by_text("input of 1251").is_visible()
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_deep_link_leads_to_a_step_far_down(browser: Browser, long_url: str, scripts: bool) -> None:
    """Unfolded and in view, with what it did."""
    page = opened(browser, f"{long_url}?step=1900#step-1900", scripts=scripts)
    expect(page.locator("#step-1900")).to_be_in_viewport()
    assert page.locator("#step-1900").get_by_text("boom in 1900").first.is_visible()
    page.context.close()


def test_fragment_alone_finds_a_step_far_down(browser: Browser, long_url: str) -> None:
    """`#step-N` is what people copy out of an address bar."""
    page = opened(browser, f"{long_url}#step-2400")
    expect(page.locator("#step-2400")).to_be_in_viewport()
    page.context.close()


def test_link_to_a_fold_of_a_step_opens_it(browser: Browser, tracen: TracenProcess) -> None:
    """Attributes, events and sources of a step have addresses too."""
    page = opened(browser, publish(tracen, agent_trace()) + "#step-2-attributes")
    expect(page.locator("#step-2").get_by_text("gen_ai.request.temperature").first).to_be_visible()
    page.context.close()


def test_back_and_forward_lead_through_what_was_seen(browser: Browser, long_url: str) -> None:
    """A search is a place in the history."""
    page = opened(browser, long_url)
    page.get_by_role("searchbox").fill("status:error")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 steps found")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("2 steps found")).not_to_be_visible()
    expect(page.locator("#row-2")).to_be_attached()
    page.context.close()


def test_back_leads_to_the_step_that_was_seen_before(browser: Browser, long_url: str) -> None:
    """Links to steps are places in the history too, and cost no request for the page."""
    page = opened(browser, long_url)
    page.get_by_role("link", name="Step 701").click()
    expect(page.locator("#step-701")).to_be_in_viewport()
    page.get_by_role("link", name="Step 1900").click()
    expect(page.locator("#step-1900")).to_be_in_viewport()
    page.go_back()
    expect(page.locator("#step-701")).to_be_in_viewport()
    page.context.close()


# -- search -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_search_finds_steps_anywhere(browser: Browser, long_url: str, scripts: bool) -> None:
    """By kind, status and words, of whatever is not on the page yet; the words are marked."""
    page = opened(browser, long_url, scripts=scripts)
    page.get_by_role("searchbox").fill("kind:tool BOOM status:error")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 step found")).to_be_visible()
    expect(page.locator("mark").first).to_have_text("boom")
    assert "work 1900" not in page.locator(".steps").inner_text()  # 1,900 is an LLM call
    assert page.locator("#row-701").is_visible()
    assert re.search(r"[?&]q=kind", page.url)
    page.context.close()


def test_search_without_a_match_says_so(browser: Browser, long_url: str) -> None:
    """And leads back."""
    page = opened(browser, long_url)
    page.get_by_role("searchbox").fill("nobody said this")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No step found")).to_be_visible()
    page.get_by_role("link", name="Back to the timeline").click()
    expect(page.locator("#row-2")).to_be_visible()
    page.context.close()


def test_search_of_many_matches_goes_on(browser: Browser, long_url: str) -> None:
    """A page of matches, then the next one."""
    page = opened(browser, f"{long_url}?q=kind:llm")
    assert page.get_by_text("100 steps found so far").is_visible()
    page.get_by_role("link", name="Search on").click()
    expect(page.locator("#row-505")).to_be_attached()
    assert page.locator("#row-5").count() == 0
    page.go_back()
    expect(page.locator("#row-5")).to_be_attached()
    page.context.close()


# -- keys ---------------------------------------------------------------------------------------------


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_keys_move_through_the_tree(browser: Browser, tracen: TracenProcess) -> None:
    """One stop for Tab; arrows move, Left and Right fold, Enter unfolds, Home and End jump."""
    page = opened(browser, publish(tracen, agent_trace()))
    page.keyboard.press("j")
    assert focused(page) == "row-1"
    for key, where in (
        ("ArrowDown", "row-2"),
        ("j", "row-3"),
        ("k", "row-2"),
        ("End", "row-7"),
        ("Home", "row-1"),
    ):
        page.keyboard.press(key)
        assert focused(page) == where, key
    page.keyboard.press("ArrowLeft")
    assert page.locator("#row-1").get_attribute("aria-expanded") == "false"
    assert not page.locator("#row-2").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator("#row-2").is_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#step-2")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "row-1"
    summary = page.locator("#row-1 > details > summary")
    assert summary.evaluate("summary => getComputedStyle(summary).outlineStyle") == "solid"
    assert page.locator(".line[tabindex='0']").count() == 1
    page.context.close()


def test_key_leads_from_failure_to_failure(browser: Browser, long_url: str) -> None:
    """`e` finds those that are not on the page yet, and starts again after the last."""
    page = opened(browser, long_url)
    for number in (*FAILED, FAILED[0]):
        page.keyboard.press("e")
        expect(page.locator(f"#step-{number}")).to_be_in_viewport()
        page.wait_for_function(f"document.activeElement.id === 'row-{number}'")
    page.context.close()


def test_keys_are_explained_and_leave_typing_alone(browser: Browser, tracen: TracenProcess) -> None:
    """`/` goes to the search, in which `?` and `e` are letters; elsewhere `?` helps."""
    page = opened(browser, publish(tracen, failed_trace()))
    page.keyboard.press("/")
    page.keyboard.type("e?")
    assert page.get_by_role("searchbox").input_value() == "e?"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Shortcuts").is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    page.context.close()


def test_letters_can_be_switched_off(browser: Browser, tracen: TracenProcess) -> None:
    """For good, by a button that needs no letter; arrows go on to work (WCAG 2.1.4)."""
    page = opened(browser, publish(tracen, failed_trace()))
    page.get_by_role("button", name="Shortcuts").click()
    page.get_by_role("checkbox", name="Letters work anywhere").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").count() == 0
    assert focused(page) == ""
    page.locator("#row-1").focus()
    page.keyboard.press("ArrowDown")
    assert focused(page) == "row-2"
    page.context.close()


# -- folds and zoom -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_plumbing_is_folded_away_and_can_be_shown(browser: Browser, noisy_url: str, scripts: bool) -> None:
    """Runs of HTTP and database steps are one line; all of them are one click away."""
    page = opened(browser, noisy_url, scripts=scripts)
    assert page.locator("#row-7").is_visible()
    assert not page.locator("#row-3").is_visible()
    page.get_by_text("Show 5 more steps").click()
    assert page.locator("#row-3").is_visible()
    page.get_by_role("link", name="Show all 308 steps").click()
    expect(page.get_by_text("Fold plumbing away")).to_be_visible()
    assert page.locator("#row-60").is_visible()
    page.context.close()


def test_long_fold_fetches_its_rows(browser: Browser, noisy_url: str) -> None:
    """Three hundred rows do not come along before somebody asks."""
    page = opened(browser, noisy_url)
    assert page.locator("#row-100").count() == 0
    page.get_by_text("Show 300 more steps").click()
    expect(page.locator("#row-20")).to_be_visible()
    page.evaluate("document.querySelector('#row-308').scrollIntoView({block: 'end'})")
    expect(page.locator("#row-300")).to_be_visible()
    page.context.close()


def test_step_in_a_fold_is_found(browser: Browser, noisy_url: str) -> None:
    """A link to a step opens whatever it is folded away in."""
    page = opened(browser, f"{noisy_url}#step-200")
    expect(page.locator("#step-200")).to_be_in_viewport()
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_zoom_to_a_step_and_out_again(browser: Browser, tracen: TracenProcess, scripts: bool) -> None:
    """The step then fills the axis; the address holds the stretch of time."""
    page = opened(browser, publish(tracen, agent_trace()), scripts=scripts)
    page.locator("#row-3 > details > summary").click()
    page.locator("#row-3").get_by_role("link", name="Zoom to its time").click()
    expect(page.get_by_text("Showing 1.90 s to 3.14 s")).to_be_visible()
    assert "zoom=1900000-3140000" in page.url
    bar, track = (page.locator(f"#row-3 {part}").first.bounding_box() for part in (".bar", ".row-bar"))
    assert bar
    assert track
    assert bar["width"] == pytest.approx(track["width"], rel=0.02)
    page.get_by_role("link", name="Show all of it").click()
    expect(page.get_by_text("Showing 1.90 s")).not_to_be_visible()
    page.context.close()


def test_drag_over_the_minimap_zooms(browser: Browser, long_url: str) -> None:
    """The stretch that was drawn is shown; a click goes to the rows at that height."""
    page = opened(browser, long_url)
    box = page.locator(".minimap").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    page.mouse.up()
    expect(page.get_by_text(re.compile(r"Showing 6\.2\d s to 12\.5\d s"))).to_be_visible()
    page.mouse.click(box["x"] + 50, box["y"] + box["height"] * 0.8)
    expect(page.locator(f"#row-{LONG * 8 // 10}")).to_be_attached()
    page.context.close()


def test_timeline_works_on_a_phone(browser: Browser, long_url: str) -> None:
    """A tap unfolds a step; nothing is wider than the screen."""
    page = opened(browser, long_url, width=PHONE)
    page.locator("#row-3 > details > summary").click()
    expect(page.get_by_text("input of 3", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    page.context.close()
