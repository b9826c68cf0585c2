"""How long ago something was, in words."""

from __future__ import annotations

import pytest

from tests.viewer.stores import NOW
from viewer.accounts.recency import moment_of
from viewer.store.base import NS_PER_S

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (9, "just now"),
        (-9, "just now"),
        (10, "10 seconds ago"),
        (59, "59 seconds ago"),
        (MINUTE, "1 minute ago"),
        (2 * MINUTE - 1, "1 minute ago"),
        (HOUR - 1, "59 minutes ago"),
        (HOUR, "1 hour ago"),
        (47 * HOUR, "47 hours ago"),
        (2 * DAY, "2 days ago"),
        (30 * DAY - 1, "29 days ago"),
        (30 * DAY, "16 Dec 2026"),
        (-(DAY - 1), "in 24 hours"),
        (-DAY, "in 24 hours"),
        (-90, "in 2 minutes"),
        (-40 * DAY, "24 Feb 2027"),
    ],
)
def test_moment_is_told_by_its_distance(seconds: int, words: str) -> None:
    """Down for what was, up for what comes; the date where it is far away."""
    assert moment_of(NOW - seconds * NS_PER_S, NOW).words == words


def test_moment_tells_its_time_in_full() -> None:
    """For machines, and for who wants to know exactly."""
    moment = moment_of(NOW, NOW)
    assert (moment.iso, moment.full) == ("2027-01-15T08:00:00.000Z", "15 Jan 2027, 08:00:00 UTC")
