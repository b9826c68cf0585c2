"""`/app/start`, the first minute: the key, what to paste, and what came of it as soon as it comes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from viewer import pages
from viewer.accounts.arrivals import Arrivals, News, Subject
from viewer.accounts.first_key import LABEL, START, first_key_cookie
from viewer.accounts.frame import NO_STORE, SESSION_OVER, frame_for
from viewer.accounts.key_contexts import Arrived, Refused, StartPage
from viewer.accounts.key_list import pastes_of
from viewer.accounts.keyring import AccountGone, Keyring
from viewer.accounts.sessions import Sessions
from viewer.keys import sha256_of
from viewer.network import address_of, network_of
from viewer.policy import session_of, with_session
from viewer.reference.snippets import COLLECTOR, CURL, EXPORTER, JAVASCRIPT, OTLP, PYTHON, RUN
from viewer.settings import Settings
from viewer.store.base import TooManyKeys
from viewer.store.people import ALL_SCOPES, Accounts, Key

_NEXT = "/app/traces"
_OTHERS = (PYTHON, JAVASCRIPT, EXPORTER, OTLP, COLLECTOR)
_HEARTBEAT_S = 15


class StartPages:
    """The page of the first minute, what its buttons do, and its news."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        keyring: Keyring,
        arrivals: Arrivals,
        settings: Settings,
        clock_ns: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._keyring = keyring
        self._arrivals = arrivals
        self._settings = settings
        self._clock_ns = clock_ns
        self._cookie = first_key_cookie(settings.base_url)
        self.routes = [
            with_session(START, self.page),
            with_session(f"{START}/events", self.events),
            with_session(f"{START}/key", self.add_key, ["POST"]),
            with_session(f"{START}/done", self.done, ["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The secret, as long as the browser has it: a first trace does not end that, since there is more to paste."""
        session, now_ns = session_of(request), self._clock_ns()
        secret = self._cookie.secret_of(request)
        key = await self._key_of(request, secret) if secret else None
        subject = self._subject(request, key.created_ns if key else 0)
        news = await self._arrivals.now(subject)
        shown = secret if key else None
        keys = await self._accounts.keys_of(session.account.id)
        run, first, *others = pastes_of((RUN, CURL, *_OTHERS), self._settings.base_url, shown, now_ns)
        page = StartPage(
            title="Send your first trace · Tracen",
            frame=frame_for(request, START),
            secret=shown or "",
            has_keys=any(key.is_valid_at(now_ns) for key in keys),
            refusal=await self._keyring.refusal(session.account.id),
            run=run,
            first=first,
            others=tuple(others),
            events_url=f"{START}/events?since={subject.since_ns}",
            arrived=news.arrived,
            refused=news.refused,
        )
        response = HTMLResponse(pages.render(page), headers=NO_STORE)
        if not shown and self._cookie.name in request.cookies:
            self._cookie.take_back(response)
        return response

    async def add_key(self, request: Request) -> Response:
        """Make another key, for who came back without one."""
        response = RedirectResponse(START, 303, NO_STORE)
        try:
            secret = await self._keyring.add(session_of(request).account.id, LABEL, ALL_SCOPES)
        except TooManyKeys:  # which the page says by itself
            return response
        except AccountGone:
            raise HTTPException(401, headers=SESSION_OVER) from None
        self._cookie.give(response, secret)
        return response

    async def done(self, request: Request) -> Response:
        """The key was copied: forget it here, too."""
        response = RedirectResponse(_NEXT, 303, NO_STORE)
        self._cookie.take_back(response)
        return response

    async def events(self, request: Request) -> Response:
        """Server-sent events: `news` with all that there is to tell, `over` where there will be none."""
        self._arrivals.check_room()
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) < 20):
            raise HTTPException(404, headers=NO_STORE)
        return StreamingResponse(
            self._told(request, self._subject(request, int(since))),
            media_type="text/event-stream",
            headers=NO_STORE,
        )

    async def _told(self, request: Request, subject: Subject) -> AsyncIterator[str]:
        yield "retry: 3000\n\n"
        async with contextlib.aclosing(self._arrivals.changes(subject, _HEARTBEAT_S)) as changes:
            async for news in changes:
                if await self._sessions.of(request) is None:
                    break  # logged out meanwhile
                yield _event(news) if news else ": still here\n\n"
        if not self._arrivals.is_over():  # else the server ends, and the browser asks again
            yield "event: over\ndata: \n\n"

    def _subject(self, request: Request, since_ns: int) -> Subject:
        network = network_of(address_of(request, self._settings.proxies))
        return Subject(session_of(request).account, network, since_ns)

    async def _key_of(self, request: Request, secret: str) -> Key | None:
        """The key of a secret that the browser brings, if it is a good one of this account."""
        key = await self._accounts.key(sha256_of(secret))
        is_ours = key is not None and key.account_id == session_of(request).account.id
        return key if key and is_ours and key.is_valid_at(self._clock_ns()) else None


def _event(news: News) -> str:
    told = json.dumps({"arrived": _fields(news.arrived), "refused": _fields(news.refused)})
    return f"event: news\ndata: {told}\n\n"


def _fields(part: Arrived | Refused | None) -> dict[str, Any] | None:
    return asdict(part) if part else None
