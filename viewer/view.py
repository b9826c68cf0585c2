"""What a reader asks of a trace page, in its URL: which steps, which stretch of time, which words.

Nothing here is refused: what can not be understood shows the page as if it had not been asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from viewer.legible import plain_line

MAX_QUERY = 200
_MAX_NUMBER = 10**9
_ZOOM = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class View:
    """A way to look at one trace. Steps are named by number."""

    page_id: str
    step: int = 0
    """A step that is to be seen, unfolded; 0 for none."""
    first: int = 1
    """The step with which the timeline begins, where it does not fit on one page."""
    shows_all: bool = False
    """Nothing is folded away."""
    zoom_us: tuple[int, int] | None = None
    """Start and end of the stretch of time that is shown, in microseconds after the beginning."""
    is_markdown: bool = False
    """Texts are rendered; else they stand as they were sent."""
    words: str = ""
    """What is searched for."""
    sent: range = range(0)
    """The steps whose rows are on the page."""

    @property
    def path(self) -> str:
        return f"/traces/{self.page_id}"

    def url(self, **changes: object) -> str:
        """The address of this view, or of one that differs."""
        return self.path + self.query(**changes)

    def query(self, **changes: object) -> str:
        """The part of the address that tells the view, "?" included; "" for the plain one."""
        view = replace(self, **changes)  # type: ignore[arg-type]
        told = {
            "q": view.words,
            "step": str(view.step) if view.step else "",
            "from": str(view.first) if view.first > 1 else "",
            "all": "1" if view.shows_all else "",
            "text": "markdown" if view.is_markdown else "",
            "zoom": f"{view.zoom_us[0]}-{view.zoom_us[1]}" if view.zoom_us else "",
        }
        query = urlencode({name: value for name, value in told.items() if value})
        return f"?{query}" if query else ""

    def rows_query(self) -> str:
        """How rows are asked for that look like these."""
        return self.query(step=0, first=1, words="").removeprefix("?")

    def href(self, number: int) -> str:
        """Where a link to a step leads: within the page where it is there."""
        if number in self.sent:
            return f"#step-{number}"
        return self.url(step=number, first=1, words="") + f"#step-{number}"

    def step_url(self, number: int) -> str:
        """The page of a single step."""
        return f"{self.path}/steps/{number}" + ("?text=markdown" if self.is_markdown else "")


@dataclass(frozen=True, slots=True)
class Liveness:
    """Whether more of a trace is on its way. `version` is how far it has come."""

    version: int = 0
    is_receiving: bool = False
    """The run goes on, as far as can be told."""
    is_watched: bool = False
    """More may come: the page listens for it."""


AT_REST = Liveness()


def view_of(page_id: str, parameters: Mapping[str, str]) -> View:
    """Read a view from the parameters of a URL."""
    return View(
        page_id,
        step=parse_number(parameters.get("step"), 0),
        first=max(1, parse_number(parameters.get("from"), 1)),
        shows_all=parameters.get("all") == "1",
        is_markdown=parameters.get("text") == "markdown",
        zoom_us=_zoom(parameters.get("zoom", "")),
        words=plain_line(parameters.get("q", ""), MAX_QUERY),
    )


def parse_number(text: str | None, default: int) -> int:
    """A number of a step, or the default."""
    if text is None or not (text.isascii() and text.isdigit()):
        return default
    return min(int(text[:12]), _MAX_NUMBER)


def _zoom(text: str) -> tuple[int, int] | None:
    found = _ZOOM.fullmatch(text)
    if found is None or int(found[1]) >= int(found[2]):
        return None
    return int(found[1]), int(found[2])
