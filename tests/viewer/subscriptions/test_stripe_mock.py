"""What we ask of Stripe is what its API takes: its own mock checks each request against the API's description."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viewer.subscriptions.shop import NOW_S, SELLING, Shop, running_shop
from tests.viewer.subscriptions.stripe_mock import running_stripe_mock
from tests.viewer.subscriptions.stripe_server import StripeServer
from viewer.subscriptions.standing import bought
from viewer.subscriptions.stripe_api import StripeFailed


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    with running_stripe_mock() as address:
        yield address


@pytest.fixture
def shop(tmp_path: Path, mock: str) -> Iterator[Shop]:
    with running_shop(tmp_path, replace(SELLING, stripe_api_base=mock)) as shop:
        yield shop


def test_checkout_and_portal_lead_where_stripe_says(shop: Shop) -> None:
    """By the real library, through real requests."""
    answer = shop.press("/app/subscription/checkout?plan=pro")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://checkout.stripe.com/")
    assert shop.account.subscription.customer_id.startswith("cus_")
    answer = shop.press("/app/subscription/portal")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://")


def test_subscriptions_are_read_as_stripe_writes_them(shop: Shop) -> None:
    """Plan and end are where they are looked for in the API's own example of a subscription."""
    stripe = shop.app.state.subscriptions._stripe
    (told,) = asyncio.run(stripe.subscriptions_of("cus_1"))
    price = told["items"]["data"][0]["price"]["id"]
    found = bought([told], replace(stripe.prices, plan_by_price={price: "pro"}))
    assert found is not None
    assert (found.plan, found.is_active) == ("pro", True)
    assert found.until_ns
    asyncio.run(stripe.end_all("cus_1"))


def test_event_is_kept_by_what_stripe_answers(shop: Shop, mock: str) -> None:
    """The example is to no plan of ours, so nothing changes."""
    shop.press("/app/subscription/checkout?plan=pro")
    before = shop.account.subscription
    subscription = {"customer": before.customer_id}
    body = StripeServer(now_s=NOW_S).event("customer.subscription.updated", subscription)
    assert shop.tell(body).status_code == 200
    assert shop.account.subscription == before


def test_request_that_stripe_does_not_take_fails(shop: Shop) -> None:
    """The mock does check: the tests above mean something."""
    stripe = shop.app.state.subscriptions._stripe
    with pytest.raises(StripeFailed):
        asyncio.run(stripe._ask(stripe._client.v1.checkout.sessions.create, {"mode": "no such mode"}))
