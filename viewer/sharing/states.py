"""Who can see a page, in words, and where its owner decides that."""

from __future__ import annotations

from viewer import wording
from viewer.store.base import Page


def sharing_path(page_id: str) -> str:
    """Where the owner of a page finds its controls."""
    return f"/app/traces/{page_id}/sharing"


def wording_of(page: Page, now_ns: int) -> str:
    """Who can see a page now, as a sentence for its owner."""
    if page.is_private:
        return "Only you can see this page."
    until_ns = page.shared_until_ns
    if until_ns is None:
        return "Whoever has the link can see this page."
    when = wording.moment(until_ns, "minutes")
    if now_ns < until_ns:
        return f"Whoever has the link can see this page until {when}."
    return f"Only you can see this page: it was shared until {when}."
