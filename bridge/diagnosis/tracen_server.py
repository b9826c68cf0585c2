"""The server that a set-up means, asked over its API: is it Tracen, can it write, its clock; a key and its history."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.diagnosis import alerts
from bridge.diagnosis.doors import key_refused, redirected
from bridge.diagnosis.finding import Finding, Subject, Verdict, hint, place_of
from bridge.diagnosis.network import sent_here
from bridge.diagnosis.target import Target
from bridge.diagnosis.web import AGENT, Answer, Unanswered, Web
from bridge.presence import Doors
from viewer.logs import one_line
from viewer.store.people import Scope

MAX_SKEW_S = 30
_SHOWN_REFUSALS = 3
_NO_TRACE = "0" * 31 + "1"
_QUOTA = re.compile(r'"[^"]*";r=(\d{1,9});t=(\d{1,9})')
_POLICY = re.compile(r'"[^"]*";q=(\d{1,9});w=(\d{1,9})')


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known of a key. `left` of the hour's `limit`, None where that was not told; `reset_s`: when more is."""

    scopes: frozenset[Scope] = frozenset()
    left: int | None = None
    limit: int | None = None
    reset_s: int = 0

    @property
    def may_delete(self) -> bool:
        return {Scope.READ, Scope.WRITE} <= self.scopes


class TracenServer:
    """One server. `clock_s` is our time, since the epoch; `doors` are those of a server on this machine."""

    def __init__(self, target: Target, web: Web, doors: Doors | None, clock_s: Callable[[], float]) -> None:
        self._target = target
        self._web = web
        self._doors = doors
        self._clock_s = clock_s

    def judge(self, subject: Subject) -> Iterator[Finding]:
        """Whether it is Tracen and can write, and whose clock is wrong. The first that fails is the last."""
        try:
            answer = self._web.get("/readyz")
        except Unanswered as error:
            yield subject.failure("Tracen", *self._unanswered(error))
            return
        finding = self._judged_readiness(answer, subject)
        yield finding
        clock = self._judged_clock(answer, subject)
        if clock and finding.verdict is Verdict.OK:
            yield clock

    def _unanswered(self, error: Unanswered) -> tuple[str, ...]:
        if slip := alerts.slip_in(str(error), self._target):
            return slip
        place = place_of(self._target.url)
        found = f"{place} does not answer as a web server does: {error}"
        if error.is_silent:
            found = f"{place} takes connections, and says nothing: it hangs, or is no Tracen"
        return found, self._elsewhere()

    def _elsewhere(self) -> str:
        if self._doors and self._target.is_local:
            return sent_here(self._target, self._doors)
        return "TRACEN_ENDPOINT is the address of its pages; `tracen serve` prints it as http=…"

    def _judged_readiness(self, answer: Answer, subject: Subject) -> Finding:
        told = answer.json()
        if answer.status == 200 and told.get("status") == "ok":
            version = self._version()
            return subject.ok("Tracen", f"ready to write{f', version {version}' if version else ''}")
        if answer.status == 503 and "title" in told:
            repair = "make room on its disk, or give it rights to write; its log says which"
            return subject.failure("Tracen", "it runs, but can not write: its disk is full, or busy", repair)
        if answer.is_redirect:
            refused = redirected(answer, self._target)
            return subject.failure("Tracen", refused.found, *refused.repair)
        if "/v1/traces" in str(told.get("message", "")):
            found = "that is the port of OTLP/HTTP; pages and API are at another one, usually 8000"
            return subject.failure("Tracen", found, self._elsewhere())
        kind = one_line(answer.media_type)[:60] or "no type"
        found = f"what answers at {place_of(self._target.url)} is no Tracen: {answer.status}, {kind}"
        return subject.failure("Tracen", found, self._elsewhere())

    def _version(self) -> str:
        """As its description tells it; "" where it does not."""
        try:
            information = self._web.get("/openapi.json").json().get("info")
        except Unanswered:
            return ""
        version = information.get("version", "") if isinstance(information, dict) else ""
        return one_line(str(version))[:40]

    def _judged_clock(self, answer: Answer, subject: Subject) -> Finding | None:
        try:
            theirs_s = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return None
        skew_s = round(self._clock_s() - theirs_s)
        if abs(skew_s) <= MAX_SKEW_S:
            return subject.ok("clock", "as the server's")
        way = "ahead of" if skew_s > 0 else "behind"
        found = f"this machine is {abs(skew_s):,} s {way} the server; traces are shown at the wrong time"
        return subject.warning("clock", found, "timedatectl set-ntp true")


