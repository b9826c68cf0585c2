"""A Tracen that sells plans, over a real store, with somebody who has logged in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import stripe
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient

from viewer.accounts.sessions import Sessions
from viewer.app import create_app
from viewer.keys import Authenticator, create_key
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, Store
from viewer.store.people import Account, Subscription
from viewer.store.sqlite import SqliteStore

URL = "https://tracen.example"
EMAIL = "ada@example.com"
SECRET_KEY, WEBHOOK_SECRET = "sk_test_shop", "whsec_shop"
NOW_S = 1_800_000_000
SETTINGS = Settings(base_url=URL, host="127.0.0.1")
SELLING = replace(
    SETTINGS,
    require_subscription=True,
    stripe_secret_key=SECRET_KEY,
    stripe_webhook_secret=WEBHOOK_SECRET,
    stripe_prices="pro=price_pro,team=price_team,pro=price_old",
)
OURS = {"sec-fetch-site": "same-origin"}
PAYLOAD: dict[str, Any] = {
    "prompt": "What is the weather?",
    "response": "Sunny.",
    "provider": "openai",
    "model": "gpt-5",
    "steps": [{"name": "plan", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 12}],
    "status": "success",
}


@dataclass
class Clock:
    """Time stands still until a test moves it."""

    now_ns: int = NOW_S * NS_PER_S


@dataclass
class Shop:
    """The app under test. `client` holds the cookie of the account's session."""

    app: Starlette
    client: TestClient
    store: Store
    key: str
    account_id: str
    clock: Clock
    metrics: Metrics
    trusted_s: list[float] = field(default_factory=lambda: [0.0])

    def post(self, **headers: str) -> httpx2.Response:
        """A trace, with the account's key as the store has it now."""
        self.trusted_s[0] += 10
        sent = {"content-type": "application/json", "x-tracen-key": self.key, **headers}
        return self.client.post("/api/traces", content=json.dumps(PAYLOAD), headers=sent)

    def press(self, path: str) -> httpx2.Response:
        """What a button of the page does."""
        return self.client.post(path, headers=OURS)

    def tell(
        self,
        body: bytes,
        *,
        secret: str = WEBHOOK_SECRET,
        signed_s: int | None = None,
        sent: bytes | None = None,
    ) -> httpx2.Response:
        """What Stripe sends, signed as it signs, now unless told otherwise. `sent`: another body than was signed."""
        text = body.decode(errors="replace")
        signature = stripe.WebhookSignature.generate_signature_header(text, secret, signed_s)
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        content = body if sent is None else sent
        return self.client.post("/webhooks/stripe", content=content, headers=headers)

    @property
    def account(self) -> Account:
        account = asyncio.run(self.store.accounts.by_id(self.account_id))
        assert account is not None
        return account

    def give(self, subscription: Subscription) -> None:
        """What the operator's command, or Stripe, would have set."""
        assert asyncio.run(self.store.accounts.set_subscription(self.account_id, subscription))


@contextlib.contextmanager
def running_shop(folder: Path, settings: Settings) -> Iterator[Shop]:
    """The app for the length of a block."""
    store, clock, metrics, trusted_s = SqliteStore(folder / "store.db"), Clock(), Metrics(), [0.0]

    async def key_and_account() -> tuple[str, Account]:
        key = await create_key(store, EMAIL, 0)
        account = await store.accounts.by_email(EMAIL)
        assert account is not None
        return key, account

    key, account = asyncio.run(key_and_account())
    requests = Requests(metrics, lambda: clock.now_ns)
    keys = Authenticator(store, lambda: trusted_s[0], lambda: clock.now_ns)
    try:
        app = create_app(store, settings, keys, requests, clock_ns=lambda: clock.now_ns)
        with TestClient(app, settings.base_url, follow_redirects=False) as client:
            name, value = asyncio.run(cookie_of(store, settings.base_url, account, clock.now_ns))
            client.cookies.set(name, value)
            yield Shop(app, client, store, key, account.id, clock, metrics, trusted_s)
    finally:
        asyncio.run(store.close())


async def cookie_of(store: Store, base_url: str, account: Account, now_ns: int) -> tuple[str, str]:
    """Name and value of a new session's cookie."""
    response = Response()
    await Sessions(store.accounts, base_url, lambda: now_ns).open(account, response)
    name, _, rest = response.headers["set-cookie"].partition("=")
    return name, rest.partition(";")[0]
