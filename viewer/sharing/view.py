"""From a page, and what was found by going through its trace, to what sharing.html shows."""

from __future__ import annotations

from viewer import wording
from viewer.accounts.frame import Frame
from viewer.contexts import Link
from viewer.legible import clip, one_line
from viewer.sharing.choices import untils
from viewer.sharing.contexts import OwnMask, SharingPage, Sought
from viewer.sharing.masks import MAX_MASK, digest_of
from viewer.sharing.review import Found, Review
from viewer.sharing.states import sharing_path, wording_of
from viewer.store.base import Page

_MAX_TITLE = 80


def sharing_page(
    page: Page,
    review: Review,
    frame: Frame,
    *,
    page_url: str,
    now_ns: int,
    said: str = "",
    wrong: str = "",
    text: str = "",
) -> SharingPage:
    """What the controls of a page show. `text` stands in the field for one more mask."""
    return SharingPage(
        title=f"Sharing · {one_line(review.heading, _MAX_TITLE)} · Tracen",
        frame=frame,
        trace=Link(f"/traces/{page.id}", review.heading),
        path=sharing_path(page.id),
        said=said,
        wrong=wrong,
        state=wording_of(page, now_ns),
        is_private=page.is_private,
        page_url=page_url,
        untils=tuple(untils(page.shared_until_ns, now_ns)),
        is_indexed=page.is_indexed,
        kinds=review.kinds,
        places=review.masked.parts,
        places_more=_more(review.masked),
        masks=tuple(OwnMask(digest_of((mask,)), clip(mask)) for mask in page.masks),
        text=text,
        max_length=MAX_MASK,
        sought=_sought(review.sought, text) if review.sought else None,
        preview=review.preview,
        preview_more="Long texts and later steps are cut short here; the page has all of them."
        if review.is_cut
        else "",
    )


def _more(found: Found) -> str:
    return f"and {wording.plural(found.more, 'place')} more" if found.more else ""


def _sought(found: Found, text: str) -> Sought:
    if not found.count:
        headline = "This stands nowhere in what readers see. Masked, it would not be shown if it came later."
    else:
        steps = f" of {wording.plural(found.step_count, 'step')}" if found.is_in_steps_alone else ""
        headline = f"This stands in {wording.plural(found.count, 'place')}{steps}."
    return Sought(text, headline, found.parts, _more(found))
