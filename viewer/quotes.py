"""Quotes: a trace's texts and values as the page shows them, within the page's budget of characters.

A quote is exact. JSON is laid out anew only where that loses nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from markupsafe import Markup

from tracen_otel.payload import json_value
from viewer.markdown_view import rendered
from viewer.wording import count, plural

MAX_QUOTE = 200_000
"""Characters of one quote; beyond, the page says so and the JSON has all."""
MAX_PAGE = 6_000_000
"""Characters of all quotes of a page. Agents resend the conversation with each call, so it grows squared."""
MIN_QUOTE = 1_000
"""Characters that a quote keeps when the page's budget is spent."""

MAX_PROSE = 200_000
"""Characters that one page renders as Markdown: parsing takes a thousand times what quoting does."""

_LONG_CHARACTERS = 2_000
_LONG_LINES = 24
"""A text beyond either is long: it shows its beginning, and the rest when asked."""
_HEAD_CHARACTERS = 1_500
_HEAD_LINES = 18
_LINES = re.compile(rf"(?:[^\n]*\n){{{_HEAD_LINES}}}")
_MAX_LAYOUT = 100_000
"""Characters of JSON that are worth laying out: the indenting encoder is slow."""
_MAX_LAYOUT_DEPTH = 24
_STRUCTURE = ("{", "[")
_MAX_INLINE = 80
"""Characters of JSON that stay on one line."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of a trace's text, exactly as sent."""

    text: str
    rest: str = ""
    """How a long text goes on; it is neither shown nor laid out until the reader asks."""
    offer: str = ""
    """What asking shows, in words: `all 48,210 characters`."""
    is_code: bool = False
    """Set in a fixed-width face: JSON, arguments, stack traces."""
    omitted: str = ""
    """How much of it this page leaves out, in words; "" for nothing."""
    prose: Markup | None = None
    """The text as Markdown means it, where the reader asked for that and it can be done."""


class Quoter:
    """Makes the quotes of one page and keeps count of what they take."""

    def __init__(self, budget: int = MAX_PAGE, *, is_markdown: bool = False) -> None:
        self._left = budget
        self._is_markdown = is_markdown
        self._prose_left = MAX_PROSE
        self._laid_out: dict[str, str | None] = {}

    def text(self, text: str, *, is_code: bool = False) -> Quote:
        """Quote a text exactly as it was sent, or as Markdown where the page renders it."""
        if self._is_markdown and not is_code and 0 < len(text) <= self._prose_left:
            self._prose_left -= len(text)
            prose = rendered(text)
            if prose is not None:
                return Quote(text, prose=prose)
        return self._as_sent(text, is_code)

    def _as_sent(self, text: str, is_code: bool) -> Quote:
        if len(text) <= MIN_QUOTE and text.count("\n") <= _LONG_LINES:
            self._left -= len(text)
            return Quote(text, is_code=is_code)
        kept = text[: min(MAX_QUOTE, max(MIN_QUOTE, self._left))]
        self._left -= len(kept)
        end = _head_end(kept)
        return Quote(
            text=kept[:end],
            rest=kept[end:],
            offer=_offer(len(kept), len(text)) if end < len(kept) else "",
            is_code=is_code,
            omitted=plural(len(text) - len(kept), "character") if len(kept) < len(text) else "",
        )

    def value(self, value: Any) -> Quote:
        """Quote a value, and lay it out as JSON where it is a structure or a text that holds one."""
        if not isinstance(value, str):
            return self.text(layout(json_value(value)), is_code=True)
        laid_out = self._lay_out(value)
        return self.text(value) if laid_out is None else self.text(laid_out, is_code=True)

    def _lay_out(self, text: str) -> str | None:
        """As `_lay_out_text`, once a page: tools and settings come with each step, to the letter."""
        if text[:1] not in _STRUCTURE and text.lstrip()[:1] not in _STRUCTURE:
            return None
        if text not in self._laid_out:
            self._laid_out[text] = _lay_out_text(text)
        return self._laid_out[text]


def _head_end(text: str) -> int:
    """Where the beginning of a long text ends, after a blank if there is one near; else its whole length."""
    if len(text) <= _LONG_CHARACTERS and text.count("\n") <= _LONG_LINES:
        return len(text)
    end = _HEAD_CHARACTERS
    end += text[end - 1 : end + 1] == "\r\n"
    lines = _LINES.match(text, 0, end)
    if lines:
        return lines.end()
    blank = max(text.rfind(" ", end - 100, end), text.rfind("\n", end - 100, end))
    return end if blank < 0 else blank + 1


def _offer(kept: int, whole: int) -> str:
    all_of_it = plural(whole, "character")
    return f"all {all_of_it}" if kept == whole else f"the first {count(kept)} of {all_of_it}"


def layout(value: Any) -> str:
    """JSON for reading: indented, or one line where it is short, huge or deep."""
    line = json.dumps(value, ensure_ascii=False)
    if not _MAX_INLINE < len(line) <= _MAX_LAYOUT or _is_deep(value):
        return line
    return json.dumps(value, ensure_ascii=False, indent=2)


def _is_deep(value: Any) -> bool:
    """Whether indenting would make far more of it than it is."""
    level = [value]
    for _ in range(_MAX_LAYOUT_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
    return bool(level)


def _children(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _lay_out_text(text: str) -> str | None:
    """The array or object that a text holds, laid out; None where that would change what it says."""
    if len(text) > _MAX_LAYOUT:
        return None
    try:
        return layout(
            json.loads(
                text,
                parse_float=_parse_float,
                parse_constant=_refuse_constant,
                object_pairs_hook=_parse_object,
            )
        )
    except (ValueError, RecursionError):
        return None


def _parse_float(text: str) -> float:
    value = float(text)
    if repr(value) != text:
        raise ValueError(text)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value
