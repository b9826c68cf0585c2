"""How deliveries stand, in words and as JSON."""

from __future__ import annotations

from dataclasses import replace

from bridge.forwarding.standing import as_json, lines
from tests.viewer.stores import NOW
from viewer.store.base import NS_PER_S, Limit
from viewer.store.deliveries import DeliveryState, Standing, Target

HOUR_NS = 3600 * NS_PER_S
IDLE = Standing(Target("https://traces.example"), dict.fromkeys(DeliveryState, 0), {}, 0, 0, None)
BUSY = Standing(
    Target(
        "https://traces.example",
        told_limit=Limit(100, 3600),
        hold_until_ns=NOW + 90 * NS_PER_S,
        hold_reason="the endpoint asks to wait",
        failure="the server answered 429 Too Many Requests\x1b[31m",
        failure_ns=NOW - 7200 * NS_PER_S,
    ),
    dict.fromkeys(DeliveryState, 0)
    | {DeliveryState.WAITING: 1_240, DeliveryState.DELIVERED: 3_410, DeliveryState.LEFT_OUT: 5},
    {(DeliveryState.LEFT_OUT, "deleted here"): 2, (DeliveryState.LEFT_OUT, "no model was at work"): 3},
    4_000,
    41,
    NOW,
    NOW - 10 * NS_PER_S,
)


def test_words_are_few_where_nothing_happens() -> None:
    """What waits, what was delivered, what was sent of how many."""
    assert list(lines(IDLE, NOW, is_running=True)) == [
        "to           https://traces.example",
        "waiting      0",
        "delivered    0",
        "sent         0 of 100 in the last hour (the endpoint tells no limit)",
    ]


def test_words_tell_why_and_when() -> None:
    """Reasons, the next one, the last failure; nothing in them drives a terminal."""
    told = "\n".join(lines(BUSY, NOW, is_running=True))
    for words in (
        "waiting       1,240",
        "left out      5 (2 deleted here; 3 no model was at work)",
        "sent          41 of 100 in the last hour (as the endpoint tells)",
        "next          in 90 s (the endpoint asks to wait)",
        "last failure  2 hours ago: the server answered 429",
    ):
        assert words in told
    assert "\x1b" not in told
    assert "when a server" in "\n".join(lines(BUSY, NOW, is_running=False))


def test_next_one_waits_for_the_limit() -> None:
    """Until the oldest that counts has left the window, and a moment."""
    full = replace(BUSY, recent=100, target=replace(BUSY.target, hold_until_ns=0))
    assert "in 59 min (the limit of the endpoint)" in "\n".join(lines(full, NOW, is_running=True))


def test_json_has_the_same() -> None:
    """For programs; times in UTC."""
    told = as_json(BUSY, NOW, is_running=True)
    assert (told["waiting"], told["limit"], told["limit_is_told"]) == (1_240, 100, True)
    assert told["next_at"] == "2027-01-15T08:01:30Z"
    assert told["reasons"][0] == {"state": "left_out", "reason": "deleted here", "traces": 2}
    assert as_json(IDLE, NOW, is_running=False)["next_at"] is None
