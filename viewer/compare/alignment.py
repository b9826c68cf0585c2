"""The longest common subsequence of two sequences of words: which places of one match which of the other.

Knows neither steps nor texts. The same whichever sequence comes first, exact up to `WINDOW` places, and bounded
in time and memory beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 10_000
"""Places of either sequence that are looked at together: 12 MB and less than a tenth of a second at most."""

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Indexes that match, ascending on both sides. Not `is_exact`: there may be a longer alignment."""

    pairs: Pairs
    is_exact: bool = True


def align(a: Sequence[str], b: Sequence[str]) -> Alignment:
    """Match as many places as can be matched in order. A common beginning and end always match."""
    a, b = list(a), list(b)
    if (len(b), b) < (len(a), a):  # of several longest ones the same is chosen from either side
        turned = _align(b, a)
        return Alignment([(i, j) for j, i in turned.pairs], turned.is_exact)
    return _align(a, b)


def _align(a: list[str], b: list[str]) -> Alignment:
    head = _common_head(a, b)
    tail = _common_head(a[head:][::-1], b[head:][::-1])
    end_a, end_b = len(a) - tail, len(b) - tail
    pairs = [(i, i) for i in range(head)]
    at_a = at_b = head
    is_exact = max(end_a, end_b) - head <= WINDOW
    while at_a < end_a and at_b < end_b:
        window_a, window_b = a[at_a : min(at_a + WINDOW, end_a)], b[at_b : min(at_b + WINDOW, end_b)]
        found = [(at_a + i, at_b + j) for i, j in _longest(window_a, window_b)]
        pairs += found
        last_a, last_b = found[-1] if found else (at_a, at_b)
        at_a, at_b = max(last_a + 1, at_a + WINDOW // 2), max(last_b + 1, at_b + WINDOW // 2)
    pairs += [(end_a + i, end_b + i) for i in range(tail)]
    return Alignment(pairs, is_exact)


def _common_head(a: Sequence[str], b: Sequence[str]) -> int:
    shorter = min(len(a), len(b))
    return next((i for i in range(shorter) if a[i] != b[i]), shorter)


def _longest(a: Sequence[str], b: Sequence[str]) -> Pairs:
    """A longest common subsequence, a row of the table at a time as the bits of one integer.

    Crochemore et al. 2001, "A fast and practical bit-vector algorithm for the longest common subsequence
    problem": a zero bit j after i places of `a` says that b[j] makes the subsequence one longer.
    """
    places_by_word: dict[str, int] = {}
    for j, word in enumerate(b):
        places_by_word[word] = places_by_word.get(word, 0) | 1 << j
    full = (1 << len(b)) - 1
    row, rows = full, [full]
    for word in a:
        hits = row & places_by_word.get(word, 0)
        if hits:
            row = (row + hits | row - hits) & full
        rows.append(row)
    return _walk_back(rows, len(b))


def _walk_back(rows: Sequence[int], width: int) -> Pairs:
    """The places where the rows' zero bits first appear, from the last to the first."""
    pairs = []
    i, j = len(rows) - 1, width
    while i and j:
        if rows[i] >> (j - 1) & 1:
            j -= 1
            continue
        i -= 1
        if rows[i] >> (j - 1) & 1:
            j -= 1
            pairs.append((i, j))
    return pairs[::-1]
