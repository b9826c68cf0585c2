"""Alignments are longest, ordered, the same from either side, and bounded."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from viewer.compare.alignment import WINDOW, align

WORDS = st.lists(st.sampled_from("abcd"), max_size=14)


def longest(a: list[str], b: list[str]) -> int:
    """The textbook's table."""
    row = [0] * (len(b) + 1)
    for word in a:
        before = row
        row = [0]
        for j, other in enumerate(b):
            row.append(before[j] + 1 if word == other else max(before[j + 1], row[j]))
    return row[-1]


@given(WORDS, WORDS)
def test_alignment_is_a_longest_one(a: list[str], b: list[str]) -> None:
    """Pairs are equal words, ascending on both sides, and no alignment has more of them."""
    found = align(a, b)
    assert found.is_exact
    assert all(a[i] == b[j] for i, j in found.pairs)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(found.pairs))
    assert len(found.pairs) == longest(a, b)


@given(WORDS, WORDS)
def test_alignment_is_the_same_from_either_side(a: list[str], b: list[str]) -> None:
    """Whoever comes first, the same places match."""
    assert align(b, a).pairs == [(j, i) for i, j in align(a, b).pairs]


@given(WORDS, WORDS, WORDS)
def test_common_ends_match(a: list[str], b: list[str], common: list[str]) -> None:
    """What both begin with, or end with, is matched place by place."""
    assert {(i, i) for i in range(len(common))} <= set(align(common + a, common + b).pairs)
    if a and b and a[0] != b[0] and a[-1] != b[-1]:
        tail = {(len(a) + i, len(b) + i) for i in range(len(common))}
        assert tail <= set(align(a + common, b + common).pairs)


def test_long_sequences_are_aligned_in_parts() -> None:
    """Beyond the window an alignment says that it may not be the longest, and still follows an insertion."""
    a = [str(n) for n in range(3 * WINDOW)]
    b = [*a[:WINDOW], "new", *a[WINDOW : 2 * WINDOW], *("other" for _ in range(WINDOW))]
    found = align(a, b)
    assert not found.is_exact
    assert all(a[i] == b[j] for i, j in found.pairs)
    assert len(found.pairs) == 2 * WINDOW
