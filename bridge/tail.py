"""`tracen tail`: the traces of an account as they come, from a server that may be anywhere."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any

from bridge.asking import Server, ServerError

POLL_S = 1.0
_PAGE = 20
"""Traces asked for at a time: each costs the server a look at its summary."""
_MAX_READ = 500
"""Read back in one poll; of more that came at once the older ones are not told."""


class Tail:
    """What an account has had so far, and each trace that is new. `last`: how many of the earlier ones are told."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._seen: set[str] | None = None
        self.is_answered = False
        """Whether the server that is followed has taken the key."""

    def follow(self, server: Server) -> Iterator[dict[str, Any]]:
        """Yield the newest traces, then each that is new, for ever. Raises ServerError.

        A trace that goes on is told once, when it is first seen. Who follows anew, with another key, misses none.
        """
        self.is_answered = False
        while True:
            fresh = self._fresh(server)
            self.is_answered = True
            yield from reversed(fresh)
            time.sleep(POLL_S)

    def _fresh(self, server: Server) -> list[dict[str, Any]]:
        """What is told of one look, newest first."""
        if self._seen is not None:
            fresh = newest(server, _MAX_READ, self._seen)
            self._seen.update(trace["trace_id"] for trace in fresh)
            return fresh
        known = newest(server, max(self._last, _PAGE), set())
        self._seen = {trace["trace_id"] for trace in known}
        return known[: self._last]


def newest(server: Server, count: int, seen: Collection[str]) -> list[dict[str, Any]]:
    """Unseen traces, newest first, until a whole page is known. Raises ServerError."""
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < count:
        page = _page(server, cursor, min(count, _PAGE))
        fresh = [trace for trace in page["traces"] if trace["trace_id"] not in seen]
        found += fresh
        cursor = page["next"]
        if not fresh or cursor is None:
            break
    return found[:count]


def _page(server: Server, cursor: str | None, limit: int) -> dict[str, Any]:
    fields = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
    page = server.get("/api/traces", **fields)
    if not isinstance(page.get("traces"), list) or "next" not in page:
        raise ServerError(f"{server.endpoint}/api/traces did not answer as Tracen does")
    return page
