"""The page of somebody's traces, a million of them: whole answers over HTTP, one by one, from its own server."""

from __future__ import annotations

import asyncio
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from tests.bench.listing import EMAIL, Vocabulary
from tests.processes import running_tracen
from tests.viewer.my_traces.service import OURS, cookie_of
from viewer.store.sqlite import SqliteStore

Row = tuple[str, str, str]
Question = tuple[str, Callable[[], str], str]
REPEATS = 50


def page_of_an_account(db: Path) -> list[Row]:
    """What is asked of a store that `tests.bench.listing` has filled."""
    with running_tracen(db) as tracen, httpx2.Client(base_url=tracen.http, trust_env=False) as client:
        client.cookies.set(*asyncio.run(_logged_in(db, tracen.http)))
        rows = [
            (f"my traces: {name}", _measured(client, make), target)
            for name, make, target in _questions(Vocabulary(random.Random(2)))
        ]
        rows.append(("my traces: deleting 50", _deleted(client), ""))
    return rows


def _questions(vocabulary: Vocabulary) -> Iterator[Question]:
    """What is asked, a maker of such addresses, and how long it may take."""
    word = vocabulary.among
    yield "first page", lambda: "", "under 50 ms"
    yield "failed ones", lambda: "status=error", "under 50 ms"
    yield "two rare filters", lambda: "model=o5&kind=retrieval&status=unfinished", ""
    yield "a common word", lambda: f"q={word(0, 20)}", "under 300 ms"
    yield "a rare word", lambda: f"q={word(40_000, 50_000)}", "under 300 ms"
    yield (
        "two words and a filter",
        lambda: f"q={word(0, 20)}+{word(500, 900)}&status=error",
        "under 300 ms",
    )


def _measured(client: httpx2.Client, make: Callable[[], str]) -> str:
    """Median and worst of some answers, and the size of the last; the first, which warms up, apart from that."""
    client.get("/app/traces").raise_for_status()
    took_ms = []
    for _ in range(REPEATS):
        address = f"/app/traces?{make()}"
        started_s = time.perf_counter()
        answer = client.get(address).raise_for_status()
        took_ms.append((time.perf_counter() - started_s) * 1000)
    median, worst = statistics.median(took_ms), max(took_ms)
    return f"{median:.1f} ms, at most {worst:.1f} ms, {len(answer.content) / 1000:,.0f} kB"


def _deleted(client: httpx2.Client) -> str:
    """The traces of a page, selected and deleted."""
    ids = re.findall(r'name="id" value="([^"]+)"', client.get("/app/traces").text)
    started_s = time.perf_counter()
    answer = client.post("/app/traces/delete", data={"id": ids, "confirmed": "1"}, headers=OURS)
    took_s = time.perf_counter() - started_s
    assert answer.headers["location"].endswith(f"deleted={len(ids)}"), answer.headers
    return f"{took_s * 1000:,.0f} ms"


async def _logged_in(db: Path, base_url: str) -> tuple[str, str]:
    store = SqliteStore(db, exclusive=False)
    try:
        return await cookie_of(store.accounts, EMAIL, base_url, time.time_ns())
    finally:
        await store.close()
