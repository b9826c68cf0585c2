"""`/docs` has what people look for, made of what the code does, and works for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from tests.browsers import running_browser
from tests.processes import TracenProcess, running_tracen
from tests.shots.camera import Look, opened
from tests.viewer.accessibility import violations
from tests.viewer.markup import OWN_TAGS, Page
from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS
from viewer.accounts.frame import Frame, FrameLink
from viewer.pages import render
from viewer.problems import titles_by_status
from viewer.reference.examples import EXAMPLE_TIME
from viewer.reference.operations import operations
from viewer.reference.page import docs_page
from viewer.reference.setups import GROUPS
from viewer.reference.snippets import CURL, SNIPPETS
from viewer.settings import Settings

URL = "https://tracen.example"
SETTINGS = Settings(base_url=URL, requests_per_hour=250, max_body_bytes=2 * 1024 * 1024, sign_up="open")
SECTIONS = [
    "Getting started",
    "First call",
    "Response",
    "Payload reference",
    "The extension",
    "Rate limiting and errors",
]


def page_of(settings: Settings = SETTINGS, *, is_known: bool = False) -> Page:
    links = (FrameLink("/app/traces", "Traces", False), FrameLink("/docs", "Docs", True))
    frame = Frame("ada@x.example", links, ()) if is_known else None
    return Page(render(docs_page(settings, EXAMPLE_TIME, frame)))


PAGE = page_of()


def test_page_has_the_six_sections_and_a_table_of_contents() -> None:
    """Each is named in the contents, which lead to it."""
    assert PAGE.texts("h2") == SECTIONS
    tags = [element.tag for element in PAGE.elements]
    assert tags.index("h1") < tags.index("ol")  # on a phone the title comes first, too
    ids = {element.attributes["id"] for element in PAGE.elements if "id" in element.attributes}
    links = [a.attributes["href"] for a in PAGE.all("a") if a.attributes["href"].startswith("#")]
    assert len(links) > len(SECTIONS) + len(SNIPPETS)
    assert {link.removeprefix("#") for link in links} <= ids
    assert len(ids) == len([e for e in PAGE.elements if "id" in e.attributes])


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
def test_page_has_every_snippet_with_its_copy_button(snippet: object) -> None:
    """As the tests run it, with the server's own URL."""
    (paste,) = (s.paste(URL) for s in SNIPPETS if s is snippet)
    assert paste.text in PAGE.texts("pre")
    (button,) = PAGE.all("button", **{"data-copy": paste.id})
    assert PAGE.all("pre", id=paste.id)
    assert button.attributes["type"] == "button"


def test_page_has_every_setup_folded_under_what_it_runs_on() -> None:
    """With the server's own URL, to be opened without a script, and found by its name in the address."""
    assert PAGE.texts("h4") == [group.title for group in GROUPS]
    for snippet in (snippet for group in GROUPS for snippet in group.snippets):
        (found,) = PAGE.all("pre", id=f"snippet-{snippet.name}")
        assert found.text.strip()
        assert "details" in found.inside
        assert PAGE.all("details", id=snippet.name)
        assert snippet.title in PAGE.texts("summary")


def test_page_says_where_to_look_if_nothing_appears() -> None:
    """The command with this server in it, and the request that tells the same."""
    assert f"tracen doctor --endpoint {URL}" in PAGE.text
    assert "GET /api/requests" in PAGE.text


def test_page_has_every_field_and_which_are_required() -> None:
    """Documented ones in view, the extension folded away."""
    for prefix, fields in (("", TRACE_FIELDS), ("steps[].", STEP_FIELDS)):
        for field in fields:
            (row,) = (e for e in PAGE.all("th", scope="row") if e.text.split()[0] == prefix + field.name)
            assert ("required" in row.text) == field.required
            assert ("details" in row.inside) != field.documented


def test_page_has_every_request_and_every_refusal() -> None:
    """Made of the operations and of the table of refusals."""
    for operation in operations(SETTINGS):
        assert f"{operation.method} {operation.path}" in PAGE.text
        assert operation.summary in PAGE.text
        for parameter in operation.parameters:
            assert parameter["in"] != "query" or f"?{parameter['name']}" in PAGE.text
    assert "POST /v1/traces" in PAGE.text
    for status, titles in titles_by_status().items():
        assert f"{status} {titles[0]}" in PAGE.text


