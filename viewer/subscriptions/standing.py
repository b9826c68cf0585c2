"""How an account stands: whether it is subscribed, and what Stripe's own words come to. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from viewer.store.base import NS_PER_S
from viewer.store.people import Subscription
from viewer.subscriptions.prices import Prices

GRACE_NS = 3 * 24 * 3600 * NS_PER_S
"""For what Stripe has to tell at the end of a period: it goes on trying for three days where we do not answer."""
_PAID = frozenset({"active", "trialing", "past_due"})
"""While a payment is past due Stripe tries again; when it gives up it says so."""
_NEVER_BEGAN = frozenset({"incomplete", "incomplete_expired"})


class Standing(StrEnum):
    """How an account stands."""

    NONE = "none"
    ACTIVE = "active"
    OVERDUE = "overdue"
    """Its period is over, and Stripe has not told yet what comes next."""
    PAST = "past"


def standing_of(subscription: Subscription, now_ns: int) -> Standing:
    """How an account stands at a time."""
    if subscription.is_active_at(now_ns):
        return Standing.ACTIVE
    if subscription.customer_id and subscription.is_active_at(now_ns - GRACE_NS):
        return Standing.OVERDUE
    return Standing.PAST if subscription.plan else Standing.NONE


def is_subscribed(subscription: Subscription, now_ns: int) -> bool:
    """Tell whether an account may have what a subscription is needed for."""
    return standing_of(subscription, now_ns) in (Standing.ACTIVE, Standing.OVERDUE)


@dataclass(frozen=True, slots=True, order=True)
class Bought:
    """A subscription to one of our plans, as Stripe tells it. The greater says how the account stands."""

    is_active: bool
    created_s: int
    plan: str
    until_ns: int | None


def bought(subscriptions: Iterable[Mapping[str, Any]], prices: Prices) -> Bought | None:
    """The one of a customer's subscriptions that counts: the newest of those that are active, else the newest.

    None where none has begun, or none is to a plan of ours: then Stripe has nothing to say about the account.
    """
    told = (_bought(subscription, prices) for subscription in subscriptions)
    return max((one for one in told if one is not None), default=None)


def is_paid(subscription: Mapping[str, Any]) -> bool:
    """Tell whether Stripe has been paid for a subscription, or still tries to be."""
    return subscription["status"] in _PAID


def _bought(subscription: Mapping[str, Any], prices: Prices) -> Bought | None:
    if subscription["status"] in _NEVER_BEGAN:
        return None
    for item in subscription["items"]["data"]:
        plan = prices.plan_by_price.get(item["price"]["id"])
        if plan is not None:
            ends_s = [subscription.get("cancel_at"), subscription.get("ended_at"), item["current_period_end"]]
            until_s = min(second for second in ends_s if second)
            return Bought(is_paid(subscription), subscription["created"], plan, until_s * NS_PER_S)
    return None
