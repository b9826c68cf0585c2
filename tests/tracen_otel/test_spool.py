"""Spans on disk: what a dead process leaves is delivered once, to whom it was meant for."""

from __future__ import annotations

import os
import stat
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.tracen_otel.spool_house import (
    DAY_S,
    ENDPOINT,
    KEY,
    House,
    everything_left,
    spans_of,
    told,
    trace_id,
)
from tracen_otel.spool import LOOK_EVERY_S, MAX_AGE_S, TOO_OLD


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "spool")


# -- from one process to the next ---------------------------------------------------------------------


def test_what_was_not_taken_is_left_to_the_next_process(house: House) -> None:
    """Spans that wait when a process ends are another's to deliver, as they were; those that were taken are not."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.append(spans_of(2, 1))
    first.append(spans_of(3, 1, 2, 3))
    first.take(trace_id(1), [f"{n:016x}" for n in (1, 2)], has_page=True)
    assert first.close() == 4

    left = everything_left(house.spool())

    assert told(left) == {2: [1], 3: [1, 2, 3]}
    assert list(left[1].spans) == spans_of(3, 1, 2, 3)
    assert not any(trace.has_page for trace in left)


def test_spool_of_what_is_delivered_is_empty(house: House) -> None:
    """When everything is published no file stays, neither of this process nor of the dead."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    second = house.spool()
    second.append(spans_of(2, 1))
    second.take(trace_id(2), [f"{1:016x}"], has_page=True)

    assert told(everything_left(second)) == {1: [1]}
    assert second.close() == 0
    assert house.files() == []


def test_nothing_is_made_before_there_is_a_span(house: House) -> None:
    """A program that is set up and traces nothing leaves no folder behind."""
    spool = house.spool()
    spool.append([])
    spool.adopt()
    assert spool.next_left() is None
    spool.close()

    assert not house.folder.exists()


def test_journal_of_a_process_that_lives_is_its_own(house: House) -> None:
    """Nobody takes what somebody holds, however often they look."""
    alive, other = house.spool(), house.spool()
    alive.append(spans_of(1, 1))

    assert everything_left(other) == []
    alive.close()
    assert everything_left(other) == []  # it looks once a minute
    house.now_s += LOOK_EVERY_S
    assert told(everything_left(other)) == {1: [1]}


def test_dead_processes_journal_is_taken_over_by_one(house: House) -> None:
    """Of two processes that look, one delivers; dies that one too, the other does."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.close()
    second, third = house.spool(), house.spool()
    second.adopt()
    assert second.next_left() is not None

    assert everything_left(third) == []
    second.close()
    house.now_s += LOOK_EVERY_S
    assert told(everything_left(third)) == {1: [1, 2]}


def test_late_spans_know_that_their_trace_has_a_page(house: House) -> None:
    """They join it in the next run, whatever is at work in them; also when they came while it was published."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.append(spans_of(2, 1))
    first.take(trace_id(1), [f"{1:016x}"], has_page=True)
    first.take(trace_id(2), [f"{1:016x}"], has_page=True)
    first.append(spans_of(2, 2))
    first.append(spans_of(3, 1))
    first.expect_page(trace_id(3))
    first.close()
    second = house.spool()
    second.adopt()
    second.close()  # moved to a journal of its own

    left = everything_left(house.spool())

    assert {number: trace.has_page for number, trace in zip(told(left), left, strict=True)} == {
        1: True,
        2: True,
        3: True,
    }


def test_trace_that_the_memory_lets_go_is_delivered_from_disk(house: House) -> None:
    """What there is no room for in memory is not lost; what was never spooled is not promised."""
    spool = house.spool()
    spool.append(spans_of(1, 1, 2))
    spool.append(spans_of(2, 1))

    assert spool.let_go(trace_id(1)) == 2
    assert spool.let_go(trace_id(9)) == 0
    assert told(everything_left(spool)) == {1: [1, 2]}


