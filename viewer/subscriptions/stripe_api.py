"""Stripe's API: customers, checkout, portal, subscriptions, signatures. The one file that knows the library `stripe`.

The library is imported only where it is configured, and its calls, which wait, have threads of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tracen_otel.endpoint import is_loopback
from viewer.settings import Settings
from viewer.store.people import Account
from viewer.subscriptions.prices import Prices, prices_of
from viewer.subscriptions.required import PATH

if TYPE_CHECKING:
    import stripe

logger = logging.getLogger("tracen.subscriptions")

T = TypeVar("T")

TOLERANCE_S = 300
"""Of a signature's age."""
_CONNECT_S, _READ_S, _TIMEOUT_S = 3.0, 8.0, 25.0
_MAX_AT_ONCE = 4
_MAX_SUBSCRIPTIONS = 100
"""Of a customer, the ended ones included, newest first."""
_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")
_ENDED = frozenset({"canceled", "incomplete_expired"})


class StripeUnusable(OSError):
    """Settings with which Stripe can not be used; the message names them, never their values."""


class StripeFailed(Exception):
    """Stripe did not answer, or refused. It is in the log why."""


class CustomerUnknown(StripeFailed):
    """Stripe does not have the customer, any more or in this mode."""


class Stripe:
    """One account at Stripe, and what is sold there."""

    def __init__(self, settings: Settings, prices: Prices) -> None:
        import stripe

        self.prices = prices
        self._stripe = stripe
        self._base_url = settings.base_url
        self._api_base = settings.stripe_api_base.rstrip("/")
        self._webhook_secret = settings.stripe_webhook_secret
        self._client = stripe.StripeClient(
            settings.stripe_secret_key,
            base_addresses={"api": self._api_base} if self._api_base else None,
            http_client=stripe.RequestsClient(timeout=(_CONNECT_S, _READ_S)),
            max_network_retries=1,
        )
        self._threads = ThreadPoolExecutor(_MAX_AT_ONCE, "tracen-stripe")

    @property
    def page_origins(self) -> tuple[str, ...]:
        """Where forms lead."""
        return (*_PAGES, *((self._api_base,) if self._api_base else ()))

    async def new_customer(self, account: Account) -> str:
        """Make the customer of an account, once however often it is asked for at a time; answers its id."""
        params: Any = {
            "email": account.email,
            "metadata": {"tracen_account": account.id, "tracen_url": self._base_url},
        }
        once = _idempotency_key(params, account.created_ns, account.subscription.customer_id)
        customer = await self._ask(self._client.v1.customers.create, params, once)
        return str(customer.id)

    async def checkout_url(self, account: Account, customer_id: str, plan: str, hour: int) -> str:
        """Answer the address where a plan is paid for: within an hour, and until Stripe tells news, the same."""
        params: Any = {
            "mode": "subscription",
            "customer": customer_id,
            "client_reference_id": account.id,
            "line_items": [{"price": self.prices.sold[plan], "quantity": 1}],
            "success_url": f"{self._base_url}{PATH}?paid",
            "cancel_url": f"{self._base_url}{PATH}",
        }
        once = _idempotency_key(params, account.subscription.told_ns, hour)
        return self._followed((await self._ask(self._client.v1.checkout.sessions.create, params, once)).url)

    async def portal_url(self, customer_id: str) -> str:
        """Answer the address of the page where a customer changes or ends what is paid for."""
        params: Any = {"customer": customer_id, "return_url": f"{self._base_url}{PATH}"}
        return self._followed((await self._ask(self._client.v1.billing_portal.sessions.create, params)).url)

    async def subscriptions_of(self, customer_id: str) -> list[dict[str, Any]]:
        """List the subscriptions of a customer, ended ones included, as they are now."""
        params: Any = {"customer": customer_id, "status": "all", "limit": _MAX_SUBSCRIPTIONS}
        found: list[dict[str, Any]] = (await self._ask(self._client.v1.subscriptions.list, params)).to_dict()[
            "data"
        ]
        return found

    async def end_all(self, customer_id: str) -> None:
        """End every subscription of a customer now: nothing is charged any more."""
        for subscription in await self.subscriptions_of(customer_id):
            if subscription["status"] not in _ENDED:
                await self._ask(self._client.v1.subscriptions.cancel, subscription["id"])

    def event(self, body: bytes, signature: str) -> Mapping[str, Any]:
        """Answer the event that Stripe signed. Raises ValueError for anything else."""
        try:
            self._stripe.WebhookSignature.verify_header(body, signature, self._webhook_secret, TOLERANCE_S)
            event = json.loads(body)
        except (self._stripe.SignatureVerificationError, TypeError, ValueError, RecursionError):
            # without the cause: it holds the body. TypeError: of a signature beyond ASCII
            raise ValueError("not signed by Stripe within the last minutes, or not JSON") from None
        if not isinstance(event, dict):
            raise ValueError("no event")
        return event

    async def _ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call in a thread. Raises StripeFailed."""
        work = asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *arguments))
        try:
            return await asyncio.wait_for(work, _TIMEOUT_S)
        except TimeoutError:
            logger.warning("Stripe did not answer within %d s", _TIMEOUT_S)
        except self._stripe.StripeError as error:  # its message may quote what was sent
            _log(error)
            if error.code == "resource_missing" and getattr(error, "param", "") == "customer":
                raise CustomerUnknown from None
        raise StripeFailed

    def _followed(self, url: str | None) -> str:
        """Of what Stripe answers, an address that a browser may be led to."""
        parts = urlsplit(url or "")
        is_ours = bool(self._api_base) and parts.netloc == urlsplit(self._api_base).netloc
        if url and parts.hostname and (parts.scheme == "https" or (is_ours and parts.scheme == "http")):
            return url
        logger.warning("Stripe answered no https address to lead a browser to")
        raise StripeFailed


def stripe_of(settings: Settings) -> Stripe | None:
    """Stripe as it is configured; None where it is not. Raises StripeUnusable."""
    value_by_flag = {
        "--stripe-secret-key": settings.stripe_secret_key,
        "--stripe-webhook-secret": settings.stripe_webhook_secret,
        "--stripe-prices": settings.stripe_prices,
    }
    missing = [flag for flag, value in value_by_flag.items() if not value]
    if len(missing) == len(value_by_flag):
        return None
    if missing:
        raise StripeUnusable(
            f"Stripe takes all of {', '.join(value_by_flag)}; not there: {', '.join(missing)}"
        )
    _check_secret("--stripe-secret-key", settings.stripe_secret_key, ("sk_", "rk_"))
    _check_secret("--stripe-webhook-secret", settings.stripe_webhook_secret, ("whsec_",))
    _check_api_base(settings.stripe_api_base)
    try:
        prices = prices_of(settings.stripe_prices)
    except ValueError as error:
        raise StripeUnusable(f"--stripe-prices: {error}") from None
    try:
        return Stripe(settings, prices)
    except ModuleNotFoundError:
        raise StripeUnusable(
            "--stripe-secret-key needs the extra: pip install 'tracen-otel[stripe]'"
        ) from None


def _check_secret(flag: str, secret: str, prefixes: tuple[str, ...]) -> None:
    if not secret.startswith(prefixes) or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise StripeUnusable(f"{flag}: expected what begins with {' or '.join(prefixes)}, got something else")


def _check_api_base(url: str) -> None:
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    if url and not (is_safe and parts.hostname and parts.path in ("", "/") and not parts.query):
        raise StripeUnusable(
            f"--stripe-api-base: expected https://HOST, or http:// and an address of this machine, got {url[:80]!r}"
        )


def _idempotency_key(params: Mapping[str, Any], *more: Any) -> stripe.RequestOptions:
    """Whoever asks for the same gets the same; Stripe refuses another request under an old key."""
    text = json.dumps([params, *more], sort_keys=True)
    return {"idempotency_key": hashlib.sha256(text.encode()).hexdigest()}


def _log(error: stripe.StripeError) -> None:
    logger.warning(
        "Stripe did not do what was asked: %s, status %s, code %s, request %s",
        type(error).__name__,
        error.http_status,
        error.code,
        error.request_id,
    )
