"""That a subscription is needed, where the operator says so."""

from __future__ import annotations

from viewer.settings import Settings
from viewer.store.people import Key
from viewer.subscriptions.standing import is_subscribed

PATH = "/app/subscription"


class SubscriptionMissing(Exception):
    """The account has no subscription now; `subscribe_url` is where there is one."""

    def __init__(self, subscribe_url: str) -> None:
        super().__init__(
            f"this server asks for a subscription, and the account has none now: {subscribe_url}"
        )
        self.subscribe_url = subscribe_url


def check_subscription(key: Key, settings: Settings, now_ns: int) -> None:
    """Raise SubscriptionMissing where one is required and the key's account has none."""
    if settings.require_subscription and not is_subscribed(key.subscription, now_ns):
        raise SubscriptionMissing(settings.base_url + PATH)
