"""Whatever text a trace holds, its page shows it as text, in bounds."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.viewer.markup import OWN_TAGS, check, html_of, page_of
from tests.viewer.samples import (
    HOSTILE,
    PLAIN,
    TRICKY,
    chain_trace,
    hostile_trace,
    said,
    step,
)
from tracen_otel import payload
from tracen_otel.model import Trace
from viewer.quotes import MAX_PAGE, MAX_QUOTE
from viewer.view import View

_OWN_URL = re.compile(
    r"/(static/[\w.]+\?v=[0-9a-f]{12}|traces/1(/steps/\d+|/og\.png|\.[a-z.]+)?(\?[\w=&;-]+)?)?(#[\w-]+)?"
    r"|#[\w-]+|http://tracen\.test/(traces/1(/og\.png)?|oembed\?url=[\w.%-]+)"
)


@pytest.mark.parametrize("text", [HOSTILE, TRICKY, "'\"><script>", "</pre><!--", "&#60;script&#62;"])
def test_hostile_text_is_only_text(text: str) -> None:
    """No field, key or name makes an element, an attribute or an address."""
    for element in page_of(hostile_trace(text)).elements:
        assert element.tag in OWN_TAGS
        assert "style" not in element.attributes
        assert not any(name.startswith("on") for name in element.attributes)
        for name in ("href", "src"):
            assert _OWN_URL.fullmatch(element.attributes.get(name, "/"))


@pytest.mark.parametrize("html", ["<p><b></b></p>", "<p>", "<p></div></p>", "<p>a < b</p>", '<p x="<"></p>'])
def test_check_of_markup_finds_what_is_wrong(html: str) -> None:
    """What the fuzzer relies on: foreign tags, open ones, crossed ones and loose angles are refused."""
    check("<!doctype html><p></p>")
    with pytest.raises(AssertionError):
        check(f"<!doctype html>{html}")


def test_hostile_text_is_shown_as_sent() -> None:
    """Markup, braces, entities and Markdown read exactly as they came, wherever text is quoted."""
    page = page_of(hostile_trace(HOSTILE))
    assert page.texts("pre").count(HOSTILE) >= 8
    assert HOSTILE in page.texts("h1")
    assert HOSTILE in page.texts("dt")
    assert HOSTILE in page.all("bdi")[0].text


def test_hiding_characters_are_visible() -> None:
    """Controls and bidi overrides are spelled out in a span; none is left in the page."""
    html = html_of(hostile_trace(TRICKY))
    assert '<span class="escape">\\u202e</span>' in html
    assert '<span class="escape">␀</span>' in html
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


def test_long_text_is_cut_and_the_page_says_so() -> None:
    """A text of megabytes does not make a page of megabytes."""
    html = html_of(Trace("x" * 3_000_000, "a"))
    assert len(html) < MAX_QUOTE + 20_000
    assert "This page leaves out 2,800,000 characters here." in html


def test_long_names_are_cut() -> None:
    """A name, key, role or id of megabytes takes no more room than a sentence or two."""
    page = page_of(hostile_trace("n" * 30_000))
    lengths = [len(text) for tag in ("bdi", "dt", "h1", "summary") for text in page.texts(tag)]
    assert 1_000 < max(lengths) < 2_100  # a label may be a type and a name


def test_repeated_conversations_do_not_make_a_page_without_end() -> None:
    """An agent that resends everything with every call is held by the budget of the page."""
    steps = tuple(
        replace(
            step("chat", n, 1),
            input_messages=(said("user", "x" * 100_000),),
            attributes={"raw": "y" * 100_000},
        )
        for n in range(200)
    )
    assert len(html_of(Trace("q", "a", steps=steps))) < MAX_PAGE + 2_000_000


def test_deep_and_long_traces_render() -> None:
    """Thousands of steps, each under the one before, need no recursion."""
    page = page_of(chain_trace(2_000), View("1", step=2_000))
    assert page.all("div", id="step-2000")


def test_absurd_numbers_render() -> None:
    """Whatever passes the payload's checks has a page."""
    value = PLAIN | {"total_latency_ms": 2**63 - 1, "input_tokens": 2**63 - 1, "output_tokens": -1}
    value["steps"] = [
        {"name": "", "timestamp": "0001-01-01T00:00:00Z", "latency_ms": -5},
        {
            "name": "x",
            "timestamp": "9999-12-31T23:59:59Z",
            "latency_ms": 2**63 - 1,
        },
    ]
    assert "over 100 years" in page_of(payload.decode(value)).text
