"""What is held, when it falls due, and what goes first when there is too much."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from tests.tracen_otel.readable_spans import readable_span, root_span
from tracen_otel.pending import Bounds, Parcel, PendingTraces
from tracen_otel.readable import text_chars_of


class Dropped(Counter[str]):
    def __call__(self, reason: str, spans: int) -> None:
        self[reason] += spans


@pytest.fixture
def dropped() -> Dropped:
    return Dropped()


def pending_of(dropped: Dropped, *, republish: bool = True, **bounds: Any) -> PendingTraces:
    return PendingTraces(Bounds(**bounds), dropped, republish=republish)


def text_span(trace_id: int, span_id: int, chars: int) -> ReadableSpan:
    return readable_span(trace_id, span_id, attributes={"text": "x" * chars})


def taken(pending: PendingTraces, now_s: float) -> list[tuple[int, int]]:
    """Trace id and number of spans of everything that is due, and then published."""
    parcels = []
    while parcel := pending.take(now_s):
        parcels.append((parcel.trace_id, len(parcel.spans)))
        pending.settle(parcel, has_page=True)
    return parcels


def test_pending_trace_is_due_when_its_root_ended(dropped: Dropped) -> None:
    """Children wait for the root, which brings them along at once."""
    pending = pending_of(dropped)
    pending.add(readable_span(1, 2), 0)
    pending.add(readable_span(1, 3), 1)
    before = taken(pending, 2)
    pending.add(root_span(1), 2)

    assert (before, taken(pending, 2), taken(pending, 2)) == ([], [(1, 3)], [])


def test_pending_trace_is_due_when_a_span_with_a_remote_parent_ended(dropped: Dropped) -> None:
    """A part of a distributed trace need not wait for a root that ends elsewhere."""
    pending = pending_of(dropped)
    pending.add(readable_span(1, 2, remote=True), 0)

    assert taken(pending, 0) == [(1, 1)]


def test_pending_traces_are_taken_in_the_order_they_fell_due(dropped: Dropped) -> None:
    """No trace overtakes another."""
    pending = pending_of(dropped)
    for now_s, trace_id in enumerate([5, 3, 4]):
        pending.add(root_span(trace_id), now_s)

    assert [trace_id for trace_id, _ in taken(pending, 9)] == [5, 3, 4]


def test_pending_late_spans_go_out_by_themselves(dropped: Dropped) -> None:
    """They linger a little, so that several cost one post, and the server joins them to their page."""
    pending = pending_of(dropped, late_linger_s=3)
    pending.add(root_span(1), 0)
    first = taken(pending, 0)
    pending.add(readable_span(1, 2), 10)
    pending.add(readable_span(1, 3), 12)

    assert (first, taken(pending, 12.9), taken(pending, 13)) == ([(1, 1)], [], [(1, 2)])


def test_pending_trace_with_spans_without_end_is_published_less_and_less_often(dropped: Dropped) -> None:
    """One span a second for an hour costs few posts, and the last spans are not put off for ever."""
    pending = pending_of(dropped, late_linger_s=3, longest_linger_s=300)
    pending.add(root_span(1), 0)
    posts: list[int] = []
    for now_s in range(3600):
        pending.add(readable_span(1, now_s + 2), now_s)
        posts += [spans for _, spans in taken(pending, now_s)]
    posts += [spans for _, spans in taken(pending, 3900)]

    assert 10 <= len(posts) <= 20
    assert sum(posts) == 3601


def test_pending_trace_without_a_root_is_due_when_it_was_quiet_for_long(dropped: Dropped) -> None:
    """What a crashed part left behind is published as it is; every span puts that off."""
    pending = pending_of(dropped, idle_s=600)
    pending.add(readable_span(1, 2), 0)
    pending.add(readable_span(1, 3), 100)

    assert (taken(pending, 699), taken(pending, 700)) == ([], [(1, 2)])


def test_pending_trace_that_was_put_back_is_due_again(dropped: Dropped) -> None:
    """A trace that could not be published loses nothing, and queues behind the others."""
    pending = pending_of(dropped)
    pending.add(root_span(1), 0)
    parcel = pending.take(0)
    assert parcel is not None
    pending.add(root_span(2), 1)

    assert pending.put_back(parcel, 2)
    assert taken(pending, 2) == [(2, 1), (1, 1)]


def test_pending_hastens_ended_traces_and_unfinished_ones_on_request(dropped: Dropped) -> None:
    """A flush brings late spans forward; only the end of the program brings unfinished traces."""
    pending = pending_of(dropped)
    pending.add(root_span(1), 0)
    taken(pending, 0)
    pending.add(readable_span(1, 2), 1)
    pending.add(readable_span(2, 2), 1)

    pending.hasten(1, unfinished=False)
    flushed = taken(pending, 1)
    pending.hasten(1, unfinished=True)

    assert (flushed, taken(pending, 1)) == ([(1, 1)], [(2, 1)])


def test_pending_published_once_waits_for_late_spans_and_drops_later_ones(dropped: Dropped) -> None:
    """Where a page can not be replaced, its trace goes out once, a moment after its root."""
    pending = pending_of(dropped, republish=False, late_linger_s=3)
    pending.add(root_span(1), 0)
    pending.add(readable_span(1, 2), 1)
    early, on_time = taken(pending, 2), taken(pending, 3)
    pending.add(readable_span(1, 3), 4)

    assert (early, on_time, taken(pending, 99)) == ([], [(1, 2)], [])
    assert dropped == {"too late for their trace": 1}


def test_pending_published_once_takes_late_spans_of_a_trace_that_was_put_back(dropped: Dropped) -> None:
    """What could not be published is not published: its late spans are in time."""
    pending = pending_of(dropped, republish=False, late_linger_s=3)
    pending.add(root_span(1), 0)
    parcel = pending.take(3)
    assert parcel is not None
    pending.put_back(parcel, 4)
    pending.add(readable_span(1, 2), 5)

    assert (taken(pending, 9), dropped) == ([(1, 2)], {})


@pytest.mark.parametrize("republish", [True, False])
def test_pending_holds_nothing_of_what_is_published(dropped: Dropped, republish: bool) -> None:
    """Its spans are let go of at once; one that comes later goes out alone, or not at all."""
    pending = pending_of(dropped, late_linger_s=3, republish=republish)
    pending.add(root_span(1), 0)
    taken(pending, 3)
    held = len(pending)
    pending.add(readable_span(1, 2), 902)
    late = pending.take(905)

    assert held == 0
    assert late == (Parcel(1, late.spans, has_page=True) if late and republish else None)
    assert dropped == ({} if republish else {"too late for their trace": 1})


def test_pending_lets_go_of_what_is_published_and_keeps_what_came_meanwhile(dropped: Dropped) -> None:
    """A span that ends during the post is late, and is not sent together with what went out before it."""
    pending = pending_of(dropped, late_linger_s=3)
    pending.add(root_span(1), 0)
    parcel = pending.take(0)
    assert parcel is not None
    pending.add(readable_span(1, 2), 1)

    pending.settle(parcel, has_page=True)

    assert taken(pending, 4) == [(1, 1)]


def test_pending_releases_what_nobody_wants_but_not_what_came_meanwhile(dropped: Dropped) -> None:
    """Plain traces cost no memory once they were looked at; a late span of a model still counts."""
    pending = pending_of(dropped, late_linger_s=3)
    for trace_id in (1, 2):
        pending.add(root_span(trace_id), 0)
    first, second = pending.take(0), pending.take(0)
    assert first is not None
    assert second is not None
    pending.add(readable_span(2, 2), 1)

    pending.release(first)
    pending.release(second)

    assert len(pending) == 1
    assert taken(pending, 4) == [(2, 2)]


@pytest.mark.parametrize("republish", [True, False])
def test_pending_late_span_brings_what_was_not_wanted_without_it(dropped: Dropped, republish: bool) -> None:
    """A request that ended before the model it started in the background was asked is on that one's page."""
    pending = pending_of(dropped, republish=republish)
    pending.add(readable_span(1, 2), 0)
    pending.add(root_span(1), 0)
    parcel = pending.take(3)
    assert parcel is not None
    pending.release(parcel)
    pending.add(readable_span(1, 3), 60)
    pending.add(readable_span(1, 4), 61)

    late = pending.take(63)

    assert late is not None
    assert [span.name for span in late.spans] == ["span 2", "span 1", "span 3", "span 4"]
    assert dropped == {}


