"""`tracen tail`: the traces of an account as they come, from a server that may be anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bridge.asking import Server, ServerError

POLL_S = 1.0
_PAGE = 20
"""Traces asked for at a time: each costs the server a look at its summary."""
_MAX_READ = 500
"""Read back in one poll; of more that came at once the older ones are not told."""


class Tail:
    """Asks one server for the newest traces of a key's account."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def follow(self, last: int) -> Iterator[dict[str, Any]]:
        """Yield the `last` newest traces, then each that is new, for ever. Raises ServerError.

        A trace that goes on is told once, when it is first seen.
        """
        seen: set[str] = set()
        newest = self.newest(max(last, _PAGE), seen)
        yield from reversed(newest[:last])
        while True:
            seen.update(trace["trace_id"] for trace in newest)
            time.sleep(POLL_S)
            newest = self.newest(_MAX_READ, seen)
            yield from reversed(newest)

    def newest(self, count: int, seen: set[str]) -> list[dict[str, Any]]:
        """Unseen traces, newest first, until a whole page is known. Raises ServerError."""
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
        page = self._server.get("/api/traces", **fields)
        if not isinstance(page.get("traces"), list) or "next" not in page:
            raise ServerError(f"{self._server.endpoint}/api/traces did not answer as Tracen does")
        return page
