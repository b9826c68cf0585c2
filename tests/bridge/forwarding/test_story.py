"""Whatever comes in whatever order: each trace ends as one page at the endpoint with all its spans, within its limit.

A machine sends, splits, repeats and grows traces, hides and deletes them, lets time pass, breaks the endpoint and the
network, and ends the process in the midst of things; then all is mended, and what the endpoint has is counted. The
endpoint is this project's own service, and a strict stand-in that knows the documented fields alone.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx2
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.forwarding.terms import Terms
from tests.bridge.forwarding.own_tracen import OwnTracen
from tests.bridge.forwarding.source import Source, name_of
from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    KEY,
    RESET,
    Fault,
    Manners,
    RunningStrictTracen,
    refused,
)
from tests.viewer.samples import PLAIN
from viewer.store.base import NS_PER_S
from viewer.store.deliveries import DeliveryState

T = TypeVar("T")

TRACES = st.integers(1, 6)
SPANS = st.sampled_from([0, 0, 1, 2, 3])
LATE_SPANS = st.integers(4, 9)
SECONDS = st.sampled_from([1, 3, 3, 10, 61, 301, 700, 1800, 3601])
FAULTS = st.sampled_from(
    [
        RESET,
        ANSWER_LOST,
        ANSWER_LOST,
        ANSWER_LOST,
        refused(429, Retry_After="30"),
        refused(503, Retry_After="5"),
        refused(503),
        refused(500),
        refused(502),
        refused(401),
    ]
)
FAULTS_OF_NETWORK = (RESET, ANSWER_LOST)
STICKY = st.sampled_from(
    [RESET, refused(500), refused(502), refused(503, Retry_After="1"), refused(403), refused(409)]
)
WINDOW_S = 3600


class Faulty(Protocol):
    """What the story knows of an endpoint."""

    faults: deque[Fault]
    poison: dict[str, Fault]
    refused_at_s: list[float]

    def open(self) -> None: ...
    def close(self) -> None: ...


class Story(RuleBasedStateMachine):
    """What happens. `told` are the spans that were sent of each trace that is not deleted."""

    endpoint: Faulty
    limit = 100

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.told: defaultdict[int, set[int]] = defaultdict(set)
        self.last: tuple[tuple[int, int], ...] = ()
        self.gone: set[int] = set()
        self.others_s: list[float] = []
        """When others sent something with the same key: for a while the limit may be met."""
        self.hidden: dict[int, set[str]] = {}
        """Private ones, and what the endpoint had of each when it became so."""

    def run_(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def begin(self, limit: int, *, per_hour: int = 0, newest: bool = False) -> None:
        self.limit = limit
        source = Source(self.folder, Terms("http://127.0.0.1:1", "k", has_past=True))
        self.clock = source.clock
        url, key = self.start_endpoint(limit)
        source.terms = Terms(url, key, per_hour=per_hour, is_newest_first=newest, has_past=True)
        self.source = self.run_(source.open())

    @abstractmethod
    def start_endpoint(self, limit: int) -> tuple[str, str]: ...

    @abstractmethod
    def steps_by_page(self) -> dict[str, list[str]]: ...

    # -- what arrives ----------------------------------------------------------------------------------

    @rule(told=st.lists(st.tuples(TRACES, SPANS), min_size=1, max_size=6, unique=True))
    def spans_arrive(self, told: list[tuple[int, int]]) -> None:
        self.last = tuple(one for one in told if one[0] not in self.gone)
        if self.last:
            self.run_(self.source.send(*self.last))
        for trace, span in self.last:
            self.told[trace].add(span)

    @rule(traces=st.sets(TRACES, min_size=1), seconds=SECONDS)
    def whole_traces_arrive(self, traces: set[int], seconds: int) -> None:
        for trace in sorted(traces):
            self.spans_arrive([(trace, span) for span in range(4)])
        self.time_passes(3)
        self.time_passes(seconds)

    @rule(trace=TRACES, span=LATE_SPANS, seconds=SECONDS)
    def late_span_arrives(self, trace: int, span: int, seconds: int) -> None:
        self.spans_arrive([(trace, span)])
        self.time_passes(seconds)

    @precondition(lambda self: self.last)
    @rule()
    def request_is_sent_again(self) -> None:
        self.spans_arrive(list(self.last))

    # -- what its owner does ---------------------------------------------------------------------------

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def trace_is_hidden_or_shown(self, data: st.DataObject) -> None:
        trace = data.draw(st.sampled_from(sorted(self.told)))
        self.run_(self.source.share(trace, is_private=trace not in self.hidden))
        if trace in self.hidden:
            del self.hidden[trace]
        else:
            self.hidden[trace] = set(self.steps_of(trace))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def trace_is_deleted(self, data: st.DataObject) -> None:
        trace = data.draw(st.sampled_from(sorted(self.told)))
        page = self.run_(self.source.page(trace))
        self.run_(self.source.store.delete(page, self.clock()))
        del self.told[trace]
        self.hidden.pop(trace, None)
        self.gone.add(trace)
        self.last = ()

    # -- what time and machines do ---------------------------------------------------------------------

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds)
        self.run_(self.source.work())

    @rule()
    def process_starts_anew(self) -> None:
        self.run_(self.source.restart())

    @rule(turns=st.integers(1, 40))
    def process_is_killed_amid(self, turns: int) -> None:
        """After so many turns of the loop, wherever that is; what is on the network arrives."""

        async def cut_short() -> None:
            self.clock.forward(3)
            await self.source.forwarding.feeder.feed()
            step = asyncio.create_task(self.source.forwarding.courier.step())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            step.cancel()
            await asyncio.gather(step, return_exceptions=True)
            await self.source.restart()

        self.run_(cut_short())

    @rule(fault=FAULTS, trace=st.integers(1, 12), span=LATE_SPANS)
    def endpoint_fails_and_more_arrives(self, fault: Fault, trace: int, span: int) -> None:
        """Amid the delivery of a trace, if its limit leaves room for that."""
        self.endpoint.faults.append(fault)
        self.spans_arrive([(trace, 0), (trace, 1)])
        self.time_passes(3)
        self.spans_arrive([(trace, span)])

    @rule(fault=STICKY, trace=TRACES)
    def endpoint_fails_with_a_trace(self, fault: Fault, trace: int) -> None:
        """Each time, until the end of the story; what comes after must go all the same."""
        self.endpoint.poison[name_of(trace, 0)] = fault

    @rule(trace=TRACES, seconds=SECONDS)
    def endpoint_is_out_for_a_while(self, trace: int, seconds: int) -> None:
        self.endpoint.close()
        self.spans_arrive([(trace, 0)])
        self.time_passes(3)
        self.time_passes(seconds)
        self.endpoint.open()

    @rule(posts=st.integers(1, 3))
    def another_user_of_the_key_posts(self, posts: int) -> None:
        self.others_s.append(self.clock() / NS_PER_S)
        self.endpoint.faults.clear()
        headers = {"x-tracen-key": self.source.terms.key}
        for _ in range(posts):
            url = f"{self.source.terms.url}/api/traces"
            httpx2.post(url, json=PLAIN, headers=headers, trust_env=False, timeout=60)

    # -- what must hold --------------------------------------------------------------------------------

    def steps_of(self, trace: int) -> list[str]:
        """Of all pages that show a trace; at every moment there is one at most."""
        found = [
            steps
            for steps in self.steps_by_page().values()
            if any(re.fullmatch(rf"t{trace}s\d+", step) for step in steps)
        ]
        assert len(found) <= 1, f"{len(found)} pages of trace {trace}"
        return found[0] if found else []

    @invariant()
    def limit_is_kept(self) -> None:
        if hasattr(self, "source"):
            for at_s in self.endpoint.refused_at_s:
                assert any(since_s <= at_s < since_s + 2 * WINDOW_S for since_s in self.others_s)

    @invariant()
    def nothing_is_told_of_what_is_hidden(self) -> None:
        for trace, before in self.hidden.items():
            assert set(self.steps_of(trace)) <= before

    def teardown(self) -> None:
        try:
            if hasattr(self, "source"):
                self.mend_and_count()
        finally:
            if hasattr(self, "source"):
                self.run_(self.source.close())
            self.end()
            self.runner.close()
            shutil.rmtree(self.folder)

    def mend_and_count(self) -> None:
        self.endpoint.faults.clear()
        self.endpoint.poison.clear()
        self.run_(self.source.drain(held=len(self.hidden)))
        self.limit_is_kept()
        self.nothing_is_told_of_what_is_hidden()
        for trace in self.gone:
            self.steps_of(trace)
        for trace in self.told.keys() - self.hidden.keys():
            told = sorted(name_of(trace, n) for n in self.told[trace])
            self.check_page(trace, sorted(self.steps_of(trace)), told)

    def check_page(self, trace: int, steps: list[str], told: list[str]) -> None:
        assert steps == told

    @abstractmethod
    def end(self) -> None: ...


class OwnStory(Story):
    """Against this project's own service."""

    @initialize(limit=st.sampled_from([2, 5, 100]), newest=st.booleans())
    def start(self, limit: int, newest: bool) -> None:
        self.begin(limit, newest=newest)

    def start_endpoint(self, limit: int) -> tuple[str, str]:
        self.endpoint = self.own = OwnTracen(self.folder, limit, self.clock)
        return self.own.endpoint, self.own.key

    def steps_by_page(self) -> dict[str, list[str]]:
        return self.own.steps_by_page()

    def end(self) -> None:
        if hasattr(self, "own"):
            self.own.end()


