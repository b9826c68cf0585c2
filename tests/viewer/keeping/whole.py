"""Stores for what copies and checks them: filled as a server fills them, and looked at afterwards."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.bridge.otlp_bodies import json_body, json_span
from tests.viewer.samples import PLAIN
from tests.viewer.stores import NOW, key_in, post
from viewer.document import encode
from viewer.store.backup import copied, put_in_place
from viewer.store.base import Batch, BodyKind, Page
from viewer.store.check import Depth, Finding, check
from viewer.store.people import Key
from viewer.store.sqlite import SqliteStore
from viewer.tellings import unassembled

WORTH_SPLITTING = "x" * 70_000


@dataclass(frozen=True, slots=True)
class Filled:
    """A store that is closed, and what is in it."""

    path: Path
    key: Key
    pages: tuple[Page, ...]


def unwatched(*told: object) -> None:
    """Nobody looks at how far it has come."""


def spans(key: Key, *traces: bytes, name: str = "step") -> Batch:
    """A batch that can be decoded, with a span of each trace."""
    body = json_body(*(json_span(trace, name) for trace in traces))
    return Batch(key.account_id, BodyKind.OTLP_JSON, body, frozenset(traces), NOW)


async def fill(store: SqliteStore) -> tuple[Key, tuple[Page, ...]]:
    """A trace over OTLP, one that was posted, two in a batch that was taken apart, documents."""
    key = await key_in(store)
    alone, posted, *both = (os.urandom(16) for _ in range(4))
    await store.append(spans(key, alone))
    await store.post(post(key, posted, body=json.dumps(PLAIN).encode()))
    await store.append(spans(key, *both, name=WORTH_SPLITTING))
    while await store.compact(NOW + 1):
        pass
    pages = [await store.page_of(key.account_id, trace, NOW) for trace in (alone, posted, *both)]
    for page in pages:
        assert page is not None
        telling = await store.telling(page, 1 << 30)
        await store.save_document(page, telling.version, "1", encode(unassembled(page.otel_trace_id.hex())))
    return key, tuple(page for page in pages if page)


def filled(path: Path) -> Filled:
    """Make such a store; to all who ask it is the same one."""
    made = _made()
    for file in made.path.parent.iterdir():
        shutil.copy(file, path.parent / file.name.replace(made.path.name, path.name))
    return replace(made, path=path)


@cache
def _made() -> Filled:
    folder = Path(tempfile.mkdtemp(prefix="tracen-keeping-"))
    atexit.register(shutil.rmtree, folder)

    async def work() -> Filled:
        store = SqliteStore(folder / "made.db")
        key, pages = await fill(store)
        await store.close()
        return Filled(folder / "made.db", key, pages)

    return asyncio.run(work())


def back_up(source: Path, target: Path, *, is_forced: bool = False) -> None:
    """The whole of it, as the command does it, less the check."""
    with copied(source, target, unwatched, is_forced=is_forced) as copy:
        put_in_place(copy)


def findings(path: Path, depth: Depth = Depth.ALL) -> Sequence[Finding]:
    return check(path, depth, unwatched).findings


def page_ids(path: Path) -> set[str]:
    """The pages of a store that a server would open."""

    async def work() -> set[str]:
        store = SqliteStore(path)
        accounts = await store.accounts.all("", 100)
        found = set()
        for account in accounts:
            for trace in await store.recent_traces(account.id, None, 1000):
                page = await store.page_of(account.id, trace.otel_trace_id, NOW)
                assert page is not None
                assert (await store.telling(page, 1 << 30)).bodies
                found.add(page.id)
        await store.close()
        return found

    return asyncio.run(work())
