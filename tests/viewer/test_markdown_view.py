"""Markdown of strangers becomes HTML that can do nothing, or stays the text it is."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, strategies as st
from markupsafe import Markup

from tests.viewer.markdown_shapes import ordinary_answer, shapes
from tests.viewer.xss_corpus import MARKUP, TARGETS
from viewer.legible import legible
from viewer.markdown_view import rendered
from viewer.markdown_work import MAX_CHARACTERS

ALLOWED = frozenset(
    re.findall(
        r"\w+", "a blockquote br code em h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul"
    )
)
VOID = frozenset({"br", "hr"})
REL = "noopener noreferrer nofollow ugc"
URL = re.compile(
    r"(https?://[a-z0-9._-]+|https?://\[[0-9a-f:.]+\]|mailto:[^\s/?#]+)([:/?#][!-~]*)?", re.I | re.A
)
PLACES = (
    "{}",
    "a {} b",
    "# {}",
    "> - {}",
    "1. {}\n2. b",
    "**{}** *{}* ~~{}~~",
    "`{}`",
    "    {}",
    "```{}\nx\n```",
    "~~~\n{}\n~~~",
    "| {} | b |\n|:-:|-|\n| a | {} |",
    "[x]({})",
    "[x](<{}>)",
    "[x]({} 'title')",
    "[x](https://a.example/ '{}')",
    '[x](https://a.example/ "{}")',
    "[{}](https://a.example/)",
    "[{}][r]\n\n[r]: https://a.example/",
    "[x][r]\n\n[r]: {}",
    "[x][r]\n\n[r]: https://a.example/ '{}'",
    "[{}]\n\n[{}]: https://a.example/",
    "![x]({})",
    "![{}](https://a.example/x.png)",
    "![x](https://a.example/x.png '{}')",
    "![x][r]\n\n[r]: {}",
    "[![x]({})](https://a.example/)",
    "<{}>",
    "<https://a.example/{}>",
    "https://a.example/{}",
)


class Read(HTMLParser):
    """What a browser would find: tags that are closed, attributes, text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(str(markup))  # a Markup would escape what is added to it
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def read(text: str) -> Read:
    """The page of a text that is not refused."""
    markup = rendered(text)
    assert isinstance(markup, Markup)
    return harmless(markup)


def harmless(markup: str) -> Read:
    """Tags and attributes are of the list, targets are the web's or mail's, and no character hides."""
    page = Read(markup)
    for tag, attributes in page.tags:
        assert tag in ALLOWED
        if tag == "a":
            assert attributes.keys() <= {"href", "rel"}
            assert attributes["rel"] == REL
            assert "href" not in attributes or URL.fullmatch(attributes["href"] or "")
        elif tag == "ol":
            assert re.fullmatch("[0-9]*", attributes.pop("start", "") or "")
            assert not attributes
        else:
            assert not attributes
    assert legible(page.text) == page.text
    return page


@pytest.mark.parametrize("attack", [*TARGETS, *MARKUP])
def test_attack_becomes_nothing_but_text(attack: str) -> None:
    """Whatever stands wherever, the page holds no tag, attribute or target that is not on the list."""
    pages = [rendered(place.replace("{}", attack)) for place in PLACES]

    assert sum(page is None for page in pages) <= 2  # of which nothing is left but a reference
    for page in pages:
        harmless(page or Markup(""))


def test_corpus_is_large() -> None:
    """An attack that is listed twice would be one that is missing."""
    assert len(set(TARGETS) | set(MARKUP)) == len(TARGETS) + len(MARKUP) > 100


@pytest.mark.parametrize("target", TARGETS)
def test_target_that_browsers_may_read_another_way_is_no_link(target: str) -> None:
    """It stays the text it was written as, and whoever sees it sees all of it."""
    page = read(f"[words](<{target}>)")
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "href" in attributes]
    assert all(re.match(r"https://a\.example/", link or "") for link in links)


