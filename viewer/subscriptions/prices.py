"""Which plans are sold, and at which of Stripe's prices. Knows neither Stripe nor accounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PLAN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PRICE = re.compile(r"price_[A-Za-z0-9_]{1,240}")
EXPECTED = "expected plans and their Stripe prices such as pro=price_123,team=price_456"


@dataclass(frozen=True, slots=True)
class Prices:
    """Plans by price. Of several prices of a plan the first is sold; who pays another goes on having the plan."""

    plan_by_price: Mapping[str, str]

    @property
    def sold(self) -> dict[str, str]:
        """The price of each plan that is sold, in the order in which they were given."""
        price_by_plan: dict[str, str] = {}
        for price, plan in self.plan_by_price.items():
            price_by_plan.setdefault(plan, price)
        return price_by_plan


def prices_of(text: str) -> Prices:
    """Read prices such as `pro=price_123,team=price_456`. Raises ValueError."""
    plan_by_price: dict[str, str] = {}
    for part in text.split(","):
        plan, price = _pair(part.strip())
        if price in plan_by_price:
            raise ValueError(f"the price {price!r} is there twice")
        plan_by_price[price] = plan
    return Prices(plan_by_price)


def _pair(part: str) -> tuple[str, str]:
    plan, _, price = (piece.strip() for piece in part.partition("="))
    if not _PLAN.fullmatch(plan):
        raise ValueError(
            f"{EXPECTED}, a plan's name being of a-z, 0-9, - and _ (40 at most), got {part[:60]!r}"
        )
    if not _PRICE.fullmatch(price):
        is_product = price.startswith("prod_")
        hint = "; a product has prices, and one of them is meant" if is_product else ""
        raise ValueError(f"{EXPECTED}, got {price[:60]!r} for the plan {plan!r}{hint}")
    return plan, price
