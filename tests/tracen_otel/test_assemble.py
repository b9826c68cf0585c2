"""Assembly: one trace, whatever order, duplication and dirt its spans arrive in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from tests.tracen_otel.made_spans import CHILD, GRANDCHILD, ROOT, STRANGER, TRACE_ID, llm, span
from tracen_otel.assemble import assemble, assemble_all
from tracen_otel.attributes import in_events
from tracen_otel.dialects import DIALECTS
from tracen_otel.dialects.table import FIELDS, OfEvents, fields_of
from tracen_otel.merge import merge
from tracen_otel.model import (
    Event,
    LogRecord,
    Scope,
    Source,
    Span,
    StatusCode,
    Trace,
)


def outline(trace: Trace) -> list[tuple[str, str | None]]:
    return [(step.name, step.parent_id) for step in trace.steps]


# -- what is asked for --------------------------------------------------------------------------------


def test_assemble_refuses_no_spans() -> None:
    """A trace without spans is nothing."""
    with pytest.raises(ValueError, match="got 0 ids"):
        assemble([])


def test_assemble_refuses_two_traces() -> None:
    """Spans of several traces are no one trace."""
    with pytest.raises(ValueError, match="got 2 ids"):
        assemble([span(ROOT), replace(span(CHILD), trace_id="cd" * 16)])


def test_assemble_all_makes_one_trace_each_in_order_of_start() -> None:
    """Spans are grouped by trace id, traces come by their start."""
    late = replace(span(ROOT, start=5), trace_id="01" * 16)

    traces = assemble_all([late, span(ROOT, start=2), span(CHILD, ROOT)])

    assert [(trace.otel_trace_id, len(trace.steps)) for trace in traces] == [(TRACE_ID, 2), ("01" * 16, 1)]


# -- the tree -----------------------------------------------------------------------------------------


def test_steps_are_in_reading_order() -> None:
    """A parent comes before its children whatever the clocks say, siblings by start, then end, then id."""
    spans = [span(GRANDCHILD, CHILD, 1), span(STRANGER, ROOT, 4), span(CHILD, ROOT, 4), span(ROOT, start=6)]

    assert outline(assemble(spans)) == [
        ("span 1", None),
        ("span 2", ROOT),
        ("span 3", CHILD),
        ("span 4", ROOT),
    ]


def test_of_siblings_that_start_at_once_the_one_that_ended_first_comes_first() -> None:
    """Node's SDK starts spans at whole milliseconds: a short step comes before the one after it, whatever their ids."""
    root, first, second, third = (f"{number:016x}" for number in (1, 9, 5, 3))
    spans = [
        span(root, start=5_000_000, end=30_000_000),
        span(first, root, 5_000_000, 5_200_000),
        span(second, root, 5_000_000, 25_000_000),
        span(third, root, 5_000_000, 0),
    ]

    for told in (spans, spans[::-1], [*spans, *spans[::-1]]):
        assert [step.id for step in assemble(told).steps] == [root, first, second, third]
        parts = assemble(told[:3]), assemble(told[1:])
        assert [step.id for step in merge(parts).steps] == [root, first, second, third]


def test_missing_root_is_stood_in_for() -> None:
    """Without a root the earliest span whose parent is unknown stands in, and a note says so."""
    trace = assemble([span(CHILD, ROOT, 3, 8), span(STRANGER, ROOT, 2, 6), span(GRANDCHILD, CHILD, 1)])

    assert trace.title == "span 4"
    assert trace.notes == (
        "The root span has not arrived; the earliest step stands in for it.",
        "Steps at the top level because their parents have not arrived: 1.",
    )
    assert (trace.started_ns, trace.latency_ns) == (2, 8)


def test_orphan_hangs_at_root_level() -> None:
    """A span whose parent never arrived stands beside the root, still names it, and the root stays the root."""
    trace = assemble([span(ROOT, start=5), span(CHILD, STRANGER, 2)])

    assert trace.title == "span 1"
    assert outline(trace) == [("span 2", STRANGER), ("span 1", None)]
    assert trace.notes == ("Steps at the top level because their parents have not arrived: 1.",)


