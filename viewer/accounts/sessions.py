"""Who is logged in: a random token in a cookie, its SHA-256 in the store.

A session ends fourteen days after it was last used, thirty days after it began, at log-out, and with a new password.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.responses import Response

from viewer.store.base import NS_PER_S, StoreUnavailable
from viewer.store.people import Account, Accounts, Session

IDLE_NS = 14 * 24 * 3600 * NS_PER_S
LONGEST_NS = 30 * 24 * 3600 * NS_PER_S
_TOUCHED_NS = 3600 * NS_PER_S
"""Between two notes that a session goes on."""
_TOKEN_BYTES = 32
_MAX_TOKEN = 100


class Sessions:
    """Opens, finds and ends sessions. The cookie is `Secure`, and its name says so, wherever there is TLS."""

    def __init__(self, accounts: Accounts, base_url: str, clock_ns: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock_ns = clock_ns
        self._is_secure = base_url.startswith("https:")
        self.cookie = "__Host-tracen_session" if self._is_secure else "tracen_session"

    async def of(self, connection: HTTPConnection) -> Session | None:
        """The session of a request, if it is still good."""
        token = connection.cookies.get(self.cookie, "")
        if not token or len(token) > _MAX_TOKEN:
            return None
        session = await self._accounts.session(_sha256(token))
        now_ns = self._clock_ns()
        if session is None or now_ns - session.seen_ns > IDLE_NS or now_ns - session.created_ns > LONGEST_NS:
            return None
        if now_ns - session.seen_ns > _TOUCHED_NS:
            with contextlib.suppress(StoreUnavailable):  # it is good all the same
                await self._accounts.touch_session(session.id, now_ns)
        return session

    async def open(self, account: Account, response: Response) -> None:
        """Log somebody in: a new token each time, so that none that was known before is worth anything."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self._accounts.open_session(_sha256(token), account.id, self._clock_ns())
        self._set_cookie(response, token, LONGEST_NS // NS_PER_S)

    async def end(self, session: Session, response: Response) -> None:
        """Log somebody out."""
        await self._accounts.end_session(session.id)
        self.forget(response)

    def forget(self, response: Response) -> None:
        """Take the cookie back."""
        self._set_cookie(response, "", 0)

    def set_decoy(self, response: Response) -> None:
        """Give a cookie that opens nothing, where an answer must look as if it did."""
        self._set_cookie(response, secrets.token_urlsafe(_TOKEN_BYTES), LONGEST_NS // NS_PER_S)

    def _set_cookie(self, response: Response, token: str, max_age_s: int) -> None:
        response.set_cookie(
            self.cookie, token, max_age_s, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
