"""Keeps what accounts are said to have paid for equal to what Stripe knows.

Whatever Stripe tells is a reason to ask it how the customer stands now: so neither the order in which it is told nor
how often makes a difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from weakref import WeakValueDictionary

from viewer.store.people import Account, Accounts, Subscription
from viewer.subscriptions.standing import bought, is_paid
from viewer.subscriptions.stripe_api import CustomerUnknown, Stripe, StripeFailed

logger = logging.getLogger("tracen.subscriptions")


class Book:
    """Accounts and their customers at Stripe: each account has at most one."""

    def __init__(self, accounts: Accounts, stripe: Stripe) -> None:
        self._accounts = accounts
        self._stripe = stripe
        self._lock_by_account: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def renew(self, customer_id: str, told_ns: int) -> bool:
        """Ask how a customer stands, since Stripe told something at `told_ns`; whether that changed anything.

        Raises StripeFailed, StoreUnavailable.
        """
        account = await self._accounts.by_customer(customer_id)
        if account is None:
            return False
        async with self._lock_of(account):  # who asked later writes later
            now = await self._told(account, customer_id)
            return now is not None and await self._accounts.set_subscription(
                account.id, replace(now, told_ns=told_ns)
            )

    async def _told(self, account: Account, customer_id: str) -> Subscription | None:
        """What Stripe says now; None where that is nothing about plans of ours."""
        try:
            told = await self._stripe.subscriptions_of(customer_id)
        except CustomerUnknown:  # deleted there, and with it all that was paid for
            return replace(account.subscription, is_active=False)
        found = bought(told, self._stripe.prices)
        if found is None:
            if any(is_paid(subscription) for subscription in told):
                logger.warning("an account pays at Stripe for what --stripe-prices does not have")
            return None
        return Subscription(found.plan, found.is_active, found.until_ns, customer_id)

    async def renewed(self, account: Account) -> Account:
        """Answer the account as Stripe knows it now, which may not have told yet, or never: webhooks get lost."""
        subscription = account.subscription
        with contextlib.suppress(StripeFailed):
            await self.renew(subscription.customer_id, subscription.told_ns)
        return await self._accounts.by_id(account.id) or account

    async def checkout_url(self, account: Account, plan: str, hour: int) -> str:
        """Answer where a plan is paid for. Raises StripeFailed, StoreUnavailable."""
        async with self._lock_of(account):  # also so that nobody keeps others from asking
            customer_id = await self._customer_of(account)
            try:
                return await self._stripe.checkout_url(account, customer_id, plan, hour)
            except CustomerUnknown:  # deleted there, or from the days of another key
                customer_id = await self._customer_of(account, instead_of=customer_id)
            return await self._stripe.checkout_url(account, customer_id, plan, hour)

    async def portal_url(self, account: Account) -> str:
        """Answer where an account's payment is changed or ended. Raises StripeFailed."""
        async with self._lock_of(account):
            return await self._stripe.portal_url(account.subscription.customer_id)

    async def end(self, account: Account) -> None:
        """End what an account pays for, now; for accounts that are deleted. Raises StripeFailed."""
        if account.subscription.customer_id:
            with contextlib.suppress(CustomerUnknown):
                await self._stripe.end_all(account.subscription.customer_id)

    async def _customer_of(self, account: Account, instead_of: str = "") -> str:
        """The account's customer. Kept before anybody can pay: whatever Stripe tells of it is understood."""
        known = await self._accounts.by_id(account.id)
        if known is None:
            raise StripeFailed
        if known.subscription.customer_id != instead_of:
            return known.subscription.customer_id
        customer_id = await self._stripe.new_customer(known)
        now = replace(known.subscription, customer_id=customer_id)
        if not await self._accounts.set_subscription(account.id, now):
            raise StripeFailed
        return customer_id

    def _lock_of(self, account: Account) -> asyncio.Lock:
        return self._lock_by_account.setdefault(account.id, asyncio.Lock())
