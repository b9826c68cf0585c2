"""The page that puts two traces side by side: complete, literal, in bounds."""

from __future__ import annotations

import ast
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.browsers import running_browser
from tests.viewer.compare_samples import PLAN, research_trace
from tests.viewer.markup import OWN_TAGS, Page
from tests.viewer.samples import HOSTILE, TRICKY, agent_trace, failed_trace, hostile_trace, said, step
from tests.viewer.test_static import _contrast
from tracen_otel.model import StepKind, Trace, Usage
from viewer.compare import pieces as comparing_pieces
from viewer.compare.page import render_compare
from viewer.compare.rows import MAX_LINES
from viewer.headers import SecurityHeaders
from viewer.legible import Piece
from viewer.pages import STATIC

A_URL, B_URL = "/traces/aaaa", "/traces/bbbb"
FIRST, SECOND = research_trace(), research_trace(second=True)
_OWN_URL = re.compile(r"/(static/[\w.]+\?v=[0-9a-f]{12}|traces/(aaaa|bbbb)(\?step=\d+#step-\d+)?)?|#[\w-]+")


def html_of(a: Trace, b: Trace) -> str:
    return render_compare(a, b, a_url=A_URL, b_url=B_URL)


def page_of(a: Trace, b: Trace) -> Page:
    return Page(html_of(a, b))


def squeezed(text: str) -> str:
    return " ".join(text.split())


# -- what it says -------------------------------------------------------------------------------------


def test_page_begins_with_what_changed() -> None:
    """Both runs are linked, and a sentence says what a reader came for."""
    page = page_of(FIRST, SECOND)
    assert page.texts("title") == ["Compare: invoke_agent planner and invoke_agent planner · Tracen"]
    assert [link.text for url in (A_URL, B_URL) for link in page.all("a", href=url)] == [
        "invoke_agent planner"
    ] * 2
    assert (
        "Compared with A, B ran with gpt-5-mini instead of gpt-4.1, had another system prompt, took 6.19 s less, "
        "used 1,424 tokens more and answered differently. 4 steps changed, 1 is only in A and 2 are only in B."
    ) in page.text


def test_totals_tell_differences_in_words() -> None:
    """Each total stands beside the other one, with what it became."""
    lines = [squeezed(row.text) for row in page_of(FIRST, SECOND).all("tr")[1:9]]
    assert lines == [
        "Outcome Succeeded Succeeded the same",
        "Model gpt-4.1 gpt-5-mini changed",
        "Duration 14.21 s 8.02 s 6.19 s faster −44 %",
        "Tokens in 2,943 4,055 +1,112 tokens +38 %",
        "Tokens out 498 810 +312 tokens +63 %",
        "Steps 19 20 +1 step",
        "LLM calls 2 2 the same",
        "Failed steps 0 1 +1 step",
    ]


def test_an_equal_prompt_is_folded_and_a_changed_answer_marked() -> None:
    """What is the same takes one line; what differs is deleted and inserted, in words too."""
    page = page_of(FIRST, SECOND)
    assert "The same prompt" in page.texts("summary")
    removed, added = page.texts("del"), page.texts("ins")
    assert "[only in A: 2. Lunch at a small restaurant in Alcântara.\n]" in removed
    assert "[only in B: 13 € and are cheaper online]" in added


def test_steps_stand_side_by_side_and_lead_to_their_pages() -> None:
    """A line names the step in A and in B; what has no counterpart says so; the same is folded."""
    page = page_of(FIRST, SECOND)
    assert page.all("a", href=f"{A_URL}?step=18#step-18")
    assert page.all("a", href=f"{B_URL}?step=17#step-17")
    assert "14 steps alike" in page.text
    lines = {squeezed(row.text) for row in page.all("tr")}
    assert "A, step 17 not in B– translate Tool − Only in A 610 ms" in lines
    assert "not in A– B, step 19 moderate Guardrail + Only in B 120 ms" in lines
    failed = "get_weather Tool Failed in B TimeoutError: no answer within 0.9 s 410 ms → 900 ms 490 ms slower"
    assert f"A, step 18 B, step 17 {failed}" in lines


