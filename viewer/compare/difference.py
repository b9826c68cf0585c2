"""Two texts, and where they differ: by words where they are short, by lines where they are long.

Nothing is lost: same and removed runs are the first text, same and added runs the second, as far as looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from viewer.compare.alignment import WINDOW, align

MAX_BY_WORDS = 20_000
"""Characters of a text that are compared word by word; beyond, whole lines are marked."""
MAX_COMPARED = 200_000
"""Characters of either text that are compared at all."""
MAX_LINES = WINDOW

_SCRIPTS = "\u3040-\u30ff\u3400-\u9fff"  # written without blanks: each character is a word
_BLANKS = r"[^\S\r\n]*"  # belong to the word before; the end of a line stands alone
_WORDS = re.compile(
    rf"(?:[^\s!-&(-/:-@\[-^`{{-~{_SCRIPTS}]|(?<=\d)[.,](?=\d))+{_BLANKS}"  # no ASCII punctuation but in "1.5"
    rf"|[{_SCRIPTS}]{_BLANKS}"
    rf"|[!-&(-/:-@\[-^`{{-~]+{_BLANKS}"
    r"|\s+"
)
_BEGINNING = 12
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


class Change(StrEnum):
    """What became of a piece of the first side."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text that both have, or one of them."""

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How to come from one text to the other."""

    runs: tuple[Run, ...]
    is_by_words: bool
    left_out: int
    """Characters at the end of either text that were not looked at; the longer of the two rests."""

    @property
    def likeness(self) -> float:
        """The part of both texts that is the same: 0 for nothing, 1 for all."""
        same = 2 * sum(len(run.text) for run in self.runs if run.change is Change.SAME)
        other = sum(len(run.text) for run in self.runs if run.change is not Change.SAME)
        return same / (same + other) if same or other else 1.0


def difference(a: str, b: str) -> Difference:
    """Compare two texts, in bounded time."""
    if a == b:
        return Difference((Run(Change.SAME, a),) if a else (), is_by_words=True, left_out=0)
    lines_a, lines_b = _lines(a), _lines(b)
    left_out = max(len(a) - sum(map(len, lines_a)), len(b) - sum(map(len, lines_b)))
    words_left = 2 * MAX_BY_WORDS
    is_by_words = True
    stretches: list[_Stretch] = []
    for one, other in _blocks(lines_a, lines_b):
        size = 0 if one == other else len(one) + len(other)
        if size <= words_left:
            words_left -= size
            stretches += _by_words(one, other)
        else:
            is_by_words = False
            stretches.append(_Stretch(one, other, ""))
    return Difference(tuple(_spelled(_settled(stretches))), is_by_words, left_out)


def _lines(text: str) -> list[str]:
    return _LINES.findall(text[:MAX_COMPARED])[:MAX_LINES]


def _blocks(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    """The texts cut into parts that belong together: equal lines, lines that begin alike, and what is between."""
    for one, other in _parts(a, b, a, b):
        if len(one) == len(other) == 1:
            yield one[0], other[0]
            continue
        for some, others in _parts(one, other, *([*map(_beginning, lines)] for lines in (one, other))):
            yield "".join(some), "".join(others)


def _beginning(line: str) -> str:
    """What a line is recognised by when it goes on differently: `2. Morning: `, `"limit":`."""
    if len(line) > 2 * _BEGINNING:
        return line[:_BEGINNING]
    return line.split(None, 1)[0] if line.strip() else ""


def _parts(
    a: list[str], b: list[str], keys_a: list[str], keys_b: list[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """What lies between places whose keys match, and each such pair of places, in order."""
    at_a = at_b = 0
    for i, j in [*align(keys_a, keys_b).pairs, (len(a), len(b))]:
        if (i, j) != (at_a, at_b):
            yield a[at_a:i], b[at_b:j]
        if i < len(a):
            yield a[i : i + 1], b[j : j + 1]
        at_a, at_b = i + 1, j + 1


@dataclass(slots=True)
class _Stretch:
    """What was removed and what was put in its place, then what stayed the same."""

    removed: str
    added: str
    same: str


def _by_words(a: str, b: str) -> Iterator[_Stretch]:
    if a == b:
        yield _Stretch("", "", a)
        return
    words_a, words_b = _WORDS.findall(a), _WORDS.findall(b)
    for one, other in _parts(words_a, words_b, words_a, words_b):
        removed, added = "".join(one), "".join(other)
        yield _Stretch("", "", removed) if removed == added else _Stretch(removed, added, "")


def _settled(stretches: Iterable[_Stretch]) -> list[_Stretch]:
    """Join what stands together, and take for changed what stayed the same by chance.

    Else a new sentence reads as a mosaic of the two (after Fraser, "Diff Strategies", semantic clean-up).
    """
    settled: list[_Stretch] = []
    for stretch in _merged(stretches):
        settled.append(stretch)
        while len(settled) > 1 and _is_chance(settled[-2], settled[-1]):
            last = settled.pop()
            before = settled[-1]
            before.removed += before.same + last.removed
            before.added += before.same + last.added
            before.same = last.same
    return settled


def _merged(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """The stretches with what follows a change and is the same in one piece."""
    change, same = _Stretch("", "", ""), [""]
    for stretch in stretches:
        if stretch.removed or stretch.added:
            yield _Stretch(change.removed, change.added, "".join(same))
            change, same = stretch, []
        same.append(stretch.same)
    yield _Stretch(change.removed, change.added, "".join(same))


def _is_chance(before: _Stretch, after: _Stretch) -> bool:
    """Nothing between two changes, or a word or so that is shorter than either. The end of a line is none."""
    if "\n" in before.same:
        return False
    longest_before = max(len(before.removed), len(before.added))
    longest_after = max(len(after.removed), len(after.added))
    return not before.same or len(before.same.strip()) < min(longest_before, longest_after)


def _spelled(stretches: Iterable[_Stretch]) -> Iterator[Run]:
    for stretch in stretches:
        if stretch.removed:
            yield Run(Change.REMOVED, stretch.removed)
        if stretch.added:
            yield Run(Change.ADDED, stretch.added)
        if stretch.same:
            yield Run(Change.SAME, stretch.same)
