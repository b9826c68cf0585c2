"""What sharing.html may say."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame
from viewer.contexts import Link


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several that a form offers."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text. `is_mark`: it stands for what was masked, or is what was looked for."""

    text: str
    is_mark: bool = False


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A text of a step and where it stands there."""

    where: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """What a reader sees of a step, or of the trace as a whole."""

    heading: str
    rows: tuple[PreviewRow, ...]


@dataclass(frozen=True, slots=True)
class MaskedKind:
    """A kind of what is masked, and in how many places of how many steps."""

    kind: str
    places: str
    steps: str


@dataclass(frozen=True, slots=True)
class OwnMask:
    """A text that the owner has masked. `id` names it in a form."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Sought:
    """A text that may be masked, and where it stands as things are."""

    text: str
    headline: str
    parts: tuple[PreviewPart, ...]
    more: str


@dataclass(frozen=True, slots=True)
class SharingPage:
    """What sharing.html shows."""

    title: str
    frame: Frame
    trace: Link
    path: str
    """Where the forms of the page lead to, each with a word more."""
    said: str
    """What was done just now; "" for nothing."""
    wrong: str
    """Why nothing was done; "" where that is not so."""
    state: str
    is_private: bool
    page_url: str
    untils: tuple[Choice, ...]
    """How long it may be shared."""
    is_indexed: bool
    kinds: tuple[MaskedKind, ...]
    places: tuple[PreviewPart, ...]
    """Where something is masked."""
    places_more: str
    masks: tuple[OwnMask, ...]
    text: str
    """In the field for one more."""
    max_length: int
    sought: Sought | None
    preview: tuple[PreviewPart, ...]
    preview_more: str
