"""Traces of this machine's store as their pages show them, beside a running server or without one.

What is private, deleted or masked there is so here.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from bridge.console import run
from bridge.push.found import Found, Unusable
from tracen_otel.model import Trace
from tracen_otel.redact import Redaction
from viewer.store.base import Page, Store, StoreError
from viewer.store.engines import open_store
from viewer.tellings import MAX_READ_BYTES, trace_of

_ACCOUNTS = 1_000
"""Asked for at a time."""


class NotToBeSent(Exception):
    """Why a trace is not sent, in words."""


class StoredTraces:
    """The traces of one store. `private_too`: those as well that only their owner may see."""

    def __init__(self, db: str, redaction: Redaction, *, private_too: bool) -> None:
        self._db = db
        self._redaction = redaction
        self._private_too = private_too

    def read(self, name: str) -> Found | Unusable:
        """The trace of a page id, or of an OTel trace id (32 hex digits)."""
        try:
            return Found(name, run(self._read(name)))
        except (NotToBeSent, StoreError, OSError) as error:
            return Unusable(name, str(error))

    async def _read(self, name: str) -> Trace:
        store = open_store(self._db, exclusive=False)
        try:
            page = await self._page(store, name)
            await self._check(store, page)
            telling = await store.telling(page, MAX_READ_BYTES)
        finally:
            await store.close()
        # Of a post without one the store's own id stands for it: sent again it has the same page.
        otel_trace_id = page.otel_trace_id.hex()
        trace = trace_of(telling, otel_trace_id, self._redaction, page.masks)
        return replace(trace, otel_trace_id=otel_trace_id)

    async def _page(self, store: Store, name: str) -> Page:
        if len(name) == 32:
            return await self._page_of_otel(store, bytes.fromhex(name))
        page = await store.page(str(uuid.UUID(name)))
        if page is None:
            raise NotToBeSent(f"there is no such trace in {self._db}")
        return page

    async def _page_of_otel(self, store: Store, otel_trace_id: bytes) -> Page:
        """Every account may have this trace; which one is meant is not for us to say."""
        found: dict[str, Page] = {}
        after_id = ""
        while accounts := await store.accounts.all(after_id, _ACCOUNTS):
            for account in accounts:
                page = await store.page_of(account.id, otel_trace_id, time.time_ns())
                if page is not None:
                    found[account.email] = page
            after_id = accounts[-1].id
        if len(found) > 1:
            pages = ", ".join(f"{page.id} of {email}" for email, page in found.items())
            raise NotToBeSent(f"several accounts have this trace; give the id of one page: {pages}")
        if not found:
            raise NotToBeSent(f"there is no such trace in {self._db}")
        return next(iter(found.values()))

    async def _check(self, store: Store, page: Page) -> None:
        """Raise NotToBeSent for what nobody is shown, or only its owner."""
        if page.deleted:
            raise NotToBeSent("this trace was deleted")
        if page.withdrawn:
            raise NotToBeSent("this link was withdrawn; the trace has another page id")
        if not (await store.progress(page)).received_ns:
            raise NotToBeSent("nothing of this trace has come yet")
        until_ns = page.shared_until_ns
        is_shared = not page.is_private and (until_ns is None or time.time_ns() < until_ns)
        if not is_shared and not self._private_too:
            why = "is private" if page.is_private else "is no longer shared"
            raise NotToBeSent(f"this trace {why}; --private-too sends it all the same")
