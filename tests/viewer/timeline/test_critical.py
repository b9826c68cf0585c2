"""What the whole run waited for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from tests.viewer.samples import MS, START_NS, step
from tracen_otel.model import Step
from viewer.timeline.critical import MAX_STRETCHES, critical_path
from viewer.timeline.waterfall import arrange


def path(steps: list[Step]) -> dict[str, list[tuple[int, int]]]:
    """The stretches of each step by name, in milliseconds after the start."""
    rows = arrange(steps)
    name_by_number = {row.number: row.step.name for row in rows}
    return {
        name_by_number[number]: [((a - START_NS) // MS, (b - START_NS) // MS) for a, b in stretches]
        for number, stretches in critical_path(rows).items()
    }


def test_path_follows_the_child_that_ended_last() -> None:
    """Of two that ran side by side the longer one; what no child fills is the parent's own."""
    told = path(
        [
            step("agent", 0, 100, id="a"),
            step("short", 10, 20, id="s", parent="a"),
            step("long", 10, 60, id="l", parent="a"),
            step("last", 80, 15, id="z", parent="a"),
        ]
    )
    assert told == {"agent": [(0, 10), (70, 80), (95, 100)], "long": [(10, 70)], "last": [(80, 95)]}


def test_path_leaves_out_what_nobody_waited_for() -> None:
    """A child that outlives its parent is followed to the parent's end only."""
    told = path([step("agent", 0, 50, id="a"), step("background", 20, 900, id="b", parent="a")])
    assert told == {"agent": [(0, 20)], "background": [(20, 50)]}


def test_path_of_steps_without_times_is_empty() -> None:
    """Nothing is drawn that nobody told."""
    assert critical_path(arrange([Step("a"), Step("b")])) == {}


def test_path_of_thousands_of_pauses_is_bounded() -> None:
    """A bar has room for so many stretches."""
    steps = [step("agent", 0, 10_000, id="a")]
    steps += [step("c", 10 * n, 5, id=f"c{n}", parent="a") for n in range(900)]
    assert len(path(steps)["agent"]) == MAX_STRETCHES


times = st.tuples(st.integers(0, 50), st.integers(0, 30), st.none() | st.integers(0, 9))


@given(st.lists(times, min_size=1, max_size=12))
def test_path_covers_each_moment_once(told: list[tuple[int, int, int | None]]) -> None:
    """Stretches lie within their steps and never overlap, whatever hangs under what."""
    steps = [
        step(f"{n}", at, ms, id=f"{n}", parent=None if up is None or up >= n else f"{up}")
        for n, (at, ms, up) in enumerate(told)
    ]
    stretches = sorted(pair for pairs in path(steps).values() for pair in pairs)
    for (_, end), (start, _) in pairwise(stretches):
        assert end <= start
    for name, pairs in path(steps).items():
        at, ms, _ = told[int(name)]
        assert all(at <= start < end <= at + ms for start, end in pairs)
