"""Finding traces equals what a plain reading of the promise finds, for any lists and any questions."""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.viewer.listed import Told, found, listed, page_of, paged
from tests.viewer.stores import NOW, key_in
from viewer.store.base import NS_PER_S, Store
from viewer.store.catalogue import Outcome, Query
from viewer.store.people import Key

pytestmark = pytest.mark.anyio

WORDS = (
    "weather",
    "weathers",
    "we",
    "Ärger",
    "arger",
    "get_weather",
    "天気",
    "天",
    "x1",
    "1",
    "e-mail",
    "naïve",
)
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
ASKED = st.one_of(
    TEXTS,
    st.lists(st.sampled_from((*WORDS, "wea", "weat", "nai", "xx", "気")), min_size=1, max_size=3).map(
        " ".join
    ),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(lambda words: f'"{" ".join(words)}"'),
    st.text(alphabet='we "*:()-^\0天気🎉', max_size=8),
)
PROVIDERS, MODELS = ("openai", "OpenAI", ""), ("gpt-5", "gpt", "")
KINDS = ("llm", "tool", "db")
TOLD = st.builds(
    Told,
    text=TEXTS,
    outcome=st.sampled_from(Outcome),
    provider=st.sampled_from(PROVIDERS),
    model=st.sampled_from(MODELS),
    kinds=st.sets(st.sampled_from(KINDS)).map(lambda kinds: tuple(sorted(kinds))),
    started_ns=st.integers(0, 5).map(lambda n: NOW - n * NS_PER_S),
)
TIMES = st.none() | st.integers(-1, 6).map(lambda n: NOW - n * NS_PER_S)
FILTERED = st.builds(
    Query,
    text=st.just("") | ASKED,
    outcome=st.none() | st.sampled_from(Outcome),
    provider=st.none() | st.sampled_from(PROVIDERS),
    model=st.none() | st.sampled_from((*MODELS, "gpt-")),
    kind=st.none() | st.sampled_from(KINDS),
    since_ns=TIMES,
    until_ns=TIMES,
)
QUERIES = st.builds(Query, text=ASKED) | FILTERED
ALWAYS = tuple(
    Query(text=text) for text in ("we", "wea", "weather", "get", "get_wea", "天", "arge", "weather we")
)


@dataclass(slots=True)
class Lists:
    """A store, and what its list must hold."""

    store: Store
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


@pytest.fixture(name="lists")
def _lists(store: Store) -> Lists:
    return Lists(store)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(TOLD, min_size=1, max_size=12),
    changed=st.lists(st.tuples(st.integers(0, 11), TOLD | st.none()), max_size=4),
    queries=st.lists(QUERIES, min_size=1, max_size=12),
    size=st.integers(1, 5),
)
async def test_find_equals_a_plain_search(
    lists: Lists, told: list[Told], changed: list[tuple[int, Told | None]], queries: list[Query], size: int
) -> None:
    """Each example is an account of its own in one store, with traces that change and go."""
    store = lists.store
    key = await key_in(store, f"{next(lists.numbers)}@example.com")
    expected = dict(enumerate(told, 1))
    await listed(store, key, expected)
    for index, now_told in changed:
        await _change(store, key, expected, index + 1, now_told)
    for query in (*queries, *ALWAYS):
        numbers = [n for n, one in expected.items() if _is_asked_for(one, query)]
        whole = await found(store, key, query)
        assert sorted(whole) == sorted(numbers), query
        starts = [_start(expected[n]) for n in whole]
        assert starts == sorted(starts, reverse=True)
        assert await paged(store, key, query, size) == whole


async def _change(store: Store, key: Key, expected: dict[int, Told], number: int, told: Told | None) -> None:
    if number not in expected:
        return
    if told is None:
        await store.delete(await page_of(store, key, number), NOW)
        del expected[number]
    else:
        await listed(store, key, {number: told})
        expected[number] = told


def _start(told: Told) -> int:
    return told.started_ns or NOW


def _is_asked_for(told: Told, query: Query) -> bool:
    return (
        query.outcome in (None, told.outcome)
        and query.provider in (None, told.provider)
        and query.model in (None, told.model)
        and (query.kind is None or query.kind in told.kinds)
        and (query.since_ns is None or _start(told) >= query.since_ns)
        and (query.until_ns is None or _start(told) < query.until_ns)
        and _holds(_words(told.text), query.text)
    )


def _words(text: str) -> list[str]:
    """Words without case and accents; each ideograph is one."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).lower()
    return re.findall(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+", plain)


def _holds(words: list[str], text: str) -> bool:
    if not text.strip():
        return True
    parts = re.findall(r'"([^"]*)"?|([^\s"]+)', text)
    wanted = [
        (_words(phrase or word), bool(word) and n == len(parts)) for n, (phrase, word) in enumerate(parts, 1)
    ]
    wanted = [(phrase, is_open) for phrase, is_open in wanted if phrase]
    return bool(wanted) and all(_occurs(words, phrase, is_open) for phrase, is_open in wanted)


def _occurs(words: list[str], phrase: list[str], is_open: bool) -> bool:
    *first, last = phrase
    is_beginning = is_open and len(last) >= 3
    for at in range(len(words) - len(first)):
        end = words[at + len(first)]
        if words[at : at + len(first)] == first and (end == last or (is_beginning and end.startswith(last))):
            return True
    return False
