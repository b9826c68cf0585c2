"""Slows guessing down without locking anybody out: who fails waits, longer each time, never for good.

And keeps one network from making accounts by the thousand.

In memory and bounded, of what failed last; a restart forgives. Time is what it is given.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from viewer.limits import Guesses, TooManyGuesses
from viewer.store.base import NS_PER_S

_FORGIVEN_NS = 3600 * NS_PER_S
"""After the last failure."""
_MAX_DOUBLINGS = 20
_OWN_TRIES = 3
"""Of a network, which what fails elsewhere does not delay: else whoever keeps guessing would keep the owner out."""
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

    def count(self, key: str, now_ns: int) -> int:
        """How often it has failed, as far as that is not forgiven."""
        failures = self._failures_by_key.get(key)
        return failures.count if failures and now_ns - failures.last_ns <= _FORGIVEN_NS else 0

    def failed(self, key: str, now_ns: int) -> None:
        """Count one failure."""
        count = self.count(key, now_ns) + 1
        self._failures_by_key.pop(key, None)
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
    Of one address, 100 networks may fail at once for the first few times, then one a second, however many there are.

    An attempt is counted when it has failed, and checked when its turn has come: as many more may fail than are let
    through as passwords are compared at once.
    """

    def __init__(self, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic_ns = monotonic_ns
        self._by_both = Delays(free=5, longest_s=60)
        self._by_address = Delays(free=20, longest_s=10)
        self._newcomers = Guesses(monotonic_ns, burst=100, period_ns=NS_PER_S)
        self._by_network = Guesses(monotonic_ns, burst=100, period_ns=5 * NS_PER_S)
        self._sign_ups = Guesses(monotonic_ns, burst=30, period_ns=10 * NS_PER_S)

    def check(self, email: str, network: str, mark: str = "") -> None:
        """Refuse an attempt that comes too early. Raises Throttled.

        `mark` is that of a browser which has logged in to this account before. What others get wrong, be it in its
        own network, does not concern it. What fails in other networks hardly
        concerns one of which little has failed.
        """
        now_ns = self._monotonic_ns()
        both = _both(email, mark or network)
        is_newcomer = not mark and self._by_both.count(both, now_ns) < _OWN_TRIES
        wait_ns = self._by_both.wait_ns(both, now_ns)
        if not mark and not is_newcomer:
            wait_ns = max(wait_ns, self._by_address.wait_ns(email, now_ns))
        if wait_ns > 0:
            raise Throttled(-(-wait_ns // NS_PER_S))
        if is_newcomer:
            _check(self._newcomers, _hashed(email))
        if not mark:
            _check(self._by_network, network)

    def failed(self, email: str, network: str, mark: str = "") -> None:
        """Count a wrong password, or an address without an account."""
        now_ns = self._monotonic_ns()
        both = _both(email, mark or network)
        if not mark and self._by_both.count(both, now_ns) < _OWN_TRIES:
            self._newcomers.failed(_hashed(email))
        self._by_both.failed(both, now_ns)
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


def _hashed(email: str) -> str:
    """An address as a key that is short enough not to be cut off."""
    return hashlib.blake2b(email.encode(), digest_size=16).hexdigest()


def _both(email: str, origin: str) -> str:
    return f"{origin} {email}"
