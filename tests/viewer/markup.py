"""Reads a page back: its elements with their attributes, whether they are balanced, its text.

`check` asks less, of any HTML that Tracen writes, in a tenth of the time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tracen_otel.model import Trace
from viewer.document import Document, encode
from viewer.trace_page import render_trace
from viewer.view import View

FIRST_VIEW = View("1")
"""What a reader sees who follows a plain link."""

_BLOCKS = frozenset({"dt", "dd", "div", "p", "li", "section", "svg", "th", "td", "tr", "caption", "small"})
"""What a browser would not run together with the text before it."""
_VOID = frozenset({"meta", "link", "input", "br"})

OWN_TAGS = frozenset(
    re.findall(
        r"\w+",
        """html head meta title link body a header nav main footer section h1 h2 h3 p div pre dl dt dd ol
        ul li details summary label input span small bdi time code svg symbol path rect circle ellipse
        use text table caption thead tbody tfoot tr th td article form input button script mark del ins tbody
        """,
    )
)
_TAG = re.compile(r'<(/?)(\w+)(?: [\w:-]+(?:="[^"<>]*")?)*(/?)>')


@dataclass(slots=True)
class Element:
    """A start tag as it stands in the page."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    """The tags it stands in, outermost first."""
    pieces: list[str]
    """The text of the whole page."""
    start: int
    end: int | None = None

    @property
    def text(self) -> str:
        """All text inside, that of inner elements included."""
        return "".join(self.pieces[self.start : self.end])


@dataclass(slots=True)
class Page(HTMLParser):
    """Parses a page; raises AssertionError where an element is closed that is not the innermost open one."""

    html: str
    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self.feed(self.html)
        self.close()
        assert [element.tag for element in self._open] == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.handle_data(" ")
        self._add(tag, attrs)
        if tag not in _VOID:
            self._open.append(self.elements[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = tuple(element.tag for element in self._open)
        self.elements.append(
            Element(
                tag, {name: value or "" for name, value in attrs}, inside, self._pieces, len(self._pieces)
            )
        )

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        element = self._open.pop()
        assert element.tag == tag
        element.end = len(self._pieces)

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements of a tag that have these attributes (`class_` for class), in order."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def texts(self, tag: str) -> list[str]:
        """The text of each element of a tag; a newline right after <pre> is markup, as in a browser."""
        return [e.text.removeprefix("\n") if tag == "pre" else e.text for e in self.all(tag)]

    @property
    def text(self) -> str:
        """The text of the whole page, its white space collapsed."""
        return " ".join(self.all("body")[0].text.split())


def document_of(trace: Trace) -> Document:
    """A trace as it is saved, all parts at hand."""
    return Document("edition", encode(trace))


def html_of(trace: Trace, view: View = FIRST_VIEW) -> str:
    """The page of a trace."""
    return render_trace(document_of(trace), view, base_url="http://tracen.test")


def page_of(trace: Trace, view: View = FIRST_VIEW) -> Page:
    """The page of a trace, read back."""
    return Page(html_of(trace, view))


def check(html: str) -> None:
    """Assert that every `<` begins a tag of Tracen's own, and that all are closed in order."""
    open_tags: list[str] = []
    tags = _TAG.findall(html)
    assert len(tags) == html.count("<") - 1, "a `<` that begins no tag"  # one is the doctype's
    for closing, tag, empty in tags:
        assert tag in OWN_TAGS, tag
        if closing:
            assert open_tags.pop() == tag
        elif not empty and tag not in _VOID:
            open_tags.append(tag)
    assert open_tags == []
