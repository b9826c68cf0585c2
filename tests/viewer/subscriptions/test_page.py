"""`/app/subscription`: what an account is told, in every state, and where it is led."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page
from stripe import WebhookSignature

from tests.browsers import running_browser
from tests.processes import TracenProcess, start_tracen
from tests.shots.camera import Look
from tests.viewer.accessibility import violations
from tests.viewer.subscriptions.shop import (
    NOW_S,
    PAYLOAD,
    SECRET_KEY,
    SELLING,
    SETTINGS,
    WEBHOOK_SECRET,
    Shop,
    cookie_of,
    running_shop,
)
from tests.viewer.subscriptions.stripe_server import StripeServer
from viewer.settings import Settings
from viewer.store.base import NS_PER_S
from viewer.store.people import Subscription
from viewer.store.sqlite import SqliteStore

NOW_NS = NOW_S * NS_PER_S
DAY_NS, MINUTE_NS = 24 * 3600 * NS_PER_S, 60 * NS_PER_S
GIVING = replace(SETTINGS, require_subscription=True)
UNTIL = "20 Jan 2027"
"""Five days after NOW_S."""


def text_of(shop: Shop, query: str = "") -> str:
    answer = shop.client.get(f"/app/subscription{query}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", answer.text.partition("<main")[2])))


@pytest.mark.parametrize(("plans", "is_shown"), [("", False), ("free=100,pro=1000", True)])
def test_tab_is_there_where_there_are_plans(tmp_path: Path, plans: str, is_shown: bool) -> None:
    """Also where they are given and not sold: else nobody can see what was given to them."""
    settings = replace(SETTINGS, plans=plans, require_subscription=False)
    with running_shop(tmp_path, settings) as shop:
        assert ('href="/app/subscription"' in shop.client.get("/app/account").text) == is_shown


@pytest.mark.parametrize(
    ("settings", "subscription", "told", "untold"),
    [
        (
            SETTINGS,
            Subscription(),
            ["works without a subscription too.", "Nothing is sold here", "subscribe ada@example.com"],
            ["Manage at Stripe", "402", "refused", "changes"],
        ),
        (
            GIVING,
            Subscription(),
            ["Not subscribed", "refused at present", "answered with 402", "How to get one"],
            ["Manage at Stripe", "to pro"],
        ),
        (GIVING, Subscription("team", True), ["Active", "team", "no end"], ["refused at present"]),
        (GIVING, Subscription("team", True, NOW_NS + 5 * DAY_NS), ["Active", UNTIL], ["Paid until"]),
        (
            GIVING,
            Subscription("team", True, NOW_NS - DAY_NS),
            ["Ended", "14 Jan 2027", "refused"],
            ["Active"],
        ),
        (
            SELLING,
            Subscription(customer_id="cus_1"),
            [
                "Not subscribed",
                "Subscribe to pro",
                "Subscribe to team",
                "Manage at Stripe",
                "refused at present",
            ],
            ["Nothing is sold here", "tracen accounts"],
        ),
        (
            SELLING,
            Subscription("pro", True, NOW_NS + 5 * DAY_NS, "cus_1"),
            ["Active", f"Paid until {UNTIL}", "Manage at Stripe"],
            ["Subscribe to", "refused at present"],
        ),
        (
            SELLING,
            Subscription("pro", True, NOW_NS - DAY_NS, "cus_1"),
            ["Being renewed", "Manage at Stripe"],
            ["Subscribe to", "refused at present"],
        ),
        (
            SELLING,
            Subscription("pro", False, NOW_NS + 5 * DAY_NS, "cus_1"),
            ["Ended", "Subscribe to pro", "refused at present"],
            ["Active", UNTIL],
        ),
        (
            replace(SELLING, require_subscription=False),
            Subscription(),
            ["Subscribe to pro", "changes how much it accepts"],
            ["refused at present", "402", "Manage at Stripe"],
        ),
    ],
)
def test_page_tells_how_the_account_stands(
    tmp_path: Path, settings: Settings, subscription: Subscription, told: list[str], untold: list[str]
) -> None:
    """None, active, until, past; sold, given, and not needed at all."""
    with running_shop(tmp_path, settings) as shop:
        shop.give(subscription)
        text = text_of(shop)
        assert [part for part in told if part not in text] == [], text
        assert [part for part in untold if part in text] == [], text


def test_page_tells_what_plans_allow(tmp_path: Path, stripe: StripeServer) -> None:
    """Of what the account has now, and of each that is sold; a plan that has ended counts no more."""
    settings = replace(SELLING, plans="free=50,pro=1000,team=20000")
    with running_shop(tmp_path, settings) as shop:
        text = text_of(shop)
        assert "Accepted 50 requests per hour and key" in text
        assert "pro 1,000 requests per hour and key" in text
        assert "team 20,000 requests per hour and key" in text
        shop.give(Subscription("team", True, NOW_NS - DAY_NS, "cus_1"))
        assert "Accepted 20,000 requests per hour and key" in text_of(shop)
        assert shop.post().headers["ratelimit-policy"] == '"hour";q=20000;w=3600'
        shop.give(Subscription("team", False, NOW_NS, "cus_1"))
        assert "Accepted 50 requests per hour and key" in text_of(shop)


def test_page_thanks_who_has_paid(shop: Shop, stripe: StripeServer) -> None:
    """Stripe is asked, as its word may be late, or never come; until it knows, the page says to look again."""
    location = shop.press("/app/subscription/checkout?plan=pro").headers["location"]
    stripe.is_down = True
    assert "in a moment. Look again" in text_of(shop, "?paid")
    stripe.is_down = False
    shop.clock.now_ns += MINUTE_NS
    text = text_of(shop, "?paid")
    assert "in a moment. Look again" in text
    assert "refused at present" not in text
    stripe.pay(location.rpartition("/")[2])
    shop.clock.now_ns += MINUTE_NS
    assert "the plan pro is yours" in text_of(shop, "?paid")
    assert shop.post().status_code == 200
    asked = len(stripe.requests)
    assert "the plan pro is yours" in text_of(shop, "?paid")
    assert len(stripe.requests) == asked


def test_page_asks_stripe_once_a_minute(shop: Shop, stripe: StripeServer) -> None:
    """However often it is looked at; who goes to pay once more is asked for as they come back."""
    shop.press("/app/subscription/checkout?plan=pro")
    begun = len(stripe.requests)
    for _ in range(3):
        assert "in a moment" in text_of(shop, "?paid")
    assert len(stripe.requests) == begun + 1
    shop.clock.now_ns += MINUTE_NS
    text_of(shop, "?paid")
    assert len(stripe.requests) == begun + 2
    location = shop.press("/app/subscription/checkout?plan=pro").headers["location"]
    stripe.pay(location.rpartition("/")[2])
    assert "the plan pro is yours" in text_of(shop, "?paid")


def test_page_asks_stripe_nothing_about_who_never_came_there(shop: Shop, stripe: StripeServer) -> None:
    """Whatever stands in the address."""
    assert "Look again" in text_of(shop, "?paid")
    assert stripe.requests == []


def test_page_says_that_stripe_failed(shop: Shop, stripe: StripeServer) -> None:
    """Whoever pressed a button is back on the page, and knows that nothing was charged."""
    stripe.is_down = True
    answer = shop.press("/app/subscription/checkout?plan=pro")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/subscription?failed")
    assert "Nothing was charged" in text_of(shop, "?failed")


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "javascript:alert(1)", "//evil.example", "https:///x", "/app/settings"]
)
def test_only_https_addresses_are_followed(shop: Shop, stripe: StripeServer, url: str) -> None:
    """Whatever an answer holds."""
    stripe.redirect_to = url
    assert shop.press("/app/subscription/checkout?plan=pro").headers["location"] == "/app/subscription?failed"


@pytest.mark.parametrize("query", ["", "?plan=", "?plan=free", "?plan=price_pro", "?plan=%00"])
def test_plan_that_is_not_sold_is_not_found(shop: Shop, stripe: StripeServer, query: str) -> None:
    """Prices are the operator's to choose."""
    assert shop.press(f"/app/subscription/checkout{query}").status_code == 404
    assert stripe.requests == []