def test_left_trace_stays_until_it_is_taken(house: House) -> None:
    """A delivery that fails is tried again, by whoever is there then."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    second = house.spool()
    second.adopt()

    assert second.next_left() == second.next_left() != None  # noqa: E711 - both are the same trace
    second.close()
    assert told(everything_left(house.spool())) == {1: [1]}


def test_large_trace_comes_in_parts(house: House) -> None:
    """No delivery has to hold more than some megabytes of a trace, and the parts together are all of it."""
    house.max_bytes = 64 * 1024 * 1024
    first = house.spool()
    for n in range(1, 11):
        first.append(spans_of(1, n, text="x" * 1_000_000))
    first.close()

    left = everything_left(house.spool())

    assert [len(trace.spans) for trace in left] == [4, 4, 2]
    assert sorted(i for trace in left for i in trace.span_ids) == [f"{n:016x}" for n in range(1, 11)]
    assert [trace.has_page for trace in left] == [False, True, True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork_child_neither_holds_nor_writes_its_parents_journal(house: House) -> None:
    """A child that outlives its parent does not keep the parent's spans from being delivered."""
    parent = house.spool()
    parent.append(spans_of(1, 1))
    begin, end = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        parent.append(spans_of(2, 1))
        os.write(begin[1], b".")
        os.read(end[0], 1)
        os._exit(0)
    try:
        os.read(begin[0], 1)
        parent.close()
        assert told(everything_left(house.spool())) == {1: [1]}
    finally:
        os.write(end[1], b".")
        os.waitpid(pid, 0)
        for fd in (*begin, *end):
            os.close(fd)


# -- whose spans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [("https://elsewhere.example", KEY), (ENDPOINT, "tracen_sk_other")])
def test_spans_go_to_the_endpoint_and_key_they_were_meant_for_alone(
    house: House, other: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """A program with another endpoint or key leaves them, says so after a day, and drops them after a week."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    os.utime(house.the_file(), (house.now_s, house.now_s))
    stranger = house.spool(*other)
    assert everything_left(stranger) == []
    assert caplog.messages == []

    house.now_s += 2 * DAY_S
    for _ in range(3):
        assert everything_left(stranger) == []
        house.now_s += 3601
    assert len(caplog.messages) == 1
    assert told(everything_left(house.spool())) == {1: [1]}


def test_spans_that_nobody_comes_for_are_dropped_after_a_week(house: House) -> None:
    """Neither those of another key nor our own wait for ever."""
    first, other = house.spool(), house.spool(key="tracen_sk_other")
    first.append(spans_of(1, 1))
    other.append(spans_of(2, 1, 2))
    first.close()
    other.close()
    for file in house.files():
        os.utime(file, (house.now_s, house.now_s))
    house.now_s += MAX_AGE_S + 1

    spool = house.spool()
    assert everything_left(spool) == []
    spool.close()
    assert house.dropped == {TOO_OLD: 3}
    assert house.files() == []


def test_files_are_the_owners_alone_and_hold_no_key(house: House) -> None:
    """Folder and files are closed to others, and the key stands nowhere."""
    spool = house.spool()
    spool.append(spans_of(1, 1))

    assert stat.S_IMODE(house.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(house.the_file().stat().st_mode) == 0o600
    assert KEY.encode() not in house.the_file().read_bytes()
    spool.close()


# -- any history --------------------------------------------------------------------------------------

histories = st.lists(
    st.tuples(st.sampled_from(["span", "take", "die", "let go", "deliver"]), st.integers(1, 4)), max_size=40
)


@given(history=histories)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_each_span_is_taken_or_left(
    history: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After any run of ends, deliveries and deaths, what was not taken is there, and what was taken is not."""
    house = House(tmp_path_factory.mktemp("history") / "spool", max_bytes=200_000)
    numbers = count(1)
    waiting: dict[int, set[int]] = {}
    spool = house.spool()
    for event, trace in history:
        if event == "span":
            number = next(numbers)
            spool.append(spans_of(trace, number, text="x" * 500))
            waiting.setdefault(trace, set()).add(number)
        elif event == "take":
            some = sorted(waiting.get(trace, ()))[:2]
            spool.take(trace_id(trace), [f"{n:016x}" for n in some], has_page=trace % 2 == 0)
            waiting.get(trace, set()).difference_update(some)
        elif event == "let go":
            assert spool.let_go(trace_id(trace)) == len(waiting.get(trace, ()))
        elif event == "die":
            spool.close()
            spool = house.spool()
            spool.adopt()
        else:
            for found, spans in told(everything_left(spool)).items():
                assert set(spans) == waiting.pop(found)
    spool.close()

    assert told(everything_left(house.spool())) == {t: sorted(spans) for t, spans in waiting.items() if spans}
    assert house.dropped == {}
