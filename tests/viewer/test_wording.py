"""Numbers and times in words."""

from __future__ import annotations

import pytest

from viewer.wording import count, duration, moment, plural, size


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (None, "unknown"),
        (0, "0 ms"),
        (999, "< 0.01 ms"),
        (420_000, "0.42 ms"),
        (9_994_000, "9.99 ms"),
        (9_999_000, "10 ms"),
        (840_499_999, "840 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.00 s"),
        (4_210_000_000, "4.21 s"),
        (59_996_000_000, "1 min 00 s"),
        (125_000_000_000, "2 min 05 s"),
        (3_599_600_000_000, "1 h 00 min"),
        (11_520_000_000_000, "3 h 12 min"),
        (90_000_000_000_000, "1 d 1 h"),
        (10**30, "over 100 years"),
    ],
)
def test_duration_has_about_three_digits(nanoseconds: int | None, words: str) -> None:
    """Each size of duration reads in its own unit, and rounding never shows 60 s or 1000 ms."""
    assert duration(nanoseconds) == words


@pytest.mark.parametrize(
    ("byte_count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (12_400, "12 kB"),
        (999_400, "999 kB"),
        (999_500, "1.0 MB"),
        (1_449_000, "1.4 MB"),
    ],
)
def test_size_has_about_two_digits(byte_count: int, words: str) -> None:
    """Each size reads in its own unit, and rounding never shows 1000 kB."""
    assert size(byte_count) == words


def test_moment_is_exact_where_a_float_is_not() -> None:
    """Milliseconds are cut from the integer: a float of 19 digits would have rounded up."""
    assert moment(1_795_512_599_999_999_999) == "24 Nov 2026, 09:29:59.999 UTC"
    assert moment(1_795_512_599_999_999_999, "seconds") == "24 Nov 2026, 09:29:59 UTC"


def test_counts_have_separators() -> None:
    """Thousands are told apart, and one is not many."""
    assert (count(1_204_356), count(None)) == ("1,204,356", "unknown")
    assert (plural(1, "step"), plural(0, "step"), plural(1_200, "step")) == (
        "1 step",
        "0 steps",
        "1,200 steps",
    )
