"""What the pages about keys may say: keys.html and start.html. Every value is ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame
from viewer.reference.contexts import Paste


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: how long ago, as ISO-8601, and in full."""

    words: str
    iso: str
    full: str


@dataclass(frozen=True, slots=True)
class KeyCard:
    """One key of the list. `until`: when it ends, where it does; `name` is what its owner called it."""

    name: str
    hint: str
    scopes: str
    created: Moment
    last_used: Moment | None
    usage: str
    """Requests of the last hour."""
    usage_more: str
    """What is left, and when there is more."""
    is_used_up: bool
    until: Moment | None
    is_expired: bool
    can_rotate: bool
    revoke_url: str
    rotate_url: str


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key that was just made: the one time that its secret is shown."""

    name: str
    secret: str
    snippets: tuple[NamedPaste, ...]


@dataclass(frozen=True, slots=True)
class NamedPaste:
    """Something to paste, what it is called, and what to know before."""

    title: str
    note: str
    paste: Paste


@dataclass(frozen=True, slots=True)
class KeyForm:
    """The form that makes a key, as it was filled in; `wrong_…`: what must be mended, "" for nothing."""

    label: str
    writes: bool
    reads: bool
    wrong_label: str
    wrong_scopes: str
    refusal: str
    """Why no key can be made at all."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """What became of a request. `state`: good, bad or odd."""

    at: Moment
    door: str
    status: str
    state: str
    outcome: str
    message: str
    advice: str
    url: str
    key: str
    """The name of its key, or the hint of one that was revoked; "" where it is not known."""


@dataclass(frozen=True, slots=True)
class KeysPage:
    """What keys.html shows."""

    title: str
    frame: Frame
    notice: str
    """What was just done; "" for nothing."""
    shown: ShownKey | None
    form: KeyForm
    max_label: int
    keys: tuple[KeyCard, ...]
    requests: tuple[RequestLine, ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A trace that has come."""

    heading: str
    state: str
    """good, bad, live or open."""
    status: str
    url: str
    readers: str
    """Who can open it."""
    at: Moment


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was not taken, or in part alone. `reason` is the message as the sender got it."""

    headline: str
    status: str
    reason: str
    advice: str
    at: Moment


@dataclass(frozen=True, slots=True)
class StartPage:
    """What start.html shows. `secret`: of the first key, while it is shown; "" else."""

    title: str
    frame: Frame
    secret: str
    has_keys: bool
    refusal: str
    """Why no key can be made."""
    run: NamedPaste
    """For who has a program."""
    first: NamedPaste
    """For who has none at hand."""
    others: tuple[NamedPaste, ...]
    events_url: str
    arrived: Arrived | None
    refused: Refused | None
