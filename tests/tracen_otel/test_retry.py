"""Retry-After in all its forms, and the wait where there is none."""

from __future__ import annotations

import pytest

from tracen_otel.retry import MAX_RETRY_AFTER_S, backoff_s, retry_after_s

NINE_OCLOCK_S = 1_795_510_800.0  # Tue, 24 Nov 2026 09:00:00 GMT


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("0", 0),
        ("17", 17),
        (" 1800 ", 1800),
        ("1000000000000", MAX_RETRY_AFTER_S),
        ("9" * 5000, MAX_RETRY_AFTER_S),
        ("Tue, 24 Nov 2026 09:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 09:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        (None, None),
        ("", None),
        ("-1", None),
        ("abc", None),
        ("1.5", None),
        ("٣", None),
        ("Tue, 99 Nov 2026 99:00:30 GMT", None),
    ],
)
def test_retry_after_reads_seconds_and_dates_and_nothing_else(
    header: str | None, wait_s: float | None
) -> None:
    """Seconds and HTTP dates are honoured up to an hour; everything else is as if it were absent."""
    assert retry_after_s(header, NINE_OCLOCK_S) == wait_s


@pytest.mark.parametrize(
    ("failures", "longest_s"), [(1, 1.0), (2, 2.0), (4, 8.0), (10, 10.0), (10_000, 10.0)]
)
def test_backoff_doubles_up_to_its_limit_and_varies(failures: int, longest_s: float) -> None:
    """Each wait lies in the upper half of a window that doubles until the limit."""
    waits = [backoff_s(failures, first_s=1.0, most_s=10.0) for _ in range(50)]

    assert all(longest_s / 2 <= wait_s <= longest_s for wait_s in waits)
    assert len(set(waits)) > 1
