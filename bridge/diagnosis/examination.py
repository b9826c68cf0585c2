"""The whole of `tracen doctor`: its checks in the order in which one thing rests on another.

So the first that fails is the likeliest cause of all. Talks to the places alone that the environment means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from bridge.diagnosis import proxies
from bridge.diagnosis.doors import Refused, Sender, Taken
from bridge.diagnosis.environment import Environment, Given
from bridge.diagnosis.finding import SAME, Finding, Subject, Verdict, origin_of, place_of
from bridge.diagnosis.machine import Machine
from bridge.diagnosis.network import Network, Resolve, addresses_of
from bridge.diagnosis.pace import Pace
from bridge.diagnosis.pages import Pages
from bridge.diagnosis.specimen import Specimen
from bridge.diagnosis.speech import Address
from bridge.diagnosis.target import Target, Transport
from bridge.diagnosis.tracen_server import KeyCheck, KeyState, TracenServer
from bridge.diagnosis.web import Unanswered, Web
from bridge.secrecy import shown
from viewer.store.people import Scope

_GLANCE_S = 1.0
"""For a look whether the API is there as well: one that is slower is found by what its door answers."""


@dataclass(frozen=True, slots=True)
class Options:
    """What doctor was called with."""

    endpoint: Given
    key: Given
    db: str
    is_db_chosen: bool = False
    posts: bool = True


class Examination:
    """One run. Everything that is not the network is given: variables, clock, names."""

    def __init__(
        self,
        variables: Mapping[str, str],
        options: Options,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        pace: Pace | None = None,
        resolve: Resolve = addresses_of,
    ) -> None:
        self._options = options
        self._variables = variables
        self._machine = Machine(options.db, is_chosen=options.is_db_chosen)
        doors = self._machine.doors
        self._environment = Environment(variables, options.endpoint, options.key, doors, self._machine.db)
        self._clock_ns = clock_ns
        self._pace = pace or Pace()
        self._network = Network(self._pace, doors, resolve, self._machine.start)
        self._sender = Sender(specimen := Specimen(clock_ns()), self._pace, doors)
        self._pages = Pages(specimen, self._pace)
        self._specimen = specimen
        self._state_by_secret: dict[str, KeyState | None] = {}

    def findings(self) -> Iterator[Finding]:
        """Yield what is found, as it is found."""
        meant = self._environment.meant()
        is_default = not meant.is_otlp_chosen and not meant.is_api_chosen
        if is_default and self._machine.untold:
            yield self._machine.judge_secrecy()
            return
        if is_default and meant.api and not self._machine.doors and not self._network.is_open(meant.api):
            yield self._machine.judge_absence(meant.api)
        yield from self._environment.findings()
        yield from self._machine.judge(meant)
        api = meant.api or self._api_at(meant.otlp)
        if api:
            address = yield from self._judge_server(api, meant.otlp)
            yield from self._judge_post(api, address)
        for target in meant.otlp:
            yield from self._judge_otlp(target, api)
        yield from self._pages.clean()

    def close(self) -> None:
        """Delete what is still there, where nobody has waited for the end."""
        for _ in self._pages.clean():
            pass

    def _api_at(self, otlp: tuple[Target, ...]) -> Target | None:
        """The place that OTLP goes to, where pages and API are there as well, as behind a proxy."""
        for target in (target for target in otlp if not target.is_grpc):
            try:
                glance = Pace(min(_GLANCE_S, self._pace.step_s))
                with closing(Web(target.origin, glance, "", target.files)) as web:
                    is_api = web.get("/healthz").json().get("status") == "ok"
            except (Unanswered, OSError):  # told when its door is tried
                continue
            if is_api:
                return replace(
                    target,
                    url=target.origin,
                    transports=(Transport.POST,),
                    is_key_broken=target.is_key_broken or not target.secret,
                )
        return None

    def _judge_server(
        self, api: Target, otlp: tuple[Target, ...]
    ) -> Generator[Finding, None, Address | None]:
        subject = Subject(f"Tracen {shown(api.url)}")
        address = yield from self._network.reach(api, subject)
        if address is None:
            return None
        with closing(Web(api.url, self._pace, "", api.files)) as web:
            server = TracenServer(api, web, self._machine.doors, lambda: self._clock_ns() / 1e9)
            is_well = True
            for finding in server.judge(subject):
                is_well = is_well and finding.verdict != "fail"
                yield finding
        if not is_well:
            return None
        senders = (api, *(target for target in otlp if target.is_beside(api)))
        sender_by_secret = {one.secret: one for one in senders if one.secret and not one.is_key_broken}
        for sender in sender_by_secret.values():
            yield from self._judge_key(sender, api, subject)
        return address

    def _judge_key(self, sender: Target, api: Target, subject: Subject) -> Iterator[Finding]:
        secret = sender.secret
        with closing(Web(api.url, self._pace, secret, api.files)) as web:
            asked = replace(api, secret=secret, key_repair=sender.key_repair)
            check = KeyCheck(secret, asked, web, self._machine.why_refused)
            yield from check.judge(subject, self._clock_ns() / 1e9)
        self._state_by_secret[secret] = check.state

    def _judge_otlp(self, target: Target, api: Target | None) -> Iterator[Finding]:
        subject = Subject(f"OTLP {shown(target.url)}")
        address = yield from self._reach_otlp(target, subject)
        last: Finding | None = None
        for transport in target.transports:
            if address is None:
                yield subject.skipped(transport.door, f"not tried: {place_of(target.url)} is not reached")
            else:
                finding = self._judged_door(target, transport, address, subject, api)
                yield (replace(finding, found=SAME, repair=()) if _is_repeated(finding, last) else finding)
                last = finding

    def _reach_otlp(self, target: Target, subject: Subject) -> Generator[Finding, None, Address | None]:
        """Go there; with a proxy before it, that it is not reached from here breaks nothing."""
        steps = self._network.reach(target, subject)
        proxy = "" if target.is_local else proxies.proxy_of(target, self._variables)
        while True:
            try:
                finding = next(steps)
            except StopIteration as end:
                address: Address | None = end.value
                return address
            if proxy and finding.verdict == "fail":
                why = f"{proxy} names a proxy on the way, through which it was not tried"
                finding = replace(finding, verdict=Verdict.WARNING, repair=(why, *finding.repair))
            yield finding

    def _judge_post(self, api: Target, address: Address | None) -> Iterator[Finding]:
        subject = Subject(f"Tracen {shown(api.url)}")
        state = self._state_by_secret.get(api.secret)
        door = Transport.POST.door
        if not self._options.posts:
            yield subject.skipped(door, "left out, as --no-post says")
        elif address is None:
            yield subject.skipped(door, "not tried: no Tracen is reached")
        elif state is not None and state.left == 0:
            yield subject.skipped(door, "not tried: the limit is used up")
        else:
            yield self._judged_door(api, Transport.POST, address, subject, api)

    def _judged_door(
        self, target: Target, transport: Transport, address: Address, subject: Subject, api: Target | None
    ) -> Finding:
        door = transport.door
        if target.is_key_broken:
            return subject.skipped(door, "not tried: there is no key that could be right")
        if target.secret in self._state_by_secret and not self._state_by_secret[target.secret]:
            return subject.skipped(door, "not tried: the key is refused")
        state = self._state_by_secret.get(target.secret)
        if state is not None and Scope.WRITE not in state.scopes:
            return subject.skipped(door, "not tried: the key may not write")
        span_id = self._specimen.new_span_id()
        try:
            taken = self._sender.send(target, transport, address, span_id)
        except Refused as refused:
            return subject.failure(door, refused.found, *refused.repair)
        finding = self._pages.read_back(taken, transport, span_id, _api_of(taken, target, api), subject)
        return _counted(finding, state) if target.is_api else finding


def _is_repeated(finding: Finding, last: Finding | None) -> bool:
    """Whether the other encoding has failed in the same way, which needs no second repair."""
    return last is not None and finding.verdict == "fail" and finding.found == last.found


def _api_of(taken: Taken, target: Target, api: Target | None) -> Target | None:
    """Where a page can be read, and with which key; None where no place is known that may see one.

    The host that took the span is trusted with its key, as it has it; another host is asked with its own.
    """
    if api is not None and api.is_beside(target):
        return replace(api, secret=target.secret or api.secret)
    origin = origin_of(taken.url)
    if origin and not (target.is_tls and origin.startswith("http:")):
        told = Target(origin, (), secret=target.secret, files=target.files)
        if told.is_beside(target):
            return told
    return api if api is not None and not api.is_key_broken else None


def _counted(finding: Finding, state: KeyState | None) -> Finding:
    limit = f" of {state.limit:,}" if state and state.limit else ""
    return replace(finding, found=f"{finding.found}; it counts as 1{limit} in this hour")