def test_pending_forgets_what_was_not_wanted_in_bounds(dropped: Dropped) -> None:
    """The last hundred traces, not the larger ones, and none for longer than ten minutes."""
    pending = pending_of(dropped)
    for trace_id in range(1, 121):
        pending.add(root_span(trace_id) if trace_id < 120 else text_span(120, 1, 5_000_000), trace_id)
        pending.hasten(trace_id, unfinished=True)
        parcel = pending.take(trace_id)
        assert parcel is not None
        pending.release(parcel)
    pending.expire(630)
    for trace_id in (19, 29, 30, 120):
        pending.add(readable_span(trace_id, 2), 630)

    assert sorted(taken(pending, 700)) == [(19, 1), (29, 1), (30, 2), (120, 1)]
    assert dropped == {}


def test_pending_gives_up_on_what_could_not_be_published_for_hours(dropped: Dropped) -> None:
    """A server that never comes back does not cost memory for ever, and the loss is counted."""
    pending = pending_of(dropped, age_s=3600)
    pending.add(root_span(1), 0)

    pending.expire(3601)

    assert (len(pending), dropped) == (0, {"not published for hours": 1})


def test_pending_drops_no_trace_that_is_on_its_way(dropped: Dropped) -> None:
    """What is being published just now is not what makes room."""
    pending = pending_of(dropped, traces=2)
    pending.add(root_span(1), 0)
    parcel = pending.take(0)
    assert parcel is not None
    pending.add(root_span(2), 1)
    pending.add(root_span(3), 2)

    assert dropped == {"too many traces": 1}
    assert pending.put_back(parcel, 2)
    assert taken(pending, 2) == [(3, 1), (1, 1)]