def test_forms_may_lead_to_stripe_from_this_page_alone(
    shop: Shop, stripe: StripeServer, tmp_path: Path
) -> None:
    """The policy of the page names Stripe's; everything else of it is as everywhere."""
    policy = shop.client.get("/app/subscription").headers["content-security-policy"]
    everywhere = shop.client.get("/").headers["content-security-policy"]
    targets = f"form-action 'self' https://checkout.stripe.com https://billing.stripe.com {stripe.origin};"
    assert targets in policy
    assert policy.replace(targets, "form-action 'self';") == everywhere


def test_page_needs_somebody_who_has_logged_in(shop: Shop) -> None:
    """Others are led to the log-in, and their buttons do nothing."""
    shop.client.cookies.clear()
    assert shop.client.get("/app/subscription", headers={"accept": "text/html"}).headers["location"] == (
        "/login?next=/app/subscription"
    )
    assert shop.press("/app/subscription/checkout?plan=pro").status_code == 401


@pytest.mark.parametrize(("settings", "is_there"), [(SETTINGS, False), (GIVING, True), (SELLING, True)])
def test_tab_is_there_where_subscriptions_matter(tmp_path: Path, settings: Settings, is_there: bool) -> None:
    """Elsewhere nobody is led to a page that says that there is nothing to say."""
    with running_shop(tmp_path, settings) as shop:
        assert ('href="/app/subscription"' in shop.client.get("/app/settings").text) is is_there


