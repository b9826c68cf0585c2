"""Whether what was sent became a page, and the end of that page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

from bridge.diagnosis.command_line import ADDRESS, exported, quoted
from bridge.diagnosis.doors import Taken
from bridge.diagnosis.finding import Finding, Subject, hint, origin_of
from bridge.diagnosis.pace import Pace
from bridge.diagnosis.specimen import NAME, Specimen
from bridge.diagnosis.target import Target, Transport, is_loopback
from bridge.diagnosis.web import Answer, Unanswered, Web
from bridge.secrecy import shown
from viewer.logs import one_line

_TRIES, _BETWEEN_S = 8, 0.25
_PAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Pages:
    """Of one run: each is deleted once, when all doors have been tried."""

    def __init__(self, specimen: Specimen, pace: Pace) -> None:
        self._specimen = specimen
        self._pace = pace
        self._left: dict[tuple[str, str], Target] = {}

    def read_back(
        self,
        taken: Taken,
        transport: Transport,
        span_id: bytes,
        api: Target | None,
        subject: Subject,
    ) -> Finding:
        """Ask for the page of what was taken, and for the span in it."""
        door = transport.door
        if api is None:
            return self._unread(taken, door, subject)
        try:
            with closing(Web(api.url, self._pace, api.secret, api.files)) as web:
                return self._read_back(web, transport, span_id, api, subject)
        except Unanswered as error:
            return subject.warning(door, f"taken, but could not be read back: {error}")

    def _unread(self, taken: Taken, door: str, subject: Subject) -> Finding:
        origin = origin_of(taken.url)
        if not origin:
            found = "taken, but no page was told: a Collector, or another backend, is in between"
            repair = exported("TRACEN_ENDPOINT", "", "ADDRESS-OF-TRACENS-PAGES")
            return subject.warning(door, found, repair)
        found = f"taken, its page is {shown(taken.url)}; it was not read back"
        return subject.warning(door, found, exported("TRACEN_ENDPOINT", origin))

    def _read_back(
        self,
        web: Web,
        transport: Transport,
        span_id: bytes,
        api: Target,
        subject: Subject,
    ) -> Finding:
        door = transport.door
        answer = self._find(web)
        page_id = str(answer.json().get("trace_id", ""))
        url = str(answer.json().get("url", ""))
        if answer.status not in (200, 404):
            found = f"taken, but could not be read back: {answer.status} {answer.words}"
            return subject.warning(
                door, found, f"{shown(api.url)} was asked, with the key {hint(api.secret)}"
            )
        if not _PAGE_ID.fullmatch(page_id):
            found = "taken, but Tracen has no page of it: what answers there sends it elsewhere"
            repair = f"{shown(api.url)} knows nothing of the trace ({answer.status})"
            return subject.failure(door, found, repair)
        self._left[(api.url, page_id)] = api
        path = f"/traces/{page_id}.json" if transport is Transport.POST else f"/traces/{page_id}.otlp.json"
        page = web.get(path)
        if page.status == 400:
            found = f"taken, but its page answers 400: {page.words}"
            return subject.warning(door, found, f"tracen serve --allowed-hosts {quoted(api.host, 'HOST')}")
        if page.status == 200 and transport is not Transport.POST and span_id.hex().encode() not in page.body:
            return subject.failure(
                door, "taken, but its span is not on its page", "tell whoever runs the server"
            )
        if page.status not in (200, 404):
            return subject.failure(door, f"taken, but its page answers {page.status}")
        return self._judged_url(url, api, door, subject, is_private=page.status == 404)

    def _find(self, web: Web) -> Answer:
        """Ask where the trace is until it is there: a Collector in between takes its time. Raises Unanswered."""
        path = f"/api/traces/by-otel/{self._specimen.trace_id.hex()}"
        for _ in range(_TRIES):
            answer = web.get(path)
            if answer.status != 404 or self._pace.step_s < 1:
                break
            time.sleep(_BETWEEN_S)
        return answer

    def _judged_url(self, url: str, api: Target, door: str, subject: Subject, *, is_private: bool) -> Finding:
        host = urlsplit(origin_of(url)).hostname or ""
        if is_loopback(host) and not api.is_local:
            found = f"taken, but pages are handed out as {shown(origin_of(url))}, which others can not open"
            return subject.warning(door, found, f"tracen serve --base-url {quoted(api.url, ADDRESS)}")
        return subject.ok(door, "sent, and it has a private page" if is_private else "sent, and on its page")

    def clean(self) -> Iterator[Finding]:
        """Delete what was made, where the key may."""
        while self._left:
            (_, page_id), api = self._left.popitem()
            subject = Subject("Afterwards")
            try:
                with closing(Web(api.url, self._pace, api.secret, api.files)) as web:
                    answer = web.ask("DELETE", f"{api.url}/api/traces/{page_id}")
            except Unanswered as error:
                yield subject.warning("test page", f"one page called {NAME!r} stays: {error}")
                continue
            if answer.status == 204:
                yield subject.ok("test page", "deleted")
                continue
            why = (
                "this key may not delete" if answer.status == 403 else f"deleting it answers {answer.status}"
            )
            found = f"one page called {NAME!r} stays, as {why}"
            yield subject.warning("test page", found, f"{shown(api.url)}/traces/{one_line(page_id)}")
