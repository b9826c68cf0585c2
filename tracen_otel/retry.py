"""When to try again: what a server told in Retry-After, and how long to wait where it told nothing."""

from __future__ import annotations

import random
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 3600.0
"""Believed of a server: the service's own rate limit looks back one hour, so a longer wait is a mistake."""


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3: whole seconds or an HTTP date) as seconds from `now_s` (Unix time).

    None where it is absent or makes no sense; at most MAX_RETRY_AFTER_S.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text), int(MAX_RETRY_AFTER_S))) if len(text) < 20 else MAX_RETRY_AFTER_S
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": in UTC, from a place that does not tell its zone
            moment = moment.replace(tzinfo=UTC)
        return min(max(moment.timestamp() - now_s, 0.0), MAX_RETRY_AFTER_S)
    except (ValueError, OverflowError):
        return None


def backoff_s(failures: int, *, first_s: float, most_s: float) -> float:
    """Seconds to wait after the n-th failure in a row: doubling from `first_s`, half of it left to chance.

    Chance keeps the processes that lost a server together from coming back together.
    """
    doubled_s = first_s * 2.0 ** min(failures - 1, 30)
    return min(doubled_s, most_s) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
