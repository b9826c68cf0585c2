"""Where a string in JSON, or in JSON in JSON, ends: whose quotes have backslashes before them."""

from __future__ import annotations

import re

_QUOTE_BY_SIGN = {'"': re.compile(r'(\\*+)"'), "'": re.compile(r"(\\*+)'")}


def end_of_string(text: str, start: int, quote: str, level: int) -> tuple[int, int]:
    """Where the string ends, and where its quote does. A string that breaks off ends with the text."""
    for match in _QUOTE_BY_SIGN[quote].finditer(text, start):
        its_level = level_of(len(match[1]))
        if its_level <= level:
            return match.end() - (1 << its_level), match.end()
    return len(text), len(text)


def level_of(slashes: int) -> int:
    """How deep in JSON in JSON a quote is with so many backslashes before it: 0, 1, 3, 7 of them are its own."""
    level = 0
    while slashes & 1:
        level, slashes = level + 1, slashes >> 1
    return level
