"""The geometry of the timeline."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.viewer.samples import MS, START_NS, agent_trace, step
from tracen_otel.model import Step, StepKind, Trace
from viewer.timeline.waterfall import MAX_LEVEL, Axis, Bar, Row, arrange, axis_of, leaves


def shape(rows: list[Row]) -> list[tuple[str, int]]:
    return [(row.step.name, row.level) for row in rows]


def test_arrange_puts_children_under_their_parents() -> None:
    """A step follows its parent, one level deeper, and siblings keep their order."""
    steps = [step("b", 2, 1, id="b", parent="a"), step("a", 0, 9, id="a"), step("c", 1, 1, parent="a")]
    assert shape(arrange(steps)) == [("a", 0), ("b", 1), ("c", 1)]


def test_arrange_leaves_orphans_and_plain_steps_at_the_root() -> None:
    """Steps without ids, or with a parent nobody sent, stand side by side in the order they came."""
    steps = [step("one", 0, 1), step("orphan", 1, 1, id="x", parent="gone"), step("two", 2, 1)]
    assert shape(arrange(steps)) == [("one", 0), ("orphan", 0), ("two", 0)]


@pytest.mark.parametrize("parents", [["a"], ["b", "a"], ["b", "c", "a"]])
def test_arrange_cuts_cycles(parents: list[str]) -> None:
    """Steps that hang under each other are each shown once."""
    steps = [step(name, 0, 1, id=name, parent=parent) for name, parent in zip("abc", parents, strict=False)]
    assert sorted(row.step.name for row in arrange(steps)) == [s.name for s in steps]


def test_arrange_keeps_both_steps_of_one_id() -> None:
    """Two steps with the same id are both shown; the first one is the parent."""
    steps = [step("first", 0, 5, id="a"), step("second", 1, 5, id="a"), step("child", 2, 1, parent="a")]
    assert shape(arrange(steps)) == [("first", 0), ("child", 1), ("second", 0)]


def test_arrange_stops_nesting_at_the_deepest_level() -> None:
    """A chain of thousands is listed without recursion, flat below MAX_LEVEL."""
    steps = [step(str(n), n, 1, id=str(n), parent=str(n - 1)) for n in range(3_000)]
    rows = arrange(steps)
    assert [row.level for row in rows] == [min(n, MAX_LEVEL) for n in range(3_000)]


names = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(names, st.none() | names)))
def test_arrange_shows_every_step_once_and_parents_first(edges: list[tuple[str, str | None]]) -> None:
    """Whatever the parents, each step has one row, and a row is directly below its parent's subtree."""
    steps = [step(f"{n}", n, 1, id=own, parent=parent) for n, (own, parent) in enumerate(edges)]
    rows = arrange(steps)
    assert sorted(int(row.step.name) for row in rows) == list(range(len(steps)))
    for above, row in zip([None, *rows], rows, strict=False):
        assert row.level <= (above.level + 1 if above else 0)
        if row.parent:
            assert row.parent.step.id == row.step.parent_id
            assert rows.index(row.parent) < rows.index(row)


def test_leaves_are_the_innermost() -> None:
    """A wrapper around LLM calls is not one of them."""
    steps = [
        step("wrapper", 0, 9, id="w", kind=StepKind.LLM),
        step("chain", 0, 9, id="c", parent="w"),
        step("call", 1, 1, parent="c", kind=StepKind.LLM),
        step("other call", 2, 1, kind=StepKind.LLM),
    ]
    rows = arrange(steps)
    wanted = [row for row in rows if row.step.kind is StepKind.LLM]
    assert [row.step.name for row in leaves(wanted)] == ["call", "other call"]


def bar_of(axis: Axis, told: Step) -> Bar | None:
    return axis.bar(told.start_ns - axis.start_ns if told.start_ns else None, told.latency_ns)


def test_bar_lies_where_the_step_lay() -> None:
    """Percentages of the whole, exact to a hundredth."""
    trace = Trace(steps=(step("all", 0, 1_000), step("part", 250, 500)))
    bar = bar_of(axis_of(trace), trace.steps[1])
    assert bar is not None
    assert (bar.x, bar.width, bar.is_point) == ("25.00%", "50.00%", False)


def test_bar_of_unknown_duration_is_a_point() -> None:
    """A start without a duration is marked as such, not drawn as if it had taken no time."""
    trace = agent_trace()
    bar = bar_of(axis_of(trace), trace.steps[-1])
    assert bar is not None
    assert bar.is_point


def test_bar_is_left_out_where_the_start_is_not_told() -> None:
    """Nothing is drawn that nobody told."""
    trace = Trace(steps=(step("told", 0, 10), Step("untold", latency_ns=5)))
    axis = axis_of(trace)
    assert axis.start_ns == START_NS
    assert bar_of(axis, trace.steps[1]) is None


@given(
    st.lists(st.tuples(st.integers(-(10**12), 10**19), st.none() | st.integers(0, 10**25)), max_size=6),
    st.none() | st.integers(0, 10**25),
)
def test_bars_stay_on_the_axis(times: list[tuple[int, int | None]], latency_ns: int | None) -> None:
    """Absurd times, years apart or negative, never draw outside the page."""
    steps = tuple(Step("s", start_ns=start, latency_ns=latency) for start, latency in times)
    axis = axis_of(Trace(steps=steps, started_ns=START_NS, latency_ns=latency_ns))
    for bar in filter(None, (bar_of(axis, s) for s in steps)):
        x, width = (float(percent.removesuffix("%")) for percent in (bar.x, bar.width))
        assert x >= 0
        assert width > 0
        assert x + width <= 100.001
    assert len(axis.ticks()) <= 6


@pytest.mark.parametrize(
    ("span_ms", "labels"),
    [
        (1_830, ["0", "0.5 s", "1 s", "1.5 s"]),
        (9_210, ["0", "2 s", "4 s", "6 s", "8 s"]),
        (431, ["0", "100 ms", "200 ms", "300 ms", "400 ms"]),
        (5, ["0", "1 ms", "2 ms", "3 ms", "4 ms", "5 ms"]),
        (95_000, ["0", "30 s", "1 min", "1 min 30 s"]),
        (4 * 3_600_000, ["0", "1 h", "2 h", "3 h", "4 h"]),
    ],
)
def test_ticks_are_round_times(span_ms: int, labels: list[str]) -> None:
    """The axis counts in units a reader counts in."""
    trace = Trace(started_ns=START_NS, latency_ns=span_ms * MS)
    assert [tick.label for tick in axis_of(trace).ticks()] == labels


def test_axis_of_nothing_has_no_ticks() -> None:
    """A trace without times has no time axis."""
    assert axis_of(Trace(steps=(Step("s"),))).ticks() == ()
