"""Delivery step by step, on a clock of the test's own and on the test's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from tests.tracen_otel.readable_spans import readable_span, root_span
from tracen_otel.client import KeyRefused, Overloaded, TracenError, Unreachable
from tracen_otel.outbox import Outbox
from tracen_otel.pending import Bounds, Parcel, PendingTraces
from tracen_otel.published import PublishedTrace
from tracen_otel.tally import Tally


@dataclass
class Desk:
    """An outbox whose posts are a script: an error a post, then success. `now_s` is its clock."""

    script: list[Exception] = field(default_factory=list)
    now_s: float = 1000.0
    unwanted: tuple[int, ...] = ()
    posts: list[tuple[int, int]] = field(default_factory=list)
    allowed_s: list[float] = field(default_factory=list)
    told: list[PublishedTrace] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    stopping: threading.Event = field(default_factory=threading.Event)
    on_published: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.pending = PendingTraces(Bounds(), self.tally.drop)

    def outbox(self) -> Outbox:
        return Outbox(
            self.pending,
            self.tally,
            self.publish,
            self.tell,
            timeout_s=10,
            stopping=self.stopping,
            clock=lambda: self.now_s,
        )

    def tell(self, published: PublishedTrace) -> None:
        self.told.append(published)
        self.on_published()

    def publish(self, parcel: Parcel, deadline_s: float) -> PublishedTrace | None:
        self.posts.append((parcel.trace_id, len(parcel.spans)))
        self.allowed_s.append(deadline_s)
        if self.script and (error := self.script.pop(0)):
            raise error
        if parcel.trace_id in self.unwanted:
            return None
        return PublishedTrace(f"page-{parcel.trace_id}", f"http://tracen.test/{parcel.trace_id}")


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread can be started: how an interpreter that ends behaves, from Python 3.12 on."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("no_threads")
def test_outbox_without_a_thread_publishes_on_the_callers() -> None:
    """A short program whose spans come out when it ends still gets its page."""
    desk = Desk()
    outbox = desk.outbox()

    assert outbox.add([readable_span(1, 2), root_span(1)])
    assert desk.posts == []
    outbox.close(5)

    assert desk.posts == [(1, 2)]
    assert [published.trace_id for published in desk.told] == ["page-1"]
    assert not outbox.add([root_span(2)])


@pytest.mark.usefixtures("no_threads")
def test_outbox_holds_everything_back_as_long_as_the_server_asked() -> None:
    """After a 429 of half an hour nothing is posted for half an hour, and then all of it."""
    desk = Desk([Overloaded(429, 1800)])
    outbox = desk.outbox()
    outbox.add([root_span(1)])
    outbox.deliver_due()
    outbox.add([root_span(2)])

    flushed = outbox.drain(60)
    desk.now_s += 1799
    outbox.deliver_due()
    too_early = len(desk.posts)
    desk.now_s += 1
    outbox.deliver_due()

    assert (flushed, too_early) == (False, 1)
    assert desk.posts == [(1, 1), (1, 1), (2, 1)]
    assert outbox.drain(60)
    assert desk.tally.counts().dropped == {}


@pytest.mark.usefixtures("no_threads")
def test_outbox_leaves_a_server_that_is_down_alone_for_longer_and_longer() -> None:
    """In an hour without a server there are a few dozen attempts, and none is the last."""
    desk = Desk([Unreachable("down")] * 1000)
    outbox = desk.outbox()
    outbox.add([root_span(1)])
    for _ in range(3600):
        outbox.deliver_due()
        desk.now_s += 1
    attempts = len(desk.posts)
    desk.script = []
    desk.now_s += 60
    outbox.deliver_due()

    assert 60 <= attempts <= 130
    assert len(desk.told) == 1
    assert desk.tally.counts().retries == attempts


@pytest.mark.usefixtures("no_threads")
def test_outbox_gives_up_on_what_was_refused_and_goes_on() -> None:
    """A refused trace is counted by the server's reason and does not hold up the next."""
    desk = Desk([KeyRefused(401), ValueError("a bug")])
    outbox = desk.outbox()
    outbox.add([readable_span(1, 2), root_span(1)])
    desk.now_s += 1
    outbox.add([root_span(2)])
    desk.now_s += 1
    outbox.add([root_span(3)])

    assert outbox.drain(60)
    assert [published.trace_id for published in desk.told] == ["page-3"]
    assert desk.tally.counts().dropped == {
        "the server answered 401 Unauthorized": 2,
        "ValueError in the exporter": 1,
    }


@pytest.mark.usefixtures("no_threads")
def test_outbox_holds_nothing_of_what_is_settled() -> None:
    """Neither what is published nor what nobody wants costs memory."""
    desk = Desk(unwanted=(1,))
    outbox = desk.outbox()
    outbox.add([root_span(1), root_span(2)])

    assert outbox.drain(60)
    assert len(desk.pending) == 0
    assert (desk.tally.counts().skipped, desk.tally.counts().published) == (1, 1)


