"""`/`: what Tracen is, a trace to look at, and where to begin; `/app`, which leads inside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from viewer import summary
from viewer.accounts.answers import HOME as INSIDE
from viewer.accounts.answers import led_to
from viewer.accounts.frame import Frame, frame_of, headers_with
from viewer.accounts.key_list import pastes_of
from viewer.accounts.sessions import Sessions
from viewer.contexts import Link
from viewer.document import Document, rows_parts, steps_part
from viewer.front.contexts import HomePage, SamplePart
from viewer.front.sample import page_of_sample
from viewer.pages import render
from viewer.policy import public, with_session
from viewer.quotes import Quoter
from viewer.reference.snippets import CURL, EXPORTER, OTLP, RUN
from viewer.settings import Settings
from viewer.store.base import Store, StoreUnavailable
from viewer.tellings import Documents
from viewer.timeline.rows import Timeline
from viewer.view import View

_TITLE = "Tracen: share what your agent did"
_DESCRIPTION = "Run an LLM agent, get a URL. Whoever opens it sees what happened."

_DOORS = (RUN, CURL, EXPORTER, OTLP)


class Front:
    """The front door."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        sessions: Sessions,
        settings: Settings,
        clock_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._documents = documents
        self._sessions = sessions
        self._settings = settings
        self._clock_ns = clock_ns
        self.routes = [
            public("/", self.home),
            *(with_session(path, self.inside, ["GET"]) for path in ("/app", "/app/")),
        ]

    async def home(self, request: Request) -> Response:
        """The page, with the sample where it can be read."""
        now_ns, frame, sample = self._clock_ns(), None, None
        with contextlib.suppress(StoreUnavailable):  # who and what is shown can wait, the page can not
            session = await self._sessions.of(request)
            frame = frame_of(session, request, "/") if session else None
            sample = await self._sample(now_ns)
        page = home_page(self._settings, sample, now_ns, frame)
        return HTMLResponse(render(page), headers=headers_with(frame))

    async def inside(self, request: Request) -> Response:
        """Lead to the traces whoever typed the address as far as they remember it."""
        return led_to(INSIDE)

    async def _sample(self, now_ns: int) -> SamplePart | None:
        page = await page_of_sample(self._store, now_ns)
        if page is None:
            return None
        return sample_part(await self._documents.read(page, _wanted), page.id)


def home_page(
    settings: Settings, sample: SamplePart | None, now_ns: int, frame: Frame | None = None
) -> HomePage:
    """What the front door says to whoever comes; `frame`: of somebody who has logged in."""
    base_url = settings.base_url.rstrip("/")
    docs, log_in, sign_up = Link("/docs", "Docs"), Link("/login", "Log in"), Link("/signup", "Sign up")
    is_open = settings.sign_up_mode == "open"
    if frame:
        links, begin = [], Link(INSIDE, "See your traces")
    elif is_open:
        links, begin = [docs, log_in, sign_up], Link("/signup", "Get your key")
    else:
        links, begin = [docs, log_in], log_in
    doors = pastes_of(_DOORS, base_url, None, now_ns)
    return HomePage(_TITLE, _DESCRIPTION, tuple(links), frame, begin, sample, doors)


def _wanted(document: Document) -> Iterator[str]:
    yield from rows_parts(range(1, document.outline.step_count + 1))
    yield steps_part(0)


def sample_part(document: Document, page_id: str) -> SamplePart:
    """A small trace with all of its rows."""
    trace, outline, view = document.head(), document.outline, View(page_id)
    state, status = summary.outcome(trace)
    numbers = range(1, outline.step_count + 1)
    timeline = Timeline(document, view, outline.axis, Quoter(), document.steps_in(0))
    facts = summary.facts(trace, outline, view)[:4]
    return SamplePart(
        url=f"/traces/{page_id}",
        heading=summary.heading(trace),
        state=state,
        status=status,
        facts=tuple(replace(fact, token_sum=None) for fact in facts),
        prompt=trace.prompt,
        response=trace.response,
        shows_tokens=outline.shows_tokens,
        ticks=outline.axis.ticks(),
        steps=timeline.block(numbers),
    )
