"""Text that strangers sent, made legible: escaped for HTML, and what hides or reorders is spelled out.

Knows characters and markup, nothing of traces. Whatever reaches a page passes through `legible` or `shown`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup, escape

_TRICKY = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # control characters, but not tab and newline
    "|\r\n?"
    "|[\u2028\u2029\ufeff\ud800-\udfff]"  # separators and marks nobody sees; lone surrogates are not UTF-8
    "|[\u202a-\u202e\u2066-\u2069]"  # bidi overrides: they show a text in another order than it has
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"  # invisible letters, but not in a flag
)
_LABEL = 1_000
_TOGETHER = 64
"""Texts that are escaped in one go; one among them that hides something costs the others that."""
_CRLF = Markup("&#13;\n")
"""A parser would make "\\r\\n" a plain newline; the reference keeps what was sent."""


def legible(value: Any) -> Any:
    """Escape text for HTML with every hiding character in a visible `<span class="escape">`.

    Anything but a plain string is passed through, and so is text that hides nothing.
    """
    if type(value) is not str or _hides_nothing(value) or not _TRICKY.search(value):
        return value
    return _spelled_out(value)


def shown(value: str) -> str:
    """Text as it stands in HTML: what `escape(legible(value))` makes of it, in a third of the time."""
    if _hides_nothing(value) or not _TRICKY.search(value):
        return html.escape(value)
    return _spelled_out(value)


def spelled(text: str) -> str:
    """Plain text with every hiding character in its spelling, for what becomes markup by another way."""
    return text if _hides_nothing(text) else _TRICKY.sub(_spell, text)


def _hides_nothing(text: str) -> bool:
    """The fast way out for nearly all that a page prints; what it lets pass, `_TRICKY` does not match."""
    return text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()


def _spelled_out(text: str) -> Markup:
    return Markup("").join(_pieces(text))


def _pieces(text: str) -> Iterable[Markup]:
    at = 0
    for match in _TRICKY.finditer(text):
        yield escape(text[at : match.start()])
        if match[0] == "\r\n":
            yield _CRLF
        else:
            yield Markup('<span class="escape">{}</span>').format(_spell(match))
        at = match.end()
    yield escape(text[at:])


class Draft:
    """Markup with gaps, written `{}`, and the texts that go into them, in order.

    The texts of a whole page are escaped together when it is printed, which takes a fraction of the time.
    """

    __slots__ = ("markup", "texts")

    def __init__(self, markup: str, texts: Sequence[str] = ()) -> None:
        self.markup = markup
        self.texts = texts

    def __html__(self) -> str:
        between = self.markup.split("{}")
        pieces = [""] * (2 * len(between) - 1)
        pieces[::2] = between
        pieces[1::2] = _all_shown(self.texts)
        return "".join(pieces)

    def __bool__(self) -> bool:
        return bool(self.markup)


def safe(markup: Markup) -> Draft:
    """Markup that is safe by its type, as a draft; a brace in it is no gap."""
    return Draft(markup.replace("{", Markup("&#123;")))


class Piece:
    """A form of markup with gaps, for drafts, texts and numbers. A text is never markup, whatever it holds."""

    __slots__ = ("_markup", "_size")

    def __init__(self, markup: str) -> None:
        self._markup = markup
        self._size = markup.count("{}")

    def __call__(self, *values: Draft | str | int) -> Draft:
        gaps: list[str | int] = []
        texts: list[str] = []
        for value in values:
            if isinstance(value, str):
                gaps.append("{}")
                texts.append(value)
            elif isinstance(value, int):
                gaps.append(value)
            else:
                gaps.append(value.markup)
                texts += value.texts
        return Draft(self._markup.format(*gaps), texts)

    def each(self, texts: Sequence[str]) -> Draft:
        """The piece again and again, filled with texts in order."""
        return Draft(self._markup * (len(texts) // self._size), texts)


def joined(drafts: Iterable[Draft]) -> Draft:
    """Draft after draft."""
    markup: list[str] = []
    texts: list[str] = []
    for draft in drafts:
        markup.append(draft.markup)
        texts += draft.texts
    return Draft("".join(markup), texts)


def _all_shown(texts: Sequence[str]) -> list[str]:
    """Each text as `shown` makes it. NUL can stand between them: a text that holds one is not plain."""
    done: list[str] = []
    for start in range(0, len(texts), _TOGETHER):
        some = texts[start : start + _TOGETHER]
        text = "\0".join(some)
        if text.count("\0") == len(some) - 1 and _hides_nothing(text.replace("\0", "")):
            done += html.escape(text).split("\0")
        else:
            done += map(shown, some)
    return done


def clip(text: str) -> str:
    """A name, key or label as it is, unless it is absurdly long: then its beginning."""
    return text if len(text) <= _LABEL else text[:_LABEL] + "…"


def plain_line(text: str, limit: int) -> str:
    """One line of text without what hides or reorders, for fields and addresses: there nothing can be marked up."""
    return " ".join("".join(c if spelled(c) == c else " " for c in text[:limit]).split())


def one_line(text: str, limit: int) -> str:
    """The beginning of `text` as one line of plain text, for titles and previews."""
    if len(text) <= limit and text.isprintable() and "  " not in text and text.strip() == text:
        return text
    line = " ".join(text[: 4 * limit].split())
    line = spelled(line)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _spell(match: re.Match[str]) -> str:
    return "".join(map(_spell_character, match[0]))


def _spell_character(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the Unicode control pictures: ␀ ␛ ␍
    if code == 0x7F:
        return "␡"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
