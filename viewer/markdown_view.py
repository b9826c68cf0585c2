"""Markdown that a stranger or a model wrote, as HTML that can do nothing. Knows nothing of traces.

Nothing is fetched, nothing runs, and the host of a link is in sight. The parser lets no HTML through, the renderer
writes few tags, and nh3 drops whatever is not listed here. What might take long to parse is refused before.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, link
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from viewer.legible import spelled
from viewer.markdown_work import (
    MAX_DEPTH,
    TooMuchWork,
    check_blocks,
    check_inlines,
    check_length,
    check_nesting,
)

_TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "h4", "h5", "h6"),
    *("a", "em", "strong", "s", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}
_REL = "noopener noreferrer nofollow ugc"
_HEADING = {"h1": "h4", "h2": "h5", "h3": "h6", "h4": "h6", "h5": "h6", "h6": "h6"}
"""The page's own outline ends with h3."""
_CHARACTER = r"[^\s\"'<>\\^`{|}\x00-\x20\x7f-\U0010ffff]"
_REST = rf"{_CHARACTER}*"
_TARGET = re.compile(
    rf"https?://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?(?:[/?#]{_REST})?"
    rf"|mailto:(?P<address>(?:(?![?#/]){_CHARACTER})+)(?:\?{_REST})?",
    re.IGNORECASE | re.ASCII,
)
"""Targets that every browser reads the same way. All others stay the text they are."""


def rendered(text: str) -> Markup | None:
    """Turn Markdown into safe HTML, or tell by None that `text` is to be shown as it is.

    An image becomes its description and its address. Titles of links and languages of code are left out.
    """
    try:
        check_length(text)
        legible = spelled(text.replace("\r\n", "\n"))
        check_blocks(legible)
        markup = _PARSER.render(legible)
    except TooMuchWork:
        return None
    clean = nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel=_REL,
    )
    return Markup(clean) if clean.strip() else None  # noqa: S704 -- cleaned on the line above


_MAX_TARGET = 2_000


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 -- markdown-it's name
        return len(url) <= _MAX_TARGET and _TARGET.fullmatch(url) is not None


class _Renderer(RendererHTML):
    """Escapes, and spells what entities may have brought in: `&#x202e;` hides as well as the character."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _escaped(tokens[idx].content)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<code>{_escaped(tokens[idx].content)}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<pre><code>{_escaped(tokens[idx].content)}</code></pre>\n"

    fence = code_block

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<a href="{html.escape(_target(tokens[idx]))}">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        shown = tokens[idx].meta.get("shown")
        return f"</a> ({_escaped(shown)})" if shown else "</a>"

    def image_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return ""

    def image_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f" ({_escaped(tokens[idx].meta['target'])})"


def _escaped(text: str) -> str:
    return html.escape(spelled(text))


def _target(token: Token) -> str:
    return str(token.attrs.get("href", ""))


# -- rules ----------------------------------------------------------------------------------------------


def _image(state: StateInline, silent: bool) -> bool:
    """`![…](…)` is read as a link is, and written as text. The parser's own rule can recurse without end."""
    if not state.src.startswith("![", state.pos):
        return False
    start, first = state.pos, len(state.tokens) + bool(state.pending)
    state.pos += 1
    if not link(state, silent):
        state.pos = start
        return False
    if not silent:
        opened, closed = state.tokens[first], state.tokens[-1]
        opened.type, closed.type = "image_open", "image_close"
        closed.meta["target"] = _target(opened)
    return True


def _measured(state: StateCore) -> None:
    """Between blocks and what is in them the lengths are known that the rest of the work depends on."""
    check_inlines(state.tokens)


def _prepared(state: StateCore) -> None:
    """Headings go below the page's own; a link that does not name its host gets it told."""
    for token in state.tokens:
        token.tag = _HEADING.get(token.tag, token.tag)
        if token.children:
            check_nesting(token.children)
            for opened, words, closed in _links(token.children):
                closed.meta["shown"] = _unnamed(_target(opened), words)


def _links(tokens: Sequence[Token]) -> Iterator[tuple[Token, str, Token]]:
    opened, words = None, list[str]()
    for token in tokens:
        if token.type == "link_open":
            opened, words = token, []
        elif token.type == "link_close" and opened:
            yield opened, "".join(words), token
        else:
            words.append(token.content or " ")


def _unnamed(target: str, words: str) -> str:
    """The host or address of a target, unless the words are just that, or a URL of that host."""
    match = _TARGET.fullmatch(target)
    if match is None:
        return target
    place = match["host"] or match["address"]
    named = rf"(?:https?://|mailto:)?{re.escape(place)}(?:[:/?#][^\s@]*)?"
    return "" if re.fullmatch(named, words.strip(), re.IGNORECASE | re.ASCII) else place


def _parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False, "maxNesting": MAX_DEPTH}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.at("image", _image)
    parser.core.ruler.after("block", "measured", _measured)
    parser.core.ruler.push("prepared", _prepared)
    return parser


_PARSER = _parser()
