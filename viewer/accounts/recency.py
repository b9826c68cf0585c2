"""How long ago something was, and when, in words."""

from __future__ import annotations

from tracen_otel.timestamps import format_timestamp
from viewer import wording
from viewer.accounts.key_contexts import Moment
from viewer.store.base import NS_PER_S

_JUST_NOW_S = 10
_UNITS = ((60, 1, "second"), (3600, 60, "minute"), (48 * 3600, 3600, "hour"), (30 * 86_400, 86_400, "day"))
"""Until how many seconds, in units of how many; what is further away is told by its date."""


def moment_of(then_ns: int, now_ns: int) -> Moment:
    """A point in time as one reads it now: `just now`, `5 minutes ago`, `24 Nov 2026`; `in 3 hours` if it comes."""
    full = wording.moment(then_ns, "seconds")
    return Moment(_distance(then_ns, now_ns) or full.partition(",")[0], format_timestamp(then_ns), full)


def _distance(then_ns: int, now_ns: int) -> str:
    seconds = abs(now_ns - then_ns) // NS_PER_S
    if seconds < _JUST_NOW_S:
        return "just now"
    for until, size, noun in _UNITS:
        if seconds < until:
            is_ahead = then_ns > now_ns  # then nobody is promised less than there is
            told = wording.plural(-(-seconds // size) if is_ahead else seconds // size, noun)
            return f"in {told}" if is_ahead else f"{told} ago"
    return ""
