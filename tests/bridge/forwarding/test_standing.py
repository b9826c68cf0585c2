"""How deliveries stand, in words and as JSON."""

from __future__ import annotations

from dataclasses import replace

from bridge.forwarding.standing import as_json, lines
from tests.viewer.stores import NOW
from viewer.store.base import NS_PER_S, Limit
from viewer.store.deliveries import DeliveryState, Standing, Target, Troubled

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
    """As long as the ledger says, however many count."""
    full = replace(BUSY, wait_ns=3_590 * NS_PER_S, target=replace(BUSY.target, hold_until_ns=0))
    assert "in 59 min (the limit of the endpoint)" in "\n".join(lines(full, NOW, is_running=True))


def test_json_has_the_same() -> None:
    """For programs; times in UTC."""
    told = as_json(BUSY, NOW, is_running=True)
    assert (told["waiting"], told["limit"], told["limit_is_told"]) == (1_240, 100, True)
    assert told["next_at"] == "2027-01-15T08:01:30Z"
    assert told["reasons"][0] == {"state": "left_out", "reason": "deleted here", "traces": 2}
    assert as_json(IDLE, NOW, is_running=False)["next_at"] is None


def test_failure_that_is_over_is_told_as_such() -> None:
    """It is the last one, and no trace waits for it."""
    over = replace(BUSY, target=replace(BUSY.target, succeeded_ns=NOW))
    (told,) = (line for line in lines(over, NOW, is_running=True) if line.startswith("last failure"))
    assert told.endswith("; since then: delivered")


def test_reasons_are_few_in_words_and_the_traces_are_named_in_json() -> None:
    """However many there are; which traces they are of is for a program to read."""
    refused = {(DeliveryState.REFUSED, f"steps[{number}].name"): 100 - number for number in range(30)}
    troubled = [Troubled(DeliveryState.REFUSED, "1", bytes(15) + b"\x07", "steps[0].name")]
    counts = dict(BUSY.counts) | {DeliveryState.REFUSED: sum(refused.values())}
    many = replace(BUSY, reasons=refused, counts=counts, troubled=troubled)
    told = "\n".join(lines(many, NOW, is_running=True))
    assert told.count("steps[") == 5
    assert "and 2,075 more" in told
    assert as_json(many, NOW, is_running=True)["troubled"] == [
        {"state": "refused", "otel_trace_id": "0" * 31 + "7", "account": "1", "reason": "steps[0].name"}
    ]