@pytest.mark.parametrize(
    "parents", [{ROOT: ROOT}, {ROOT: CHILD, CHILD: ROOT}, {ROOT: GRANDCHILD, CHILD: ROOT, GRANDCHILD: CHILD}]
)
def test_cycle_is_cut_at_its_earliest_span(parents: dict[str, str]) -> None:
    """Spans that are their own ancestors are shown once each, with a note."""
    trace = assemble([span(span_id, parent, start=int(span_id[0])) for span_id, parent in parents.items()])

    assert [step.id for step in trace.steps] == sorted(parents)
    assert trace.steps[0].parent_id is None
    assert trace.notes == ("Parent links ran in circles; links cut: 1.",)


def test_deep_tree_needs_no_recursion() -> None:
    """A chain far deeper than Python's stack is a trace like any other."""
    depth = 3000
    chain = [span(f"{i:016x}", f"{i - 1:016x}" if i > 1 else None, start=i) for i in range(1, depth + 1)]

    trace = assemble(reversed(chain))

    assert [step.start_ns for step in trace.steps] == list(range(1, depth + 1))


# -- duplicates ---------------------------------------------------------------------------------------


def test_identical_duplicate_is_ignored() -> None:
    """The same span twice is one step without any remark."""
    assert assemble([span(ROOT), span(ROOT)]) == assemble([span(ROOT)])


def test_differing_duplicate_keeps_the_later_end_then_more_attributes() -> None:
    """Of two versions of a span the one that ended last is shown, with a warning."""
    started = span(ROOT, end=1, attributes={"a": 1, "b": 2})
    ended = span(ROOT, end=9, attributes={"a": 1})
    enriched = span(ROOT, end=9, attributes={"a": 1, "c": 3})

    (step,) = assemble([started, enriched, ended]).steps

    assert step.attributes == {"a": 1, "c": 3}
    assert step.warnings == ("arrived in 3 differing versions; the one that ended last is shown",)


def test_pending_span_goes_when_the_real_one_is_there() -> None:
    """Logfire's announcement of a span is neither a step nor a child of the span it announced."""
    pending = span(
        STRANGER,
        ROOT,
        end=1,
        attributes={"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0" * 16},
    )

    assert outline(assemble([pending, span(ROOT)])) == [("span 1", None)]


def test_pending_span_stands_for_the_one_it_announces() -> None:
    """Until the real span arrives its announcement stands in its place, with unknown duration."""
    pending = span(
        STRANGER,
        CHILD,
        end=1,
        attributes={"logfire.span_type": "pending_span", "logfire.pending_parent_id": ROOT},
    )

    trace = assemble([pending, span(ROOT), span(GRANDCHILD, CHILD)])

    assert [(step.id, step.parent_id) for step in trace.steps] == [
        (ROOT, None),
        (CHILD, ROOT),
        (GRANDCHILD, CHILD),
    ]
    assert trace.steps[1].latency_ns is None


# -- time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "latency_ns"), [(3, 8, 5), (3, 3, 0), (3, 0, None), (8, 3, None), (0, 8, None)]
)
def test_latency_is_none_where_times_make_no_sense(start: int, end: int, latency_ns: int | None) -> None:
    """A duration is told only where the span started and did not end before that."""
    assert assemble([span(ROOT, start=start, end=end)]).steps[0].latency_ns == latency_ns


# -- log records --------------------------------------------------------------------------------------


def test_log_records_are_events_of_their_span() -> None:
    """Messages told as log records belong to the span they name, in any order, however often delivered."""
    logs = [
        LogRecord(TRACE_ID, ROOT, Event("gen_ai.user.message", 5, body={"content": "why?"})),
        LogRecord(TRACE_ID, ROOT, Event("gen_ai.choice", 5, body={"message": {"content": "because"}})),
        LogRecord(TRACE_ID, STRANGER, Event("gen_ai.choice", 5, body={"message": {"content": "elsewhere"}})),
    ]

    trace = assemble([llm(ROOT)], logs)

    assert (trace.prompt, trace.response, len(trace.steps[0].events)) == ("why?", "because", 2)
    assert assemble([llm(ROOT)], logs[::-1] + logs) == trace


def test_log_records_of_one_time_are_in_the_order_that_they_were_told_in() -> None:
    """SDKs for JavaScript know milliseconds: what a request holds of one stands as there, whatever arrives again."""
    words = [("user", "weather?"), ("assistant", "which city?"), ("user", "Oslo"), ("assistant", "sunny")]
    logs = [
        LogRecord(TRACE_ID, ROOT, Event(f"gen_ai.{role}.message", 5, body={"content": word}), position=at)
        for at, (role, word) in enumerate(words)
    ]
    again = [replace(record, position=record.position + 3) for record in logs]

    (step,) = assemble([llm(ROOT)], logs[::-1] + again).steps

    assert [(said.role, said.parts[0].text) for said in step.input_messages] == words


