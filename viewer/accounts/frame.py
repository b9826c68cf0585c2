"""What surrounds every page that somebody has logged in to: who it is, and where else there is to go."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from viewer.store.people import Session

_LINKS = (("/app/traces", "Traces"), ("/app/settings", "Settings"), ("/docs", "Docs"))
_TABS = (("/app/settings", "Keys"), ("/app/account", "Account"))
_SUBSCRIPTION = ("/app/subscription", "Subscription")


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
    tabs: tuple[FrameLink, ...]
    """Of the settings, shown on each of their pages."""


def frame_for(request: Request, here: str) -> Frame:
    """The frame of a page at the path `here`, in a handler of a route with Policy.SESSION."""
    session: Session = request.state.session
    has_subscriptions = request.app.state.subscriptions.is_offered or here == _SUBSCRIPTION[0]
    shown = (*_TABS, _SUBSCRIPTION) if has_subscriptions else _TABS
    tabs = tuple(FrameLink(href, label, href == here) for href, label in shown)
    links = tuple(
        FrameLink(href, label, href == here or (label == "Settings" and any(tab.is_here for tab in tabs)))
        for href, label in _LINKS
    )
    return Frame(session.account.email, links, tabs)


NO_STORE = {"cache-control": "no-store", "referrer-policy": "same-origin"}
"""Headers of what only one person may see. With `no-referrer`, browsers send forms with `Origin: null`, and over plain
HTTP with nothing else that says whose they are (Fetch, "append a request Origin header")."""
SESSION_OVER = {"www-authenticate": "Session", **NO_STORE}
"""Headers of the 401 where a session ended while it was being used."""