@pytest.mark.usefixtures("no_threads")
def test_outbox_warns_once_a_minute_that_traces_wait(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who waits for a URL can read why there is none, without a flood."""
    desk = Desk([Unreachable("no answer from http://tracen.test")] * 1000)
    outbox = desk.outbox()
    outbox.add([root_span(1)])
    for _ in range(119):
        outbox.deliver_due()
        desk.now_s += 1

    messages = [record.getMessage() for record in caplog.records]
    assert 1 <= len(messages) <= 2
    assert messages[0].startswith(
        "a trace is not published yet: no answer from http://tracen.test; next try in"
    )


@pytest.mark.usefixtures("no_threads")
@pytest.mark.parametrize("error", [Overloaded(429, 1800), Unreachable("down")])
def test_outbox_close_counts_what_it_could_not_publish(
    error: TracenError, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that ends before the server is back says how much was lost."""
    desk = Desk([error] * 10)
    outbox = desk.outbox()
    outbox.add([readable_span(1, 2), root_span(1), readable_span(2, 2)])

    outbox.close(5)

    reason = "the program ended before they could be published"
    assert desk.tally.counts().dropped == {reason: 3}
    assert caplog.records[-1].args == (3, reason)


@pytest.mark.usefixtures("no_threads")
def test_outbox_close_allows_no_post_more_time_than_is_left() -> None:
    """5 seconds are for all traces together; a server known to be down gets one."""
    fresh, failed = Desk(), Desk([Unreachable("down")])
    for desk in (fresh, failed):
        outbox = desk.outbox()
        outbox.add([root_span(1)])
        if desk is failed:
            outbox.deliver_due()
        outbox.close(5)

    assert (fresh.allowed_s, failed.allowed_s) == ([5], [10, 1])


def test_outbox_publishes_on_its_own_thread_and_ends_it() -> None:
    """The caller's thread posts nothing, and after close no thread is left."""
    desk = Desk()
    threads: list[threading.Thread] = []
    outbox = desk.outbox()
    desk.on_published = lambda: threads.append(threading.current_thread())
    outbox.add([root_span(1)])
    assert outbox.drain(10)
    outbox.close(5)

    (sender,) = threads
    assert sender is not threading.current_thread()
    sender.join(5)
    assert not sender.is_alive()


def test_outbox_takes_spans_from_many_threads_and_loses_none() -> None:
    """Every trace is published once, however many threads add while others flush."""
    desk = Desk()
    outbox = desk.outbox()
    ids = count(1)

    def add_some() -> None:
        for _ in range(50):
            outbox.add([root_span(next(ids))])
        outbox.drain(10)

    def together(work: Callable[[], object]) -> None:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    together(add_some)
    outbox.close(5)

    assert sorted(desk.posts) == [(trace_id, 1) for trace_id in range(1, 201)]


def test_outbox_can_be_flushed_from_its_own_callback() -> None:
    """A callback that flushes gets an answer instead of a deadlock."""
    desk = Desk()
    answers: list[bool] = []
    outbox = desk.outbox()
    desk.on_published = lambda: answers.append(outbox.drain(10))
    outbox.add([root_span(1)])

    assert outbox.drain(10)
    assert answers == [False]
    outbox.close(5)


@dataclass
class Shelf:
    """What dead processes left, in order; and what the outbox told of its parcels."""

    parcels: list[Parcel]
    settled: list[tuple[int, bool]] = field(default_factory=list)

    def next_left(self) -> Parcel | None:
        return self.parcels[0] if self.parcels else None

    def on_settled(self, parcel: Parcel, is_published: bool) -> None:
        self.settled.append((parcel.trace_id, is_published))
        if parcel.is_left:
            self.parcels.remove(parcel)

    def serve(self, outbox: Outbox) -> None:
        outbox.next_left, outbox.on_settled = self.next_left, self.on_settled


def left(trace_id: int) -> Parcel:
    return Parcel(trace_id, (root_span(trace_id),), is_left=True)


@pytest.mark.usefixtures("no_threads")
def test_outbox_delivers_what_is_left_after_what_is_new() -> None:
    """A person who waits for a page waits for no other; what is published, unwanted or refused is told."""
    shelf = Shelf([left(7), left(8), left(9)])
    desk = Desk([None, None, KeyRefused(401)], unwanted=(9,))  # type: ignore[list-item]
    outbox = desk.outbox()
    shelf.serve(outbox)
    outbox.add([root_span(1)])
    outbox.deliver_due()

    assert [trace_id for trace_id, _ in desk.posts] == [1, 7, 8, 9]
    assert shelf.settled == [(1, True), (7, True), (8, False), (9, False)]
    assert desk.tally.counts().skipped == 1


@pytest.mark.usefixtures("no_threads")
def test_outbox_keeps_what_is_left_while_the_server_asks_for_a_pause() -> None:
    """The rate limit holds for old traces too, and the one that met it is the first afterwards."""
    shelf = Shelf([left(7), left(8)])
    desk = Desk([Overloaded(429, 1800)])
    outbox = desk.outbox()
    shelf.serve(outbox)
    for _ in range(3):
        outbox.deliver_due()
        desk.now_s += 600
    outbox.deliver_due()

    assert [trace_id for trace_id, _ in desk.posts] == [7, 7, 8]
    assert shelf.settled == [(7, True), (8, True)]
    assert desk.tally.counts().dropped == {}


def test_outbox_flush_waits_for_what_is_new_alone_and_close_for_both() -> None:
    """`force_flush` is about this program; one that ends has time for what another left."""
    shelf = Shelf([left(trace_id) for trace_id in range(2, 200)])
    desk = Desk()
    outbox = desk.outbox()
    shelf.serve(outbox)
    outbox.add([root_span(1)])

    assert outbox.drain(10)
    outbox.close(10)
    assert sorted(desk.posts) == [(trace_id, 1) for trace_id in range(1, 200)]


@pytest.mark.usefixtures("no_threads")
def test_outbox_close_counts_no_span_that_is_kept_elsewhere() -> None:
    """What the next run will deliver is not lost."""
    desk = Desk([Unreachable("down")] * 10)
    outbox = desk.outbox()
    desk.pending.kept = lambda trace_id: 2 if trace_id == 1 else 0
    outbox.add([readable_span(1, 2), root_span(1), root_span(2)])

    outbox.close(5)

    assert desk.tally.counts().dropped == {"the program ended before they could be published": 1}
