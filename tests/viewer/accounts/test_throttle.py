"""Guessing is slow, and nobody is locked out by it."""

from __future__ import annotations

import pytest

from viewer.accounts.throttle import MAX_REMEMBERED, Delays, Throttle, Throttled
from viewer.store.base import NS_PER_S

ADA, HERE, ELSEWHERE = "ada@team.example", "192.0.2.1", "198.51.100.1"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_ns = 5 * NS_PER_S

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_PER_S)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def wait_s(throttle: Throttle, network: str = HERE, email: str = ADA, mark: str = "") -> int:
    try:
        throttle.check(email, network, mark)
    except Throttled as error:
        return error.retry_after_s
    return 0


def test_waits_double_after_five_failures(throttle: Throttle, clock: Clock) -> None:
    """1 s, 2 s, 4 s …, and never more than a minute; who waits as long as told may try."""
    told = []
    for _ in range(15):
        assert wait_s(throttle) == 0
        throttle.failed(ADA, HERE)
        told.append(wait_s(throttle))
        clock.pass_s(told[-1])
    assert told == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


def test_attempt_a_moment_too_early_waits_a_whole_second(throttle: Throttle, clock: Clock) -> None:
    """What is told is enough, rounded up."""
    for _ in range(5):
        throttle.failed(ADA, HERE)
    clock.pass_s(0.999)
    assert wait_s(throttle) == 1
    clock.pass_s(0.001)
    assert wait_s(throttle) == 0


def test_success_and_time_forgive(throttle: Throttle, clock: Clock) -> None:
    """After a log-in, or an hour in which nothing failed, there are five tries again."""
    for _ in range(8):
        throttle.failed(ADA, HERE)
    throttle.succeeded(ADA, HERE)
    assert wait_s(throttle) == 0
    for _ in range(8):
        throttle.failed(ADA, HERE)
    clock.pass_s(3601)
    throttle.failed(ADA, HERE)
    assert wait_s(throttle) == 0


def test_failures_elsewhere_make_who_has_failed_wait_ten_seconds_at_most(
    throttle: Throttle, clock: Clock
) -> None:
    """However many networks guess; and the first three tries of a network do not wait for them."""
    for n in range(80):
        throttle.failed(ADA, f"203.0.113.{n}")
    for _ in range(3):
        assert wait_s(throttle, ELSEWHERE) == 0
        throttle.failed(ADA, ELSEWHERE)
    assert wait_s(throttle, ELSEWHERE) == 10
    clock.pass_s(10)
    assert wait_s(throttle, ELSEWHERE) == 0


def test_guessing_that_goes_on_does_not_keep_the_owner_out(throttle: Throttle, clock: Clock) -> None:
    """Eight networks that try whenever they may: in a new browser the owner is admitted at once, each time."""
    guessers = [f"2001:db8:0:{n}::/64" for n in range(8)]
    guesses = 0
    for second in range(3_600):
        for network in guessers:
            if wait_s(throttle, network) == 0:
                throttle.failed(ADA, network)
                guesses += 1
        if second % 60 == 30:
            assert wait_s(throttle, f"198.51.100.{second // 60}") == 0
        clock.pass_s(1)
    assert guesses < 8 * 3 + 3_600 // 10 + 20


def test_networks_without_number_guess_once_a_second(throttle: Throttle, clock: Clock) -> None:
    """Whoever has a hundred thousand of them has a hundred tries, and then is as slow as that."""
    guesses = 0
    for n in range(20_000):
        network = f"2001:db8:{n:x}::/64"
        if wait_s(throttle, network) == 0:
            throttle.failed(ADA, network)
            guesses += 1
        clock.pass_s(0.01)
    assert 290 <= guesses <= 310
    assert wait_s(throttle, ELSEWHERE, email="bob@team.example") == 0


def test_owner_with_a_known_browser_is_not_kept_out(throttle: Throttle) -> None:
    """Though guessing goes on, from everywhere and from its own network."""
    for n in range(200):
        throttle.failed(ADA, f"203.0.113.{n}")
        throttle.failed(ADA, HERE)
    assert wait_s(throttle, HERE) == 60
    assert wait_s(throttle, HERE, mark="m1") == 0


def test_stolen_mark_guesses_no_faster(throttle: Throttle, clock: Clock) -> None:
    """And keeps nobody else waiting."""
    for _ in range(12):
        throttle.failed(ADA, HERE, "m1")
    assert wait_s(throttle, HERE, mark="m1") == 60
    assert wait_s(throttle, HERE) == 0
    throttle.succeeded(ADA, HERE, "m1")
    assert wait_s(throttle, HERE, mark="m1") == 0


def test_network_that_tries_a_list_of_addresses_is_slowed_down(throttle: Throttle, clock: Clock) -> None:
    """A hundred at once, then one each five seconds; other networks are not concerned."""
    for n in range(100):
        assert wait_s(throttle, email=f"{n}@team.example") == 0
        throttle.failed(f"{n}@team.example", HERE)
    assert wait_s(throttle) == 5
    assert wait_s(throttle, ELSEWHERE) == 0
    clock.pass_s(5)
    assert wait_s(throttle) == 0


def test_network_signs_up_thirty_times_at_once(throttle: Throttle, clock: Clock) -> None:
    """Then once each ten seconds."""
    for _ in range(30):
        throttle.count_sign_up(HERE)
    with pytest.raises(Throttled) as refused:
        throttle.count_sign_up(HERE)
    assert refused.value.retry_after_s == 10
    throttle.count_sign_up(ELSEWHERE)
    clock.pass_s(10)
    throttle.count_sign_up(HERE)


def test_other_addresses_are_not_concerned(throttle: Throttle) -> None:
    """One mistyped address does not keep a colleague out."""
    for _ in range(8):
        throttle.failed(ADA, HERE)
    assert wait_s(throttle, email="bob@team.example") == 0


def test_memory_is_bounded_and_keeps_who_failed_last() -> None:
    """Whoever makes up addresses pushes out the oldest alone."""
    delays = Delays(free=1, longest_s=60)
    delays.failed("first", 0)
    for n in range(MAX_REMEMBERED - 1):
        delays.failed(f"made up {n}", 0)
    delays.failed("first", 1)
    delays.failed("one more", 1)
    assert len(delays) == MAX_REMEMBERED
    assert delays.wait_ns("first", 1) > 0
    assert delays.wait_ns("made up 0", 1) == 0


def test_failures_without_number_stay_a_number() -> None:
    """A thousand failures make no integer of a thousand bits."""
    delays = Delays(free=5, longest_s=60)
    for n in range(5_000):
        delays.failed("x", n)
    assert delays.wait_ns("x", 5_000) <= 60 * NS_PER_S
