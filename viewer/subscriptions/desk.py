"""`/app/subscription`: what an account has, and the ways to Stripe and back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tracen_otel.timestamps import format_timestamp
from viewer import pages
from viewer.accounts.addresses import LOCAL
from viewer.accounts.frame import NO_STORE, Frame, frame_for
from viewer.accounts.receipt import Receipts
from viewer.contexts import Fact
from viewer.headers import with_form_targets
from viewer.limits import Plans
from viewer.policy import for_operator, session_of, with_session
from viewer.reference.contexts import Paste
from viewer.settings import Settings, default_db
from viewer.store.base import NS_PER_S
from viewer.store.people import Account, Accounts, Subscription
from viewer.subscriptions.book import Book
from viewer.subscriptions.contexts import Notice, Offer, SubscriptionPage
from viewer.subscriptions.prices import Prices
from viewer.subscriptions.required import PATH
from viewer.subscriptions.standing import Standing, is_subscribed, standing_of
from viewer.subscriptions.stripe_api import StripeFailed, StripeUnusable, stripe_of
from viewer.subscriptions.webhook import Webhook
from viewer.wording import moment, plural

_HOUR_NS = 3600 * NS_PER_S
_ASKED_EVERY_NS = 60 * NS_PER_S
_MAX_ASKED = 10_000
_TONE_AND_STATUS = {
    Standing.NONE: ("open", "Not subscribed"),
    Standing.ACTIVE: ("good", "Active"),
    Standing.OVERDUE: ("live", "Being renewed"),
    Standing.PAST: ("bad", "Ended"),
}


class SubscriptionDesk:
    """The routes of subscriptions. `is_offered`: the server sells them, asks for one, or has plans to give."""

    def __init__(
        self,
        accounts: Accounts,
        settings: Settings,
        plans: Plans,
        clock_ns: Callable[[], int],
    ) -> None:
        """Raises StripeUnusable."""
        self._db = settings.db
        self._is_required = settings.require_subscription
        self._plans = plans
        self._clock_ns = clock_ns
        self._receipts = Receipts(settings.base_url)
        self._stripe = stripe_of(settings)
        if self._stripe:
            _check_sold(self._stripe.prices, plans)
        self._book = Book(accounts, self._stripe) if self._stripe else None
        self._asked_ns_by_account: dict[str, int] = {}
        self._webhook = Webhook(self._stripe, self._book) if self._stripe and self._book else None
        self.is_offered = self._is_required or self._stripe is not None or any(plans.limit_by_name)
        self.routes = [
            with_session(PATH, self.page, ["GET"]),
            with_session(f"{PATH}/checkout", self.checkout, ["POST"]),
            with_session(f"{PATH}/portal", self.portal, ["POST"]),
            for_operator("/webhooks/stripe", self.webhook, ["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Show what the account has; who comes back from paying is asked for at Stripe."""
        account, asked = session_of(request).account, set(request.query_params)
        if not self._receipts.is_for(request):
            asked.discard("failed")
        if "paid" in asked and self._book and self._is_to_ask_for(account):
            account = await self._book.renewed(account)
        page = self._told(account, frame_for(request, PATH), asked)
        policy = with_form_targets(*self._stripe.page_origins) if self._stripe else {}
        answer = HTMLResponse(pages.render(page), headers=NO_STORE | policy)
        return self._receipts.take_back(request, answer)

    async def checkout(self, request: Request) -> Response:
        """Lead to where `?plan=` is paid for; whoever pays already, to where that is changed."""
        account, plan = session_of(request).account, request.query_params.get("plan", "")
        if self._stripe is None or self._book is None or plan not in self._stripe.prices.sold:
            raise HTTPException(404)
        now_ns = self._clock_ns()
        if _pays(account.subscription, now_ns):
            return await self.portal(request)
        self._asked_ns_by_account.pop(account.id, None)  # who comes back from there may have paid
        try:
            url = await self._book.checkout_url(account, plan, now_ns // _HOUR_NS)
        except StripeFailed:
            return self._receipts.led_to(f"{PATH}?failed")
        return RedirectResponse(url, 303, NO_STORE)

    async def portal(self, request: Request) -> Response:
        """Lead to where payment is changed or ended."""
        account = session_of(request).account
        if self._book is None or not account.subscription.customer_id:
            raise HTTPException(404)
        try:
            url = await self._book.portal_url(account)
        except StripeFailed:
            return self._receipts.led_to(f"{PATH}?failed")
        return RedirectResponse(url, 303, NO_STORE)

    async def webhook(self, request: Request) -> Response:
        """Take what Stripe tells."""
        if self._webhook is None:
            raise HTTPException(404)
        return await self._webhook.answer(request)

    async def end(self, account: Account) -> None:
        """End what an account pays for, before the account is deleted. Raises StripeFailed."""
        if self._book is not None:
            await self._book.end(account)

    def _is_to_ask_for(self, account: Account) -> bool:
        """Whether Stripe may know more: asked once a minute, as anybody can look at the page as often as they like."""
        now_ns = self._clock_ns()
        if is_subscribed(account.subscription, now_ns):
            return False
        asked_ns = self._asked_ns_by_account.get(account.id)
        if asked_ns is not None and abs(now_ns - asked_ns) < _ASKED_EVERY_NS:
            return False
        if len(self._asked_ns_by_account) >= _MAX_ASKED:
            self._asked_ns_by_account.clear()
        self._asked_ns_by_account[account.id] = now_ns
        return True

    def _told(self, account: Account, frame: Frame, asked: set[str]) -> SubscriptionPage:
        now_ns, subscription = self._clock_ns(), account.subscription
        standing = standing_of(subscription, now_ns)
        tone, status = _TONE_AND_STATUS[standing]
        return SubscriptionPage(
            title="Subscription · Tracen",
            frame=frame,
            notices=tuple(self._notices(subscription, standing, asked)),
            tone=tone,
            status=status,
            facts=self._facts(subscription, standing, now_ns),
            is_required=self._is_required,
            is_sold=self._stripe is not None,
            offers=() if _pays(subscription, now_ns) else self._offers(),
            can_manage=self._stripe is not None and bool(subscription.customer_id),
            command=Paste(
                "command",
                "Shell of the server",
                shlex.join(["tracen", "accounts", "subscribe", account.email, *self._of(account)]),
            ),
        )

    def _of(self, account: Account) -> tuple[str, ...]:
        """What names a store that is not the default. Where it is, whoever runs the server knows, and nobody else."""
        if self._db == default_db() or "://" in self._db:
            return ()
        return "--db", os.path.abspath(self._db) if account.email == LOCAL else "FILE"

    def _notices(self, subscription: Subscription, standing: Standing, asked: set[str]) -> list[Notice]:
        notices = []
        has_one = standing in (Standing.ACTIVE, Standing.OVERDUE)
        if "failed" in asked:
            notices.append(
                Notice("bad", "Stripe did not answer, or refused. Nothing was charged; try again.")
            )
        if "paid" in asked and has_one:
            notices.append(Notice("good", f"Thank you: the plan {subscription.plan} is yours."))
        elif "paid" in asked:
            text = "Thank you. Stripe tells this server of the payment in a moment."
            notices.append(Notice("odd", text, is_waiting=True))
        elif self._is_required and not has_one:
            notices.append(Notice("bad", "Traces posted with this account's keys are refused at present."))
        return notices

    def _facts(self, subscription: Subscription, standing: Standing, now_ns: int) -> tuple[Fact, ...]:
        has_plan, has_one = standing is not Standing.NONE, standing in (Standing.ACTIVE, Standing.OVERDUE)
        return (
            Fact("Plan", subscription.plan if has_plan else "none", is_told=has_plan),
            Fact("Accepted", self._allowance(subscription.plan if has_one else "")),
            *_end(subscription, standing, now_ns),
        )

    def _offers(self) -> tuple[Offer, ...]:
        sold = self._stripe.prices.sold if self._stripe else {}
        return tuple(Offer(plan, self._allowance(plan), f"{PATH}/checkout?plan={plan}") for plan in sold)

    def _allowance(self, plan: str) -> str:
        return f"{plural(self._plans.limit_of(plan).count, 'request')} per hour and key"


def _check_sold(prices: Prices, plans: Plans) -> None:
    """Raise StripeUnusable where a plan would be paid for that changes nothing. Without --plans all are alike."""
    for plan in prices.sold:
        if any(plans.limit_by_name) and plan not in plans.limit_by_name:
            known = ", ".join(plans.limit_by_name)
            raise StripeUnusable(f"--stripe-prices: expected plans that --plans has ({known}), got {plan!r}")


def _pays(subscription: Subscription, now_ns: int) -> bool:
    """Whether what an account has is Stripe's to change."""
    return bool(subscription.customer_id) and is_subscribed(subscription, now_ns)


def _end(subscription: Subscription, standing: Standing, now_ns: int) -> tuple[Fact, ...]:
    """Until when; nothing where it ended before what was paid for."""
    until_ns = subscription.until_ns
    if standing is Standing.NONE or (standing is Standing.PAST and (until_ns is None or until_ns > now_ns)):
        return ()
    if until_ns is None:
        return (Fact("Until", "no end"),)
    label = "Paid until" if subscription.customer_id else "Until"
    label = "Ended" if standing is Standing.PAST else label
    return (Fact(label, moment(until_ns, "minutes"), datetime=format_timestamp(until_ns)),)
