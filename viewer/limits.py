"""How much is let in: the plans' requests per hour, the clock they are counted by, and failed attempts to get in.

The log of requests is the store's (`viewer/store/posts.py`). Knows nothing of HTTP.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from viewer.network import network_of
from viewer.store.base import NS_PER_S, Limit, Quota, Store
from viewer.store.people import Key
from viewer.subscriptions.standing import is_subscribed

MAX_PER_HOUR = 100_000
"""Of a plan: each request accepted in the last hour is a row that the next one counts (10 ms for so many)."""
_PLAN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Plans:
    """Requests per hour by the name of a plan; the first is what accounts start with. At least one."""

    limit_by_name: Mapping[str, Limit]

    @property
    def first(self) -> str:
        return next(iter(self.limit_by_name))

    def limit_of(self, plan: str) -> Limit:
        """The limit of a plan; that of the first where an account has none, or one that is no longer offered."""
        return self.limit_by_name.get(plan) or self.limit_by_name[self.first]


def plans_of(text: str, requests_per_hour: int) -> Plans:
    """Read plans such as `free=100,pro=1000`; "" is a nameless one of `requests_per_hour`. Raises ValueError."""
    if not text.strip():
        return Plans({"": Limit(requests_per_hour)})
    limit_by_name: dict[str, Limit] = {}
    for part in text.split(","):
        name, limit = _plan(part.strip())
        if name in limit_by_name:
            raise ValueError(f"the plan {name!r} is there twice")
        limit_by_name[name] = limit
    return Plans(limit_by_name)


def is_plan_name(text: str) -> bool:
    """Whether a plan may have this name."""
    return _PLAN_NAME.fullmatch(text) is not None


def _plan(part: str) -> tuple[str, Limit]:
    name, equals, number = (piece.strip() for piece in part.partition("="))
    if not equals or not is_plan_name(name):
        raise ValueError(
            "expected plans such as free=100,pro=1000, each a name of a-z, 0-9, - and _ (40 at most) "
            f"and its requests per hour, got {part[:60]!r}"
        )
    # int() reads digits of any script, and of a length that takes it seconds.
    if not (number.isascii() and number.isdecimal() and 1 <= int(number[:9]) <= MAX_PER_HOUR):
        raise ValueError(
            f"the plan {name!r}: expected 1 to {MAX_PER_HOUR} requests per hour, got {number[:40]!r}"
        )
    return name, Limit(int(number))


def uptime_ns() -> int:
    """Nanoseconds since some moment, those in which the machine slept included where that can be told."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """Unix time in nanoseconds as it was at the start, and what has passed since.

    Whoever sets the machine's clock meanwhile moves it not: that would free keys, or block them.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, uptime_ns: Callable[[], int] = uptime_ns
    ) -> None:
        self._uptime_ns = uptime_ns
        self._started_ns = wall_ns() - uptime_ns()

    def __call__(self) -> int:
        return self._started_ns + self._uptime_ns()


class Limiter:
    """What each key may post, by its account's plan and one clock."""

    def __init__(self, store: Store, plans: Plans, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._plans = plans
        self.clock_ns = clock_ns

    def limit_of(self, key: Key) -> Limit:
        """By the plan of its account, for as long as that is subscribed to."""
        return self._plans.limit_of(key.plan if is_subscribed(key.subscription, self.clock_ns()) else "")

    async def quota_of(self, key: Key) -> Quota:
        """What the key has left, without counting. Raises StoreUnavailable."""
        return await self._store.quota(key.id, self.limit_of(key), self.clock_ns())


# -- failed attempts -----------------------------------------------------------------------------------


class TooManyGuesses(Exception):
    """A network has failed too often; in `retry_after_s` whole seconds it may fail once more."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed attempts from this network, next in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Guesses:
    """Counts failed attempts of each client network: `burst` at once, then one more each `period_ns`.

    A token bucket in whole nanoseconds, kept as the moment when it is full again. In memory, of the `max_networks`
    that failed last: a restart forgives. Callers decide what becomes of a success.
    """

    def __init__(
        self,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        *,
        burst: int = 200,
        period_ns: int = NS_PER_S,
        max_networks: int = 10_000,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._burst = burst
        self._period_ns = period_ns
        self._max_networks = max_networks
        self._full_ns_by_network: OrderedDict[str, int] = OrderedDict()

    @property
    def network_count(self) -> int:
        """Networks that are remembered."""
        return len(self._full_ns_by_network)

    def check(self, address: str) -> None:
        """Raise TooManyGuesses where the network of `address` has no failure left; counts nothing."""
        missing_ns = self._full_ns_by_network.get(network_of(address), 0) - self._monotonic_ns()
        wait_ns = missing_ns - (self._burst - 1) * self._period_ns
        if wait_ns > 0:
            raise TooManyGuesses(-(-wait_ns // NS_PER_S))

    def failed(self, address: str) -> None:
        """Count one failure. Several may have been under way when none was left: no debt is kept."""
        network, now_ns = network_of(address), self._monotonic_ns()
        full_ns = max(self._full_ns_by_network.get(network, now_ns), now_ns) + self._period_ns
        self._full_ns_by_network[network] = min(full_ns, now_ns + self._burst * self._period_ns)
        self._full_ns_by_network.move_to_end(network)
        if len(self._full_ns_by_network) > self._max_networks:
            self._full_ns_by_network.popitem(last=False)
