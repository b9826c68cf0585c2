"""How the deliveries to an endpoint stand, in words for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from viewer.logs import one_line
from viewer.store.base import NS_PER_S
from viewer.store.deliveries import HIT_MARGIN_NS, DeliveryState, Standing

_WORDS = {
    DeliveryState.WAITING: "waiting",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.HELD: "held back",
    DeliveryState.LATE: "incomplete",
    DeliveryState.REFUSED: "refused",
    DeliveryState.LEFT_OUT: "left out",
}
_SURE = (DeliveryState.WAITING, DeliveryState.DELIVERED)
"""Told even where there are none."""
_SOURCES = {
    (True, False): "as --forward-per-hour says",
    (False, True): "as the endpoint tells",
    (False, False): "the endpoint tells no limit",
}
_NARROW = 11


def next_ns(standing: Standing, now_ns: int) -> int | None:
    """When the next trace goes, as far as that can be told; None where none waits."""
    if standing.due_ns is None:
        return None
    target = standing.target
    limit = target.strictest
    free_ns = 0
    if standing.recent >= limit.count and standing.oldest_hit_ns:
        free_ns = standing.oldest_hit_ns + limit.window_s * NS_PER_S + HIT_MARGIN_NS
    return max(standing.due_ns, target.hold_until_ns, free_ns, now_ns)


def in_words(standing: Standing, now_ns: int, *, is_running: bool) -> Iterator[tuple[str, str]]:
    """Lines as name and text."""
    target = standing.target
    yield "to", one_line(target.url)
    for state in DeliveryState:
        reasons = [(why, count) for (of, why), count in standing.reasons.items() if of is state]
        if count := standing.counts[state]:
            yield _WORDS[state], f"{count:,}{_because(reasons)}"
        elif state in _SURE:
            yield _WORDS[state], "0"
    limit = target.strictest
    source = _SOURCES[limit is target.own_limit, limit is target.told_limit]
    yield "sent", f"{standing.recent:,} of {limit.count:,} in the last {_span(limit.window_s)} ({source})"
    going_ns = next_ns(standing, now_ns)
    if going_ns is not None:
        yield "next", _when(going_ns, now_ns, is_running=is_running, reason=_reason(standing, now_ns))
    if target.failure:
        yield "last failure", f"{_ago(target.failure_ns, now_ns)}: {one_line(target.failure)}"


def as_json(standing: Standing, now_ns: int, *, is_running: bool) -> dict[str, Any]:
    """The same as an object. Times are ISO 8601 in UTC."""
    target = standing.target
    limit = target.strictest
    going_ns = next_ns(standing, now_ns)
    return {
        "to": target.url,
        "is_running": is_running,
        **{state.name.lower(): standing.counts[state] for state in DeliveryState},
        "reasons": [
            {"state": state.name.lower(), "reason": reason, "traces": count}
            for (state, reason), count in standing.reasons.items()
        ],
        "posts": standing.posts,
        "recent_posts": standing.recent,
        "limit": limit.count,
        "limit_window_s": limit.window_s,
        "limit_is_told": limit is target.told_limit,
        "takes_extension": target.is_extended,
        "next_at": None if going_ns is None else _iso(going_ns),
        "waits_for": _reason(standing, now_ns),
        "last_failure": target.failure or None,
        "last_failure_at": _iso(target.failure_ns) if target.failure else None,
    }


def _reason(standing: Standing, now_ns: int) -> str | None:
    target = standing.target
    if target.hold_until_ns > now_ns:
        return target.hold_reason
    if standing.recent >= target.strictest.count:
        return "the limit of the endpoint"
    return None


def _because(reasons: list[tuple[str, int]]) -> str:
    if not reasons:
        return ""
    if len(reasons) == 1:
        return f" ({one_line(reasons[0][0])})"
    return f" ({'; '.join(f'{count:,} {one_line(why)}' for why, count in reasons)})"


def _when(at_ns: int, now_ns: int, *, is_running: bool, reason: str | None) -> str:
    if not is_running:
        return "when a server with --forward-to runs on this file"
    wait_s = (at_ns - now_ns) // NS_PER_S
    told = "now" if wait_s < 1 else f"in {_span(wait_s)}"
    return f"{told} ({reason})" if reason else told


def _ago(at_ns: int, now_ns: int) -> str:
    return f"{_span(max(0, now_ns - at_ns) // NS_PER_S)} ago"


def _span(seconds: int) -> str:
    if seconds == 3600:
        return "hour"
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS_PER_S, UTC).isoformat().replace("+00:00", "Z")


def lines(standing: Standing, now_ns: int, *, is_running: bool) -> Iterator[str]:
    """The words, aligned."""
    told = list(in_words(standing, now_ns, is_running=is_running))
    width = max(_NARROW, *(len(name) for name, _ in told))
    for name, text in told:
        yield f"{name:{width}}  {text}"
