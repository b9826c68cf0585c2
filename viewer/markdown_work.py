"""How much work a Markdown text is, told before it is done: in microseconds of one slow core, rather too many.

Knows what markdown-it spends its time on, nothing of what it writes. Every count is one pass over the text.
Weights are measured (tests/viewer/markdown_shapes.py has the texts that cost most for their length), rounded up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

MAX_CHARACTERS = 100_000
MAX_DEPTH = 24
"""Levels of quotes and lists (a list is two). The parser drops the text of deeper ones, so they are refused."""
MAX_WORK_US = 100_000
"""Allowed for the lines and again for what is in them."""

_LINE_US = 18
_ITEM_US = 25
_LEVEL_US = 4
"""A quote looks at each of its lines, and at each that may continue it, once for each level."""
_REOPENED_US = 1.5
"""A line that only seems to continue a quote ends it; the next one looks at all the lines anew."""
_CELL_US = 18
"""A table has in each row as many cells as its head, whether they are written or not."""
_TEXT_US = 8
_SPECIAL_US = 2.5
_SEEN_AGAIN_US = 0.15
"""What follows an open bracket is gone over for each bracket that is open, as deep as links nest."""
_STEPPED_OVER_US = 0.05
"""And stepped over for each other one."""
_PAIRED_US = 8
_ANGLE_US = 15
_IMAGE_US = 50
_TARGET_US = 40
_BRACKET_US = 50
"""A bracket may open a link: what follows is read to see whether it does, at most as deep as links nest."""

_BLANK_LINE = re.compile(r"\n[ \t]*(?=\n)")
_MARKER = r"(?:>|[-+*](?=[ \t]|$)|[0-9]{1,9}[.)](?=[ \t]|$))"
_MARKERS = re.compile(rf"(?:[ \t]*{_MARKER})+", re.MULTILINE)
_SPECIAL = re.compile(r"[^\w \t]", re.ASCII)
_PAIRED = re.compile(r"[*_~`]")


class TooMuchWork(Exception):
    """A text would take longer than a page has time for, or is nested deeper than the parser reads."""


def check_length(text: str) -> None:
    """Refuse a text that is too long even to be counted."""
    if len(text) > MAX_CHARACTERS:
        raise TooMuchWork("characters")


def check_blocks(text: str) -> None:
    """Refuse a text of which the lines alone are too much."""
    check_length(text)
    if (
        text.count("\n") * _LINE_US > MAX_WORK_US
        or sum(map(_work_on_lines, _BLANK_LINE.split(text))) > MAX_WORK_US
    ):
        raise TooMuchWork("lines")


def _work_on_lines(run: str) -> float:
    """What lines without a blank one among them cost: nothing that is open is closed before their end."""
    lines = run.split("\n")
    prefixes = [match[0] for line in lines if (match := _MARKERS.match(line))]
    depth = min(max(map(_levels, prefixes), default=0), MAX_DEPTH)
    quoted = sum(">" in prefix for prefix in prefixes)
    cells = max(line.count("|") + 1 for line in lines) * len(lines)
    return (
        len(lines) * (_LINE_US + _LEVEL_US * depth)
        + len(prefixes) * _ITEM_US
        + min(quoted, len(lines) - quoted) * len(lines) * _REOPENED_US
        + (cells * _CELL_US if cells > len(lines) else 0)
    )


def _levels(prefix: str) -> int:
    """Quotes and lists that a line's beginning opens or continues; an indented one is in others."""
    return len(re.findall(_MARKER, prefix)) + (len(prefix) - len(prefix.lstrip())) // 2


def check_inlines(tokens: Sequence[Token]) -> None:
    """Refuse blocks that are nested too deeply, or of which the texts are too much. Code is not looked into."""
    if any(token.level >= MAX_DEPTH - 1 for token in tokens):
        raise TooMuchWork("nesting")
    if sum(map(_work_on_text, _texts(tokens))) > MAX_WORK_US:
        raise TooMuchWork("texts")


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    return (token.content for token in tokens if token.type == "inline")


def _work_on_text(text: str) -> float:
    specials, brackets = len(_SPECIAL.findall(text)), text.count("[")
    return (
        _TEXT_US
        + specials * (_SPECIAL_US + _SEEN_AGAIN_US * min(brackets, MAX_DEPTH) + _STEPPED_OVER_US * brackets)
        + _PAIRED_US * len(_PAIRED.findall(text))
        + _ANGLE_US * text.count("<")
        + _IMAGE_US * text.count("![")
        + _BRACKET_US * brackets
        + _TARGET_US * text.count("](")
    )


def check_nesting(tokens: Sequence[Token]) -> None:
    """Refuse emphasis within emphasis that goes deeper than any browser likes."""
    if any(token.level > MAX_DEPTH for token in tokens):
        raise TooMuchWork("emphasis")