def test_page_tells_this_servers_limits() -> None:
    """Those that it was started with."""
    assert "250 accepted requests" in PAGE.text
    assert 'RateLimit-Policy: "hour";q=250;w=3600' in PAGE.text
    sold = page_of(replace(SETTINGS, plans="free=100,pro=1000")).text
    assert (
        "100 (free), 1,000 (pro) accepted requests of a key in any rolling hour, by the plan of its account"
        in sold
    )
    assert "at most 2 MiB" in PAGE.text
    for name in ("Retry-After", "RateLimit", "Idempotency-Key", "OTLP"):
        assert name in PAGE.text


def test_page_leads_to_a_key_as_this_server_gives_them() -> None:
    """By sign-up, with an invitation, or from whoever runs it."""
    assert "Sign up and copy your key" in PAGE.text
    assert "invitation" in page_of(replace(SETTINGS, sign_up="invitation")).text
    closed = page_of(replace(SETTINGS, sign_up="closed"))
    assert not closed.all("a", href="/signup")
    assert "tracen keys create" in closed.text
    known = page_of(is_known=True)
    assert known.all("a", href="/app/traces")
    assert "Make a key in Settings" in known.text


def test_page_is_made_of_known_tags() -> None:
    """And nothing in it is loaded from elsewhere."""
    assert {element.tag for element in PAGE.elements} <= OWN_TAGS | {
        "article",
        "h4",
        "figure",
        "figcaption",
        "strong",
    }
    for element in PAGE.elements:
        for name in ("src", "href"):
            assert not re.match("[a-z]+:", element.attributes.get(name, "")), element.attributes


# -- in a browser -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    with running_tracen(tmp_path_factory.mktemp("reference") / "tracen.db") as server:
        yield server


@pytest.fixture
def tab(browser: Browser, server: TracenProcess) -> Iterator[Tab]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(f"{server.http}/docs")
    yield tab
    context.close()


@pytest.mark.browser
def test_copy_button_copies_what_stands_below_it(tab: Tab, server: TracenProcess) -> None:
    """All of it, as it is pasted; the button and a screen reader are told."""
    button = tab.get_by_role("button", name="Copy: Shell", exact=True)
    button.click()
    tab.get_by_role("status").get_by_text("Copied").wait_for(state="attached")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[0] == CURL.paste(server.http).text.splitlines()[0]
    assert copied == tab.locator("#snippet-curl").text_content()
    assert button.text_content() == "Copied"


@pytest.mark.browser
def test_copy_button_marks_the_text_where_there_is_no_clipboard(tab: Tab) -> None:
    """Browsers have none on a plain http address of another machine; then the text is marked, and copied if may be."""
    tab.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    tab.get_by_role("button", name="Copy: first.py").click()
    tab.get_by_role("button", name="Copy: first.py").get_by_text("Copied").wait_for()
    marked = tab.evaluate("getSelection().toString()")
    assert marked.startswith("import json")
    assert marked.rstrip().endswith("raise SystemExit(error.read().decode())")


@pytest.mark.browser
def test_copy_button_of_later_and_with_a_text_of_its_own(tab: Tab) -> None:
    """Whatever a page puts in works; `data-text` is copied as it is, and so is what a field holds."""
    tab.evaluate(
        """() => {
        const input = Object.assign(document.createElement("input"), {id: "later", value: "in a field"});
        for (const [copy, text] of [["", "as told"], ["later", undefined]]) {
            const button = Object.assign(document.createElement("button"), {textContent: `Copy ${copy}`});
            button.dataset.copy = copy;
            if (text) button.dataset.text = text;
            document.querySelector("main").append(button);
        }
        document.querySelector("main").append(input);
    }"""
    )
    told = []
    for name in ("Copy", "Copy later"):
        tab.get_by_role("button", name=name, exact=True).click()
        tab.get_by_role("button", name="Copied").wait_for()
        told.append(tab.evaluate("navigator.clipboard.readText()"))
        tab.get_by_role("button", name=name, exact=True).wait_for()
    assert told == ["as told", "in a field"]


@pytest.mark.browser
def test_page_needs_no_script(browser: Browser, server: TracenProcess) -> None:
    """Everything is there to read; buttons that would do nothing are not."""
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{server.http}/docs")
    assert tab.get_by_role("button").count() == 0
    assert "curl http" in (tab.locator("#snippet-curl").text_content() or "")
    tab.get_by_text("The extension, ").click()
    assert tab.get_by_text("steps[].parent_id").is_visible()
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    "look", [Look(390, "dark"), Look(390, "light"), Look(820, "light"), Look(1440, "dark")], ids=str
)
def test_page_breaks_no_rule_and_fits(browser: Browser, server: TracenProcess, look: Look) -> None:
    """Nothing that axe-core finds is wrong, folded and unfolded, and nobody scrolls the page sideways."""
    with opened(browser, f"{server.http}/docs", look, bypass_csp=True) as tab:
        tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= look.width
