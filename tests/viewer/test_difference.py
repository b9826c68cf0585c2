"""Marked texts lose nothing and mark no more than a reader wants."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from viewer.compare.difference import MAX_BY_WORDS, MAX_COMPARED, MAX_LINES, Change, Difference, difference

PIECES = ["the ", "price ", "rose", ". ", "\n", "1.5", " ", "漢", "字", "\r\n", "e\u0301", '{"', "x" * 30]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
TURNED = {Change.SAME: Change.SAME, Change.REMOVED: Change.ADDED, Change.ADDED: Change.REMOVED}


def side(found: Difference, other: Change) -> str:
    return "".join(run.text for run in found.runs if run.change is not other)


def marked(a: str, b: str) -> str:
    """Runs in the notation `same [-removed-]{+added+}`."""
    form = {Change.SAME: "{}", Change.REMOVED: "[-{}-]", Change.ADDED: "{{+{}+}}"}
    return "".join(form[run.change].format(run.text) for run in difference(a, b).runs)


@given(TEXTS, TEXTS)
def test_runs_are_the_two_texts(a: str, b: str) -> None:
    """Without what was added the runs are the first text, without what was removed the second."""
    found = difference(a, b)
    assert (side(found, Change.ADDED), side(found, Change.REMOVED)) == (a, b)
    assert all(run.text for run in found.runs)
    assert all(run.change is Change.SAME for run in found.runs) == (a == b)
    assert 0 <= found.likeness <= 1


@given(TEXTS, TEXTS)
def test_difference_is_symmetric(a: str, b: str) -> None:
    """From the other side, what was removed was added."""
    there = Counter((run.change, run.text) for run in difference(a, b).runs)
    back = Counter((TURNED[run.change], run.text) for run in difference(b, a).runs)
    assert there == back


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("It costs 11 €.", "It costs 13 €.", "It costs [-11 -]{+13 +}€."),
        ("one. two.", "one. two. three.", "one. two{+. three+}."),
        ("a\n1. x is 1\n2. gone\n3. z", "a\n1. x is 2\n3. z", "a\n1. x is [-1-]{+2+}\n[-2. gone\n-]3. z"),
        ('{\n  "n": 1,\n  "m": 2\n}', '{\n  "n": 3,\n  "m": 2\n}', '{\n  "n": [-1-]{+3+},\n  "m": 2\n}'),
        ("価格は高い", "価格は安い", "価格は[-高-]{+安+}い"),
        ("big red house", "tiny old cottage", "[-big red house-]{+tiny old cottage+}"),
        ("we saw the sea", "they like the hills", "[-we saw the sea-]{+they like the hills+}"),
    ],
)
def test_marks_read_well(a: str, b: str, expected: str) -> None:
    """Words are marked whole; a word that two new sentences share by chance does not break them up."""
    assert marked(a, b) == expected


def test_equal_texts_of_any_length_are_the_same() -> None:
    """No limit makes a difference of what has none."""
    (run,) = difference("x " * 500_000, "x " * 500_000).runs
    assert (run.change, len(run.text)) == (Change.SAME, 1_000_000)


def test_long_changes_are_marked_by_lines() -> None:
    """Beyond the limit of words whole lines are marked, and the difference says so."""
    a = "".join(f"{n} of the first\n" for n in range(MAX_BY_WORDS // 5))
    found = difference(a, a.replace("first", "second"))
    assert not found.is_by_words
    assert (side(found, Change.ADDED), found.left_out) == (a, 0)


def test_huge_texts_are_compared_in_part() -> None:
    """Characters and lines beyond the limits are counted as left out."""
    assert difference("a" * (MAX_COMPARED + 7), "b").left_out == 7
    assert difference("\n" * (MAX_LINES + 5), "b").left_out == 5
    assert difference("a" * (MAX_COMPARED + 7), "a" * (MAX_COMPARED + 8)).left_out == 8
