"""What the searchable list of an account's traces promises: the interface and its records, for every engine.

The list is derived: all that is in it is made from what was received (viewer/summariser.py), some moments after that
has come, and could be made again. Knows nothing of how a trace is assembled, nor of pages.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from viewer.store.base import Page, Telling

MAX_TEXT = 4_000
"""Characters of a trace that are searched."""
MAX_LABEL = 100
"""Characters of a provider and of a model; longer ones are cut before they are saved, and before they are asked for."""
MAX_LISTED = 200
"""Traces that one call of `find` returns at most."""
MAX_CHOICES = 100
"""Models, and providers, that `choices` returns at most."""
MAX_BACKLOG = 10_000
"""Arrivals that `backlog` counts at most."""


class Outcome(StrEnum):
    """How a trace ended, as the list tells and filters it."""

    SUCCESS = "success"
    ERROR = "error"
    UNFINISHED = "unfinished"
    """Its root has not come, and nothing failed: it runs still, or was cut off."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list tells of a trace, masked like its page. `started_ns`: 0 where it was not told.

    `kinds`: those of its steps, each once. `provider` is a value of `Provider`, or the raw name of another one;
    it and `model` are "" where none was told. `first_ns`: when the first of its steps began, or it itself, if before.
    `meaning`: under what it was made, as in `Store.document`, where it is also all that `GET /api/traces` tells of the
    trace; else "".
    """

    title: str
    outcome: Outcome
    provider: str = ""
    model: str = ""
    kinds: tuple[str, ...] = ()
    started_ns: int = 0
    latency_ns: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    step_count: int = 0
    first_ns: int = 0
    lacks_root: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Which traces are wanted; what is not given does not matter. All that is given must hold.

    `text`: every word of it occurs in the trace, the last one, from three letters on, at least as a beginning. What
    stands together without a space, or in double quotes, stands together there. Case and accents do not matter. It
    has no other syntax, and may be anything at all; without a letter or digit it finds nothing, unless it is blank.
    `kind`: a step of that kind occurs. Started in [`since_ns`, `until_ns`), to the millisecond; a trace that did not
    tell when is taken to have started when it arrived.
    """

    text: str = ""
    outcome: Outcome | None = None
    provider: str | None = None
    model: str | None = None
    kind: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ListedTrace:
    """A trace in the list. `place` is where it stands there: the larger the newer, the same for as long as its start.

    `received_ns`: when the newest of what the summary was made from was received.
    """

    place: int
    page: Page
    summary: Summary
    received_ns: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to filter an account's traces by, commonest first."""

    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A trace that is not in the list as it is now. `page`: its page, if it has one.

    It stays due until a summary is saved that was made from `version`, as in Telling, or a later one.
    """

    account_id: str
    otel_trace_id: bytes
    version: int
    received_ns: int
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class Summarised:
    """What was made of a due trace, from the telling of `version`.

    `text` is what is searched, up to MAX_TEXT characters of it. The trace is not due again before `rest_until_ns`,
    whatever comes of it: one that grows is not read again for each span. Without a summary it is not listed.
    """

    due: Due
    version: int
    summary: Summary | None
    text: str = ""
    rest_until_ns: int = 0


class Catalogue(Protocol):
    """The list of each account's traces. All methods may be called concurrently, and raise StoreUnavailable.

    What is received MUST be due soon after, in the order of its arrival or the newest first, over restarts and
    crashes, and never be kept waiting by the list. What is deleted from the store, or expires there, MUST be gone from
    the list with the call that deletes it, its words from every file soon after, and MUST NOT come back with a
    summary that was on its way.
    """

    async def find(self, account_id: str, query: Query, before: int | None, limit: int) -> list[ListedTrace]:
        """List traces of an account, newest start first; `before` goes on below the `place` of an earlier answer.

        Traces that come or go between two calls MUST NOT move others: each of these is seen once. A start that
        cannot be (none, before 1990, more than a day after its arrival) counts as the time of its arrival.
        `limit` is at most MAX_LISTED. Only fewer traces than that mean that there are no more.
        """
        ...

    async def current(self, pages: Collection[Page]) -> dict[str, Summary]:
        """Return summaries by the id of the trace's page, less those that are missing.

        One that was made of less than has been received since is missing too, as a document would be.
        """
        ...

    async def choices(self, account_id: str) -> Choices:
        """Tell what occurs in the list of an account; of kinds all, of the others the MAX_CHOICES commonest."""
        ...

    async def edition(self, account_id: str) -> str:
        """Another text each time the list of the account has changed: cheap to ask, so that a page can look for news.

        It may change without need, as with a restart.
        """
        ...

    async def backlog(self, account_id: str) -> int:
        """Tell how many arrivals of an account the list does not know of yet, MAX_BACKLOG at most; 0: it is complete.

        An arrival may tell of many traces. What rests (`Summarised.rest_until_ns`) is in the list and not counted.
        """
        ...

    async def forget(self, page: Page) -> None:
        """Take a trace out of the list, its words out of every file, and make it due again: its masks have changed."""
        ...

    # -- for the summariser, of which there is one -----------------------------------------------------

    async def due(self, limit: int, now_ns: int) -> Sequence[Due]:
        """Return traces that are to be summarised now, most urgent first; the same ones again until they are saved.

        A trace MUST NOT be due for what a saved summary was made from. After an empty answer, ask again in a moment.
        """
        ...

    async def telling(self, due: Due, max_bytes: int) -> Telling:
        """Return what was received of a due trace, as `Store.telling` does."""
        ...

    async def save(self, summarised: Collection[Summarised]) -> None:
        """Put summaries in the list, all or none, in place of older ones of the same traces.

        A trace that is deleted meanwhile is left out; one of which more has come is due again.
        """
        ...
