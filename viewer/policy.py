"""Who may use a route: every route declares it, and what the declaration asks for is seen to before the handler runs.

Host and origin are checked where a browser with a session could be made to call; routes that take a key ignore
cookies, so that there is nothing to abuse.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from viewer.accounts.sessions import Sessions
from viewer.network import Hosts, is_same_origin
from viewer.store.people import Session

Endpoint = Callable[[Request], Awaitable[Response]] | Any
Words = tuple[str, str]
"""A title and a sentence."""

_NOT_THIS_HOST = (
    "Not this host",
    "This server is known by another name; whoever runs it can add this one to --allowed-hosts.",
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Refused(Protocol):
    """Makes the answer of a status, for people or for programs; in words of its own where none are given."""

    def __call__(
        self, request: Request, status: int, headers: dict[str, str], words: Words | None = None
    ) -> Response: ...


class Policy(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    """Anybody; what changes something, from our own pages alone."""
    KEY = "key"
    """Programs with an API key."""
    SESSION = "session"
    """Somebody who has logged in, from our own pages."""
    OPERATOR = "operator"
    """Whoever runs the server, and what works for them: probes, scrapers, signed calls."""


class PolicyRoute(Route):
    """A route with its policy; `gate` of the app's state keeps it."""

    def __init__(
        self, policy: Policy, path: str, endpoint: Endpoint, methods: Sequence[str] | None = None
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.policy = policy

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the gate refuse, once it is known that the method is answered here."""
        gate: Gate | None = getattr(scope["app"].state, "gate", None) if "app" in scope else None
        if gate is not None and not (self.methods and scope["method"] not in self.methods):
            refused = await gate.refusal(self.policy, Request(scope, receive))
            if refused is not None:
                await refused(scope, receive, send)
                return
        await super().handle(scope, receive, send)


def public(path: str, endpoint: Endpoint, methods: Sequence[str] | None = None) -> PolicyRoute:
    return PolicyRoute(Policy.PUBLIC, path, endpoint, methods)


def with_key(path: str, endpoint: Endpoint, methods: Sequence[str] | None = None) -> PolicyRoute:
    return PolicyRoute(Policy.KEY, path, endpoint, methods)


def with_session(path: str, endpoint: Endpoint, methods: Sequence[str] | None = None) -> PolicyRoute:
    return PolicyRoute(Policy.SESSION, path, endpoint, methods)


def for_operator(path: str, endpoint: Endpoint, methods: Sequence[str] | None = None) -> PolicyRoute:
    return PolicyRoute(Policy.OPERATOR, path, endpoint, methods)


def session_of(request: Request) -> Session:
    """Who is logged in, in a handler of a route with Policy.SESSION."""
    session: Session = request.state.session
    return session


class Gate:
    """Refuses what a policy does not admit."""

    def __init__(self, sessions: Sessions, hosts: Hosts, operator_token: str, refused: Refused) -> None:
        self.sessions = sessions
        self._hosts = hosts
        self._operator_token = operator_token.encode()
        self._refused = refused

    async def refusal(self, policy: Policy, request: Request) -> Response | None:
        """Why a request is not admitted; None where it is."""
        if policy is Policy.KEY:
            return None  # settled by the handler, which records what became of the request
        if policy is Policy.OPERATOR:
            return self._refusal_of_operator(request)
        if not self._hosts.has(request.headers.get("host")):
            return self._refused(request, 400, {}, _NOT_THIS_HOST)
        if request.method not in _SAFE and not is_same_origin(request, self._hosts.base_url):
            return self._refused(request, 403, {})
        return await self._refusal_without_session(request) if policy is Policy.SESSION else None

    def _refusal_of_operator(self, request: Request) -> Response | None:
        if not self._operator_token or request.scope["path"] != "/metrics":
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._operator_token):
            return None
        return self._refused(request, 401, {"www-authenticate": 'Bearer realm="tracen operator"'})

    async def _refusal_without_session(self, request: Request) -> Response | None:
        session = await self.sessions.of(request)
        if session is not None:
            request.state.session = session
            return None
        if request.method in _SAFE and "text/html" in request.headers.get("accept", "text/html"):
            path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
            wanted = quote(path + (f"?{query}" if query else ""), safe="/")
            return RedirectResponse(f"/login?next={wanted}", 303, {"cache-control": "no-store"})
        return self._refused(request, 401, {"www-authenticate": "Session"})
