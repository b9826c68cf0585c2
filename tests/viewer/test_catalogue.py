"""The contract of the lists of traces, run on every engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.viewer.listed import (
    LATER,
    MINUTE,
    Told,
    dues_of,
    found,
    listed,
    number_of,
    page_of,
    paged,
    received,
    summarise,
    trace,
)
from tests.viewer.stores import NOW, Open, key_in, post
from viewer.store.base import NS_PER_S, Store
from viewer.store.catalogue import MAX_TEXT, Choices, Outcome, Query, Summarised, Summary

pytestmark = pytest.mark.anyio

WEATHER = Told("Plan a trip", "What is the weather in München? get_weather returned: sunny, 21 °C")
REFUND = Told(
    "Refund", "The refund of order 4711 failed: timeout", Outcome.ERROR, "anthropic", "claude-opus-5"
)
JAPAN = Told("天気", "今日の天気は晴れです。 naïve café", kinds=("llm", "tool"), model="gemini-3")


async def test_list_is_of_one_account_newest_start_first(store: Store) -> None:
    """Whatever the order of arrival, and though another account has traces with the same ids."""
    ada, eve = await key_in(store), await key_in(store, "eve@example.com")
    await listed(store, eve, {2: Told("eve's", "secret plans")})
    starts = {1: NOW - 3 * MINUTE, 2: NOW - MINUTE, 3: NOW - 2 * MINUTE}
    await listed(store, ada, {n: Told("ada's", "plans", started_ns=at) for n, at in starts.items()})
    assert await found(store, ada) == [2, 3, 1]
    assert await found(store, ada, Query(text="secret")) == []
    assert await found(store, eve, Query(text="secret")) == [2]
    assert await found(store, ada, Query(text="plans")) == [2, 3, 1]


async def test_list_tells_what_was_summarised_with_the_page_of_the_trace(store: Store) -> None:
    """As it was saved, to the number."""
    key = await key_in(store)
    await received(store, key, 1)
    (due,) = await dues_of(store)
    summary = Summary("t", Outcome.UNFINISHED, "p", "m", ("llm", "tool"), NOW - 1, 5, 0, None, 7)
    await store.catalogue.save([Summarised(due, due.version, summary)])
    (one,) = await store.catalogue.find(key.account_id, Query(), None, 10)
    assert (one.summary, one.received_ns) == (summary, NOW)
    assert one.page == await page_of(store, key, 1)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (Query(outcome=Outcome.ERROR), [2]),
        (Query(outcome=Outcome.UNFINISHED), []),
        (Query(provider="anthropic"), [2]),
        (Query(provider="anthrop"), []),
        (Query(model="gpt-5"), [1]),
        (Query(model=""), []),
        (Query(kind="tool"), [3]),
        (Query(kind="llm"), [3, 2, 1]),
        (Query(since_ns=NOW - 2 * MINUTE), [3, 2]),
        (Query(until_ns=NOW - 2 * MINUTE), [1]),
        (Query(since_ns=NOW - 2 * MINUTE, until_ns=NOW - MINUTE), [2]),
        (Query(text="weather"), [1]),
        (Query(text="WEATHER munchen"), [1]),
        (Query(text="weather refund"), []),
        (Query(text="weat"), [1]),
        (Query(text="weat munchen"), []),
        (Query(text="get_weather"), [1]),
        (Query(text='"weather in"'), [1]),
        (Query(text='"in weather"'), []),
        (Query(text="naive cafe"), [3]),
        (Query(text="天気"), [3]),
        (Query(text="気天"), []),
        (Query(text="4711", outcome=Outcome.ERROR, provider="anthropic", kind="llm"), [2]),
        (Query(text="4711", outcome=Outcome.SUCCESS), []),
        (Query(text="the", since_ns=NOW - 2 * MINUTE), [2]),
        (Query(text="  "), [3, 2, 1]),
    ],
)
async def test_list_is_filtered_by_all_that_is_asked(store: Store, query: Query, numbers: list[int]) -> None:
    """One filter, one word, or everything at once."""
    key = await key_in(store)
    told = {1: WEATHER, 2: REFUND, 3: JAPAN}
    await listed(store, key, {n: replace(t, started_ns=NOW - (4 - n) * MINUTE) for n, t in told.items()})
    assert await found(store, key, query) == numbers


@pytest.mark.parametrize(
    "text",
    [
        '" OR *:',
        "NOT weather",
        "NEAR(weather refund)",
        "text:weather",
        "weather AND",
        "(",
        '"',
        '""',
        "*",
        "^",
        "-",
        "\0",
        "weather\0refund",
        "\ud800",
        "\ue000a1",
        "🎉",
        "x" * 10_000,
        "weather " * 1_000 + "nothing",
        "'; drop table summaries; --",
        "𞤀𞤁",
        "\u200f\u202e",
        "{weather}",
        "weather + in",
    ],
)
async def test_text_is_never_syntax(store: Store, text: str) -> None:
    """Whatever is asked for is looked for as it is, and harms nothing; asked of such texts, it is found again."""
    key = await key_in(store)
    await listed(store, key, {1: WEATHER, 2: REFUND})
    await found(store, key, Query(text, Outcome.ERROR, text, text, text))
    assert set(await found(store, key, Query(text=text))) <= {1}
    await listed(store, key, {3: Told(text, text, provider=text, model=text, kinds=(text,))})
    await found(store, key, Query(text=text))
    assert await found(store, key, Query(text="weather sunny")) == [1]
    assert len(await found(store, key)) == 3


async def test_words_of_ten_thousand_characters_are_found_by_their_beginning(store: Store) -> None:
    """They are cut, both where they are kept and where they are looked for."""
    key = await key_in(store)
    await listed(store, key, {1: Told(text="y" * MAX_TEXT), 2: Told(text="z" + "y" * 10_000)})
    assert await found(store, key, Query(text="y" * 10_000)) == [1]
    assert await found(store, key, Query(text="zyyy")) == [2]


async def test_numbers_beyond_64_bits_are_listed(store: Store) -> None:
    """A stranger may send any."""
    key = await key_in(store)
    await received(store, key, 1)
    (due,) = await dues_of(store)
    summary = Summary("t", Outcome.SUCCESS, "", "", (), 1 << 80, 1 << 90, -(1 << 70), 1 << 64, 1 << 65)
    await store.catalogue.save([Summarised(due, due.version, summary)])
    assert await found(store, key) == [1]


# -- places and cursors --------------------------------------------------------------------------------


async def test_pages_of_the_list_hold_each_trace_once(store: Store) -> None:
    """Of any size, with a filter and without, though many started in the same millisecond."""
    key = await key_in(store)
    told = {
        n: Told(text="word" if n % 3 else "other", started_ns=NOW - n % 4 * NS_PER_S) for n in range(1, 60)
    }
    await listed(store, key, told)
    for query in (Query(), Query(text="word"), Query(outcome=Outcome.SUCCESS)):
        whole = await found(store, key, query)
        assert [told[n].started_ns for n in whole] == sorted(
            (told[n].started_ns for n in whole), reverse=True
        )
        for size in (1, 7, 59):
            assert await paged(store, key, query, size) == whole


async def test_traces_that_came_at_once_are_apart(store: Store) -> None:
    """Those that started together, and came in one request, all have a place."""
    key = await key_in(store)
    numbers = list(range(1, 600))
    await listed(store, key, {n: Told() for n in numbers})
    assert sorted(await paged(store, key, Query(), 100)) == numbers


@pytest.mark.parametrize("ago_ns", [0, MINUTE, 20_000 * 60 * MINUTE, -3 * 60 * MINUTE])
@pytest.mark.parametrize("at_once", [True, False], ids=["summarised-at-once", "one-by-one"])
async def test_traces_that_started_together_stand_as_they_came(
    store: Store, ago_ns: int, at_once: bool
) -> None:
    """The newest arrival first, whatever their ids and however long ago they began; cursors follow."""
    key = await key_in(store)
    numbers = [7, 3, 9, 1, 8, 2, 6, 4, 5]
    told = {n: Told(text="word", started_ns=NOW - ago_ns) for n in numbers}
    for place, n in enumerate(numbers):
        await received(store, key, n, at_ns=NOW + place * NS_PER_S)
        if not at_once:
            await summarise(store, told)
    await summarise(store, told)
    assert await found(store, key) == numbers[::-1]
    assert await paged(store, key, Query(text="word"), 2) == numbers[::-1]


async def test_traces_without_a_start_stand_as_they_came(store: Store) -> None:
    """Within one millisecond too."""
    key = await key_in(store)
    numbers = [7, 3, 9, 1]
    for place, n in enumerate(numbers):
        await received(store, key, n, at_ns=NOW + place * 1_000)
    await summarise(store, {n: Told(started_ns=0) for n in numbers})
    assert await found(store, key) == numbers[::-1]


async def test_cursor_goes_on_where_it_was_while_traces_come_and_go(store: Store) -> None:
    """Newer ones do not push a trace onto the next page, deleted ones do not pull one off it."""
    key = await key_in(store)
    await listed(store, key, {n: Told(started_ns=NOW - n * MINUTE) for n in range(1, 21)})
    first = await store.catalogue.find(key.account_id, Query(), None, 5)
    await listed(store, key, {n: Told(started_ns=NOW) for n in range(100, 110)})
    await store.delete(await page_of(store, key, 3), NOW)
    second = await store.catalogue.find(key.account_id, Query(), first[-1].place, 5)
    assert [number_of(one) for one in (*first, *second)] == list(range(1, 11))


async def test_cursors_hold_under_concurrent_inserts(store: Store) -> None:
    """Who reads page after page while traces come sees each that was there at the start once."""
    key = await key_in(store)
    await listed(store, key, {n: Told(text="word", started_ns=NOW - n * MINUTE) for n in range(1, 40)})

    async def insert() -> None:
        for n in range(100, 130):
            await listed(store, key, {n: Told(text="word", started_ns=NOW - (n * 7 % 39) * MINUTE)})

    inserting = asyncio.create_task(insert())
    seen = await paged(store, key, Query(text="word"), 3)
    await inserting
    assert [n for n in seen if n < 100] == list(range(1, 40))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "started_ns", [0, -5, 1, 600_000_000 * NS_PER_S, NOW + 25 * 60 * MINUTE, 1 << 63, 1 << 90]
)
async def test_start_that_cannot_be_is_that_of_arrival(store: Store, started_ns: int) -> None:
    """None, before 1990, more than a day ahead: such a trace does not stand at an end of the list for ever."""
    key = await key_in(store)
    await listed(store, key, {1: Told(started_ns=started_ns)})
    assert await found(store, key, Query(since_ns=NOW, until_ns=NOW + NS_PER_S)) == [1]


async def test_trace_moves_when_its_start_does(store: Store) -> None:
    """An earlier span has come: the trace stands where it now began, once."""
    key = await key_in(store)
    await listed(store, key, {1: Told(started_ns=NOW), 2: Told(started_ns=NOW - MINUTE)})
    places = [one.place for one in await store.catalogue.find(key.account_id, Query(), None, 9)]
    await listed(store, key, {1: Told("moved", started_ns=NOW - 2 * MINUTE)})
    assert await found(store, key) == [2, 1]
    again = await store.catalogue.find(key.account_id, Query(), None, 9)
    assert again[0].place == places[1]
    assert again[1].place < places[1]


# -- what is due ---------------------------------------------------------------------------------------


async def test_what_is_received_is_due_until_it_is_saved(open_store: Open) -> None:
    """Batches and posts, over a restart; then not again before more comes."""
    store = open_store()
    key = await key_in(store)
    await received(store, key, 1, 2)
    await store.post(post(key, trace(3)))
    assert {due.otel_trace_id for due in await dues_of(store)} == {trace(n) for n in (1, 2, 3)}
    await store.close()

    store = open_store()
    assert {due.otel_trace_id for due in await dues_of(store)} == {trace(n) for n in (1, 2, 3)}
    await summarise(store, {n: Told() for n in (1, 2, 3)})
    assert await dues_of(store) == []
    await store.close()

    store = open_store()
    assert await dues_of(store) == []
    await received(store, key, 2)
    assert [due.otel_trace_id for due in await dues_of(store)] == [trace(2)]
    await store.close()


async def test_newest_arrivals_are_due_first(store: Store) -> None:
    """However much waits: who has just sent a trace sees it."""
    key = await key_in(store)
    for n in range(1, 50):
        await received(store, key, n, at_ns=NOW + n)
    assert [due.otel_trace_id for due in await store.catalogue.due(2, LATER)] == [trace(49), trace(48)]
    await received(store, key, 60, at_ns=NOW + 60)
    assert (await store.catalogue.due(1, LATER))[0].otel_trace_id == trace(60)
    summarised = set()
    while dues := await store.catalogue.due(5, LATER):
        summarised |= {due.otel_trace_id for due in dues}
        await store.catalogue.save([Summarised(due, due.version, Told().summary()) for due in dues])
    assert summarised == {trace(n) for n in (*range(1, 50), 60)}


async def test_trace_that_grows_rests(store: Store) -> None:
    """It is due again for what came meanwhile, and no sooner than was asked for."""
    key = await key_in(store)
    await received(store, key, 1)
    await summarise(store, {1: Told()}, now_ns=NOW, rest_until_ns=NOW + MINUTE)
    for n in range(3):
        await received(store, key, 1, at_ns=NOW + n)
    assert await dues_of(store, NOW + MINUTE - 1) == []
    assert await store.catalogue.backlog(key.account_id) == 0
    assert [due.received_ns for due in await dues_of(store, NOW + MINUTE)] == [NOW + 2]


async def test_more_that_comes_meanwhile_is_due(store: Store) -> None:
    """A summary of what was there before does not settle it."""
    key = await key_in(store)
    await received(store, key, 1)
    (due,) = await dues_of(store)
    await received(store, key, 1, at_ns=NOW + 1)
    await store.catalogue.save([Summarised(due, due.version, Told().summary())])
    (again,) = await dues_of(store)
    assert (again.otel_trace_id, again.received_ns) == (trace(1), NOW + 1)
    assert again.version > due.version


async def test_telling_of_what_is_due_is_that_of_its_page(store: Store) -> None:
    """Bodies and version, without a page being made."""
    key = await key_in(store)
    await received(store, key, 1, 2)
    due = next(due for due in await dues_of(store) if due.otel_trace_id == trace(1))
    assert due.page is None
    telling = await store.catalogue.telling(due, 1 << 20)
    assert telling == await store.telling(await page_of(store, key, 1), 1 << 20)


async def test_backlog_counts_what_the_list_does_not_know(store: Store) -> None:
    """Of one account: arrivals that nobody looked at, and traces that were not saved since."""
    ada, eve = await key_in(store), await key_in(store, "eve@example.com")
    await received(store, ada, 1)
    await received(store, ada, 2)
    await store.post(post(eve, trace(3)))
    assert [await store.catalogue.backlog(key.account_id) for key in (ada, eve)] == [2, 1]
    await dues_of(store)
    assert [await store.catalogue.backlog(key.account_id) for key in (ada, eve)] == [2, 1]
    await summarise(store, {1: Told(), 3: Told()})
    assert [await store.catalogue.backlog(key.account_id) for key in (ada, eve)] == [1, 0]


async def test_post_after_the_last_one_was_deleted_is_due(open_store: Open) -> None:
    """Arrivals are counted, and a count that was used is not used again."""
    store = open_store()
    key = await key_in(store)
    for n in (1, 2, 3):
        await store.post(post(key, trace(n)))
        await received(store, key, n + 10)
    await summarise(store, {n: Told() for n in (1, 2, 3, 11, 12, 13)})
    for n in (3, 13, 2):
        await store.delete(await page_of(store, key, n), NOW)
    await store.post(post(key, trace(4)))
    assert [due.otel_trace_id for due in await dues_of(store)] == [trace(4)]
    await store.close()
    store = open_store()
    await received(store, key, 5)
    await store.post(post(key, trace(6)))
    assert {due.otel_trace_id for due in await dues_of(store)} == {trace(4), trace(5), trace(6)}
    await store.close()


# -- choices and news ----------------------------------------------------------------------------------


async def test_choices_are_what_occurs_commonest_first(store: Store) -> None:
    """They follow what is listed, changed and deleted."""
    key, other = await key_in(store), await key_in(store, "eve@example.com")
    await listed(store, other, {1: Told(provider="theirs")})
    await listed(store, key, {1: WEATHER, 2: REFUND, 3: JAPAN, 4: Told(provider="", model="", kinds=())})
    choices = await store.catalogue.choices(key.account_id)
    assert choices == Choices(
        ("openai", "anthropic"), ("claude-opus-5", "gemini-3", "gpt-5"), ("llm", "tool")
    )
    await listed(store, key, {3: REFUND})
    await store.delete(await page_of(store, key, 1), NOW)
    assert await store.catalogue.choices(key.account_id) == Choices(
        ("anthropic",), ("claude-opus-5",), ("llm",)
    )


async def test_edition_changes_with_the_list(store: Store) -> None:
    """With each save and deletion, for the account that they are of."""
    ada, eve = await key_in(store), await key_in(store, "eve@example.com")
    seen = [await store.catalogue.edition(ada.account_id)]
    of_eve = await store.catalogue.edition(eve.account_id)
    await listed(store, ada, {1: WEATHER})
    seen.append(await store.catalogue.edition(ada.account_id))
    await store.delete(await page_of(store, ada, 1), NOW)
    seen.append(await store.catalogue.edition(ada.account_id))
    assert len(set(seen)) == 3
    assert await store.catalogue.edition(eve.account_id) == of_eve


# -- what is deleted -----------------------------------------------------------------------------------


async def test_deleted_trace_is_not_listed_and_does_not_come_back(store: Store) -> None:
    """Neither with a summary that was on its way, nor with spans that come late."""
    key = await key_in(store)
    await listed(store, key, {1: WEATHER, 2: REFUND})
    await received(store, key, 1, at_ns=NOW + 1)
    (due,) = await dues_of(store)
    await store.delete(await page_of(store, key, 1), NOW)
    await store.catalogue.save([Summarised(due, due.version, WEATHER.summary(), WEATHER.text)])
    assert await found(store, key) == [2]
    await received(store, key, 1, at_ns=NOW + 2)
    assert await dues_of(store) == []
    assert await found(store, key, Query(text="weather")) == []


async def test_expired_trace_leaves_the_list(store: Store) -> None:
    """With the call that deletes it."""
    key = await key_in(store)
    await listed(store, key, {1: WEATHER, 2: REFUND})
    await store.mark_opened(await page_of(store, key, 2), NOW)
    while await store.expire(LATER, LATER):
        pass
    assert await found(store, key) == [2]
    assert await found(store, key, Query(text="weather")) == []


async def test_forgotten_trace_is_due_again(store: Store) -> None:
    """It is out of the list until a summary that was begun later is saved."""
    key = await key_in(store)
    await listed(store, key, {1: WEATHER})
    page = await page_of(store, key, 1)
    await received(store, key, 1, at_ns=NOW + 1)
    (before,) = await dues_of(store)
    await store.catalogue.forget(page)
    await store.catalogue.save([Summarised(before, before.version, WEATHER.summary(), WEATHER.text)])
    assert await found(store, key) == []
    await summarise(store, {1: replace(WEATHER, text="now masked")})
    assert await found(store, key, Query(text="masked")) == [1]
    assert await found(store, key, Query(text="weather")) == []
