"""Differences in the words of the page."""

from __future__ import annotations

import pytest

from tracen_otel.model import StepKind
from viewer.compare.words import (
    both,
    both_counts,
    count_change,
    duration_change,
    listing,
    share,
)
from viewer.labels import LABEL_BY_KIND

S = 1_000_000_000


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (3 * S, 2 * S, "1.00 s faster"),
        (2 * S, 3 * S, "1.00 s slower"),
        (S, S, "the same"),
        (None, S, ""),
        (S, None, ""),
    ],
)
def test_durations_are_faster_or_slower(a: int | None, b: int | None, words: str) -> None:
    """Time is told as a person would; nothing is said of what is unknown."""
    assert duration_change(a, b) == words


@pytest.mark.parametrize(
    ("a", "b", "noun", "words"),
    [
        (1, 313, "token", "+312 tokens"),
        (2, 1, "step", "−1 step"),
        (5_000, 0, "", "−5,000"),
        (0, 0, "step", "the same"),
        (None, 3, "token", ""),
    ],
)
def test_counts_are_more_or_fewer(a: int | None, b: int | None, noun: str, words: str) -> None:
    """A count has a sign and its noun."""
    assert count_change(a, b, noun) == words


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (100, 114, "+14 %"),
        (100, 56, "−44 %"),
        (1_000, 1_001, "+<1 %"),
        (100, 320, "×3.2"),
        (1, 5_000, ""),
        (0, 5, ""),
        (None, 5, ""),
        (5, None, ""),
        (-5, 5, ""),
        (5, 5, ""),
        (2**63, 1, "−100 %"),
    ],
)
def test_shares_are_told_where_they_say_something(a: int | None, b: int | None, words: str) -> None:
    """Of nothing there is no part."""
    assert share(a, b) == words


def test_values_that_read_the_same_are_told_once() -> None:
    """An arrow stands for a change that can be seen."""
    assert (both("1 s", "1 s"), both("1 s", "2 s")) == ("1 s", "1 s → 2 s")
    assert both_counts(1204, None, "in") == "1,204 → ? in"
    assert both_counts(None, None, "in") == ""


def test_phrases_are_listed_as_in_a_sentence() -> None:
    """Commas, and a last "and"."""
    assert [listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_every_kind_has_a_label_but_the_plain_one() -> None:
    """What is of no particular kind is a step to every reader anyway."""
    assert {kind for kind in StepKind if not LABEL_BY_KIND[kind]} == {StepKind.OTHER}
