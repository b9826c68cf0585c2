"""Text that strangers sent, made legible: characters that hide or reorder are spelled out.

Knows characters and markup, nothing of traces.
"""

from __future__ import annotations

import re
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
_CRLF = Markup("&#13;\n")
"""A parser would make "\\r\\n" a plain newline; the reference keeps what was sent."""


def legible(value: Any) -> Any:
    """Escape text for HTML with every hiding character in a visible `<span class="escape">`.

    Anything but a plain string is passed through.
    """
    if type(value) is not str or value.isprintable() or not _TRICKY.search(value):
        return value  # isprintable: the fast way out for most of what a page prints
    return Markup("").join(_pieces(value))


def _pieces(text: str) -> list[Markup]:
    pieces, at = [], 0
    for match in _TRICKY.finditer(text):
        pieces.append(escape(text[at : match.start()]))
        pieces.append(
            _CRLF if match[0] == "\r\n" else Markup('<span class="escape">{}</span>').format(_spell(match))
        )
        at = match.end()
    pieces.append(escape(text[at:]))
    return pieces


def clip(text: str) -> str:
    """A name, key or label as it is, unless it is absurdly long: then its beginning."""
    return text if len(text) <= _LABEL else text[:_LABEL] + "…"


def one_line(text: str, limit: int) -> str:
    """The beginning of `text` as one line of plain text, for titles and previews."""
    line = " ".join(text[: 4 * limit].split())
    line = _TRICKY.sub(_spell, line)
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
