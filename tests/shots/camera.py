"""Takes the pictures: one page at one width and scheme, the first screen and the whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.shots.cases import Case

Scheme = Literal["light", "dark"]

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
HEIGHT_BY_WIDTH = {390: 844, 768: 1024, 1440: 900}
MAX_HEIGHT = 6_000
"""Of a picture of a whole page, in CSS pixels."""
_TIMEOUT_MS = 120_000


@dataclass(frozen=True, slots=True)
class Look:
    """Through which eyes a page is seen."""

    width: int
    scheme: Scheme

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture on disk. `view` is fold (the first screen), full, or unfolded."""

    case: Case
    look: Look
    view: str
    path: Path


@contextlib.contextmanager
def opened(browser: Browser, url: str, look: Look, *, bypass_csp: bool = False) -> Iterator[Page]:
    """The page as a reader of this width and scheme sees it, drawn and at rest."""
    context = browser.new_context(
        viewport={"width": look.width, "height": HEIGHT_BY_WIDTH.get(look.width, 900)},
        color_scheme=look.scheme,
        reduced_motion="reduce",
        bypass_csp=bypass_csp,
    )
    try:
        page = context.new_page()
        page.set_default_timeout(_TIMEOUT_MS)
        page.goto(url)
        settle(page)
        yield page
    finally:
        context.close()


def settle(page: Page) -> None:
    """Wait until fonts are there and two frames were drawn. A live page never falls silent, so not for that."""
    page.evaluate(
        "document.fonts.ready.then(() => new Promise(done =>"
        " requestAnimationFrame(() => requestAnimationFrame(() => done()))))"
    )


def shoot(browser: Browser, case: Case, url: str, look: Look, folder: Path) -> Iterator[Shot]:
    """Take the pictures of one page: the first screen, the whole, and after the case's action."""
    with opened(browser, url, look) as page:
        yield _take(page, case, look, "fold", folder)
        yield _take(page, case, look, "full", folder)
        if case.action:
            case.action(page)
            settle(page)
            yield _take(page, case, look, "unfolded", folder)


def _take(page: Page, case: Case, look: Look, view: str, folder: Path) -> Shot:
    shot = Shot(case, look, view, folder / f"{case.name}-{look}-{view}.png")
    if view == "fold":
        page.screenshot(path=shot.path)
    else:
        height = min(page.evaluate("document.documentElement.scrollHeight"), MAX_HEIGHT)
        clip = {"x": 0, "y": 0, "width": look.width, "height": height}
        page.screenshot(path=shot.path, full_page=True, clip=clip)  # type: ignore[arg-type]
    return shot
