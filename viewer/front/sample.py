"""The trace that the front door shows: a real one, posted once by an account of its own that nobody can log in to.

Its key is valid for that post alone, and nobody has its secret.
"""

from __future__ import annotations

import contextlib
import hashlib
from functools import cache
from pathlib import Path

from viewer.keys import new_key, new_secret
from viewer.store.base import Limit, Page, Post, Store, StoreUnavailable

EMAIL = "sample@tracen"
_BODY = Path(__file__).with_name("sample.json")


@cache
def _body() -> bytes:
    return _BODY.read_bytes()


def _otel_trace_id() -> bytes:
    """Another sample has another page."""
    return hashlib.sha256(_body()).digest()[:16]


async def plant(store: Store, now_ns: int) -> None:
    """Have the sample in the store, once; a store that takes no writes now serves all the same."""
    with contextlib.suppress(StoreUnavailable):
        account = await store.accounts.create(EMAIL, now_ns)
        if await store.page_of(account.id, _otel_trace_id(), now_ns) is None:
            key = await store.accounts.add_key(account.id, new_key(new_secret(), "sample"), now_ns)
            await store.post(Post(account.id, key.id, _body(), _otel_trace_id(), now_ns, Limit()))
            await store.accounts.revoke_key(account.id, key.id, now_ns)


async def page_of_sample(store: Store, now_ns: int) -> Page | None:
    """Return its page; None where it is not there, or was deleted."""
    account = await store.accounts.by_email(EMAIL)
    page = await store.page_of(account.id, _otel_trace_id(), now_ns) if account else None
    return None if page is None or page.deleted else page
