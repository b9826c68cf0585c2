"""A shop, and the Stripe that it sells by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viewer.subscriptions.shop import SELLING, Shop, running_shop
from tests.viewer.subscriptions.stripe_server import StripeServer, running_stripe_server


@pytest.fixture
def stripe() -> Iterator[StripeServer]:
    with running_stripe_server() as stripe:
        yield stripe


@pytest.fixture
def shop(tmp_path: Path, stripe: StripeServer) -> Iterator[Shop]:
    """A server that requires subscriptions and sells them."""
    with running_shop(tmp_path, replace(SELLING, stripe_api_base=stripe.origin)) as shop:
        yield shop
