"""A Tracen server as the commands ask it, over HTTP; what is wrong with it or its answers, in words.

Redirects are not followed: they would take the key along.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from bridge.secrecy import shown

if TYPE_CHECKING:
    import urllib3

logger = logging.getLogger("tracen.asking")

TIMEOUT_S = 10.0
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


class ServerError(Exception):
    """The server can not be asked, or refuses; the message says what would help. `status`: of its answer, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """One server, asked with one key."""

    def __init__(self, endpoint: str, key: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._shown = shown(self.endpoint)
        import urllib3  # not for --help

        headers = {"accept": "application/json", "user-agent": "tracen"}
        if key:
            headers["x-tracen-key"] = key
        self.headers = headers
        """Of each request; one that is asked with others of its own needs these as well."""
        self._http = urllib3.PoolManager(headers=headers, timeout=timeout_s, retries=False)

    def get(self, path: str, **fields: str) -> dict[str, Any]:
        """The JSON object at a path. Raises ServerError."""
        answer = self.ask("GET", path, fields=fields or None)
        url = self._shown + path
        if answer.status == 401:
            raise ServerError(
                f"{url} refuses the key; one of that server is needed, from its /app/settings, or, on its machine, "
                "from `tracen keys create --account local@tracen`",
                401,
            )
        if answer.status != 200:
            raise ServerError(f"{url} answered {answer.status}; is that a Tracen server?", answer.status)
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ServerError(f"{url} did not answer as Tracen does", 200)
        return value

    def ask(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """One request, whatever is answered. Raises ServerError where nothing is."""
        from urllib3.exceptions import HTTPError

        url, started_s = self._shown + path, time.monotonic()
        try:
            answer = self._http.request(method, self.endpoint + path, redirect=False, **more)
        except HTTPError as error:
            logger.debug("%s %s: %s", method, url, type(error).__name__)
            raise ServerError(f"{self._shown} can not be reached: {_reason(error)}") from None
        logger.debug("%s %s: %d in %.0f ms", method, url, answer.status, (time.monotonic() - started_s) * 1e3)
        return answer


def _reason(error: Exception) -> str:
    """The system's own words, without its number, or urllib3's last ones."""
    cause = error.__cause__ or error
    words = cause.strerror if isinstance(cause, OSError) else None
    return shown(words or _NUMBER.sub("", str(cause).rsplit(": ", 1)[-1]))
