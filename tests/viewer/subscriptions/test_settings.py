"""What an operator sets for subscriptions is understood, or refused at the start, and never shown."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.processes import running_tracen, serve_command
from tests.viewer.subscriptions.shop import SECRET_KEY, SELLING, WEBHOOK_SECRET, running_shop
from viewer.settings import Settings
from viewer.subscriptions.prices import prices_of
from viewer.subscriptions.stripe_api import StripeUnusable, stripe_of


def test_prices_are_read_in_order() -> None:
    """The first price of a plan is the one that is sold."""
    prices = prices_of(" pro=price_1A , team=price_2,pro=price_0")
    assert prices.sold == {"pro": "price_1A", "team": "price_2"}
    assert prices.plan_by_price == {"price_1A": "pro", "price_2": "team", "price_0": "pro"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pro", "got '' for the plan 'pro'"),
        ("=price_1", "got '=price_1'"),
        ("Pro=price_1", "got 'Pro=price_1'"),
        ("pro=price_1,", "got ''"),
        ("pro=prod_1", "a product has prices"),
        ("pro=price_1,team=price_1", "'price_1' is there twice"),
        ("pro=price_1 team=price_2", "got 'price_1 team=price_2'"),
        (" ", "got ''"),
    ],
)
def test_prices_that_are_none_are_refused(text: str, told: str) -> None:
    """Saying what came and what would do."""
    with pytest.raises(ValueError, match="price") as refused:
        prices_of(text)
    assert told in str(refused.value)


def test_stripe_is_off_by_default() -> None:
    """And the library not needed."""
    assert stripe_of(Settings()) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"stripe_webhook_secret": ""}, "not there: --stripe-webhook-secret"),
        ({"stripe_prices": "", "stripe_secret_key": ""}, "not there: --stripe-secret-key, --stripe-prices"),
        ({"stripe_secret_key": "pk_test_1"}, "--stripe-secret-key: expected what begins with sk_ or rk_"),
        ({"stripe_secret_key": "sk_test_1\n"}, "--stripe-secret-key: expected"),
        ({"stripe_webhook_secret": "sk_test_1"}, "--stripe-webhook-secret: expected what begins with whsec_"),
        ({"stripe_prices": "pro=1"}, "--stripe-prices: expected plans"),
        ({"stripe_api_base": "http://stripe.example"}, "--stripe-api-base: expected https://HOST"),
        ({"stripe_api_base": "stripe.example"}, "--stripe-api-base: expected https://HOST"),
    ],
)
def test_half_of_a_configuration_is_refused(changed: dict[str, Any], told: str) -> None:
    """Before anybody can be sent to a checkout whose payment would never be heard of; without the values."""
    with pytest.raises(StripeUnusable) as refused:
        stripe_of(replace(SELLING, **changed))
    assert told in str(refused.value)
    assert "_test_" not in str(refused.value)


def test_plan_that_would_change_nothing_is_not_sold(tmp_path: Path) -> None:
    """Where plans differ, a slip in a name would be paid for and never had."""
    with (
        pytest.raises(StripeUnusable, match=r"--plans has \(free, pro\), got 'team'"),
        running_shop(tmp_path, replace(SELLING, plans="free=10,pro=20")),
    ):
        pass


def test_library_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(StripeUnusable, match=r"pip install 'tracen-otel\[stripe\]'"):
        stripe_of(SELLING)


def test_secrets_are_in_no_settings_that_are_printed() -> None:
    """A traceback or a log line may show them."""
    told = repr(replace(SELLING, operator_token="scrape-me"))
    assert "price_pro" in told
    for secret in (SECRET_KEY, WEBHOOK_SECRET, "scrape-me"):
        assert secret not in told


def test_server_does_not_start_with_wrong_prices(tmp_path: Path) -> None:
    """Exit code 2 and one message, from the flag and from the environment."""
    wrong = ["--stripe-prices", "pro=prod_1"]
    ended = subprocess.run(
        serve_command(tmp_path / "t.db", *wrong), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "a product has prices" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_server_does_not_start_with_half_of_a_configuration(tmp_path: Path) -> None:
    """Exit code 2, before it is ready."""
    half = serve_command(tmp_path / "t.db", "--stripe-secret-key", SECRET_KEY)
    ended = subprocess.run(half, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "not there: --stripe-webhook-secret, --stripe-prices" in ended.stderr
    assert SECRET_KEY not in ended.stderr


def test_server_without_stripe_does_not_import_it() -> None:
    """It is an extra, and takes time to load."""
    code = "import sys, bridge.server; sys.exit('stripe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_otlp_is_taken_without_a_subscription(tmp_path: Path) -> None:
    """A collector that has no subscription loses nothing; 402 is of POST alone."""
    with running_tracen(tmp_path / "t.db", "--require-subscription") as tracen:
        key = {"x-tracen-key": tracen.key}
        sent = httpx2.post(f"{tracen.otlp_http}/v1/traces", json={"resourceSpans": []}, headers=key)
        posted = httpx2.post(f"{tracen.http}/api/traces", json={}, headers=key)
    assert (sent.status_code, posted.status_code) == (200, 402)
    assert posted.json()["subscribe_url"] == f"{tracen.http}/app/subscription"
