"""The traces of an account, a million of them: what listing, filtering, searching and deleting them takes.

What is measured are the calls of the store, in this process, on a file that is in the system's cache.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from viewer.store.base import NS_PER_S, Batch, BodyKind
from viewer.store.catalogue import Catalogue, Due, ListedTrace, Outcome, Query, Summarised, Summary
from viewer.store.sqlite import SqliteStore

Row = tuple[str, str, str]
EMAIL = "listing@example.com"
TRACES = 1_000_000
TOGETHER = 500
REPEATS = 60
PAGE = 50
_START_NS, _EVERY_NS = 1_790_000_000 * NS_PER_S, 7 * NS_PER_S
_VOCABULARY = 50_000
_SAID_WORDS = 2_000_000
_MODELS = (
    "gpt-5",
    "gpt-5-mini",
    "claude-opus-5",
    "mistral-large",
    "gemini-3-pro",
    "gemini-3-flash",
    "qwen-4",
    "o5",
)
_PROVIDERS = ("openai", "openai", "anthropic", "mistral", "gemini", "gemini", "alibaba", "openai")


class Vocabulary:
    """Made-up words, of which the n-th occurs a n-th as often as the first, as in any language."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._words = [_word(number) for number in range(_VOCABULARY)]
        self._weights = list(itertools.accumulate(1 / (n + 1) for n in range(_VOCABULARY)))

    def text(self) -> str:
        return " ".join(
            self._rng.choices(self._words, cum_weights=self._weights, k=self._rng.randint(60, 100))
        )

    def among(self, first: int, last: int) -> str:
        """A word of some rank."""
        return self._words[self._rng.randrange(first, last)]


def _word(number: int) -> str:
    number, letters = number + 100, ""
    while number:
        number, vowel = divmod(number, 5)
        number, consonant = divmod(number, 16)
        letters += "bcdfghklmnprstvw"[consonant] + "aeiou"[vowel]
    return letters


@dataclass(slots=True)
class Account:
    """An account full of traces, and what is asked of it."""

    store: SqliteStore
    id: str
    rng: random.Random
    vocabulary: Vocabulary

    @property
    def catalogue(self) -> Catalogue:
        return self.store.catalogue

    async def fill(self, count: int) -> float:
        """Receive `count` traces and list them: some are made up while others are saved. Traces in a second."""
        started_s = time.perf_counter()
        saving = asyncio.create_task(self.catalogue.save([]))
        for first in range(0, count, TOGETHER):
            traces = [os.urandom(16) for _ in range(TOGETHER)]
            received_ns = _START_NS + (first + TOGETHER) * _EVERY_NS
            kind = BodyKind.OTLP_PROTOBUF
            await self.store.append(Batch(self.id, kind, b"", frozenset(traces), received_ns))
            items = [self._item(trace, first + n, received_ns) for n, trace in enumerate(traces)]
            await saving
            saving = asyncio.create_task(self.catalogue.save(items))
        await saving
        return count / (time.perf_counter() - started_s)

    def _item(self, trace: bytes, number: int, received_ns: int) -> Summarised:
        rng, text = self.rng, self.vocabulary.text()
        model = min(int(rng.expovariate(0.5)), len(_MODELS) - 1)
        outcome = rng.choices((Outcome.SUCCESS, Outcome.ERROR, Outcome.UNFINISHED), (94, 5, 1))[0]
        kinds = (
            "llm",
            *(kind for kind, share in (("tool", 0.5), ("retrieval", 0.03)) if rng.random() < share),
        )
        summary = Summary(
            title=text[:60],
            outcome=outcome,
            provider=_PROVIDERS[model],
            model=_MODELS[model],
            kinds=kinds,
            started_ns=_START_NS + number * _EVERY_NS + rng.randrange(300 * NS_PER_S) - 300 * NS_PER_S,
            latency_ns=rng.randrange(60 * NS_PER_S),
            input_tokens=rng.randrange(10_000),
            output_tokens=rng.randrange(1_000),
            step_count=rng.randrange(1, 40),
        )
        return Summarised(Due(self.id, trace, 0, received_ns), 1, summary, text)

    async def find(self, query: Query, before: int | None = None) -> list[ListedTrace]:
        return await self.catalogue.find(self.id, query, before, PAGE)

    def queries(self) -> Iterator[tuple[str, Callable[[], Query]]]:
        """What is asked, and a maker of such queries."""
        word, rng = self.vocabulary.among, self.rng
        yield "first page", Query
        yield "of one outcome", lambda: Query(outcome=rng.choice(tuple(Outcome)))
        yield "of one model", lambda: Query(model=rng.choice(_MODELS))
        yield "of one provider", lambda: Query(provider=rng.choice(_PROVIDERS))
        yield "with a step of a rare kind", lambda: Query(kind="retrieval")
        yield "of some day", self._of_a_day
        yield "a common word", lambda: Query(text=word(0, 20))
        yield "a word of one trace in 300", lambda: Query(text=word(1_500, 3_000))
        yield "a rare word", lambda: Query(text=word(40_000, _VOCABULARY))
        yield "a word that is nowhere", lambda: Query(text=f"{word(0, 1000)}xyz")
        yield "the beginning of a word", lambda: Query(text=word(1_500, 30_000)[:3])
        yield (
            "two words that are seldom together",
            lambda: Query(text=f"{word(500, 900)} {word(3_000, 5_000)}"),
        )
        yield "a phrase of common words", lambda: Query(text=f'"{word(0, 20)} {word(0, 20)}"')
        yield (
            "a common word, all filters",
            lambda: Query(word(0, 20), Outcome.ERROR, "gemini", "gemini-3-pro", "tool"),
        )
        yield (
            "a rare word, all filters",
            lambda: Query(word(20_000, 40_000), Outcome.ERROR, "openai", "o5", "tool"),
        )

    def _of_a_day(self) -> Query:
        since_ns = _START_NS + self.rng.randrange(TRACES - 20_000) * _EVERY_NS
        return Query(since_ns=since_ns, until_ns=since_ns + 24 * 3600 * NS_PER_S)


