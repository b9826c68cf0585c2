"""As many demo traces as wanted: which scenarios, when they ran, under which ids. The same seed tells the same.

Trace ids begin with MARK: so they are found again, to be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from bridge.demo.knowledge_work import KNOWLEDGE_WORK
from bridge.demo.languages import LANGUAGES
from bridge.demo.service_work import SERVICE_WORK
from bridge.demo.software_work import SOFTWARE_WORK, nightly_batch
from bridge.demo.story import Story
from bridge.demo.telling import NS_PER_MS, Told, tell
from bridge.demo.trouble import RUNNING, TROUBLE

MARK = "0de300de300d"
"""Twelve digits: no other trace begins so by chance."""
_NS_PER_S = 1_000_000_000
_DAYS = 6.5
_EARLIEST_AGE_S = 120.0
_RARE = 2_000
"""A night's job, with two thousand steps, is one of so many traces."""

Scenario = Callable[[Random], Story]

COMMON: tuple[Scenario, ...] = SERVICE_WORK + SOFTWARE_WORK + KNOWLEDGE_WORK + LANGUAGES + TROUBLE
_WEIGHTS = (
    [6.0] * len(SERVICE_WORK)
    + [3.0] * len(SOFTWARE_WORK)
    + [5.0] * len(KNOWLEDGE_WORK)
    + [1.0] * len(LANGUAGES)
    + [3.0] * len(TROUBLE)
)
_FIRST = (
    SERVICE_WORK[0],
    SOFTWARE_WORK[0],
    KNOWLEDGE_WORK[0],
    RUNNING[0],
    nightly_batch,
    *TROUBLE[-1:],
    *RUNNING[1:],
)


class Filling:
    """Tells traces that ran in the days before `now_ns`, in no order of time."""

    def __init__(self, count: int, seed: int, now_ns: int) -> None:
        self._count = count
        self._seed = seed
        self._now_ns = now_ns

    def traces(self) -> Iterator[Told]:
        for number in range(self._count):
            rng = Random(f"{self._seed} {number}")  # noqa: S311 - chance that can be repeated is what is wanted
            scenario = self._scenario(number, rng)
            story = scenario(rng)
            trace_id = f"{MARK}{Random(f'{self._seed} {number} {self._now_ns}').getrandbits(80):020x}"  # noqa: S311
            age_s = _EARLIEST_AGE_S + _DAYS * 86_400 * rng.random() ** 2.2
            if scenario in RUNNING:
                age_s = 50.0
            elif scenario in TROUBLE and number < len(COMMON):
                age_s *= 0.2  # a first page of the list without failures would teach little
            told = tell(story, trace_id, self._now_ns - int(age_s * _NS_PER_S), rng)
            late_ns = told.end_ns - self._now_ns
            yield told if late_ns <= 0 or scenario in RUNNING else _earlier(told, late_ns + 1_000 * NS_PER_MS)

    def _scenario(self, number: int, rng: Random) -> Scenario:
        """Those that show most come first, then each once, then by chance."""
        order = _FIRST + tuple(s for s in COMMON if s not in _FIRST)
        if number < len(order):
            return order[number]
        if number % _RARE == 0:
            return nightly_batch
        return rng.choices(COMMON, _WEIGHTS)[0]


def _earlier(told: Told, by_ns: int) -> Told:
    """The same, ended before now."""
    for span in told.spans:
        for name in ("startTimeUnixNano", "endTimeUnixNano"):
            span[name] = str(int(span[name]) - by_ns)
        for event in span.get("events", ()):
            event["timeUnixNano"] = str(int(event["timeUnixNano"]) - by_ns)
    return Told(told.resource, told.scope, told.spans, told.end_ns - by_ns)
