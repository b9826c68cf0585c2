"""Which step of one trace is which of the other, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.viewer.compare_samples import research_trace
from tests.viewer.samples import MS, agent_trace, chain_trace, failed_trace, said, step
from tracen_otel.model import Message, Part, Status, Step, StepKind, Trace, Usage
from viewer.compare.alignment import WINDOW
from viewer.compare.comparison import Aspect, Comparison, Side, compare, delta, stable_name
from viewer.timeline.waterfall import arrange


def paired(a: str, b: str) -> list[tuple[str | None, str | None]]:
    """How the steps of two flat traces, each given as words, are put together."""
    one, other = (Trace(steps=tuple(step(name, 0, 1) for name in names.split())) for names in (a, b))
    lines = compare(one, other).lines
    return [(_name(line.a), _name(line.b)) for line in lines]


def _name(side: Side | None) -> str | None:
    return side.step.name if side else None


def only_line(a: Step, b: Step, **run: Any) -> frozenset[Aspect]:
    (line,) = compare(Trace(steps=(a,), **run), Trace(steps=(b,), **run)).lines
    return line.differences


# -- alignment ----------------------------------------------------------------------------------------


def test_an_added_step_does_not_shift_the_others() -> None:
    """What comes after a new step still finds its counterpart."""
    assert paired("a b c", "a new b c") == [("a", "a"), (None, "new"), ("b", "b"), ("c", "c")]


def test_order_counts() -> None:
    """A step that moved stands alone in both places."""
    assert sorted(paired("a b c", "b c a"), key=str) == [
        ("a", None),
        ("b", "b"),
        ("c", "c"),
        (None, "a"),
    ]


def test_equal_siblings_are_matched_one_by_one() -> None:
    """The third call of a tool is the third; a fourth is new."""
    assert paired("t t t x", "t t t t x")[-2:] == [(None, "t"), ("x", "x")]


def test_a_path_begins_at_the_root() -> None:
    """A step under another parent is another step."""
    a = Trace(steps=(step("p", 0, 1, id="p"), step("q", 0, 1, id="q"), step("x", 0, 1, parent="p")))
    b = Trace(steps=(step("p", 0, 1, id="p"), step("q", 0, 1, id="q"), step("x", 0, 1, parent="q")))
    alone = [(line.a, line.b) for line in compare(a, b).lines if not (line.a and line.b)]
    assert [(bool(one), bool(other)) for one, other in alone] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /users/42", "GET /users/7000"),
        ("task 9f1c2d3e-0000-4000-8000-1234567890ab", "task 00000000-1111-4111-8111-aaaaaaaaaaaa"),
        ("run_5f3a9c1b2d", "run_0a0b0c0d0e"),
        ("call call_8fK2jxQ0aPz81LmN", "call call_Zz92mmQ1bPz81LaB"),
        ("0xDEADBEEF", "0xCAFE"),
    ],
)
def test_ids_and_numbers_make_no_other_name(one: str, other: str) -> None:
    """What every run makes up anew is not part of a path."""
    assert stable_name(one) == stable_name(other)


@pytest.mark.parametrize("name", ["get_weather", "deadline", "facade", "invoke_agent planner", "GET /pages"])
def test_words_stay_as_they_are(name: str) -> None:
    """A word is not taken for an id because hex digits can spell it."""
    assert stable_name(name) == name


def test_another_kind_is_another_step() -> None:
    """A tool and an LLM call of the same name are not the same."""
    a = Trace(steps=(step("x", 0, 1, kind=StepKind.TOOL), step("end", 1, 1)))
    b = Trace(steps=(step("x", 0, 1, kind=StepKind.LLM), step("end", 1, 1)))
    assert len(compare(a, b).lines) == 3


def test_a_call_of_another_model_is_the_same_call() -> None:
    """Spans of model calls are named for the model, so that a run with another one still lines up."""
    lines = compare(research_trace(), research_trace(second=True)).lines
    calls = [line for line in lines if line.either.step.kind is StepKind.LLM]
    assert all(line.a and line.b for line in calls)
    assert all(Aspect.MODEL in line.differences and Aspect.NAME not in line.differences for line in calls)


def test_the_only_root_is_the_run() -> None:
    """Two runs whose one root has another name are compared all the same."""
    a = Trace(steps=(step("v one", 0, 9, id="r"), step("x", 0, 1, parent="r")))
    b = Trace(steps=(step("v two", 0, 9, id="r"), step("x", 0, 1, parent="r")))
    root, child = compare(a, b).lines
    assert root.differences == {Aspect.NAME}
    assert child.is_alike


# -- differences --------------------------------------------------------------------------------------

CHANGES: list[tuple[dict[str, Any], Aspect]] = [
    ({"status": Status.ERROR}, Aspect.STATUS),
    ({"error_message": "no"}, Aspect.ERROR),
    ({"model": "m"}, Aspect.MODEL),
    ({"input": "i"}, Aspect.INPUT),
    ({"input_messages": (said("user", "i"),)}, Aspect.INPUT),
    ({"output": "o"}, Aspect.OUTPUT),
    ({"output_messages": (said("assistant", "o"),)}, Aspect.OUTPUT),
    ({"usage": Usage(1)}, Aspect.TOKENS),
    ({"latency_ns": None}, Aspect.DURATION),
    ({"latency_ns": 200 * MS}, Aspect.DURATION),
]


@pytest.mark.parametrize(("change", "aspect"), CHANGES, ids=lambda value: str(value))
def test_each_change_is_noticed(change: dict[str, Any], aspect: Aspect) -> None:
    """Whatever changes in a step alone is the one difference of its line."""
    before = step("x", 0, 100)
    assert only_line(before, replace(before, **change)) == {aspect}
    assert only_line(replace(before, **change), before) == {aspect}


def test_ids_of_calls_are_no_difference() -> None:
    """A tool call has another id in every run."""
    one, other = (Message("assistant", (Part("tool_call", name="f", id=name, value={}),)) for name in "ab")
    before = step("x", 0, 1, output_messages=(one,))
    assert not only_line(before, replace(before, output_messages=(other,)))


def test_noise_in_durations_is_no_difference() -> None:
    """Less than a quarter apart, or less than a hundredth of the run, is as good as the same."""
    assert not only_line(step("x", 0, 1000), step("x", 0, 1249))
    assert only_line(step("x", 0, 1000), step("x", 0, 1250)) == {Aspect.DURATION}
    assert not only_line(step("x", 0, 10), step("x", 0, 100), latency_ns=10_000 * MS)


def test_delta_is_told_only_where_both_are() -> None:
    """Nothing is subtracted from what is unknown."""
    assert (delta(3, 5), delta(5, 3), delta(None, 3), delta(3, None)) == (2, -2, None, None)


def test_totals_count_steps_calls_and_failures() -> None:
    """Each run's totals are its own."""
    found = compare(agent_trace(), failed_trace())
    assert (found.a.steps, found.a.llm_calls, found.a.failures) == (7, 2, 1)
    assert (found.b.steps, found.b.llm_calls, found.b.failures) == (6, 2, 3)
    assert (found.a.duration_ns, found.a.input_tokens, found.a.output_tokens) == (9_210 * MS, 2943, 498)


