"""Where a subscription is required: who is refused, when, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viewer.subscriptions.shop import NOW_S, SETTINGS, URL, Shop, running_shop
from viewer.store.base import NS_PER_S
from viewer.store.people import Subscription
from viewer.subscriptions.standing import GRACE_NS

NOW_NS = NOW_S * NS_PER_S
HOUR_NS = 3600 * NS_PER_S


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A server whose operator requires subscriptions, and gives them."""
    with running_shop(tmp_path, replace(SETTINGS, require_subscription=True)) as shop:
        yield shop


def test_nothing_is_required_by_default(tmp_path: Path) -> None:
    """Without the setting an account without a subscription posts."""
    with running_shop(tmp_path, SETTINGS) as shop:
        assert shop.post().status_code == 200


def test_post_without_a_subscription_says_where_there_is_one(shop: Shop) -> None:
    """402, a problem with the absolute address of the page."""
    answer = shop.post()
    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["subscribe_url"] == f"{URL}/app/subscription"
    assert problem["subscribe_url"] in problem["detail"]
    assert (problem["status"], problem["title"]) == (402, "No subscription")


def test_subscription_is_settled_after_the_key_and_before_the_body(shop: Shop) -> None:
    """A wrong key is told of first; what else is wrong is not looked at."""
    assert shop.client.post("/api/traces", headers={"x-tracen-key": "tracen_sk_no"}).status_code == 401
    assert shop.post(**{"content-type": "text/plain"}).status_code == 402
    assert shop.post(**{"idempotency-key": ""}).status_code == 402


def test_refused_post_does_not_count_and_is_remembered(shop: Shop) -> None:
    """The limit is whole once there is a subscription; the owner of the key reads what became of the request."""
    for _ in range(3):
        assert shop.post().headers["ratelimit"].startswith('"hour";r=100;')
    told = shop.client.get("/api/requests", headers={"x-tracen-key": shop.key}).json()["requests"]
    assert [(one["status"], one["outcome"]) for one in told] == [("402", "subscription_missing")] * 3
    shop.give(Subscription("pro", True))
    assert shop.post().headers["ratelimit"].startswith('"hour";r=99;')


@pytest.mark.parametrize(
    ("subscription", "status"),
    [
        (Subscription("pro", True), 200),
        (Subscription("pro", True, NOW_NS + 1), 200),
        (Subscription("pro", True, NOW_NS), 402),
        (Subscription("pro", False, NOW_NS + HOUR_NS), 402),
        (Subscription("", False, customer_id="cus_1"), 402),
        (Subscription("pro", True, NOW_NS, "cus_1"), 200),  # Stripe has not told of the next month yet
        (Subscription("pro", True, NOW_NS - GRACE_NS, "cus_1"), 402),
        (Subscription("pro", False, NOW_NS, "cus_1"), 402),
    ],
)
def test_post_is_taken_while_the_subscription_is_active(
    shop: Shop, subscription: Subscription, status: int
) -> None:
    """To the nanosecond; who pays at Stripe is not refused because its word is late."""
    shop.give(subscription)
    assert shop.post().status_code == status


def test_pages_are_reserved_without_a_subscription(shop: Shop) -> None:
    """402 is of POST alone: OTLP, and addresses for what comes over it, are for everybody."""
    answer = shop.client.put("/api/traces/by-otel/" + "1" * 32, headers={"x-tracen-key": shop.key})
    assert answer.status_code == 200
