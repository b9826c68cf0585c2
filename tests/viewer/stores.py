"""Stores to test, every engine of them, and what is put into them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from viewer.store.base import (
    NS_PER_S,
    Batch,
    BodyKind,
    Limit,
    LimitReached,
    Post,
    PostOutcome,
    Store,
)
from viewer.store.people import Key, NewKey
from viewer.store.sqlite import SqliteStore

Open = Callable[[], Store]
ENGINES: dict[str, Callable[[Path], Store]] = {"sqlite": lambda folder: SqliteStore(folder / "store.db")}

NOW = 1_800_000_000 * NS_PER_S
MANY_BYTES = 1 << 40
TRACE, OTHER_TRACE = b"\x01" * 16, b"\x02" * 16


async def key_in(store: Store, email: str = "ada@example.com") -> Key:
    account = await store.accounts.create(email, NOW)
    return await store.accounts.add_key(account.id, NewKey(os.urandom(32)), NOW)


def batch(key: Key, body: bytes, *traces: bytes) -> Batch:
    return Batch(key.account_id, BodyKind.OTLP_PROTOBUF, body, frozenset(traces), NOW)


def post(
    key: Key, trace: bytes = TRACE, at_ns: int = NOW, body: bytes = b"{}", idempotency_key: str | None = None
) -> Post:
    return Post(key.account_id, key.id, body, trace, at_ns, Limit(), idempotency_key)


async def accepted(store: Store, *posts: Post) -> int:
    outcomes = await asyncio.gather(*(store.post(p) for p in posts), return_exceptions=True)
    refused = [o for o in outcomes if isinstance(o, LimitReached)]
    made = [o for o in outcomes if isinstance(o, PostOutcome)]
    assert len(refused) + len(made) == len(posts), outcomes
    return len(made)
