"""Several tellings of one trace: one page, every step once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracen_otel.assemble import assemble
from tracen_otel.merge import merge
from tracen_otel.model import Span, Status, StatusCode, Step, Trace, Usage

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def span(number: int, parent: int | None = None, **attributes: object) -> Span:
    return Span(
        trace_id=TRACE_ID,
        span_id=f"{number:016x}",
        name=f"step {number}",
        parent_id=None if parent is None else f"{parent:016x}",
        start_ns=number * 1_000_000,
        end_ns=number * 1_000_000 + 500_000,
        attributes=attributes,
    )


def chat(number: int, parent: int, question: str, answer: str) -> Span:
    return span(
        number,
        parent,
        **{
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": question,
            "gen_ai.completion.0.content": answer,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": number,
        },
    )


ROOT, FIRST, SECOND = span(1), chat(2, 1, "Why?", "Hm."), chat(3, 1, "Why?", "Because.")


def test_merge_of_one_telling_is_that_telling() -> None:
    """Nothing is derived anew where there is nothing to merge."""
    trace = Trace(prompt="p", steps=(Step("a"),))
    assert merge([trace]) is trace


def test_merge_of_a_later_complete_telling_is_the_later_one() -> None:
    """The exporter sends the whole trace again when a late span arrives."""
    early, complete = assemble([ROOT, FIRST]), assemble([ROOT, FIRST, SECOND])
    assert merge([early, complete]) == complete
    assert merge([early, early]) == early


@pytest.mark.parametrize(
    "parts", [([FIRST], [ROOT, SECOND]), ([ROOT, FIRST], [SECOND]), ([ROOT], [SECOND, FIRST])]
)
def test_merge_of_parts_tells_what_all_spans_together_tell(parts: tuple[list[Span], list[Span]]) -> None:
    """Two processes of one trace post their own steps: the page is that of the whole trace."""
    for order in (parts, parts[::-1]):
        merged = merge([assemble(part) for part in order])
        whole = assemble([ROOT, FIRST, SECOND])
        for name in ("prompt", "response", "model", "provider", "usage", "title", "started_ns", "latency_ns"):
            assert getattr(merged, name) == getattr(whole, name), name
        assert [step.id for step in merged.steps] == [step.id for step in whole.steps]
        assert merged.usage == Usage(20, 5)


def test_merge_keeps_the_failure_of_the_root() -> None:
    """How the run ended is said by the telling that has the root."""
    failed = replace(ROOT, status=StatusCode.ERROR, status_message="boom")
    merged = merge([assemble([failed, FIRST]), assemble([SECOND])])
    assert (merged.status, merged.error_message) == (Status.ERROR, "boom")


def test_merge_without_step_ids_is_the_last_telling() -> None:
    """Plain payloads of one trace replace each other: their steps can not be told apart."""
    first, second = Trace(prompt="1", steps=(Step("a"),)), Trace(prompt="2", steps=(Step("a"), Step("b")))
    assert merge([first, second]) == second


def test_merge_survives_parents_in_a_circle() -> None:
    """Posted parent ids are a stranger's: every step is there, once."""
    one = Trace(steps=(Step("a", id="a", parent_id="b"), Step("b", id="b", parent_id="a")))
    merged = merge([one, Trace(steps=(Step("c", id="c"),))])
    assert sorted(step.id for step in merged.steps) == ["a", "b", "c"]