def test_a_failed_run_shows_its_error() -> None:
    """One succeeded, the other did not: the outcome, the error and the missing answer are told."""
    page = page_of(agent_trace(), failed_trace())
    assert "Compared with A, B failed." in page.text
    assert "RateLimitError: 429, try again in 2 s" in page.texts("pre")
    assert "The run failed before it answered." in page.text
    assert "Outcome Succeeded Failed changed" in page.text
    assert "Failed in both" in page_of(failed_trace(), failed_trace()).text


def test_equal_traces_have_no_difference() -> None:
    """Nothing is marked, and all steps are one folded stretch."""
    page = page_of(agent_trace(), agent_trace())
    assert "The two runs came to the same. All steps are alike." in page.text
    assert "7 steps alike" in page.text
    assert not page.all("del")
    assert not page.all("ins")
    same = Page(render_compare(agent_trace(), agent_trace(), a_url=A_URL, b_url=A_URL))
    assert "Both are the same trace." in same.text


def test_empty_traces_have_a_page() -> None:
    """Where nothing is told the page says so."""
    page = page_of(Trace(), Trace())
    assert "Neither trace has steps." in page.text
    assert "Duration unknown unknown –" in page.text
    assert not page.all("section", class_="passage")


def test_a_changed_input_unfolds_to_what_changed() -> None:
    """Below a step its conversation is compared, tool calls included."""
    before = step("chat", 0, 1, kind=StepKind.LLM, input_messages=(said("user", "Find trains to Porto."),))
    after = replace(before, input_messages=(said("user", "Find trains to Faro."),))
    page = page_of(Trace(steps=(before,)), Trace(steps=(after,)))
    assert "Input changed, 83 % alike" in page.texts("summary")
    assert page.texts("del") == ["[only in A: Porto]"]


def test_texts_with_little_in_common_stand_side_by_side() -> None:
    """A mosaic of marks would be unreadable."""
    page = page_of(Trace(response=PLAN), Trace(response="I cannot help with that."))
    assert not page.all("del")
    assert page.texts("pre")[:2] == [PLAN, "I cannot help with that."]


def test_unchanged_stretches_of_a_text_are_folded() -> None:
    """A change in a long text is shown with the lines around it."""
    text = "".join(f"line {n}\n" for n in range(60))
    page = page_of(Trace(response=text), Trace(response=text.replace("line 30", "verse 30")))
    assert page.texts("summary") == ["27 lines alike", "27 lines alike"]


# -- hostile and large --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [HOSTILE, TRICKY, "'\"><script>", "</pre><!--", "&#60;script&#62;"])
@pytest.mark.parametrize("other", ["plain", HOSTILE + " and more", ""])
def test_hostile_text_is_only_text(text: str, other: str) -> None:
    """No field, key or name makes an element, an attribute or an address, changed or not."""
    page = page_of(hostile_trace(text), hostile_trace(other))
    for element in page.elements:
        assert element.tag in OWN_TAGS | {"del", "ins"}
        assert "style" not in element.attributes
        assert not any(name.startswith("on") for name in element.attributes)
        for name in ("href", "src"):
            assert (
                _OWN_URL.fullmatch(element.attributes.get(name, "/")) or "#kind-" in element.attributes[name]
            )


def test_hostile_text_is_shown_as_sent() -> None:
    """Markup reads as it came, in marks as well as in quotes."""
    page = page_of(hostile_trace(HOSTILE), hostile_trace("short"))
    assert page.texts("pre").count(HOSTILE) >= 4
    page = page_of(Trace(response="Same. <b>x</b> Same. Same."), Trace(response="Same. Same. Same."))
    assert any("<b>" in text for text in page.texts("del"))


def test_hiding_characters_are_visible() -> None:
    """Controls and bidi overrides are spelled out in marked texts too."""
    html = html_of(Trace(response=f"{TRICKY} end of it"), Trace(response=f"{TRICKY} end of all"))
    assert '<span class="escape">\\u202e</span>' in html
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


def _wide(count: int, latency_ms: int, skip: int = 0) -> Trace:
    steps = tuple(
        step(f"s{'xyz'[n % 3]}", n, latency_ms, id=str(n)) for n in range(count) if not skip or n % skip
    )
    return Trace("q", "a", steps=steps)


