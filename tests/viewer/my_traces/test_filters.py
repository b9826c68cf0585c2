"""What stands in the address of the list: read, clamped, and written again."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, strategies as st

from tracen_otel.model import StepKind
from viewer.legible import spelled
from viewer.my_traces.filters import MAX_WORDS, PATH, Filters, Time, parse
from viewer.store.base import NS_PER_S
from viewer.store.catalogue import MAX_LABEL, Outcome, Query

NOW = 1_800_000_000 * NS_PER_S
HOUR = 3600 * NS_PER_S
TEN = datetime(2026, 11, 27, 10, tzinfo=UTC)
TEN_NS = int(TEN.timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("told", "query"),
    [
        ({}, Query()),
        ({"q": "  late   invoice "}, Query(text="late invoice")),
        ({"status": "error"}, Query(outcome=Outcome.ERROR)),
        ({"model": "gpt-5", "provider": "groq"}, Query(model="gpt-5", provider="groq")),
        ({"kind": "tool"}, Query(kind="tool")),
        ({"time": "hour"}, Query(since_ns=NOW - HOUR)),
        ({"time": "day"}, Query(since_ns=NOW - 24 * HOUR)),
        ({"time": "week"}, Query(since_ns=NOW - 168 * HOUR)),
        ({"time": "month"}, Query(since_ns=NOW - 720 * HOUR)),
        ({"time": "between", "from": "2026-11-27T10:00"}, Query(since_ns=TEN_NS)),
        ({"from": "2026-11-27T10:00"}, Query(since_ns=TEN_NS)),
        ({"to": "2026-11-27T12:00+02:00"}, Query(until_ns=TEN_NS)),
        ({"time": "hour", "from": "2026-11-27T10:00"}, Query(since_ns=NOW - HOUR)),
        ({"time": "", "from": "2026-11-27T10:00"}, Query()),
        ({"status": "", "model": "", "kind": "", "q": " "}, Query()),
    ],
    ids=str,
)
def test_addresses_are_read(told: dict[str, str], query: Query) -> None:
    """Each filter becomes what the store is asked, and nothing is said where all of it was understood."""
    filters, notices = parse(told)
    assert filters.query(NOW) == query
    assert not notices


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"status": "broken"}, "“broken” was left out: status can be success, error, unfinished."),
        ({"kind": "LLM"}, "“LLM” was left out: kind can be llm,"),
        ({"time": "yesterday"}, "“yesterday” was left out: time can be hour,"),
        ({"from": "tomorrow"}, "“tomorrow” was left out: from can be a time in UTC like"),
        ({"to": "9999-99-99T10:00"}, "to can be a time"),
        ({"from": "0001-01-01T00:00+23:00"}, "from can be a time"),
        ({"q": "x" * 201}, "Only the first 200 characters"),
        ({"from": "2026-11-27T10:00", "to": "2026-11-27T10:00"}, "nothing can be found"),
        ({"time": "between"}, "“Between…” needs a start or an end"),
        ({"time": "between", "to": "later"}, "“later” was left out: to can be a time"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_told(told: dict[str, str], words: str) -> None:
    """It is left out, and a notice says what could stand there."""
    _, notices = parse(told)
    assert len(notices) == 1
    assert words in notices[0]


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("12", 12),
        ("-12", -12),
        ("9" * 25, (1 << 63) - 1),
        ("", None),
        ("x", None),
        ("1.5", None),
        ("١٢", None),
        ("--1", None),
        ("9" * 5_000, None),
    ],
)
def test_places_are_clamped(before: str, place: int | None) -> None:
    """What is no place begins at the newest."""
    assert parse({"before": before})[0].before == place


def test_texts_are_clamped_and_plain() -> None:
    """Long texts end, and nothing in them hides or breaks a field that shows them."""
    filters, _ = parse({"q": "a\x00b\u202ec\r\nd" + "x" * 10_000, "model": "m" * 10_000, "provider": "p\x1b"})
    assert filters.words.startswith("a b c d")
    assert len(filters.words) <= MAX_WORDS
    assert len(filters.model) == MAX_LABEL
    assert filters.provider == "p"


def test_far_times_can_be_asked_for() -> None:
    """Nanoseconds beyond 64 bits are those at their end."""
    query = parse({"from": "0001-01-01", "to": "9999-12-31"})[0].query(NOW)
    assert query.since_ns == -(1 << 63) + 1
    assert query.until_ns == (1 << 63) - 1


ALL = Filters(
    "two words & more",
    Outcome.ERROR,
    "a/b c",
    "groq",
    StepKind.TOOL,
    Time.BETWEEN,
    TEN,
    TEN.replace(hour=12),
    before=7,
)


def test_links_keep_the_other_filters() -> None:
    """To take one away leaves the rest, and begins at the newest again."""
    less = parse(dict(parse_qsl(urlsplit(ALL.without("outcome").href()).query)))[0]
    assert less == ALL.without("outcome")
    assert less.outcome is None
    assert less.before is None
    assert less.words == ALL.words
    assert ALL.without("time", "since", "until").query(NOW).since_ns is None
    assert Filters().href() == PATH


TEXT = st.text(max_size=30)


@given(
    st.dictionaries(
        st.sampled_from(["q", "status", "model", "provider", "kind", "time", "from", "to", "before", "x"]),
        st.one_of(TEXT, st.sampled_from([*Outcome, *StepKind, *Time, "2026-11-27T10:00", "0001-01-01"])),
    )
)
def test_any_address_is_read_and_written_the_same(told: dict[str, str]) -> None:
    """Whatever comes is understood or left out; what is written of it is read as the same."""
    filters, _ = parse(told)
    again, notices = parse(dict(parse_qsl(urlsplit(filters.href()).query)))
    assert again == filters.without()
    assert all("nothing can be found" in notice or "needs a start" in notice for notice in notices)
    assert all(spelled(value) == value for value in filters.parameters().values())
    assert filters.is_any == (filters.href() in (PATH, f"{PATH}?time=between"))
