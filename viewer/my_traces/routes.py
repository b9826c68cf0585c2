"""`/app/traces`: the list, news of it, and the deletion of what was chosen in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from viewer import pages
from viewer.accounts.frame import NO_STORE, frame_for
from viewer.accounts.receipt import Receipts
from viewer.my_traces.deletion import MAX_AT_ONCE, Deletion, TooManySelected, deletion_of
from viewer.my_traces.filters import PATH, Filters, parse
from viewer.my_traces.news import News
from viewer.my_traces.page import (
    ROWS,
    Listed,
    Told,
    list_query,
    render_deletion,
    render_list,
    told_of,
)
from viewer.policy import session_of, with_session
from viewer.store.base import Page, Store
from viewer.store.catalogue import ListedTrace

_HEARTBEAT_S = 15.0


class MyTraces:
    """The traces of whoever has logged in."""

    def __init__(self, store: Store, base_url: str, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._base_url = base_url
        self._clock_ns = clock_ns
        self.news = News(lambda account_id: store.catalogue.edition(account_id))
        self._receipts = Receipts(base_url)
        self.routes = [
            with_session(PATH, self.page),
            with_session(f"{PATH}/events", self.events),
            with_session(f"{PATH}/delete", self.delete, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The list, filtered."""
        session, now_ns = session_of(request), self._clock_ns()
        filters, notices = parse(request.query_params)
        account_id = session.account.id
        catalogue = self._store.catalogue
        edition = await catalogue.edition(account_id)  # before the list, which may be newer
        traces, choices, backlog = await asyncio.gather(
            self._found(account_id, filters, now_ns, ROWS + 1),
            catalogue.choices(account_id),
            catalogue.backlog(account_id),
        )
        listed = Listed(traces, choices, backlog, edition)
        told = _told(request.query_params, notices) if self._receipts.is_for(request) else Told(notices)
        html = render_list(
            frame_for(request, PATH), filters, listed, told, base_url=self._base_url, now_ns=now_ns
        )
        return self._receipts.take_back(request, HTMLResponse(html, headers=NO_STORE))

    async def _found(
        self, account_id: str, filters: Filters, now_ns: int, limit: int
    ) -> Sequence[ListedTrace]:
        return await self._store.catalogue.find(account_id, filters.query(now_ns), filters.before, limit)

    # -- news

    async def events(self, request: Request) -> Response:
        """Server-sent events: `change` with the edition of the list, now and each time it is another one."""
        account_id = session_of(request).account.id
        self.news.check_room(account_id)
        return StreamingResponse(self._told(request), media_type="text/event-stream", headers=NO_STORE)

    async def _told(self, request: Request) -> AsyncIterator[str]:
        account_id, sessions = session_of(request).account.id, request.app.state.gate.sessions
        yield "retry: 3000\n\n"
        async with contextlib.aclosing(self.news.editions(account_id, _HEARTBEAT_S)) as editions:
            async for edition in editions:
                if await sessions.of(request) is None:
                    return  # logged out meanwhile
                yield ": still here\n\n" if edition is None else f"event: change\ndata: {edition}\n\n"

    # -- deletion

    async def delete(self, request: Request) -> Response:
        """Ask first, then delete; what is not the account's own is as if it were not there."""
        try:
            deletion = await deletion_of(request)
        except TooManySelected as refused:
            html = pages.render_message(422, "Nothing was deleted", str(refused), (pages.MINE,))
            return HTMLResponse(html, 422, NO_STORE)
        session = session_of(request)
        doomed = await self._own(session.account.id, deletion.ids)
        missed = len(deletion.ids) - len(doomed)
        if not doomed or deletion.is_confirmed:
            await self._store.delete_many(doomed, self._clock_ns())
            return self._receipts.led_to(_where_next(deletion, len(doomed), missed))
        listed = await self._found(session.account.id, deletion.filters, self._clock_ns(), ROWS)
        ids = [page.id for page in doomed]
        html = render_deletion(frame_for(request, PATH), ids, missed, listed, deletion.filters)
        return HTMLResponse(html, headers=NO_STORE)

    async def _own(self, account_id: str, ids: Sequence[str]) -> list[Page]:
        found = await asyncio.gather(*map(self._store.page, ids))
        own = [page for page in found if page and page.account_id == account_id]
        return [page for page in own if not (page.deleted or page.withdrawn)]


def _where_next(deletion: Deletion, deleted: int, missed: int) -> str:
    told = {"deleted": str(deleted)} | ({"missed": str(missed)} if missed else {})
    return f"{PATH}?{list_query(deletion.filters, **told)}"


def _told(parameters: Mapping[str, str], notices: tuple[str, ...]) -> Told:
    """What is said above the list: of a deletion too, where the address is one that it led to."""
    if "deleted" not in parameters:
        return Told(notices)
    counts = [parameters.get(name, "0") for name in ("deleted", "missed")]
    if not all(count.isascii() and count.isdigit() and len(count) < 4 for count in counts):
        return Told(notices)
    deleted, missed = map(int, counts)
    return told_of(deleted, missed, notices) if deleted + missed <= MAX_AT_ONCE else Told(notices)
