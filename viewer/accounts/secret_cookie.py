"""Carries the secret of a new key to the page that shows it, past the redirect in between.

The server keeps only its SHA-256: what is not shown now can never be shown. So the browser holds it, for a short
while, where no script reads it, for that one page.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from viewer.keys import is_well_formed


class SecretCookie:
    """A cookie of one path; `Secure`, and its name says so, wherever there is TLS."""

    def __init__(self, name: str, path: str, max_age_s: int, base_url: str) -> None:
        self._is_secure = base_url.startswith("https:")
        self.name = f"__Secure-{name}" if self._is_secure else name
        self._path = path
        self._max_age_s = max_age_s

    def give(self, response: Response, secret: str) -> None:
        """Have the browser hold the secret."""
        self._set(response, secret, self._max_age_s)

    def take_back(self, response: Response) -> None:
        """Have the browser forget it."""
        self._set(response, "", 0)

    def secret_of(self, connection: HTTPConnection) -> str | None:
        """The secret that a browser holds. Anybody may have put it there: whose key it is, the store knows."""
        value = connection.cookies.get(self.name, "")
        return value if is_well_formed(value) else None

    def _set(self, response: Response, value: str, max_age_s: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age_s,
            path=self._path,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )
