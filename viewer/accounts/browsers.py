"""Who tries to get in, as their browser tells: the network it is in, and the mark that it has from an earlier log-in.

The mark is a cookie that opens nothing, but is not kept waiting for what others get wrong elsewhere.
"""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from viewer.accounts.admission import Admitted, Attempt
from viewer.accounts.first_key import first_key_cookie
from viewer.network import address_of, network_of
from viewer.settings import Settings

_MAX_AGE_S = 365 * 24 * 3600
_MARK_BYTES = 32
_MAX_MARK = 100


class Browsers:
    """Reads attempts from requests, and marks those who were let in."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = settings.proxies
        self._first_key = first_key_cookie(settings.base_url)
        self._is_secure = settings.base_url.startswith("https:")
        self.cookie = "__Host-tracen_known" if self._is_secure else "tracen_known"

    def attempt(self, request: Request, email: str, password: str) -> Attempt:
        """What somebody tries; `email` in the form that accounts are known by."""
        mark = request.cookies.get(self.cookie, "")
        network = network_of(address_of(request, self._proxies))
        return Attempt(email, password, network, mark if len(mark) <= _MAX_MARK else "")

    def know(self, response: Response, admitted: Admitted) -> None:
        """Have the browser keep its mark, if the account has a password that it could be kept from."""
        if admitted.mark:
            self._set(response, admitted.mark, _MAX_AGE_S)

    def set_decoy(self, response: Response) -> None:
        """Give a mark that is worth nothing, where an answer must look as if it were."""
        self._set(response, secrets.token_hex(_MARK_BYTES), _MAX_AGE_S)

    def clear(self, response: Response) -> None:
        """Take back the secret of a first key, which waits for its page: whoever comes next must not find it."""
        self._first_key.take_back(response)

    def forget(self, response: Response) -> None:
        """Take the mark back."""
        self._set(response, "", 0)

    def _set(self, response: Response, mark: str, max_age_s: int) -> None:
        response.set_cookie(
            self.cookie, mark, max_age_s, path="/", secure=self._is_secure, httponly=True, samesite="strict"
        )
