"""What docs.html may say: every value is ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame
from viewer.contexts import Link


@dataclass(frozen=True, slots=True)
class Paste:
    """Something to paste, as the macro `paste` shows it; `id` is one of the page alone."""

    id: str
    caption: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of contents, and those under it."""

    link: Link
    inner: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to send a first run."""

    id: str
    title: str
    note: str
    paste: Paste


@dataclass(frozen=True, slots=True)
class WayGroup:
    """Set-ups of SDKs and frameworks that run on the same."""

    title: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field of the payload: its path, what it may hold, and what for."""

    path: str
    holds: str
    help: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request that the service answers."""

    method: str
    path: str
    summary: str
    takes_key: bool
    parameters: tuple[str, ...]
    """What its query may hold."""


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A status, the titles that its answers have, and what to do."""

    status: int
    titles: str
    advice: str


@dataclass(frozen=True, slots=True)
class DocsPage:
    """What docs.html shows."""

    title: str
    description: str
    links: tuple[Link, ...]
    """Where there is more, in the head of the page, for strangers."""
    frame: Frame | None
    """For who has logged in."""
    sign_up: str
    """open, invitation or closed."""
    base_url: str
    placeholder: str
    """What stands in the snippets for a key."""
    contents: tuple[Entry, ...]
    ways: tuple[Way, ...]
    setups: tuple[WayGroup, ...]
    answer: Paste
    requests: tuple[RequestRow, ...]
    max_body: str
    fields: tuple[FieldRow, ...]
    extension: tuple[FieldRow, ...]
    extension_size: str
    """How many fields it has, in words."""
    extended: Paste
    limit: str
    """Requests in an hour, by plan where there are several."""
    has_plans: bool
    reservations: str
    """Pages of an account that may wait for their traces."""
    limited: Paste
    refused: Paste
    refusals: tuple[RefusalRow, ...]
