"""Proves to a page that what its address says was just done, and by this browser: links can say anything.

Given with the redirect after a form, kept for that one address, taken back by the answer that shows it.
"""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from viewer.accounts.answers import led_to

_PATH = "/app"
_MAX_AGE_S = 60


class Receipts:
    """A cookie that other sites' links do not bring; `Secure`, and its name says so, wherever there is TLS."""

    def __init__(self, base_url: str) -> None:
        self._is_secure = base_url.startswith("https:")
        self.cookie = "__Secure-tracen_done" if self._is_secure else "tracen_done"

    def led_to(self, path: str) -> Response:
        """Lead a browser on to an address that says what was done."""
        answer = led_to(path)
        self._set(answer, _digest_of(path), _MAX_AGE_S)
        return answer

    def is_for(self, request: Request) -> bool:
        """Whether a browser was just led to this very address."""
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
        shown = request.cookies.get(self.cookie, "")
        return hmac.compare_digest(shown.encode(), _digest_of(f"{path}?{query}").encode())

    def take_back(self, request: Request, answer: Response) -> Response:
        """Have the browser forget what this answer has shown."""
        if request.method == "GET" and self.is_for(request):
            self._set(answer, "", 0)
        return answer

    def _set(self, answer: Response, value: str, max_age_s: int) -> None:
        answer.set_cookie(
            self.cookie,
            value,
            max_age_s,
            path=_PATH,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )


def _digest_of(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:32]
