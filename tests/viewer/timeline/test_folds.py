"""What is folded away at first, and the blocks that are left."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st

from tests.viewer.samples import step
from tracen_otel.model import Status, Step, StepKind
from viewer.timeline.folds import BLOCK_LINES, Fold, blocks_of, folds_of
from viewer.timeline.waterfall import arrange, sizes_of


def folds(steps: list[Step]) -> list[Fold]:
    rows = arrange(steps)
    return folds_of(rows, sizes_of(rows))


def http(name: str, parent: str = "a", **more: object) -> Step:
    return replace(
        step(name, 1, 1, id=name, parent=parent, kind=StepKind.HTTP),
        **more,  # type: ignore[arg-type]
    )


AGENT = step("agent", 0, 9, id="a", kind=StepKind.AGENT)
CHAT = step("chat", 5, 1, id="c", parent="a", kind=StepKind.LLM)


def test_neighbouring_plumbing_is_folded_with_what_hangs_under_it() -> None:
    """Two requests, of which one has a child; the model call between them and the third is no plumbing."""
    steps = [AGENT, http("x"), http("y"), http("below y", parent="y"), CHAT, replace(http("z"), start_ns=0)]
    assert folds(steps) == [(2, 3)]


def test_single_row_is_not_folded() -> None:
    """It would be replaced by another row."""
    assert folds([AGENT, http("x"), CHAT]) == []


def test_what_failed_or_was_said_stays_in_sight() -> None:
    """A failed request is what somebody looks for; so is a step with a text."""
    steps = [AGENT, http("x"), http("failed", status=Status.ERROR), http("told", input="words"), http("y")]
    assert folds(steps) == []


def test_plumbing_above_a_model_call_stays() -> None:
    """Whoever wants the call must see where it hangs."""
    steps = [AGENT, http("x"), http("y"), replace(CHAT, parent_id="y")]
    assert folds(steps) == []


def test_trace_of_plumbing_alone_is_not_folded() -> None:
    """A web request is what its trace is about."""
    assert folds([http("a", parent=""), http("b"), http("c")]) == []


@given(st.integers(0, 400), st.lists(st.tuples(st.integers(0, 30), st.integers(2, 60)), max_size=12))
def test_blocks_begin_every_so_many_lines(step_count: int, gaps: list[tuple[int, int]]) -> None:
    """As if somebody counted line by line, a fold being one."""
    fold_by_start: dict[int, int] = {}
    at = 1
    for gap, count in gaps:
        if at + gap + count <= step_count + 1:
            fold_by_start[at + gap] = count
            at += gap + count
    expected, number, line = [], 1, 0
    while number <= step_count:
        if line % BLOCK_LINES == 0:
            expected.append(number)
        number += fold_by_start.get(number, 1)
        line += 1
    assert blocks_of(step_count, list(fold_by_start.items())) == expected
