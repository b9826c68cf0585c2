"""`/app/export`: everything that is kept for an account, as JSON Lines, one trace in hand at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from tracen_otel.timestamps import format_timestamp
from viewer.accounts.frame import NO_STORE
from viewer.document import Document, json_pieces
from viewer.policy import session_of
from viewer.store.base import RecentTrace, Store, StoreUnavailable
from viewer.store.people import Account, Key
from viewer.tellings import Documents

MAX_AT_ONCE = 8
"""Each holds one trace in memory."""
RETRY_AFTER_S = 30
PATIENCE_S = 30.0
"""Whoever takes nothing of it for so long makes room for others."""
_TRACES_PER_PAGE = 100
_FORMAT = 1
_SANDBOX = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}
_ABOUT = (
    "One JSON object a line, by `kind`: `account`, then each `key` without its secret, then each `trace` with its URL "
    "and its extended payload, newest first; `end` counts them, and is missing where the file was cut. A trace that "
    "grew meanwhile comes again: the later line has all of it."
)


class Exports:
    """Those that are under way: one an account, MAX_AT_ONCE in all."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        base_url: str,
        clock_ns: Callable[[], int],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self._documents = documents
        self._base_url = base_url.rstrip("/")
        self._clock_ns = clock_ns
        self._patience_s = patience_s
        self._under_way: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """The file, made as it is sent. Raises StoreUnavailable where one is being made already."""
        account, now_ns = session_of(request).account, self._clock_ns()
        name = f"tracen-export-{format_timestamp(now_ns)[:10]}.jsonl"
        headers = {"content-disposition": f'attachment; filename="{name}"', **NO_STORE, **_SANDBOX}
        if request.method == "HEAD":
            return _Sent(_nothing(), headers, self._patience_s, lambda: None)
        if account.id in self._under_way or len(self._under_way) >= MAX_AT_ONCE:
            raise StoreUnavailable("exports are being made already", RETRY_AFTER_S)
        export = _Export(self._store, self._documents, self._base_url, account, now_ns)
        self._under_way.add(account.id)
        return _Sent(export.lines(), headers, self._patience_s, lambda: self._under_way.discard(account.id))


class _Sent(StreamingResponse):
    """An answer that says when it has ended, however it did: read to its end, aborted, or no longer taken."""

    def __init__(
        self,
        lines: AsyncGenerator[bytes],
        headers: dict[str, str],
        patience_s: float,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(lines, headers=headers, media_type="application/x-ndjson")
        self._lines = lines
        self._patience_s = patience_s
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(self._patience_s):
                await send(message)

        try:
            await super().__call__(scope, receive, send_soon)
        except TimeoutError:
            pass  # cut off: the line that counts the traces is missing
        finally:
            self._ended()
            await self._lines.aclose()  # else it waits for the garbage collector with a trace in its hands


async def _nothing() -> AsyncGenerator[bytes]:
    """The body of an answer to HEAD."""
    no_lines: tuple[bytes, ...] = ()
    for line in no_lines:
        yield line


class _Export:
    """One file."""

    def __init__(
        self, store: Store, documents: Documents, base_url: str, account: Account, now_ns: int
    ) -> None:
        self._store = store
        self._documents = documents
        self._base_url = base_url
        self._account = account
        self._now_ns = now_ns
        self._count = 0

    async def lines(self) -> AsyncGenerator[bytes]:
        made_at = format_timestamp(self._now_ns)
        yield _line("export", {"format": _FORMAT, "made_at": made_at, "about": _ABOUT})
        yield _line("account", _account(self._account))
        for key in await self._store.accounts.keys_of(self._account.id):
            yield _line("key", _key(key))
        async for pieces in self._traces(0):
            yield pieces
        async for pieces in self._traces(self._now_ns):  # what has come, or grown, since
            yield pieces
        yield _line("end", {"traces": self._count})

    async def _traces(self, since_ns: int) -> AsyncIterator[bytes]:
        """Traces of which something was received since then, newest first."""
        last: RecentTrace | None = None
        while True:
            traces = await self._store.recent_traces(self._account.id, last, _TRACES_PER_PAGE)
            for trace in traces:
                if trace.received_ns < since_ns:
                    return
                async for piece in self._trace(trace):
                    yield piece
            if len(traces) < _TRACES_PER_PAGE:
                return
            last = traces[-1]

    async def _trace(self, trace: RecentTrace) -> AsyncIterator[bytes]:
        page = await self._store.page_of(self._account.id, trace.otel_trace_id, self._now_ns)
        if page is None or page.deleted:
            return
        document = await self._documents.read(page, Document.all_parts)
        self._count += 1
        told = {
            "trace_id": page.id,
            "url": f"{self._base_url}/traces/{page.id}",
            "otel_trace_id": page.otel_trace_id.hex(),
            "received_at": format_timestamp(trace.received_ns),
            "is_private": page.is_private,
            "shared_until": _time(page.shared_until_ns),
            "is_indexed": page.is_indexed,
            "masks": page.masks,
        }
        yield _line("trace", told)[:-2] + b',"payload":'
        for piece in json_pieces(document):
            yield piece
        yield b"}\n"


def _account(account: Account) -> dict[str, Any]:
    subscription = account.subscription
    return {
        "email": account.email,
        "created_at": _time(account.created_ns),
        "otlp_is_private": account.otlp_is_private,
        "plan": subscription.plan,
        "is_subscribed": subscription.is_active,
        "subscribed_until": _time(subscription.until_ns),
        "customer_id": subscription.customer_id,
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "created_at": _time(key.created_ns),
        "last_used_at": _time(key.last_used_ns),
        "expires_at": _time(key.expires_ns),
    }


def _time(time_ns: int | None) -> str | None:
    return format_timestamp(time_ns) if time_ns else None


def _line(kind: str, told: dict[str, Any]) -> bytes:
    return json.dumps({"kind": kind, **told}, ensure_ascii=False).encode() + b"\n"