# -- in a browser --------------------------------------------------------------------------------------

PHONE, DESK = 390, 1440
TRUSTED_FOR_S = 1.1
STATES = {
    "none": Subscription(),
    "active": Subscription("pro", True, 4_000_000_000 * NS_PER_S, "cus_1"),
    "given": Subscription("team", True),
    "past": Subscription("pro", False, NOW_NS - 400 * DAY_NS, "cus_1"),
}
FLAGS = ("--require-subscription", "--stripe-prices", "pro=price_pro,team=price_team")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def selling(tmp_path: Path, stripe: StripeServer) -> Iterator[TracenProcess]:
    """A real server that sells by our small Stripe."""
    environment = {
        "TRACEN_STRIPE_SECRET_KEY": SECRET_KEY,
        "TRACEN_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "TRACEN_STRIPE_API_BASE": stripe.origin,
    }
    tracen = start_tracen(tmp_path / "tracen.db", *FLAGS, environment=environment)
    try:
        yield tracen
        assert tracen.stop() == 0
    finally:
        tracen.close()


def logged_in(
    browser: Browser,
    tracen: TracenProcess,
    look: Look,
    subscription: Subscription,
    *,
    bypass_csp: bool = False,
) -> Page:
    """A page with the cookie of the local account, which stands as told."""

    async def cookie() -> tuple[str, str]:
        store = SqliteStore(tracen.db, exclusive=False)
        try:
            account = await store.accounts.by_email("local@tracen")
            assert account is not None
            assert await store.accounts.set_subscription(account.id, subscription)
            return await cookie_of(store, tracen.http, account, time.time_ns())
        finally:
            await store.close()

    with ThreadPoolExecutor(1) as beside:  # on this thread Playwright has its own loop
        name, value = beside.submit(lambda: asyncio.run(cookie())).result()
    context = browser.new_context(
        viewport={"width": look.width, "height": 900}, color_scheme=look.scheme, bypass_csp=bypass_csp
    )
    context.add_cookies([{"name": name, "value": value, "url": tracen.http}])
    return context.new_page()


@pytest.mark.browser
@pytest.mark.parametrize("look", [Look(PHONE, "dark"), Look(DESK, "light")], ids=["phone-dark", "desk-light"])
def test_page_breaks_no_rule_of_accessibility(browser: Browser, selling: TracenProcess, look: Look) -> None:
    """In every state, with everything that is told at once."""
    for name, subscription in STATES.items():
        page = logged_in(browser, selling, look, subscription, bypass_csp=True)
        page.goto(f"{selling.http}/app/subscription?failed&paid")
        assert not violations(page), name
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= look.width, name
        page.context.close()


@pytest.mark.browser
def test_somebody_subscribes_in_a_browser(
    browser: Browser, selling: TracenProcess, stripe: StripeServer
) -> None:
    """The page's own policy lets its form be redirected to Stripe; what Stripe tells then opens the door."""
    page = logged_in(browser, selling, Look(DESK, "light"), Subscription())
    page.goto(f"{selling.http}/app/subscription")
    page.get_by_role("button", name="Subscribe to pro").click()
    page.wait_for_url(f"{stripe.origin}/pages/cs_*")
    assert page.locator("h1").inner_text() == "Stripe's page"

    post = partial(
        httpx2.post, f"{selling.http}/api/traces", json=PAYLOAD, headers={"x-tracen-key": selling.key}
    )
    assert post().status_code == 402
    session_id = page.url.rpartition("/")[2]
    stripe.pay(session_id)
    body = stripe.event("checkout.session.completed", stripe.sessions[session_id])
    signature = WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET)
    told = httpx2.post(
        f"{selling.http}/webhooks/stripe", content=body, headers={"stripe-signature": signature}
    )
    assert told.status_code == 200

    page.goto(f"{selling.http}/app/subscription?paid")
    assert "the plan pro is yours" in page.locator("main").inner_text()
    assert page.get_by_role("button", name="Manage at Stripe").is_visible()
    time.sleep(TRUSTED_FOR_S)  # a key is asked for at most once a second
    assert post().status_code == 200
    page.context.close()
