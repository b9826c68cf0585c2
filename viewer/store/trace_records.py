"""What a store tells of one trace: its page, who may see that, what was received, what was assembled of it.

Records alone; `viewer.store.base` says what a store does with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from viewer.store.body_kind import BodyKind


@dataclass(frozen=True, slots=True)
class Page:
    """The permanent page of one trace. `id` is a random UUID. `opened`: somebody has looked at it.

    `waits_since_ns`: it was made ahead of its trace, then, and perhaps nothing has come; `Progress` knows.
    `withdrawn`: it has another id now; all else that is told is whether it was private then. `masks`: texts that are
    shown to nobody.
    """

    id: str
    account_id: str
    otel_trace_id: bytes
    deleted: bool = False
    opened: bool = False
    waits_since_ns: int | None = None
    is_private: bool = False
    shared_until_ns: int | None = None
    is_indexed: bool = False
    masks: tuple[str, ...] = ()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who may see a page: its owner alone, or whoever has the link, up to `shared_until_ns` (None: for ever).

    `is_indexed`: search engines may list it.
    """

    is_private: bool = False
    shared_until_ns: int | None = None
    is_indexed: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """What was received of one trace, in order of arrival. `version` grows with every batch and post.

    `omitted` bodies at the end were more than was asked for.
    """

    version: int
    bodies: tuple[tuple[BodyKind, bytes], ...]
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """Some parts of what was assembled of a trace. `edition` is another one for each time it was saved."""

    edition: str
    parts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a trace has come: its `version`, as in Telling, and when the newest of it was received; 0: nothing."""

    version: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class RecentTrace:
    """A trace of an account, and when the newest that is known of it was received."""

    otel_trace_id: bytes
    received_ns: int
