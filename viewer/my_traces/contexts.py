"""What the templates of an account's traces may say. Every value is ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame
from viewer.accounts.key_contexts import Moment


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can be chosen in a field."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A field with options, the first of which is that it does not matter; with that alone it is not shown."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """Something that is filtered by; the link leads to the list without it."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class FilterBar:
    """The form above the list, as it is filled in."""

    words: str
    max_words: int
    selects: tuple[Select, ...]
    since: str
    until: str
    chips: tuple[Chip, ...]
    clear_href: str


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One trace of the list. `id` is that of its page."""

    id: str
    href: str
    url: str
    title: str
    state: str
    """good, bad, live or open."""
    status: str
    model: str
    kinds: tuple[str, ...]
    """Of its steps, by the names of their icons."""
    kinds_told: str
    """The same in words."""
    steps: str
    steps_noun: str
    tokens: str
    duration: str
    started: Moment
    sharing: str
    """Who can see it, in a word."""
    sharing_told: str
    """The same in a sentence."""
    sharing_href: str


@dataclass(frozen=True, slots=True)
class MyTracesPage:
    """What my_traces.html shows."""

    title: str
    frame: Frame
    filters: FilterBar
    notices: tuple[str, ...]
    """What was left out of what was asked for."""
    done: str
    """What was just deleted; "" for nothing."""
    is_done_good: bool
    """It was done."""
    backlog: str
    """How much is not in the list yet; "" for nothing."""
    is_any: bool
    """Nothing is filtered."""
    is_searched: bool
    """A text is searched for."""
    is_first: bool
    """No newer ones can be on a page before this one."""
    count: str
    rows: tuple[TraceRow, ...]
    newest_href: str
    older_href: str
    """"" where there are no more."""
    list_query: str
    """The list as its form sends it along, to come back to."""
    edition: str
    events_url: str
    base_url: str


@dataclass(frozen=True, slots=True)
class DoomedTrace:
    """A trace that is to be deleted."""

    href: str
    title: str


@dataclass(frozen=True, slots=True)
class DeletionPage:
    """What my_traces_deletion.html shows."""

    title: str
    frame: Frame
    count: str
    traces: tuple[DoomedTrace, ...]
    more: str
    """Those beyond, in words; "" for none."""
    missed: str
    """Those that were chosen and are not there, in words; "" for none."""
    ids: tuple[str, ...]
    list_query: str
    back_href: str
