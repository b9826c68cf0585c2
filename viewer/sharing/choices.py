"""What the forms of the sharing page offer, and what is read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from viewer import wording
from viewer.sharing.contexts import Choice
from viewer.sharing.masks import MARK, MAX_MASK, MAX_MASKS
from viewer.sharing.places import MIN_MASK
from viewer.store.base import NS_PER_S, Page, Sharing

_DAY_NS = 24 * 3600 * NS_PER_S
_DAYS = {"1": "for a day", "7": "for 7 days", "30": "for 30 days"}
_NEVER, _KEEP, _DATE = "never", "keep", "date"
_LATEST = date(2200, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """What was asked for can not be done; the message says why, to whoever filled the form in."""


def chosen_sharing(page: Page, fields: Mapping[str, str], now_ns: int) -> Sharing:
    """Read the form about who sees the page. Raises Refused."""
    audience = fields.get("audience")
    if audience not in ("public", "private"):
        raise Refused("Choose who can see it.")
    return Sharing(
        is_private=audience == "private",
        shared_until_ns=_until_ns(page, fields, now_ns),
        is_indexed=fields.get("indexed") == "yes",
    )


def _until_ns(page: Page, fields: Mapping[str, str], now_ns: int) -> int | None:
    until = fields.get("until", _NEVER)
    if until == _NEVER:
        return None
    if until == _KEEP:
        return page.shared_until_ns
    if until in _DAYS:
        return now_ns + int(until) * _DAY_NS
    if until != _DATE:
        raise Refused("Choose until when it is shared.")
    try:
        day = date.fromisoformat(fields.get("date", ""))
    except ValueError:
        raise Refused("Choose a day until which it is shared, as in 2027-01-31.") from None
    return _end_of(day, now_ns)


def _end_of(day: date, now_ns: int) -> int:
    if day > _LATEST:
        raise Refused(f"A day before {_LATEST.year} is expected.")
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    end_ns = (end - _EPOCH).days * _DAY_NS
    if end_ns <= now_ns:
        raise Refused(f"{day.isoformat()} is over: a later day is expected.")
    return end_ns


def untils(until_ns: int | None, now_ns: int) -> Iterator[Choice]:
    """How long a page may be shared; what holds now is chosen."""
    yield Choice(_NEVER, "for ever", until_ns is None)
    if until_ns is not None:
        was = "as now, until" if now_ns < until_ns else "no longer: it was until"
        yield Choice(_KEEP, f"{was} {wording.moment(until_ns, 'minutes')}", True)
    for value, label in _DAYS.items():
        yield Choice(value, label, False)
    yield Choice(_DATE, "until the end of a day", False)


def require_mask(page: Page, text: str) -> None:
    """Raise Refused where a text can not be masked besides those that are."""
    if len(text) < MIN_MASK:
        raise Refused(f"A text of at least {MIN_MASK} characters is expected; less stands in too many words.")
    if len(text) > MAX_MASK:
        raise Refused(f"A text of at most {MAX_MASK:,} characters is expected; this has {len(text):,}.")
    if text.casefold() in MARK:
        raise Refused("This is part of the mark that would stand in its place.")
    if text in page.masks:
        raise Refused("This is masked already.")
    if len(page.masks) >= MAX_MASKS:
        raise Refused(f"{MAX_MASKS} texts are masked, which is as many as can be.")