class StrictStory(Story):
    """Against a server that knows the documented fields and endpoints alone, of one kind or another."""

    @initialize(
        limit=st.sampled_from([2, 5, 100]),
        refuses_unknown=st.booleans(),
        tells=st.booleans(),
        delete_refusal=st.sampled_from([None, None, None, 403, 404, 405]),
        most_steps=st.sampled_from([None, 1, 3, 4]),
        steps_refusal=st.sampled_from([400, 422]),
        newest=st.booleans(),
    )
    def start(
        self,
        limit: int,
        refuses_unknown: bool,
        tells: bool,
        delete_refusal: int | None,
        most_steps: int | None,
        steps_refusal: int,
        newest: bool,
    ) -> None:
        self.manners = Manners(
            limit,
            WINDOW_S,
            refuses_unknown,
            delete_refusal=delete_refusal,
            tells_limit=tells,
            most_steps=most_steps,
            steps_refusal=steps_refusal,
        )
        self.begin(limit, per_hour=0 if tells else limit, newest=newest)

    def start_endpoint(self, limit: int) -> tuple[str, str]:
        self.endpoint = self.strict = RunningStrictTracen(self.manners, lambda: self.clock() / NS_PER_S)
        return self.strict.endpoint, KEY

    def steps_by_page(self) -> dict[str, list[str]]:
        pages = dict(self.strict.pages)
        return {page: [step["name"] for step in payload["steps"]] for page, payload in pages.items()}

    @precondition(lambda self: self.manners.most_steps)
    @rule(trace=TRACES, fault=st.sampled_from([None, None, *FAULTS_OF_NETWORK]), seconds=SECONDS)
    def trace_outgrows_the_endpoint(self, trace: int, fault: Fault | None, seconds: int) -> None:
        """What there was of it may have been taken, and all that there is then is not."""
        self.spans_arrive([(trace, 0)])
        self.time_passes(3)
        self.time_passes(10)
        self.spans_arrive([(trace, span) for span in range(1, 6)])
        self.time_passes(3)
        if fault:
            self.endpoint.faults.append(fault)
        self.time_passes(700)
        self.time_passes(seconds)

    @invariant()
    def accepted_are_within_the_limit(self) -> None:
        if hasattr(self, "source"):
            assert self.strict.accepted_within(WINDOW_S) <= self.limit

    def check_page(self, trace: int, steps: list[str], told: list[str]) -> None:
        """The newest that was ever accepted: all, where the endpoint takes it."""
        assert steps == self.newest_accepted(trace)
        if steps == told:
            return
        state = self.source.state_of(trace)
        if state is DeliveryState.LATE:
            assert steps
            assert self.manners.delete_refusal
        else:
            assert state is DeliveryState.REFUSED
            assert self.manners.most_steps is not None
            assert len(told) > self.manners.most_steps

    def newest_accepted(self, trace: int) -> list[str]:
        """The names of the steps. Traces only grow: what is newer has more of them."""
        newest: list[str] = []
        for each in self.strict.accepted:
            names = [step["name"] for step in each.payload["steps"]]
            if len(names) >= len(newest) and any(name.startswith(f"t{trace}s") for name in names):
                newest = names
        return sorted(newest)

    def end(self) -> None:
        if hasattr(self, "strict"):
            self.strict.close()


def _told_often(count: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


TestOwnStory = OwnStory.TestCase
TestOwnStory.settings = _told_often(10)
TestStrictStory = StrictStory.TestCase
TestStrictStory.settings = _told_often(25)