# -- whatever arrives ---------------------------------------------------------------------------------

SPAN_IDS = st.sampled_from([ROOT, CHILD, GRANDCHILD, STRANGER])
KEYS = sorted(
    {reading.key for dialect in DIALECTS for _, readings in fields_of(dialect) for reading in readings}
)
VALUES = st.sampled_from(
    [
        None, "", "{}", "[{", "why?", "chat", "tool", "7", 7, -1, 0.5, float("nan"), True, b"\xff", [], {},
        '[{"role":"user","content":"why?"}]', '{"messages":[null,1,"x",{"role":null,"content":{"a":1}}]}',
        '{"choices":[{"message":{"content":"because"}}]}', '{"input_tokens":3,"output_tokens":4}',
        {"parts": [{"functionCall": 1}]}, [{"type": ["x"]}], {"role": "tool", "content": [{"text": 1}]},
        [None], "\udfff",
    ]
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.builds(
        lambda key, suffix: key.replace(".N", "") + suffix,
        st.sampled_from(KEYS),
        st.sampled_from(["", "", ".0.role", ".0.content", ".0.message.content", ".999999999.role"]),
    ),
    VALUES,
    max_size=6,
)
EVENTS = st.builds(
    Event,
    st.sampled_from(["gen_ai.user.message", "gen_ai.choice", "exception", "gen_ai.content.prompt"]),
    st.integers(0, 3),
    st.dictionaries(
        st.sampled_from(["content", "message", "role", "exception.message", "gen_ai.prompt"]), VALUES
    ),
    VALUES,
)
SPANS = st.builds(
    Span,
    trace_id=st.just(TRACE_ID),
    span_id=SPAN_IDS,
    name=st.sampled_from(["a", "", "\udfff"]),
    parent_id=st.none() | SPAN_IDS | st.just("9" * 16),
    start_ns=st.integers(0, 3),
    end_ns=st.integers(0, 3),
    status=st.sampled_from(StatusCode),
    attributes=ATTRIBUTES,
    events=st.lists(EVENTS, max_size=2).map(tuple),
    scope=st.sampled_from([Scope(), Scope("ai"), Scope("pydantic-ai"), Scope("livekit-agents")]),
)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(SPANS, min_size=1, max_size=6))
def test_order_and_duplication_change_nothing(data: st.DataObject, spans: list[Span]) -> None:
    """Any junk in any order, delivered any number of times, is the same trace, and a well-formed one."""
    trace = assemble(spans)

    again = data.draw(st.permutations(spans + data.draw(st.lists(st.sampled_from(spans), max_size=4))))

    assert repr(assemble(again)) == repr(trace)  # by content: NaN does not equal itself
    seen: set[str | None] = {None}
    absent = {s.parent_id for s in spans} - {s.span_id for s in spans}
    for step in trace.steps:
        assert step.parent_id in seen | absent
        seen.add(step.id)
    assert seen <= {None, *(s.span_id for s in spans)}
    "".join((trace.prompt, trace.response, trace.model, trace.title, trace.error_message or "")).encode()


@settings(max_examples=150, deadline=None)
@given(SPANS)
def test_index_of_keys_finds_what_a_walk_through_all_tables_finds(told: Span) -> None:
    """Looking only at readings whose keys the span has gives the same fields from the same sources."""
    walked, attributes_read = {}, set()
    for name in FIELDS:
        for dialect in DIALECTS:
            for reading in getattr(dialect, name) if dialect.applies(told) else ():
                found = reading.find(told, reading.key)
                if name not in walked and found is not None and reading.read(found) is not None:
                    walked[name] = Source(dialect.name, reading.key)
                    # an event's key may be an attribute's too
                    if not isinstance(reading.find, OfEvents) and reading.find is not in_events:
                        attributes_read.add(reading.key)

    (step,) = assemble([replace(told, parent_id=None)]).steps
    if step.output_messages and "tool_calls" in walked:
        walked.setdefault("output", walked["tool_calls"])  # calls alone are an output as well

    assert step.sources == walked
    assert set(step.unread) <= set(told.attributes)
    assert attributes_read.isdisjoint(step.unread)