# -- always -------------------------------------------------------------------------------------------


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Small traces with equal names, lost parents, parents in a circle and changes here and there."""
    count = draw(st.integers(0, 9))
    ids = st.sampled_from([str(n) for n in range(10)])
    return Trace(
        latency_ns=draw(st.none() | st.integers(0, 1000)),
        steps=tuple(
            Step(
                draw(st.sampled_from(["a", "b", "c 1", "c 2"])),
                id=str(number),
                parent_id=draw(st.none() | ids),
                kind=draw(st.sampled_from([StepKind.LLM, StepKind.TOOL])),
                latency_ns=draw(st.sampled_from([None, 10, 100])),
                model=draw(st.sampled_from([None, "m"])),
                output=draw(st.sampled_from([None, "x", "y"])),
            )
            for number in range(count)
        ),
    )


def numbers(found: Comparison) -> tuple[list[int], list[int]]:
    a = [line.a.number for line in found.lines if line.a]
    b = [line.b.number for line in found.lines if line.b]
    return a, b


@given(traces(), traces())
def test_every_step_occurs_once_and_in_order(a: Trace, b: Trace) -> None:
    """No step is lost or told twice, and each side reads as its own page does."""
    found = compare(a, b)
    assert numbers(found) == (
        list(range(1, len(a.steps) + 1)),
        list(range(1, len(b.steps) + 1)),
    )
    rows = arrange(a.steps)
    assert all(line.a.step is rows[line.a.number - 1].step for line in found.lines if line.a)
    assert all(line.a or line.b for line in found.lines)
    assert not any(line.differences for line in found.lines if not (line.a and line.b))


@given(traces())
def test_a_trace_does_not_differ_from_itself(trace: Trace) -> None:
    """Every step is alike, each beside itself."""
    found = compare(trace, replace(trace))
    assert all(line.is_alike and line.a == line.b for line in found.lines)
    assert found.a == found.b
    assert found.is_exact


@given(traces(), traces())
def test_comparison_is_symmetric(a: Trace, b: Trace) -> None:
    """From the other side the same steps are together, with the same differences."""
    there, back = compare(a, b), compare(b, a)
    assert {(line.a, line.b) for line in map(_told, there.lines)} == {
        (line.b, line.a) for line in map(_told, back.lines)
    }
    assert (there.a, there.b) == (back.b, back.a)


def _told(line: Any) -> Any:
    """A line by its numbers, with its differences in both places, so that it can be turned round."""
    differences = frozenset(line.differences)
    return replace(
        line,
        a=(line.a and line.a.number, differences),
        b=(line.b and line.b.number, differences),
    )


# -- bounds -------------------------------------------------------------------------------------------


def test_deep_traces_need_no_recursion() -> None:
    """Thousands of steps, each under the one before, are compared as well."""
    assert len(compare(chain_trace(5_000), chain_trace(4_000)).lines) == 5_000


def test_many_siblings_are_aligned_in_parts_and_it_is_said() -> None:
    """Beyond the window the comparison is not exact, and every step is still there."""
    a = Trace(steps=tuple(step(f"{'xyz'[n % 3]}", n, 1) for n in range(WINDOW + 100)))
    b = Trace(steps=tuple(step(f"{'xzy'[n % 3]}", n, 1) for n in range(WINDOW + 100)))
    found = compare(a, b)
    assert not found.is_exact
    assert numbers(found) == (list(range(1, WINDOW + 101)), list(range(1, WINDOW + 101)))
