"""Takes away what `tracen demo` made: the traces of a key's account whose ids have its mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from bridge.asking import Server, ServerError
from bridge.demo.filling import MARK

_PAGE = 100
_AT_ONCE = 40
"""Deletions that are under way: the server deletes those that wait together."""


def delete_all(connected: Callable[[], Server]) -> Iterator[bool]:
    """Delete an account's demo traces as they are found; yield of each whether it was there. Raises ServerError."""
    idle: SimpleQueue[Server] = SimpleQueue()
    for _ in range(_AT_ONCE):
        idle.put(connected())

    def deleted(page_id: str) -> bool:
        server = idle.get()
        try:
            return _delete(server, page_id)
        finally:
            idle.put(server)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(deleted, _demo_traces(connected()))


def _demo_traces(server: Server) -> Iterator[str]:
    """The page ids of an account's demo traces, newest first. Raises ServerError."""
    cursor: str | None = None
    while True:
        fields = {"limit": str(_PAGE), **({"cursor": cursor} if cursor else {})}
        page = server.get("/api/traces", **fields)
        yield from (str(t["trace_id"]) for t in page["traces"] if str(t["otel_trace_id"]).startswith(MARK))
        cursor = page["next"]
        if cursor is None:
            return


def _delete(server: Server, page_id: str) -> bool:
    answer = server.ask("DELETE", f"/api/traces/{page_id}")
    if answer.status == 403:
        raise ServerError("this key may not delete: that takes one that may write and read", 403)
    if answer.status not in (204, 404, 410):
        raise ServerError(f"{server.endpoint} answered {answer.status} to a deletion", answer.status)
    return answer.status == 204