def test_a_large_comparison_is_cut_and_says_so() -> None:
    """At most `MAX_LINES` lines; the rest is counted by sort."""
    page = page_of(_wide(10_000, 10), _wide(10_000, 100))
    assert len(page.all("tr")) <= MAX_LINES + 20
    assert "The table leaves out 8,000 lines at its end: 8,000 changed." in page.text


def test_what_is_alike_makes_room_for_what_is_not() -> None:
    """Of ten thousand steps the hundred that are missing are all shown."""
    page = page_of(_wide(10_000, 10), _wide(10_000, 10, skip=100))
    assert len(page.all("tr", class_="pair kind-other is-removed")) == 100
    assert "leaves out" not in page.text


def test_large_texts_are_compared_in_part() -> None:
    """Megabytes make no page of megabytes, and the page says what it left out."""
    text = "a line of many words\n" * 100_000
    html = html_of(Trace(response=text), Trace(response="first\n" + text))
    assert len(html) < 500_000
    assert "neither compared nor shown here" in html


def test_inputs_of_all_steps_are_compared_within_a_budget() -> None:
    """An agent that resends everything with every call is held by the budget of the table."""
    steps = [
        tuple(step("chat", n, 1, input=f"{word} {n} " * 5_000, usage=Usage(1, n)) for n in range(200))
        for word in ("one", "two")
    ]
    html = html_of(*(Trace(steps=some) for some in steps))
    assert len(html) < 4_000_000
    assert html.count("Input changed") == 200


# -- the house's rules --------------------------------------------------------------------------------


def test_pieces_are_filled_with_as_many_values_as_they_have_gaps() -> None:
    """A piece called with too many values would drop one without a word."""
    gaps = {name: p._markup.count("{}") for name, p in vars(comparing_pieces).items() if isinstance(p, Piece)}
    checked = 0
    for path in Path(comparing_pieces.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("pieces."):
                checked += 1
                name = ast.unparse(call.func).removeprefix("pieces.")
                is_told = not any(isinstance(arg, ast.Starred) for arg in call.args)
                assert not is_told or len(call.args) == gaps[name], ast.unparse(call)
    assert checked > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_have_contrast(scheme: str) -> None:
    """WCAG 2.2 AA: text on both tints, links and quiet words included, and the bars on them."""
    css = (STATIC / "tracen.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    for ground in ("odd-tint", "accent-tint"):
        for ink in ("ink", "soft", "faint", "accent"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert _contrast(colours["odd"], colours["odd-tint"]) >= 4.5
    assert _contrast(colours["odd"], colours["sheet"]) >= 3


# -- in a browser -------------------------------------------------------------------------------------

PAIRS = {
    "research": (FIRST, SECOND),
    "failed": (agent_trace(), failed_trace()),
    "hostile": (hostile_trace(HOSTILE + "x" * 3_000), hostile_trace(HOSTILE + "y" * 3_000)),
    "empty": (Trace(), Trace()),
}


def _compare(request: Request) -> HTMLResponse:
    return HTMLResponse(html_of(*PAIRS[request.path_params["name"]]))


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The pages on 127.0.0.1, under Tracen's own content security policy."""
    app = Starlette(
        routes=[Route("/compare/{name}", _compare), Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(SecurityHeaders)],
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.mark.browser
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_page_fits_every_screen(browser: Browser, origin: str, name: str, width: int) -> None:
    """Nothing scrolls sideways, whatever the names; and the browser has nothing to complain of."""
    page = browser.new_page(viewport={"width": width, "height": 844})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(f"{origin}/compare/{name}")
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [text for text in complaints if "favicon" not in text] == []
    page.close()


@pytest.mark.browser
def test_page_is_complete_without_scripts(browser: Browser, origin: str) -> None:
    """Folded steps unfold with a click; the table is a table to assistive technology on a phone too."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/compare/research")
    assert not page.get_by_text("rank_results").is_visible()
    page.get_by_label("14 steps alike").check()
    assert page.get_by_text("rank_results").is_visible()
    assert page.get_by_role("rowheader").filter(has_text="translate").count() == 1
    assert page.get_by_role("columnheader", name="Duration").count() == 1
    context.close()
