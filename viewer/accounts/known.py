"""Which browsers have logged in before: a mark in a cookie that opens nothing, but is not kept waiting for others."""

from __future__ import annotations

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response

_MAX_AGE_S = 365 * 24 * 3600
_MARK_BYTES = 32
_MAX_MARK = 100


class KnownBrowsers:
    """Gives and reads the cookie; what a mark is worth, `viewer/accounts/admission.py` knows."""

    def __init__(self, base_url: str) -> None:
        self._is_secure = base_url.startswith("https:")
        self.cookie = "__Host-tracen_known" if self._is_secure else "tracen_known"

    def mark_of(self, connection: HTTPConnection) -> str:
        """What the browser brings; "" for nothing."""
        mark = connection.cookies.get(self.cookie, "")
        return mark if len(mark) <= _MAX_MARK else ""

    def set(self, response: Response, mark: str) -> None:
        """Have the browser keep a mark."""
        self._set(response, mark, _MAX_AGE_S)

    def set_decoy(self, response: Response) -> None:
        """Give a mark that is worth nothing, where an answer must look as if it were."""
        self._set(response, secrets.token_hex(_MARK_BYTES), _MAX_AGE_S)

    def forget(self, response: Response) -> None:
        """Take the cookie back."""
        self._set(response, "", 0)

    def _set(self, response: Response, mark: str, max_age_s: int) -> None:
        response.set_cookie(
            self.cookie, mark, max_age_s, path="/", secure=self._is_secure, httponly=True, samesite="strict"
        )
