"""Where any of the texts that are masked stands in another text, as it is written there and as it reads.

Marks of what is masked already are nobody's words. Knows no trace.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache

from viewer.sharing.needles import Automaton, Needle
from viewer.sharing.spellings import Reading, core_of, folded, reading_of

MIN_MASK = 4
"""Characters of a mask."""
ANY_MARK = re.compile(r"\[(?:masked|withheld): ([^\[\]\"\\]{1,60})\]")
"""What stands in the place of what was masked, by whomever. See tracen_otel/redact.py."""
_ESCAPES = frozenset("nrtbfu\"'\\/")
"""What a backslash before it makes another character of."""
_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_UNIT = re.compile(r"\\u[0-9a-fA-F]{4}")
_SIGNS = ("\\", "%", "&", "+", "  ", *"\t\n\v\f\r\b\x1c\x1d\x1e\x1f")
"""What is read otherwise than it is written."""
_UNSEEN = (
    *"\u00ad\u200b\u200c\u200d\u2060\ufeff",
    "\\u00ad",
    "\\u00AD",
    "\\u200",
    "\\ufeff",
    "\\uFEFF",
    "&shy;",
)


def places(masks: tuple[str, ...], text: str) -> list[tuple[int, int]]:
    """Where something is masked in a text, in order; what overlaps is one place."""
    if not masks:
        return []
    low = folded(text)
    if not _has_unseen(text) and not any(_may_stand(mask, text, low) for mask in masks):
        return []
    automaton = _automaton(masks)
    found = [_whole(text, *place) for place in automaton.places(low, _never)]
    if not _is_read_as_written(text):
        found += _read(automaton, text, reading_of(text))
    if "\\" in text and ("%" in text or "&" in text):  # `%20` may be a share and a number
        found += _read(automaton, text, reading_of(text, decodes=False))
    return _apart(text, found) if found else []


# -- what is looked for --------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _automaton(texts: tuple[str, ...]) -> Automaton:
    """The last ones are kept: to build it takes long where texts are many and long."""
    return Automaton(needle for text in texts for needle in _needles(text))


def _needles(mask: str) -> Iterator[Needle]:
    """A mask as it is written, as it is read, and as it is read after a backslash before it."""
    verbatim = folded(mask)
    yield Needle(verbatim)
    for decodes in (True, False):
        told = reading_of(mask, decodes=decodes).text.strip(" ")
        if told.strip("\"'") and told != verbatim:
            yield Needle(told, least=_least(told, mask))
    if (letter := verbatim[0]) in "nrtbf":
        escaped = reading_of(f"\\{letter}{mask[1:]}").text.rstrip(" ")
        if escaped[:1] == " " and escaped[1:]:
            yield Needle(escaped, letter, _least(escaped, mask))


def _least(told: str, mask: str) -> int:
    """What little is left of a mask may stand in too many words: it must be spelled as long as the mask is."""
    seen = sum(unicodedata.category(character) != "Cf" for character in mask)
    return seen if len(told) < MIN_MASK else 0


@lru_cache(maxsize=1_000)
def _trace_of(mask: str) -> str:
    return core_of(mask)


def _may_stand(mask: str, text: str, low: str) -> bool:
    """Whether a mask may stand in a text, folded in `low`: most stand in few."""
    if core := _trace_of(mask):
        return core in low
    return mask.isascii() or not text.isascii() or any(sign in text for sign in ("\\u", "%", "&"))


def _has_unseen(text: str) -> bool:
    """Whether characters that are not seen may part a word."""
    return any(sign in text for sign in _UNSEEN)


def _is_read_as_written(text: str) -> bool:
    return text.isascii() and not any(sign in text for sign in _SIGNS)


def _never(index: int, needle: Needle) -> bool:
    """What is found as it is written asks for nothing more."""
    return False


def _read(automaton: Automaton, text: str, reading: Reading) -> list[tuple[int, int]]:
    """The places of what a text is read as."""

    def fits(index: int, needle: Needle) -> bool:
        if (
            needle.letter
            and f"\\{needle.letter}" not in text[reading.start(index) : reading.start(index + 1)]
        ):
            return False
        start, end = reading.start(index), reading.end(index + len(needle.text) - 1)
        return not needle.least or _around(text, start, end) >= needle.least

    found = automaton.places(reading.text, fits)
    return [(_begin(text, reading, first), reading.end(last - 1)) for first, last in found]


def _begin(text: str, reading: Reading, first: int) -> int:
    """Where a place begins: of whitespace, only with the last escape is a letter that it begins with."""
    if reading.text[first] != " ":
        return reading.start(first)
    escape = text.rfind("\\", reading.start(first), reading.start(first + 1))
    return reading.start(first) if escape < 0 else _before_backslashes(text, escape)


def _around(text: str, start: int, end: int) -> int:
    """The length of a place with the backslashes, and an escape, beside it: they are not read."""
    if start > 1 and text[start - 1] in "nrtbf" and text[start - 2] == "\\":
        start -= 1
    while end < len(text) and text[end] == "\\":
        end += 1
    return end - _before_backslashes(text, start)


def _before_backslashes(text: str, at: int) -> int:
    while at and text[at - 1] == "\\":
        at -= 1
    return at


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """A place with what it has a part of: JSON in the text stays JSON."""
    if (begun := _BEGUN.search(text, max(0, start - 5), start)) and _UNIT.match(text, begun.start()):
        start = _before_backslashes(text, begun.start())
    elif text[start] in _ESCAPES:
        start = _before_backslashes(text, start)
    if (begun := _BEGUN.search(text, max(start, end - 5), end)) and (
        unit := _UNIT.match(text, begun.start())
    ):
        end = unit.end()
    elif (before := _before_backslashes(text, end)) > start:
        end = before  # they may belong to a quote after them
    return start, end


def _apart(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Places that do not overlap, of some that may; none within a mark, and none that holds a part of one."""
    marks = [match.span() for match in ANY_MARK.finditer(text)]
    starts, ends = [start for start, _ in marks], [end for _, end in marks]
    apart: list[tuple[int, int]] = []
    for start, end in sorted(found):
        first, last = bisect_right(ends, start), bisect_left(starts, end)  # the marks that it reaches into
        if first < last:
            if last - first == 1 and starts[first] <= start and end <= ends[first]:
                continue
            start, end = min(start, starts[first]), max(end, ends[last - 1])
        if apart and start < apart[-1][1]:
            apart[-1] = min(start, apart[-1][0]), max(end, apart[-1][1])
        else:
            apart.append((start, end))
    return apart
