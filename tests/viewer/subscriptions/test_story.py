"""What is told by Stripe, in whatever order and however often, comes to what Stripe knows."""

from __future__ import annotations

import asyncio
import json
from itertools import permutations
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.viewer.subscriptions.shop import NOW_S, SETTINGS, URL, Shop, running_shop
from tests.viewer.subscriptions.stripe_server import MONTH_S, Json, StripeServer
from viewer.store.base import NS_PER_S
from viewer.store.people import Subscription

CREATED, UPDATED, DELETED = (f"customer.subscription.{what}" for what in ("created", "updated", "deleted"))
COMPLETED = "checkout.session.completed"


def checked_out(shop: Shop, plan: str = "pro") -> str:
    """Press Subscribe; answers the id of the checkout session that the browser is led to."""
    answer = shop.press(f"/app/subscription/checkout?plan={plan}")
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.headers["location"]).path.rpartition("/")[2]


def customer(shop: Shop, stripe: StripeServer) -> str:
    """The account's customer, who has not paid."""
    checked_out(shop)
    return shop.account.subscription.customer_id


def test_account_pays_posts_ends_and_is_refused(shop: Shop, stripe: StripeServer) -> None:
    """The whole way: 402, checkout, what Stripe tells, a trace, the end of the subscription, 402."""
    assert shop.post().status_code == 402
    session_id = checked_out(shop)
    assert shop.post().status_code == 402
    stripe.now_s += 60
    subscription = stripe.pay(session_id)
    assert shop.tell(stripe.event(COMPLETED, stripe.sessions[session_id])).status_code == 200
    assert shop.post().status_code == 200
    had = shop.account.subscription
    assert (had.plan, had.is_active, had.until_ns) == ("pro", True, (stripe.now_s + MONTH_S) * NS_PER_S)

    stripe.now_s += 60
    assert shop.tell(stripe.event(DELETED, stripe.end(subscription))).status_code == 200
    assert shop.post().status_code == 402
    assert shop.account.subscription.plan == "pro"


def test_checkout_names_the_account_and_comes_back_to_us(shop: Shop, stripe: StripeServer) -> None:
    """With addresses from the settings; the customer is made once, with the account's address."""
    checked_out(shop, "team")
    (_, _, made), (_, path, asked) = stripe.requests
    assert made["email"] == shop.account.email
    assert path == "/v1/checkout/sessions"
    assert asked["mode"] == "subscription"
    assert asked["line_items[0][price]"] == "price_team"
    assert asked["client_reference_id"] == shop.account_id
    assert asked["customer"] == shop.account.subscription.customer_id
    assert asked["success_url"] == f"{URL}/app/subscription?paid"
    assert asked["cancel_url"] == f"{URL}/app/subscription"


def test_two_tabs_lead_to_one_checkout(shop: Shop, stripe: StripeServer) -> None:
    """So nobody pays twice by pressing twice; another plan, or another hour, is another."""
    assert checked_out(shop) == checked_out(shop)
    assert checked_out(shop) != checked_out(shop, "team")
    first = checked_out(shop)
    shop.clock.now_ns += 3600 * NS_PER_S
    assert checked_out(shop) != first
    assert len(stripe.customers) == 1


def test_who_pays_is_led_to_the_portal_not_to_a_second_checkout(shop: Shop, stripe: StripeServer) -> None:
    """Plans are changed there."""
    stripe.pay(checked_out(shop))
    shop.tell(stripe.event(CREATED, next(iter(stripe.subscriptions.values()))))
    for path in ("/app/subscription/checkout?plan=team", "/app/subscription/portal"):
        answer = shop.press(path)
        assert answer.headers["location"].startswith(f"{stripe.origin}/pages/bps_")


def test_any_order_of_what_is_told_ends_the_same(shop: Shop, stripe: StripeServer) -> None:
    """All orders of four events, the last two of the same second, each told twice."""
    customer_id = customer(shop, stripe)
    old = stripe.subscribe(customer_id, "price_pro")
    created = stripe.event(CREATED, old)
    stripe.now_s += 10
    updated = stripe.event(UPDATED, old)
    stripe.now_s += 10
    deleted = stripe.event(DELETED, stripe.end(old))
    bought = stripe.event(CREATED, stripe.subscribe(customer_id, "price_team"))
    for order in permutations([created, updated, deleted, bought]):
        shop.give(Subscription(customer_id=customer_id, told_ns=shop.account.subscription.told_ns))
        for body in (*order, *order):
            assert shop.tell(body).status_code == 200
        had = shop.account.subscription
        assert (had.plan, had.is_active) == ("team", True), order
        assert had.told_ns == stripe.now_s * NS_PER_S


def test_events_at_once_end_in_what_stripe_knows(shop: Shop, stripe: StripeServer) -> None:
    """Of the same second and together: who asks last writes last."""
    subscription = stripe.subscribe(customer(shop, stripe), "price_pro")
    bodies = [stripe.event(CREATED, subscription)] * 5 + [stripe.event(DELETED, stripe.end(subscription))] * 5

    async def all_at_once() -> None:
        desk = shop.app.state.subscriptions
        events = [json.loads(body) for body in bodies]
        asked = [desk._book.renew(e["data"]["object"]["customer"], e["created"] * NS_PER_S) for e in events]
        await asyncio.gather(*asked)

    asyncio.run(all_at_once())
    assert not shop.account.subscription.is_active


def test_what_the_operator_gave_since_is_not_taken_by_old_news(shop: Shop, stripe: StripeServer) -> None:
    """An event from before changes nothing; one from after does."""
    subscription = stripe.subscribe(customer(shop, stripe), "price_pro")
    old = stripe.event(UPDATED, subscription)
    gift = Subscription("team", True, None, subscription["customer"], (stripe.now_s + 5) * NS_PER_S)
    shop.give(gift)
    assert shop.tell(old).status_code == 200
    assert shop.account.subscription == gift
    assert shop.tell(stripe.event(UPDATED, subscription, stripe.now_s + 6)).status_code == 200
    assert shop.account.subscription.plan == "pro"