@given(
    st.lists(
        st.sampled_from([*MARKUP, *TARGETS, *"[]()!<>*_~`|&;:'\"\\\n\t -#", "\n\n", "\n> ", "\n- "])
        | st.text()
    )
)
def test_any_mixture_is_harmless(pieces: list[str]) -> None:
    """Attacks in attacks, cut anywhere by what Markdown gives a meaning."""
    markup = rendered("".join(pieces))
    if markup is not None:
        harmless(markup)


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("# a\n## b\n### c", "<h4>a</h4>\n<h5>b</h5>\n<h6>c</h6>"),
        ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>"),
        ("3. x\n4. y", '<ol start="3">\n<li>x</li>\n<li>y</li>\n</ol>'),
        ("```js\n1 < 2\n```", "<pre><code>1 &lt; 2\n</code></pre>"),
        ("a  \nb\r\nc", "<p>a<br>\nb\nc</p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](//evil.example)", "<p>[x](//evil.example)</p>"),
        ("![a *b*](https://evil.example/?q)", "<p>a <em>b</em> (https://evil.example/?q)</p>"),
        ("![a][r]\n\n[r]: https://evil.example/?q", "<p>a (https://evil.example/?q)</p>"),
        ("![a](x.png)", "<p>![a](x.png)</p>"),
    ],
)
def test_markdown_means_what_it_says(text: str, markup: str) -> None:
    """Headings go below the page's own, images become text, refused targets stay as they were written."""
    assert str(rendered(text)).strip() == markup


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[words](https://a.example/x)", "words (a.example)"),
        ("[a.example](https://a.example/x)", "a.example"),
        ("[https://A.example/y](https://a.example/x)", "https://A.example/y"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("[https://bank.example](https://evil.example)", "https://bank.example (evil.example)"),
        ("[bank.example/evil.example](https://evil.example)", "bank.example/evil.example (evil.example)"),
        (
            "[https://evil.example:80@bank.example](https://evil.example)",
            "https://evil.example:80@bank.example (evil.example)",
        ),
        ("[evil.example is bank](https://evil.example)", "evil.example is bank (evil.example)"),
        ("[evil.example.bank.example](https://evil.example)", "evil.example.bank.example (evil.example)"),
        ("[еvil.example](https://evil.example)", "еvil.example (evil.example)"),
        ("<https://пример.рф/x>", "https://пример.рф/x (xn--e1afmkfd.xn--p1ai)"),
        ("[](https://evil.example)", " (evil.example)"),
        ("[![b](https://i.example/b)](https://t.example)", "b (https://i.example/b) (t.example)"),
        ("[write](mailto:a@b.example?subject=x)", "write (a@b.example)"),
        ("<a@b.example>", "a@b.example"),
    ],
)
def test_host_of_a_link_is_in_sight(text: str, shown: str) -> None:
    """Words that are not just the host, or a URL of it, are followed by the host."""
    assert read(text).text.rstrip("\n") == shown


@pytest.mark.parametrize(
    "place", ["{}", "`{}`", "    {}", "```\n{}\n```", "[{}](https://a.example)", "|{}|b|\n|-|-|", "> {}"]
)
@pytest.mark.parametrize(
    ("hidden", "spelled"),
    [
        ("a\x00b", "a␀b"),
        ("a\x1bb", "a␛b"),
        ("a\rb", "a␍b"),
        ("a\x85b", "a\\x85b"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b", "a\\u2066b"),
        ("a\ud800b", "a\\ud800b"),
    ],
)
def test_hiding_characters_are_spelled(hidden: str, spelled: str, place: str) -> None:
    """Wherever it stands, a character that hides or reorders is seen as elsewhere on the page."""
    assert spelled in read(place.replace("{}", hidden)).text


def test_entity_that_hides_is_spelled() -> None:
    """A reference to a hiding character hides as well."""
    assert read("a&#x202e;b [c&#8238;](https://a.example)").text == "a\\u202eb c\\u202e (a.example)\n"


def calls_of(text: str) -> tuple[Markup | None, int]:
    """What becomes of a text, and the function calls that it takes: work, whatever machine does it."""
    calls = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        return rendered(text), calls
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("name", shapes(0))
def test_work_has_a_bound(name: str) -> None:
    """A million calls are some 100 ms; without the guard some of these shapes need a thousand times that."""
    assert calls_of(shapes(10_000)[name])[1] < 2_000_000


@pytest.mark.parametrize(
    "name", ["brackets", "images", "wide table", "lazy lines of a deep quote", "items", "paragraphs"]
)
def test_much_of_what_costs_is_shown_as_text(name: str) -> None:
    """The parser is not asked."""
    assert rendered(shapes(20_000)[name]) is None


@pytest.mark.parametrize("text", [">" * 30 + "a", "- " * 15 + "a", "*a " * 30 + " a*" * 30])
def test_deep_nesting_is_shown_as_text(text: str) -> None:
    """The parser would drop what is deeper than its limit."""
    assert rendered(text) is None


@pytest.mark.parametrize("text", ["", " \n", "[a]: https://a.example", "a" * (MAX_CHARACTERS + 1)])
def test_text_of_which_nothing_would_be_seen_is_shown_as_it_is(text: str) -> None:
    """So is one that is too long."""
    assert rendered(text) is None


def test_ordinary_long_answer_is_rendered_and_keeps_its_text() -> None:
    """Forty thousand characters of a model's prose, lists, tables and code."""
    answer = ordinary_answer()
    page = read(f"{answer}\n\n{answer}")
    words = set(re.findall(r"\w{3,}", answer.replace("```python", ""))) - {
        "https",
        "guide",
        "streams",
        "docs",
    }
    assert words <= set(re.findall(r"\w+", page.text))
    assert page.text.count("def read(cache: dict[str, list[int]], key: str) -> int | None:") == 44
    kinds = {tag for tag, _ in page.tags}
    assert kinds >= {"h5", "ol", "ul", "table", "pre", "blockquote", "a", "s", "em", "strong", "code"}
