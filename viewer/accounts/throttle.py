"""Slows guessing down without locking anybody out: who fails waits, longer each time, never for good.

And keeps one network from making accounts by the thousand.

In memory and bounded, of what failed last; a restart forgives. Time is what it is given.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from viewer.limits import Guesses, TooManyGuesses
from viewer.store.base import NS_PER_S

_FORGIVEN_NS = 3600 * NS_PER_S
"""After the last failure."""
_MAX_DOUBLINGS = 20
MAX_REMEMBERED = 10_000


class Throttled(Exception):
    """Too many failures; in `retry_after_s` whole seconds one may try again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed attempts, next in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last_ns: int
    until_ns: int


class Delays:
    """After `free` failures of a key 1 s must pass, after each further one twice as long, `longest_s` at most."""

    def __init__(self, free: int, longest_s: int, max_keys: int = MAX_REMEMBERED) -> None:
        self._free = free
        self._longest_ns = longest_s * NS_PER_S
        self._max_keys = max_keys
        self._failures_by_key: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._failures_by_key)

    def wait_ns(self, key: str, now_ns: int) -> int:
        """How long from now on nothing may be tried; ≤ 0: it may."""
        failures = self._failures_by_key.get(key)
        return failures.until_ns - now_ns if failures else 0

    def failed(self, key: str, now_ns: int) -> None:
        """Count one failure."""
        before = self._failures_by_key.pop(key, None)
        is_forgiven = before is None or now_ns - before.last_ns > _FORGIVEN_NS
        count = 1 if is_forgiven or before is None else before.count + 1
        doublings = min(count - self._free, _MAX_DOUBLINGS)
        delay_ns = min(NS_PER_S << doublings, self._longest_ns) if doublings >= 0 else 0
        self._failures_by_key[key] = _Failures(count, now_ns, now_ns + delay_ns)
        if len(self._failures_by_key) > self._max_keys:
            self._failures_by_key.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget its failures."""
        self._failures_by_key.pop(key, None)


class Throttle:
    """What is remembered of failed log-ins, by address and by the network that they came from.

    Of one network over all addresses 100 may fail at once, then one each 5 s: lists of stolen passwords are long.

    An attempt is counted when it has failed: as many may be under way at once as passwords are compared at once.
    """

    def __init__(self, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic_ns = monotonic_ns
        self._by_both = Delays(free=5, longest_s=60)
        self._by_address = Delays(free=20, longest_s=10)
        self._by_network = Guesses(monotonic_ns, burst=100, period_ns=5 * NS_PER_S)
        self._sign_ups = Guesses(monotonic_ns, burst=30, period_ns=10 * NS_PER_S)

    def check(self, email: str, network: str, mark: str = "") -> None:
        """Refuse an attempt that comes too early. Raises Throttled.

        `mark` is that of a browser which has logged in to this account before. What others get wrong, be it in its
        own network, does not concern it: else whoever keeps guessing would keep the owner out.
        """
        now_ns = self._monotonic_ns()
        wait_ns = self._by_both.wait_ns(_both(email, mark or network), now_ns)
        if not mark:
            wait_ns = max(wait_ns, self._by_address.wait_ns(email, now_ns))
        if wait_ns > 0:
            raise Throttled(-(-wait_ns // NS_PER_S))
        if not mark:
            _check(self._by_network, network)

    def failed(self, email: str, network: str, mark: str = "") -> None:
        """Count a wrong password, or an address without an account."""
        now_ns = self._monotonic_ns()
        self._by_both.failed(_both(email, mark or network), now_ns)
        if not mark:
            self._by_address.failed(email, now_ns)
            self._by_network.failed(network)

    def succeeded(self, email: str, network: str, mark: str = "") -> None:
        """Forget what failed before."""
        self._by_both.succeeded(_both(email, mark or network))
        self._by_address.succeeded(email)

    def count_sign_up(self, network: str) -> None:
        """Let a network sign up once more: 30 times at once, then each 10 s. Raises Throttled."""
        _check(self._sign_ups, network)
        self._sign_ups.failed(network)


def _check(guesses: Guesses, network: str) -> None:
    try:
        guesses.check(network)
    except TooManyGuesses as error:
        raise Throttled(error.retry_after_s) from None


def _both(email: str, origin: str) -> str:
    return f"{origin} {email}"
