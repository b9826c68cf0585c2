"""What a server says of its limit: RateLimit-Policy and RateLimit, read with suspicion. Knows no socket, no clock.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10: `"hour";q=100;w=3600` and `"hour";r=7;t=60`. What
earlier drafts wrote is understood too: `100;w=3600` and `limit=100, remaining=7, reset=60`, and RateLimit-Limit,
RateLimit-Remaining and RateLimit-Reset, a number each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tracen_otel.retry import MAX_RETRY_AFTER_S

_MAX_FIELD_CHARS = 1_000
_MAX_WINDOW_S = 366 * 86_400
_INTEGER = re.compile(r"[0-9]{1,15}")
"""Structured fields (RFC 9651) have no longer ones."""
_ITEMS = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")+')
_PARTS = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*")+')


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much a server takes: `limit` accepted requests in `window_s` seconds, and `remaining` of them now.

    `reset_s` is in how many seconds there will be more, an hour at most. None: not told, or nonsense. Where several
    limits hold, `limit` and `window_s` are those of the longest window, the others of what has the least left.
    """

    limit: int | None = None
    window_s: int | None = None
    remaining: int | None = None
    reset_s: int | None = None
    windows: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    """All limits that were told together with their windows: count, seconds."""


def allowance_of(headers: Mapping[str, str]) -> Allowance | None:
    """Read an answer's headers, whose names are in any case; None where they tell nothing of a limit."""
    policies = _policies(headers.get("RateLimit-Policy"))
    limit, window_s = max(policies, key=lambda each: each[1] or 0, default=(None, None))
    told_limit, remaining, reset_s = _state(headers.get("RateLimit"))
    if remaining is None:
        remaining = _integer(headers.get("RateLimit-Remaining"))
        reset_s = _seconds(headers.get("RateLimit-Reset"))
    if limit is None:
        limit = told_limit if told_limit is not None else _integer(headers.get("RateLimit-Limit"))
    windows = tuple((count, window) for count, window in policies if window)
    told = Allowance(limit, window_s, remaining, reset_s, windows)
    return None if told == Allowance() else told


def _policies(field: str | None) -> list[tuple[int, int | None]]:
    """Limits and their windows."""
    found = [
        (count, _integer(parameters.get("w")))
        for value, parameters in _items(field)
        if (count := _integer(parameters.get("q", parameters.get("l", value)))) is not None
    ]
    return [
        (count, window_s) for count, window_s in found if window_s is None or 0 < window_s <= _MAX_WINDOW_S
    ]


def _state(field: str | None) -> tuple[int | None, int | None, int | None]:
    """Limit (in the form of draft 7 alone), remaining and reset; of several, those with the least left."""
    items = list(_items(field))
    named = dict(value.partition("=")[::2] for value, _ in items)
    if "remaining" in named:
        return _integer(named.get("limit")), _integer(named["remaining"]), _seconds(named.get("reset"))
    found = [
        (left, _seconds(parameters.get("t")))
        for _, parameters in items
        if (left := _integer(parameters.get("r"))) is not None
    ]
    return None, *min(found, key=lambda each: (each[0], -(each[1] or 0)), default=(None, None))


def _items(field: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """The members of a list, each with its parameters; what is in quotes separates nothing."""
    if field is None or len(field) > _MAX_FIELD_CHARS:
        return
    for item in _ITEMS.findall(field):
        value, *parameters = (part.strip() for part in _PARTS.findall(item) or [""])
        yield value, dict(parameter.partition("=")[::2] for parameter in parameters)


def _integer(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if _INTEGER.fullmatch(text) else None


def _seconds(text: str | None) -> int | None:
    seconds = _integer(text)
    return None if seconds is None else min(seconds, int(MAX_RETRY_AFTER_S))
