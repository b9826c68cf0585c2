"""What a program sends to no address here: remembered for the owner of its key, who looks when nothing appears."""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request

from viewer.bodies import media_type_of
from viewer.keys import Authenticator, secret_of
from viewer.network import address_of
from viewer.problems import REFUSALS
from viewer.requests import Door, Requests

NO_SUCH_PATH = "no_such_path"
"""The outcome of such a request."""


def secret_sent(request: Request) -> str | None:
    """The secret of what was sent to be kept; None for whoever only asks, or has no key."""
    if request.method != "POST":
        return None
    return secret_of(request.headers)


class Astray:
    """Takes note of requests that were answered with 404. `proxies`: whose word on an address is believed."""

    def __init__(self, keys: Authenticator, requests: Requests, proxies: int = 0) -> None:
        self._keys = keys
        self._requests = requests
        self._proxies = proxies

    async def note(self, request: Request, door: Door, message: str) -> None:
        """Remember what was sent, and `message`, which its sender was told, where the key is somebody's."""
        secret = secret_sent(request)
        if secret is None:
            return
        headers = request.headers
        record = self._requests.begin(
            door,
            "traces",
            media_type_of(headers.get("content-type"))[:60],
            headers.get("user-agent"),
            address_of(request, self._proxies),
        )
        record.outcome, record.status, record.message = NO_SUCH_PATH, "404", message
        try:
            with suppress(*REFUSALS):
                record.belongs_to(await self._keys.key_of(secret, scope=None))
        finally:
            self._requests.end(record)
