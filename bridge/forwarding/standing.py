"""How the deliveries to an endpoint stand, in words for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from viewer.logs import one_line
from viewer.store.base import NS_PER_S
from viewer.store.deliveries import DeliveryState, Standing

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
_MOST_REASONS = 5


def next_ns(standing: Standing, now_ns: int) -> int | None:
    """When the next trace goes, as far as that can be told; None where none waits."""
    if standing.due_ns is None:
        return None
    return max(standing.due_ns, standing.target.hold_until_ns, now_ns + standing.wait_ns)


def in_words(standing: Standing, now_ns: int, *, is_running: bool) -> Iterator[tuple[str, str]]:
    """Lines as name and text."""
    target = standing.target
    yield "to", one_line(target.url)
    for state in DeliveryState:
        reasons = [(why, count) for (of, why), count in standing.reasons.items() if of is state]
        if count := standing.counts[state]:
            yield _WORDS[state], f"{count:,}{_because(reasons, count)}"
        elif state in _SURE:
            yield _WORDS[state], "0"
    limit = target.strictest
    source = _SOURCES[limit is target.own_limit, _is_told(standing)]
    yield "sent", f"{standing.recent:,} of {limit.count:,} in the last {_span(limit.window_s)} ({source})"
    going_ns = next_ns(standing, now_ns)
    if going_ns is not None:
        yield "next", _when(going_ns, now_ns, is_running=is_running, reason=_reason(standing, now_ns))
    if target.failure:
        since = "; since then: delivered" if target.succeeded_ns > target.failure_ns else ""
        yield "last failure", f"{_ago(target.failure_ns, now_ns)}: {one_line(target.failure)}{since}"


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
        "troubled": [
            {
                "state": one.state.name.lower(),
                "otel_trace_id": one.otel_trace_id.hex(),
                "account": one.account_id,
                "reason": one.reason,
            }
            for one in standing.troubled
        ],
        "oldest_waiting_since": None if standing.oldest_ns is None else _iso(standing.oldest_ns),
        "posts": standing.posts,
        "recent_posts": standing.recent,
        "limit": limit.count,
        "limit_window_s": limit.window_s,
        "limit_is_told": _is_told(standing),
        "takes_extension": target.is_extended,
        "next_at": None if going_ns is None else _iso(going_ns),
        "waits_for": _reason(standing, now_ns),
        "last_success_at": _iso(target.succeeded_ns) if target.succeeded_ns else None,
        "failures": target.failures,
        "last_failure": target.failure or None,
        "last_failure_at": _iso(target.failure_ns) if target.failure else None,
    }


def _is_told(standing: Standing) -> bool:
    """Whether the limit that is felt first is the endpoint's."""
    target = standing.target
    limit = target.strictest
    return limit is target.told_limit or any(limit is told for told in target.told_limits)


def _reason(standing: Standing, now_ns: int) -> str | None:
    target = standing.target
    if target.hold_until_ns > now_ns:
        return target.hold_reason
    if standing.wait_ns:
        return "the limit of the endpoint"
    return None


def _because(reasons: list[tuple[str, int]], count: int) -> str:
    """The most frequent ones, and how many traces have another."""
    if not reasons:
        return ""
    if len(reasons) == 1 and reasons[0][1] == count:
        return f" ({one_line(reasons[0][0])})"
    told = [f"{of:,} {one_line(why)}" for why, of in reasons[:_MOST_REASONS]]
    rest = count - sum(of for _, of in reasons[:_MOST_REASONS])
    if rest and len(reasons) > _MOST_REASONS:
        told.append(f"and {rest:,} more")
    return f" ({'; '.join(told)})"


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
