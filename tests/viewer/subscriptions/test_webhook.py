"""What Stripe did not say is not believed, and what could not be kept is told again."""

from __future__ import annotations

import logging
import time

import pytest

from tests.viewer.subscriptions.shop import SECRET_KEY, WEBHOOK_SECRET, Shop
from tests.viewer.subscriptions.stripe_server import StripeServer
from tests.viewer.subscriptions.test_story import CREATED, customer
from viewer.store.base import StoreUnavailable
from viewer.subscriptions.webhook import MAX_BODY_BYTES


@pytest.fixture
def told(shop: Shop, stripe: StripeServer) -> bytes:
    """The event of a subscription that is paid for."""
    return stripe.event(CREATED, stripe.subscribe(customer(shop, stripe), "price_pro"))


@pytest.mark.parametrize(
    "signature",
    ["", "t=1,v1=00", "nonsense", "t=,v1=", "t=9,v0=00", "v1=00", "t=\xe9,v1=\xe9", "t=4102444800,v1=\xe9"],
)
def test_what_is_not_signed_is_refused(shop: Shop, told: bytes, signature: str) -> None:
    """400, whatever stands in the header."""
    headers = {b"stripe-signature": signature.encode("latin-1")}
    answer = shop.client.post("/webhooks/stripe", content=told, headers=headers)
    assert answer.status_code == 400
    assert not shop.account.subscription.is_active


def test_signature_of_another_secret_or_of_another_body_is_refused(shop: Shop, told: bytes) -> None:
    """The body counts byte by byte."""
    assert shop.tell(told, secret="whsec_other").status_code == 400
    assert shop.tell(told, sent=told + b" ").status_code == 400
    assert not shop.account.subscription.is_active


def test_old_signature_is_refused(shop: Shop, told: bytes) -> None:
    """After five minutes whoever overheard it can do nothing with it."""
    now_s = int(time.time())  # the library asks the machine's clock
    assert shop.tell(told, signed_s=now_s - 310).status_code == 400
    assert not shop.account.subscription.is_active
    assert shop.tell(told, signed_s=now_s - 240).status_code == 200
    assert shop.account.subscription.is_active


def test_replay_changes_nothing(shop: Shop, told: bytes) -> None:
    """Stripe may tell the same more than once."""
    shop.tell(told)
    had = shop.account.subscription
    assert shop.tell(told).status_code == 200
    assert shop.account.subscription == had


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": "customer.subscription.created"}',
        b'{"type": "customer.subscription.created", "created": 1, "data": null}',
        b'{"type": "customer.subscription.created", "created": "1", "data": {"object": {"customer": "c"}}}',
        b'{"type": "customer.subscription.created", "created": -1, "data": {"object": {"customer": "c"}}}',
        b'{"type": "customer.subscription.created", "created": true, "data": {"object": {"customer": "c"}}}',
    ],
)
def test_signed_nonsense_is_refused(shop: Shop, body: bytes) -> None:
    """400, never a server error."""
    assert shop.tell(body).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"type": ["customer"], "created": 1}',
        b'{"type": "invoice.payment_failed", "created": 1, "data": {"object": {"customer": "cus_1"}}}',
        b'{"type": "customer.subscription.created", "created": 1, "data": {"object": {"customer": null}}}',
        b'{"type": "customer.subscription.created", "created": 1, "data": {"object": {"customer": {"id": "c"}}}}',
    ],
)
def test_what_is_nothing_to_us_is_acknowledged(shop: Shop, stripe: StripeServer, body: bytes) -> None:
    """200: it need not be told again."""
    assert shop.tell(body).status_code == 200
    assert stripe.requests == []


def test_huge_body_is_refused(shop: Shop, told: bytes) -> None:
    """413, announced or not, signed or not."""
    assert shop.tell(told + b" " * MAX_BODY_BYTES).status_code == 413
    assert (
        shop.client.post("/webhooks/stripe", content=iter([b"x"] * 10 + [b"x" * MAX_BODY_BYTES])).status_code
        == 413
    )
    assert shop.tell(told + b" " * (MAX_BODY_BYTES - len(told))).status_code == 200


def test_event_is_told_again_while_stripe_does_not_answer(
    shop: Shop, stripe: StripeServer, told: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """503, and the log says why without saying what."""
    stripe.is_down = True
    answer = shop.tell(told)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert not shop.account.subscription.is_active
    assert "Stripe did not do what was asked: APIError, status 500" in caplog.text
    stripe.is_down = False
    assert shop.tell(told).status_code == 200
    assert shop.account.subscription.is_active


def test_event_is_told_again_while_the_store_is_busy(
    shop: Shop, told: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503: what is not kept was not told."""

    async def busy(*arguments: object) -> bool:
        raise StoreUnavailable("busy")

    with monkeypatch.context() as patch:
        patch.setattr(shop.store.accounts, "set_subscription", busy)
        assert shop.tell(told).status_code == 503
    assert shop.tell(told).status_code == 200


def test_neither_secrets_nor_what_is_told_gets_into_logs_and_figures(
    shop: Shop, stripe: StripeServer, told: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where everything of ours is logged, and something goes wrong."""
    caplog.set_level(logging.DEBUG, logger="tracen")
    shop.tell(told)
    shop.tell(told, secret="whsec_other")
    stripe.is_down = True
    shop.tell(told)
    shop.press("/app/subscription/portal")
    said = "".join(record.getMessage() + str(record.__dict__) for record in caplog.records)
    said += shop.metrics.text().decode()
    assert "tracen.subscriptions" in said
    for secret in (
        SECRET_KEY,
        WEBHOOK_SECRET,
        shop.account.subscription.customer_id,
        shop.account.email,
        "sub_1",
    ):
        assert secret not in said
