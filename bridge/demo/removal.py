"""Takes away what `tracen demo` made: the traces of a key's account whose ids have its mark."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.asking import Server, ServerError
from bridge.demo.filling import MARK

_PAGE = 100


def demo_traces(server: Server) -> Iterator[str]:
    """The page ids of an account's demo traces, newest first. Raises ServerError."""
    cursor: str | None = None
    while True:
        fields = {"limit": str(_PAGE), **({"cursor": cursor} if cursor else {})}
        page = server.get("/api/traces", **fields)
        for trace in page["traces"]:
            if str(trace["otel_trace_id"]).startswith(MARK):
                yield str(trace["trace_id"])
        cursor = page["next"]
        if cursor is None:
            return


def delete(server: Server, page_id: str) -> bool:
    """Delete a trace; False where it was deleted already. Raises ServerError."""
    answer = server.ask("DELETE", f"/api/traces/{page_id}")
    if answer.status == 403:
        raise ServerError("this key may not delete: that takes one that may write and read", 403)
    if answer.status not in (204, 404, 410):
        raise ServerError(f"{server.endpoint} answered {answer.status} to a deletion", answer.status)
    return answer.status == 204