class KeyCheck:
    """One key at one server."""

    def __init__(
        self, secret: str, target: Target, web: Web, why_refused: Callable[[str, Target], str]
    ) -> None:
        self._secret = secret
        self._target = target
        self._web = web
        self._why_refused = why_refused
        self.state: KeyState | None = None
        """What was found; None for a key that is refused."""

    def judge(self, subject: Subject, clock_s: float) -> Iterator[Finding]:
        """Whether it is valid, what it may do, what is left of its hour, and what was refused of late."""
        try:
            answer = self._web.get("/api/requests")
            if answer.status != 200:
                yield self._refused(answer, subject)
                return
            state = self.state = KeyState(self._scopes(), *_quota_of(answer))
        except Unanswered as error:
            yield subject.failure("key", f"the server broke off when it was asked about the key: {error}")
            return
        yield self._judged_scopes(state, subject)
        yield from _judged_limit(state, subject, clock_s)
        yield _judged_history(answer, subject)

    def _refused(self, answer: Answer, subject: Subject) -> Finding:
        if answer.status == 401:
            refused = key_refused(answer.words, self._target)
            why = self._why_refused(self._secret, self._target) or refused.found
            return subject.failure("key", f"{hint(self._secret)}: {why}", *refused.repair)
        if answer.status == 429:
            return subject.failure(
                "key", f"429: {answer.words}", "too many wrong keys came from here; wait a little"
            )
        return subject.failure("key", f"the server answers {answer.status} when it is asked about the key")

    def _scopes(self) -> frozenset[Scope]:
        """Found by asking for what needs each. Raises Unanswered."""
        scopes = set()
        if self._web.get("/api/traces?limit=1").status == 200:
            scopes.add(Scope.READ)
        if self._web.get(f"/api/traces/by-otel/{_NO_TRACE}").status in (200, 404, 410):
            scopes.add(Scope.WRITE)
        return frozenset(scopes)

    def _judged_scopes(self, state: KeyState, subject: Subject) -> Finding:
        shown_key = hint(self._secret)
        if Scope.WRITE not in state.scopes:
            found = f"{shown_key} may read and not write: it can send nothing"
            return subject.failure("key", found, "make a key that may write, at /app/settings")
        if Scope.READ not in state.scopes:
            return subject.ok("key", f"{shown_key} may write, and not read or delete")
        return subject.ok("key", f"{shown_key} may write and read")


def _quota_of(answer: Answer) -> tuple[int | None, int | None, int]:
    """What is left, of how many, and in how many seconds there is more (`RateLimit`, `RateLimit-Policy`)."""
    quota = _QUOTA.search(answer.headers.get("ratelimit", ""))
    policy = _POLICY.search(answer.headers.get("ratelimit-policy", ""))
    limit = int(policy[1]) if policy else None
    return (int(quota[1]), limit, int(quota[2])) if quota else (None, limit, 0)


def _judged_limit(state: KeyState, subject: Subject, clock_s: float) -> Iterator[Finding]:
    if state.left is None:
        return
    of = f" of {state.limit:,}" if state.limit else ""
    if state.left:
        yield subject.ok("limit", f"{state.left:,}{of} posts are left in this hour")
        return
    until = datetime.fromtimestamp(clock_s + state.reset_s, UTC).astimezone()
    found = f"used up: no post{of} is left until {until:%H:%M:%S} (in {state.reset_s:,} s)"
    yield subject.failure("limit", found, "wait until then, or send over OTLP, which it does not count")


def _judged_history(answer: Answer, subject: Subject) -> Finding:
    told = answer.json().get("requests")
    requests = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    others = [one for one in requests if not str(one.get("user_agent", "")).startswith(AGENT)]
    refused = [one for one in others if one.get("outcome") != "accepted"]
    if not refused:
        count = f"none of the last {len(others)} was refused" if others else "none so far with this key"
        return subject.ok("requests", count)
    found = f"{len(refused)} of the last {len(others)} were refused, or taken in part"
    return subject.warning("requests", found, *(_told_request(one) for one in refused[:_SHOWN_REFUSALS]))


def _told_request(request: dict[str, Any]) -> str:
    at = str(request.get("received_at", ""))
    try:
        at = datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        at = "at some time"
    words = [str(request.get(name, "")) for name in ("door", "status", "outcome")]
    message = str(request.get("message") or "")
    return one_line(f"{at}  {' '.join(words)}{f': {message}' if message else ''}")[:200]