@pytest.mark.parametrize(
    ("status", "is_active"),
    [
        ("active", True),
        ("trialing", True),
        ("past_due", True),
        ("unpaid", False),
        ("paused", False),
        ("canceled", False),
    ],
)
def test_status_at_stripe_says_whether_the_account_is_subscribed(
    shop: Shop, stripe: StripeServer, status: str, is_active: bool
) -> None:
    """While Stripe still tries to be paid, until the period's end."""
    subscription = stripe.subscribe(customer(shop, stripe), "price_pro", status)
    shop.tell(stripe.event(UPDATED, subscription))
    had = shop.account.subscription
    assert (had.plan, had.is_active, had.until_ns) == (
        "pro",
        is_active,
        (stripe.now_s + MONTH_S) * NS_PER_S,
    )


def test_subscription_that_is_to_end_ends_then(shop: Shop, stripe: StripeServer) -> None:
    """`cancel_at` may lie before the end of what was paid for."""
    subscription = stripe.subscribe(customer(shop, stripe), "price_pro")
    subscription["cancel_at"] = stripe.now_s + 100
    shop.tell(stripe.event(UPDATED, subscription))
    assert shop.account.subscription.until_ns == (stripe.now_s + 100) * NS_PER_S


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
def test_payment_that_never_went_through_changes_nothing(
    shop: Shop, stripe: StripeServer, status: str
) -> None:
    """What the account has been given stays."""
    subscription = stripe.subscribe(customer(shop, stripe), "price_pro", status)
    gift = Subscription("team", True, None, subscription["customer"])
    shop.give(gift)
    assert shop.tell(stripe.event(CREATED, subscription)).status_code == 200
    assert shop.account.subscription == gift


def test_old_price_of_a_plan_is_still_that_plan(shop: Shop, stripe: StripeServer) -> None:
    """Whoever pays what is not sold any more."""
    subscription = stripe.subscribe(customer(shop, stripe), "price_old")
    shop.tell(stripe.event(UPDATED, subscription))
    assert shop.account.subscription.plan == "pro"


def test_unknown_price_changes_nothing(
    shop: Shop, stripe: StripeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A customer may pay for something else; the operator is told. Beside a plan of ours it is not seen."""
    other = stripe.subscribe(customer(shop, stripe), "price_of_a_mug")
    before = shop.account.subscription
    assert shop.tell(stripe.event(CREATED, other)).status_code == 200
    assert shop.account.subscription == before
    assert "pays at Stripe for what --stripe-prices does not have" in caplog.text
    stripe.subscribe(other["customer"], "price_pro")
    stripe.end(other)
    shop.tell(stripe.event(DELETED, other))
    assert (shop.account.subscription.plan, shop.account.subscription.is_active) == ("pro", True)


def test_unknown_customer_is_nobody_of_ours(shop: Shop, stripe: StripeServer) -> None:
    """Also where the event names an account of ours: whoever made the link could write anything there."""
    stripe.customers["cus_mallory"] = {}
    theirs: Json = stripe.subscribe("cus_mallory", "price_team")
    session = {"customer": "cus_mallory", "client_reference_id": shop.account_id, "metadata": {}}
    asked = len(stripe.requests)
    for body in (stripe.event(CREATED, theirs), stripe.event(COMPLETED, session)):
        assert shop.tell(body).status_code == 200
    assert shop.account.subscription == Subscription()
    assert len(stripe.requests) == asked


def test_customer_that_was_deleted_at_stripe_has_nothing(shop: Shop, stripe: StripeServer) -> None:
    """And gets another one when the account pays again."""
    first = customer(shop, stripe)
    subscription = stripe.subscribe(first, "price_pro")
    shop.tell(stripe.event(CREATED, subscription))
    assert shop.account.subscription.is_active
    del stripe.customers[first]
    stripe.now_s += 1
    assert shop.tell(stripe.event(DELETED, subscription)).status_code == 200
    assert not shop.account.subscription.is_active
    stripe.pay(checked_out(shop))
    assert shop.account.subscription.customer_id in stripe.customers


def test_deleted_accounts_subscription_is_ended(shop: Shop, stripe: StripeServer) -> None:
    """Whoever has no account any more is not charged any more; where there is nothing to end, nothing is asked."""
    asyncio.run(shop.app.state.subscriptions.end(shop.account))
    assert stripe.requests == []
    customer_id = customer(shop, stripe)
    stripe.end(stripe.subscribe(customer_id, "price_pro"))
    stripe.subscribe(customer_id, "price_pro", "past_due")
    asyncio.run(shop.app.state.subscriptions.end(shop.account))
    assert {one["status"] for one in stripe.subscriptions.values()} == {"canceled"}
    asyncio.run(shop.store.accounts.close_account(shop.account_id, NOW_S))
    assert shop.tell(stripe.event(DELETED, stripe.subscriptions["sub_2"])).status_code == 200


def test_nothing_of_stripe_is_there_where_it_is_not_configured(tmp_path: Path) -> None:
    """Neither the ways to it, nor the one back; and an account has nothing to end."""
    with running_shop(tmp_path, SETTINGS) as shop:
        for path in ("checkout?plan=pro", "portal"):
            assert shop.press(f"/app/subscription/{path}").status_code == 404
        assert shop.client.post("/webhooks/stripe", content=b"{}").status_code == 404
        asyncio.run(shop.app.state.subscriptions.end(shop.account))
