"""Plans, the clock requests are counted by, and failed attempts of each network."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from viewer.limits import MAX_PER_HOUR, Guesses, SteadyClock, TooManyGuesses, plans_of
from viewer.store.base import NS_PER_S, Limit

ADDRESS = "192.0.2.7"


# -- plans ---------------------------------------------------------------------------------------------


def test_plans_are_read_in_their_order() -> None:
    """Accounts start with the first, and come back to it when theirs is no longer there."""
    plans = plans_of(" free=100, pro = 1000,team_2-x=5 ", 7)
    assert plans.first == "free"
    assert [plans.limit_of(name).count for name in ("free", "pro", "team_2-x")] == [100, 1000, 5]
    assert plans.limit_of("") == plans.limit_of("gone") == Limit(100, 3600)


def test_plans_by_default_are_one_without_a_name() -> None:
    """Whatever an account was given before, its limit is that of --requests-per-hour."""
    for text in ("", "  "):
        plans = plans_of(text, 7)
        assert plans.first == ""
        assert plans.limit_of("") == plans.limit_of("pro") == Limit(7, 3600)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("free", "expected plans such as free=100,pro=1000"),
        ("free=", "got ''"),
        ("free=0", "got '0'"),
        ("free=-1", "got '-1'"),
        ("free=1.5", "got '1.5'"),
        ("free=٣", "got '٣'"),
        ("free=100001", "got '100001'"),
        ("free=" + "9" * 5000, "requests per hour, got '999"),
        ("free=1=2", "got '1=2'"),
        ("=100", "got '=100'"),
        ("100", "expected plans such as free=100,pro=1000"),
        ("Free=100", "plans such as free=100,pro=1000"),
        ("free=100,", "got ''"),
        (",", "got ''"),
        ("free=100;pro=1", "got '100;pro=1'"),
        ("a b=1", "got 'a b=1'"),
        ("x" * 41 + "=1", "40 at most"),
        ("free=1,pro=2,free=3", "'free' is there twice"),
    ],
)
def test_plans_that_can_not_be_read_say_why(text: str, told: str) -> None:
    """What came, shortened, and what would be accepted."""
    with pytest.raises(ValueError, match="plan") as refused:
        plans_of(text, 100)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 250


def test_plans_take_the_largest_number_there_is() -> None:
    """The bound itself is inside."""
    assert plans_of(f"all={MAX_PER_HOUR}", 1).limit_of("all").count == MAX_PER_HOUR


# -- the clock -----------------------------------------------------------------------------------------


@dataclass
class Machine:
    """Its two clocks: the one that people and programs set, and the one that runs."""

    wall_ns: int = 1_800_000_000 * NS_PER_S
    uptime_ns: int = 55 * NS_PER_S

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall_ns, lambda: self.uptime_ns)


def test_clock_starts_with_the_wall_and_never_looks_at_it_again() -> None:
    """An hour back, an hour ahead, a leap second: only what passes counts."""
    machine = Machine()
    clock = machine.clock()
    started_ns = machine.wall_ns
    assert clock() == started_ns
    for step_s in (-3600, 3600, 1, -1, 10**9):
        machine.wall_ns += step_s * NS_PER_S
        machine.uptime_ns += NS_PER_S
    assert clock() == started_ns + 5 * NS_PER_S
    assert machine.clock()() == machine.wall_ns


def test_clock_of_this_machine_runs_on() -> None:
    """It agrees with the wall clock that was not touched, to within what reading both takes."""
    clock = SteadyClock()
    first, second = clock(), clock()
    assert first <= second
    assert abs(clock() - time.time_ns()) < 60 * NS_PER_S


def test_clock_knows_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same number on either side of the world, and of the night when summer time ends."""
    try:
        read = []
        for zone in ("UTC", "Pacific/Auckland", "CET-1CEST,M3.5.0,M10.5.0/3"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            machine = Machine(wall_ns=1_793_494_800 * NS_PER_S)
            clock = machine.clock()
            machine.uptime_ns += 3600 * NS_PER_S
            read.append(clock())
            assert abs(SteadyClock()() - time.time_ns()) < 60 * NS_PER_S
        assert set(read) == {1_793_498_400 * NS_PER_S}
    finally:
        monkeypatch.undo()
        time.tzset()


# -- failed attempts -----------------------------------------------------------------------------------


class Time:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_ns = 10**15

    def __call__(self) -> int:
        return self.now_ns


def refused_s(guesses: Guesses, address: str = ADDRESS) -> int:
    """How long a network is told to wait; 0: not at all."""
    try:
        guesses.check(address)
    except TooManyGuesses as refused:
        return refused.retry_after_s
    return 0


def test_guesses_are_200_at_once_and_then_one_a_second() -> None:
    """Asking counts nothing; a wait as long as told is enough, for one."""
    clock = Time()
    guesses = Guesses(clock)
    for _ in range(200):
        assert refused_s(guesses) == 0
        guesses.failed(ADDRESS)
    assert [refused_s(guesses) for _ in range(5)] == [1] * 5
    clock.now_ns += NS_PER_S - 1
    assert refused_s(guesses) == 1
    clock.now_ns += 1
    assert refused_s(guesses) == 0
    guesses.failed(ADDRESS)
    assert refused_s(guesses) == 1
    clock.now_ns += 1000 * NS_PER_S
    for _ in range(200):
        assert refused_s(guesses) == 0
        guesses.failed(ADDRESS)
    assert refused_s(guesses) == 1


def test_guesses_under_way_together_leave_no_debt() -> None:
    """However many fail at the same moment, the wait is for one."""
    clock = Time()
    guesses = Guesses(clock)
    for _ in range(1000):
        guesses.failed(ADDRESS)
    assert refused_s(guesses) == 1


@given(gaps_ns=st.lists(st.integers(0, 3 * NS_PER_S), max_size=60))
def test_guesses_that_wait_as_told_are_let_in(gaps_ns: list[int]) -> None:
    """At any time: after the wait, not a second before; never more than the burst and one a second."""
    clock = Time()
    guesses = Guesses(clock, burst=3)
    started_ns = clock.now_ns
    for failed, gap_ns in enumerate(gaps_ns, 1):
        clock.now_ns += gap_ns
        if wait_s := refused_s(guesses):
            clock.now_ns += (wait_s - 1) * NS_PER_S
            assert refused_s(guesses) == 1
            clock.now_ns += NS_PER_S
            assert refused_s(guesses) == 0
        guesses.failed(ADDRESS)
        assert failed <= 3 + (clock.now_ns - started_ns) // NS_PER_S


def test_guesses_of_a_network_hold_up_no_other() -> None:
    """An IPv6 client has a /64 to itself, however many addresses it uses of it."""
    guesses = Guesses(Time(), burst=3)
    for last in range(3):
        guesses.failed(f"2001:db8:0:1::{last}")
    assert refused_s(guesses, "2001:db8:0:1:ffff::9") == 1
    assert refused_s(guesses, "2001:db8:0:2::1") == 0
    assert refused_s(guesses, ADDRESS) == 0


def test_guesses_remember_so_many_networks_and_no_more() -> None:
    """The one that has been quiet for longest is forgotten first."""
    guesses = Guesses(Time(), burst=1, max_networks=100)
    for number in range(1000):
        guesses.failed("198.51.100.1")
        guesses.failed(f"10.0.{number // 250}.{number % 250}")
        assert guesses.network_count <= 100
    assert refused_s(guesses, "198.51.100.1") == 1
    assert refused_s(guesses, "10.0.3.249") == 1
    assert refused_s(guesses, "10.0.0.1") == 0
