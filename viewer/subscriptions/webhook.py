"""`POST /webhooks/stripe`: what Stripe tells, believed by its signature alone. Its bodies are never logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from viewer.bodies import BodyTooLarge, drained, read_body
from viewer.problems import problem, refusal
from viewer.store.base import NS_PER_S, StoreUnavailable
from viewer.subscriptions.book import Book
from viewer.subscriptions.stripe_api import Stripe, StripeFailed

logger = logging.getLogger("tracen.subscriptions")

MAX_BODY_BYTES = 256 * 1024
_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
    }
)
"""After which a customer may stand otherwise. A payment that fails comes as an update of its subscription."""


class Webhook:
    """Takes what Stripe tells."""

    def __init__(self, stripe: Stripe, book: Book) -> None:
        self._stripe = stripe
        self._book = book

    async def answer(self, request: Request) -> Response:
        """200 once it is kept, or where it says nothing about our accounts; 503: Stripe is to tell it again."""
        try:
            body = await read_body(
                request.stream(), request.headers.get("content-length"), None, MAX_BODY_BYTES
            )
            event = self._stripe.event(body, request.headers.get("stripe-signature", ""))
            customer_id, told_ns = _customer_of(event)
        except BodyTooLarge as error:
            return await drained(request, refusal(error))
        except ValueError as error:
            return problem(400, "Not an event", str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        try:
            is_news = bool(customer_id) and await self._book.renew(customer_id, told_ns)
        except StripeFailed:
            return refusal(StoreUnavailable("Stripe does not say how the customer stands"))
        except StoreUnavailable as error:
            return refusal(error)
        if is_news:
            logger.info("Stripe told of an account's subscription")
        return JSONResponse({"received": True})


def _customer_of(event: Mapping[str, Any]) -> tuple[str, int]:
    """Whom an event is about ("": nobody of ours), and when it happened. Raises ValueError."""
    if str(event.get("type")) not in _EVENTS:
        return "", 0
    try:
        customer, created_s = event["data"]["object"]["customer"], event["created"]
    except (KeyError, TypeError):
        raise ValueError("an event without its object or its time") from None
    if type(created_s) is not int or not 0 <= created_s < 1 << 33:
        raise ValueError("an event without its time")
    return customer if isinstance(customer, str) else "", created_s * NS_PER_S
