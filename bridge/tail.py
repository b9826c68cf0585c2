"""`tracen tail`: each new trace as a line, from a server that may be anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import urllib3

POLL_S = 1.0
TIMEOUT_S = 10.0
_PAGE = 20
"""Traces asked for at a time: each costs the server a look at its summary."""
_MAX_READ = 500
"""Read back in one poll; of more that came at once the older ones are not told."""


class TailError(Exception):
    """The server can not be asked, or refuses; the message says what would help."""


class Tail:
    """Asks one server for the newest traces of a key's account."""

    def __init__(self, endpoint: str, key: str) -> None:
        self._url = f"{endpoint.rstrip('/')}/api/traces"
        self._http = urllib3.PoolManager(
            headers={"x-tracen-key": key, "accept": "application/json"},
            timeout=TIMEOUT_S,
            retries=False,
        )

    def follow(self, last: int) -> Iterator[dict[str, Any]]:
        """Yield the `last` newest traces, then each that is new, for ever. Raises TailError.

        A trace that goes on is told once, when it is first seen.
        """
        seen: set[str] = set()
        newest = self._newest(max(last, _PAGE), seen)
        yield from reversed(newest[:last])
        while True:
            seen.update(trace["trace_id"] for trace in newest)
            time.sleep(POLL_S)
            newest = self._newest(_MAX_READ, seen)
            yield from reversed(newest)

    def _newest(self, count: int, seen: set[str]) -> list[dict[str, Any]]:
        """Unseen traces, newest first, until a whole page is known."""
        found: list[dict[str, Any]] = []
        cursor = None
        while len(found) < count:
            page = self._page(cursor, min(count, _PAGE))
            fresh = [trace for trace in page["traces"] if trace["trace_id"] not in seen]
            found += fresh
            cursor = page["next"]
            if not fresh or cursor is None:
                break
        return found[:count]

    def _page(self, cursor: str | None, limit: int) -> dict[str, Any]:
        fields = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        try:
            answer = self._http.request("GET", self._url, fields=fields, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise TailError(f"{self._url} can not be reached: {_reason(error)}") from None
        if answer.status == 401:
            raise TailError(
                f"{self._url} refuses the key; give that of `tracen keys create` as --key or TRACEN_KEY"
            )
        if answer.status != 200:
            raise TailError(f"{self._url} answered {answer.status}; is that a Tracen server?")
        try:
            page: dict[str, Any] = answer.json()
            return {"traces": page["traces"], "next": page["next"]}
        except (ValueError, TypeError, KeyError):
            raise TailError(f"{self._url} did not answer as Tracen does") from None


def _reason(error: Exception) -> str:
    return str(error.__cause__ or error).rsplit(": ", 1)[-1]
