"""What is told to a browser that would drop the session: its server is known by an https URL, and it came over http."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from viewer.accounts.answers import message_answer
from viewer.contexts import Link
from viewer.policy import PolicyRoute

Page = Callable[[Request], Awaitable[Response]]


def over_tls(route: PolicyRoute, base_url: str) -> PolicyRoute:
    """The same route, which leads to the https URL whoever opens its page over plain http."""
    if not base_url.startswith("https:"):
        return route
    page: Page = route.endpoint

    async def answer(request: Request) -> Response:
        is_read = request.method in ("GET", "HEAD")
        return _led_away(request, base_url) if is_read and _is_plain(request) else await page(request)

    return PolicyRoute(route.policy, route.path, answer, sorted(route.methods or ()))


def _is_plain(request: Request) -> bool:
    """Whether a browser has opened an http URL that is not of its own machine.

    To no such URL do browsers send Sec-Fetch-Site, so a proxy that ends TLS without saying so is no mistake.
    """
    headers = request.headers
    told = headers.get("x-forwarded-proto", "").lower()
    return request.url.scheme == "http" and "https" not in told and "sec-fetch-site" not in headers


def _led_away(request: Request, base_url: str) -> Response:
    path, query = request.url.path, request.url.query
    there = Link(f"{base_url.rstrip('/')}{path}{f'?{query}' if query else ''}", f"Go on at {base_url}")
    detail = f"This server is at {base_url}: log in there. Over plain http a browser keeps no session of it."
    return message_answer(403, "Not over http", detail, (there,))
