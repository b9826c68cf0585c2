"""A small Stripe on loopback that remembers: customers, sessions, subscriptions, and what it has to tell of them.

Where stripe-mock checks requests, this one tells a story. Answers have the fields of Stripe's that are read, in the
shapes of its API 2026-10-28.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

MONTH_S = 30 * 24 * 3600


@dataclass
class StripeServer:
    """What there is at Stripe. `origin` is the address of API and pages."""

    origin: str = ""
    now_s: int = 1_800_000_000
    is_down: bool = False
    redirect_to: str = ""
    """An address to answer instead of our own pages."""
    customers: dict[str, Json] = field(default_factory=dict)
    sessions: dict[str, Json] = field(default_factory=dict)
    subscriptions: dict[str, Json] = field(default_factory=dict)
    requests: list[tuple[str, str, Json]] = field(default_factory=list)
    answers: dict[str, Json] = field(default_factory=dict)
    """By idempotency key."""

    # -- what happens there ----------------------------------------------------------------------------

    def pay(self, session_id: str, status: str = "active") -> Json:
        """Somebody pays on a checkout page; answers the subscription."""
        session = self.sessions[session_id]
        session["status"] = "complete"
        return self.subscribe(session["customer"], session["price"], status)

    def subscribe(self, customer_id: str, price: str, status: str = "active") -> Json:
        number = f"{len(self.subscriptions) + 1}"
        subscription: Json = {
            "id": f"sub_{number}",
            "object": "subscription",
            "customer": customer_id,
            "status": status,
            "created": self.now_s,
            "cancel_at": None,
            "ended_at": None,
            "items": {
                "object": "list",
                "data": [
                    {
                        "id": f"si_{number}",
                        "price": {"id": price, "object": "price"},
                        "current_period_end": self.now_s + MONTH_S,
                    }
                ],
            },
        }
        self.subscriptions[subscription["id"]] = subscription
        return subscription

    def end(self, subscription: Json) -> Json:
        subscription |= {"status": "canceled", "ended_at": self.now_s}
        return subscription

    def event(self, kind: str, subject: Json, at_s: int | None = None) -> bytes:
        """The body that tells of something. `at_s`: when it happened, else now."""
        event = {
            "id": f"evt_{len(self.requests)}",
            "object": "event",
            "api_version": "2020-08-27",  # an endpoint's own, which may be old: hardly anything of it is read
            "created": self.now_s if at_s is None else at_s,
            "type": kind,
            "data": {"object": subject},
        }
        return json.dumps(event).encode()

    # -- its API ---------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, params: Json, once: str) -> tuple[int, Json]:
        self.requests.append((method, path, params))
        if self.is_down:
            return 500, _error("api_error", "")
        if once in self.answers:
            return 200, self.answers[once]
        status, answer = self._answer(method, path, params)
        if once and status == 200:
            self.answers[once] = answer
        return status, answer

    def _answer(self, method: str, path: str, params: Json) -> tuple[int, Json]:
        customer_id = params.get("customer", "")
        if customer_id and customer_id not in self.customers:
            return 400 if method == "POST" else 404, _error("resource_missing", "customer")
        if (method, path) == ("POST", "/v1/customers"):
            customer = {"id": f"cus_{len(self.requests)}", "object": "customer", **params}
            self.customers[customer["id"]] = customer
            return 200, customer
        if (method, path) == ("POST", "/v1/checkout/sessions"):
            return 200, self._session("cs", path, params)
        if (method, path) == ("POST", "/v1/billing_portal/sessions"):
            return 200, self._session("bps", path, params)
        if (method, path) == ("GET", "/v1/subscriptions"):
            found = [one for one in self.subscriptions.values() if one["customer"] == customer_id]
            return 200, {"object": "list", "data": found[::-1], "has_more": False, "url": path}
        if ended := re.fullmatch(r"/v1/subscriptions/(\w+)", path):
            return 200, self.end(self.subscriptions[ended[1]])
        raise AssertionError(f"nobody asks Stripe for {method} {path}")

    def _session(self, prefix: str, path: str, params: Json) -> Json:
        session_id = f"{prefix}_{len(self.sessions) + 1}"
        session = {
            "id": session_id,
            "object": path.removeprefix("/v1/").replace("/", ".").removesuffix("s"),
            "customer": params["customer"],
            "client_reference_id": params.get("client_reference_id"),
            "price": params.get("line_items[0][price]"),
            "status": "open",
            "url": self.redirect_to or f"{self.origin}/pages/{session_id}",
        }
        self.sessions[session_id] = session
        return session


def _error(code: str, param: str) -> Json:
    return {
        "error": {"type": "invalid_request_error", "code": code, "param": param, "message": "No such thing"}
    }


@contextlib.contextmanager
def running_stripe_server() -> Iterator[StripeServer]:
    """Serve on a free port for the length of a block."""
    stripe = StripeServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path.startswith("/pages/"):
                self._send(200, "text/html", b"<!doctype html><title>Paying</title><h1>Stripe's page</h1>")
            else:
                self._answer(parts.path, parts.query)

        def do_POST(self) -> None:
            self._answer(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode())

        def do_DELETE(self) -> None:
            self._answer(urlsplit(self.path).path, "")

        def _answer(self, path: str, query: str) -> None:
            assert self.headers["Authorization"] == "Bearer sk_test_shop"
            params = {name: values[-1] for name, values in parse_qs(query).items()}
            once = self.headers.get("Idempotency-Key", "") if self.command == "POST" else ""
            status, answer = stripe.answer(self.command, path, params, once)
            self._send(status, "application/json", json.dumps(answer).encode())

        def _send(self, status: int, media_type: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stripe.origin = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield stripe
        finally:
            server.shutdown()
            serving.join()
