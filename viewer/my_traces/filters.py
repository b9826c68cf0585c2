"""Which traces somebody wants to see, as it stands in the address of the list. Knows no store and no clock.

Nothing is refused here: what can not be understood is left out, and a notice says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from tracen_otel.model import StepKind
from viewer.legible import one_line, plain_line
from viewer.store.base import NS_PER_S
from viewer.store.catalogue import MAX_LABEL, Outcome, Query

PATH = "/app/traces"
MAX_WORDS = 200
_FURTHEST = (1 << 63) - 1
"""A place, and nanoseconds, that a store can be asked for."""
_SHOWN = 40
"""Characters of something wrong that its notice shows."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES = "%Y-%m-%dT%H:%M"
"""How a browser's field for a point in time writes it."""

E = TypeVar("E", bound=StrEnum)


class Time(StrEnum):
    """The stretches of time that can be chosen."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    BETWEEN = "between"
    """From a point in time to another one."""


_HOURS_BY_TIME = {Time.HOUR: 1, Time.DAY: 24, Time.WEEK: 7 * 24, Time.MONTH: 30 * 24}


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; what is empty does not matter. `before`: the list goes on below that place."""

    words: str = ""
    outcome: Outcome | None = None
    model: str = ""
    provider: str = ""
    kind: StepKind | None = None
    time: Time | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None

    @property
    def is_any(self) -> bool:
        """Nothing is filtered."""
        time = self.time if self.is_stretch else None
        return replace(self, before=None, time=time) == _NONE

    @property
    def is_stretch(self) -> bool:
        """A stretch of time is chosen, and it has an end at least."""
        return self.time is not None and (self.time is not Time.BETWEEN or bool(self.since or self.until))

    def query(self, now_ns: int) -> Query:
        """What the store is asked."""
        since_ns, until_ns = self._stretch(now_ns)
        return Query(
            self.words,
            self.outcome,
            self.provider or None,
            self.model or None,
            self.kind.value if self.kind else None,
            since_ns,
            until_ns,
        )

    def _stretch(self, now_ns: int) -> tuple[int | None, int | None]:
        if self.time is None:
            return None, None
        if self.time is Time.BETWEEN:
            return _ns(self.since), _ns(self.until)
        return now_ns - _HOURS_BY_TIME[self.time] * 3600 * NS_PER_S, None

    def parameters(self) -> dict[str, str]:
        """As they stand in the address, the place left out."""
        told = {
            "q": self.words,
            "status": self.outcome.value if self.outcome else "",
            "model": self.model,
            "provider": self.provider,
            "kind": self.kind.value if self.kind else "",
            "time": self.time.value if self.time else "",
            "from": minutes(self.since),
            "to": minutes(self.until),
        }
        return {name: value for name, value in told.items() if value}

    def href(self, **more: str) -> str:
        """The address of the first page of this list, with more said in it."""
        query = urlencode(self.parameters() | more)
        return f"{PATH}?{query}" if query else PATH

    def without(self, *names: str) -> Filters:
        """The same from the first page on, less some of what is asked for."""
        return replace(self, before=None, **{name: getattr(_NONE, name) for name in names})


_NONE = Filters()


def minutes(when: datetime | None) -> str:
    """A point in time as a browser's field for it takes it; "" for none."""
    return when.strftime(_MINUTES).zfill(16) if when else ""


def _ns(when: datetime | None) -> int | None:
    """Nanoseconds; what is further away than they can say is as far as they can."""
    if when is None:
        return None
    return max(-_FURTHEST, min((when - _EPOCH) // timedelta(microseconds=1) * 1000, _FURTHEST))


def parse(told: Mapping[str, str]) -> tuple[Filters, tuple[str, ...]]:
    """Read filters from the parameters of an address, and what to say about those that were left out."""
    notices: list[str] = []
    time = _one_of(Time, told, "time", notices)
    since, until = (_moment(told, name, notices) for name in ("from", "to"))
    if "time" not in told and (since or until):
        time = Time.BETWEEN
    if time is not Time.BETWEEN:
        since = until = None
    filters = Filters(
        words=plain_line(told.get("q", ""), MAX_WORDS),
        outcome=_one_of(Outcome, told, "status", notices),
        model=plain_line(told.get("model", ""), MAX_LABEL),
        provider=plain_line(told.get("provider", ""), MAX_LABEL),
        kind=_one_of(StepKind, told, "kind", notices),
        time=time,
        since=since,
        until=until,
        before=_place(told.get("before", "")),
    )
    notices += _oddities(told, filters)
    return filters, tuple(notices)


def _oddities(told: Mapping[str, str], filters: Filters) -> Iterator[str]:
    if len(told.get("q", "")) > MAX_WORDS:
        yield f"Only the first {MAX_WORDS} characters of the text are searched for."
    if filters.time and not filters.is_stretch and not (told.get("from") or told.get("to")):
        yield "“Between…” needs a start or an end; until then traces of any time are listed."
    if filters.since and filters.until and filters.since >= filters.until:
        yield "The end of the time is not after its beginning, so nothing can be found."


def _one_of(kinds: type[E], told: Mapping[str, str], name: str, notices: list[str]) -> E | None:
    return _parsed(kinds, told, name, ", ".join(kinds), notices)


def _moment(told: Mapping[str, str], name: str, notices: list[str]) -> datetime | None:
    def read(text: str) -> datetime:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)

    return _parsed(read, told, name, "a time in UTC like 2026-11-27T10:00", notices)


P = TypeVar("P")


def _parsed(
    read: Callable[[str], P], told: Mapping[str, str], name: str, expected: str, notices: list[str]
) -> P | None:
    text = told.get(name, "").strip()
    if not text:
        return None
    try:
        return read(text)
    except (ValueError, OverflowError):
        came = one_line(text, _SHOWN)
        notices.append(f"“{came}” was left out: {name} can be {expected}.")
        return None


def _place(text: str) -> int | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 30):
        return None
    return max(-_FURTHEST, min(int(text), _FURTHEST))
