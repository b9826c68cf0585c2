"""What surrounds every page that somebody has logged in to: who it is, and where else there is to go."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.store.people import Session

_LINKS = (("/app/traces", "Traces"), ("/app/settings", "Settings"), ("/docs", "Docs"))


@dataclass(frozen=True, slots=True)
class FrameLink:
    """A place to go; `is_here`: it is the one that is shown."""

    href: str
    label: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The head of a page: what app.html shows of it."""

    email: str
    links: tuple[FrameLink, ...]


def frame_of(session: Session, here: str) -> Frame:
    """The frame of a page at the path `here`."""
    links = tuple(FrameLink(href, label, href == here) for href, label in _LINKS)
    return Frame(session.account.email, links)


NO_STORE = {"cache-control": "no-store"}
"""Headers of what only one person may see."""