def test_pending_drops_what_came_while_the_trace_was_on_its_way_alone(dropped: Dropped) -> None:
    """What is being published is counted by who publishes it, not as dropped, too."""
    pending = pending_of(dropped, text_chars=100)
    pending.add(text_span(1, 1, 90), 0)
    pending.hasten(0, unfinished=True)
    parcel = pending.take(0)
    assert parcel is not None
    pending.add(text_span(1, 2, 120), 1)
    pending.add(text_span(1, 3, 5), 2)
    pending.drop_all("the end")
    pending.settle(parcel, has_page=True)

    assert dropped == {"too much text": 1, "the end": 1}
    assert len(pending) == 0


def test_pending_drops_at_the_end_what_waits_behind_what_is_sent_again_as_it_was(dropped: Dropped) -> None:
    """Spans that came after a post without an answer are not part of the next one, and are counted by themselves."""
    pending = pending_of(dropped)
    pending.add(root_span(1), 0)
    parcel = pending.take(0)
    assert parcel is not None
    pending.put_back(parcel, 1, may_have_arrived=True)
    pending.add(readable_span(1, 2), 2)
    assert pending.take(9) == parcel

    pending.drop_all("the end")

    assert dropped == {"the end": 1}


def test_pending_that_was_given_up_is_forgotten_but_for_what_came_meanwhile(dropped: Dropped) -> None:
    """A refused trace costs no memory, and spans that are counted as lost are not sent again with late ones."""
    pending = pending_of(dropped, late_linger_s=3)
    for trace_id in (1, 2):
        pending.add(root_span(trace_id), 0)
    first, second = pending.take(0), pending.take(0)
    assert first is not None
    assert second is not None
    pending.add(readable_span(2, 2), 1)

    pending.settle(first, has_page=False)
    pending.settle(second, has_page=False)
    held = len(pending)
    pending.add(readable_span(1, 2), 2)

    assert held == 1
    assert taken(pending, 9) == [(2, 1), (1, 1)]


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({"traces": 2}, "too many traces"),
        ({"spans": 4}, "too many spans"),
        ({"text_chars": 500, "republish": False}, "too much text"),
    ],
)
def test_pending_drops_the_trace_that_was_quiet_for_longest(
    dropped: Dropped, bounds: dict[str, Any], reason: str
) -> None:
    """Each bound holds, costs the oldest trace as a whole, and is counted by its name."""
    pending = pending_of(dropped, **bounds)
    for trace_id in (1, 2, 3):
        for span_id in (2, 3):
            pending.add(readable_span(trace_id, span_id, attributes={"text": "x" * 100}), trace_id)
    pending.hasten(9, unfinished=True)

    assert dropped == {reason: 2}
    assert taken(pending, 9) == [(2, 2), (3, 2)]