async def measured(repeats: int, call: Callable[[], Awaitable[object]]) -> str:
    """Median and worst of some calls; the first, which opens connections, apart from that."""
    await call()
    took_ms = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        await call()
        took_ms.append((time.perf_counter() - started_s) * 1000)
    return f"{statistics.median(took_ms):.1f} ms, at most {max(took_ms):.1f} ms"


def traces_of_an_account(folder: Path) -> list[Row]:
    """All of it, on a store of its own."""
    return asyncio.run(_measure(folder / "listing.db"))


async def _measure(path: Path) -> list[Row]:
    store, rng = SqliteStore(path), random.Random(1)
    account = await store.accounts.create(EMAIL, _START_NS)
    one = Account(store, account.id, rng, Vocabulary(rng))
    rows: list[Row] = [("list: filling", f"{await one.fill(TRACES):,.0f} traces/s", "")]
    size = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}-search*"))
    rows.append((f"list: FILE-search of {TRACES:,} traces", f"{size / 1e6:,.0f} MB", ""))
    for name, make in one.queries():
        told = await measured(REPEATS, lambda make=make: one.find(make()))  # type: ignore[misc]
        target = (
            "first page under 50 ms" if name == "first page" else "under 300 ms" if "word" in name else ""
        )
        rows.append((f"list: {name}", told, target))
    rows.append(("list: page 100", await measured(REPEATS, await _page(one, 100)), ""))
    rows.append(("list: choices", await measured(REPEATS, lambda: one.catalogue.choices(one.id)), ""))
    rows.append(("list: deleting a trace", await measured(5, lambda: _delete(one)), ""))
    await store.close()
    return rows


async def _page(account: Account, number: int) -> Callable[[], Awaitable[object]]:
    """A call that reads the n-th page, having gone there by cursors."""
    before = None
    for _ in range(number - 1):
        before = (await account.find(Query(), before))[-1].place
    return lambda: account.find(Query(), before)


async def _delete(account: Account) -> None:
    """Delete some trace, its words included."""
    since_ns = _START_NS + account.rng.randrange(TRACES - 20_000) * _EVERY_NS
    found = await account.find(Query(until_ns=since_ns))
    await account.store.delete(found[0].page, _START_NS)