def test_pending_publishes_a_large_trace_early_and_drops_nothing(dropped: Dropped) -> None:
    """One trace with too much text goes out before its root; the others wait for theirs, and late spans follow."""
    pending = pending_of(dropped, text_chars=1000)
    for trace_id in range(2, 12):
        pending.add(text_span(trace_id, 2, 10), 0)

    is_due = pending.add(text_span(1, 2, 1100), 1)
    pending.add(text_span(1, 3, 10), 1)

    assert is_due
    assert taken(pending, 1) == [(1, 2)]
    pending.add(text_span(1, 4, 10), 2)
    pending.add(root_span(1), 3)
    assert taken(pending, 9) == [(1, 2)]
    assert dropped == {}


def test_pending_of_a_history_that_grows_shows_all_of_it(dropped: Dropped) -> None:
    """An agent whose every span holds all before costs several posts, not its spans."""
    pending = pending_of(dropped, text_chars=1000)
    published = []
    for n in range(2, 43):
        pending.add(text_span(1, n, 4 * n), n)
        published += taken(pending, n)
    pending.add(root_span(1), 43)
    published += taken(pending, 400)

    assert sum(spans for _, spans in published) == 42
    assert 2 <= len(published) <= 10
    assert dropped == {}


def test_pending_drops_the_largest_trace_when_twice_the_text_is_held(dropped: Dropped) -> None:
    """While nothing can be published, memory stays bounded at the cost of the fewest traces."""
    pending = pending_of(dropped, text_chars=1000)
    for trace_id in range(2, 12):
        pending.add(text_span(trace_id, 2, 100), 0)
    pending.add(text_span(1, 2, 900), 1)
    assert dropped == {}
    pending.add(text_span(12, 2, 150), 2)
    pending.hasten(3, unfinished=True)

    assert dropped == {"too much text": 1}
    assert sorted(taken(pending, 3)) == [(n, 1) for n in range(2, 13)]


def test_pending_drops_a_span_that_never_fits_alone(dropped: Dropped) -> None:
    """One that is larger than everything costs itself."""
    pending = pending_of(dropped, text_chars=1000)
    for trace_id in range(2, 12):
        pending.add(text_span(trace_id, 2, 10), 0)
    pending.add(text_span(1, 2, 2100), 1)

    assert dropped == {"too much text": 1}
    assert len(pending) == 10


def test_pending_keeps_the_root_of_a_trace_that_is_too_long(dropped: Dropped) -> None:
    """An endless loop fills its own trace alone; the root still gives it a name and an end."""
    pending = pending_of(dropped, spans_per_trace=10)
    for span_id in range(2, 100):
        pending.add(readable_span(1, span_id), 0)
    pending.add(root_span(1), 0)

    assert taken(pending, 0) == [(1, 11)]
    assert dropped == {"too many spans in one trace": 88}


def test_pending_notes_of_when_to_look_are_bounded(dropped: Dropped) -> None:
    """A trace that is due for long and gets ever more spans, while others come and go, costs no memory for them."""
    pending = pending_of(dropped, traces=50)
    most = 0
    for n in range(5_000):
        pending.add(readable_span(1, n + 2, remote=True), n / 100)
        pending.add(readable_span(n + 2, 2), n / 100)
        most = max(most, len(pending._due))

    assert most <= 2 * 51 + 1_001
    assert taken(pending, 50)[0] == (1, 5_000)
    assert [trace_id for trace_id, _ in taken(pending, 10**4)] == list(range(4_953, 5_002))


def test_text_chars_of_counts_nested_text() -> None:
    """A book inside a list inside a mapping is found."""
    span = readable_span(1, 2, attributes={"a": "xx", "b": [{"c": "yyy"}, b"zzzz"], "n": 7})

    assert text_chars_of(span) == 9


def test_pending_drops_only_what_is_kept_nowhere_else(dropped: Dropped) -> None:
    """A trace there is no room for is offered elsewhere first; what is kept there is not counted."""
    asked: list[int] = []
    pending = pending_of(dropped, traces=1)
    pending.kept = lambda trace_id: asked.append(trace_id) or 1  # type: ignore[func-returns-value]
    for span in (readable_span(1, 2), readable_span(1, 3), readable_span(2, 2), readable_span(3, 2)):
        pending.add(span, 0)

    assert asked == [1, 2]
    assert dropped == {"too many traces": 1}
