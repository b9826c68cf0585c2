"""Several tellings of one trace: one page, every step once."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tracen_otel.assemble import PARENTS_MISSING, ROOT_MISSING, assemble
from tracen_otel.merge import merge
from tracen_otel.model import Event, LogRecord, Provider, Span, Status, StatusCode, Step, Trace, Usage

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
        assert merged.sources == whole.sources
        assert merged.steps == whole.steps


STEPS = st.tuples(
    st.integers(0, 7),
    st.sampled_from([{}, {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "chat"}]),
    st.dictionaries(
        st.sampled_from(
            [
                "gen_ai.prompt",
                "gen_ai.completion",
                "gen_ai.request.model",
                "gen_ai.response.id",
                "gen_ai.usage.output_tokens",
            ]
        ),
        st.sampled_from(["1", "2", "3"]),
    ),
    st.sampled_from(StatusCode),
    st.sampled_from([{}, {}, {"start_ns": 0}]),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=8))
def test_merge_of_any_two_parts_is_the_whole(told: list[tuple[int, Any, Any, StatusCode, Any, bool]]) -> None:
    """However the spans of a run are divided between two processes, the page is that of the whole run."""
    spans = [
        replace(span(i + 1, parent % i + 1 if i else None, **kind, **facts), status=status, **times)
        for i, (parent, kind, facts, status, times, _) in enumerate(told)
    ]
    parts = [[s for s, (*_, mine) in zip(spans, told, strict=True) if mine is side] for side in (True, False)]
    whole = assemble(spans)

    merged = merge([assemble(part) for part in parts if part])

    for field in fields(Trace):
        assert getattr(merged, field.name) == getattr(whole, field.name), field.name


def test_merge_keeps_the_failure_of_the_root() -> None:
    """How the run ended is said by the telling that has the root."""
    failed = replace(ROOT, status=StatusCode.ERROR, status_message="boom")
    merged = merge([assemble([failed, FIRST]), assemble([SECOND])])
    assert (merged.status, merged.error_message) == (Status.ERROR, "boom")


def test_merge_counts_a_call_that_two_tellings_tell_once() -> None:
    """A client and a gateway post spans of one response: its tokens count once, and the page says which."""
    client = replace(FIRST, attributes={**FIRST.attributes, "gen_ai.response.id": "resp_1"})
    gateway = replace(SECOND, attributes={**SECOND.attributes, "gen_ai.response.id": "resp_1"})

    merged = merge([assemble([ROOT, client]), assemble([gateway])])

    assert merged == assemble([ROOT, client, gateway])
    assert [step.tokens_counted for step in merged.steps] == [False, False, True]


def test_merge_counts_a_roll_up_no_longer_when_its_calls_are_there() -> None:
    """What counted while it stood alone is marked anew, and warned of once, however often it is merged."""
    agent = replace(ROOT, attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 2})

    early = assemble([agent])
    merged = merge([early, assemble([FIRST])])

    assert early.steps[0].tokens_counted
    assert [step.tokens_counted for step in merged.steps] == [False, True]
    assert merged == assemble([agent, FIRST])
    assert merge([merged, assemble([span(5, 1)])]).steps[0].warnings == merged.steps[0].warnings
    assert len(merged.steps[0].warnings) == 1


def test_merge_follows_a_retry_that_another_process_made() -> None:
    """A run that looked failed to one process, because its last call had, is a success with the retry."""
    failed = replace(FIRST, status=StatusCode.ERROR, attributes={"gen_ai.operation.name": "chat"})
    early = assemble([ROOT, failed])

    merged = merge([early, assemble([SECOND])])

    assert early.status is Status.ERROR
    assert (merged.status, merged.error_message, merged.response) == (Status.SUCCESS, None, "Because.")


def test_merge_keeps_a_verdict_that_no_step_tells() -> None:
    """Who posts a failed trace with good steps says so by the trace's status alone."""
    posted = replace(assemble([ROOT, FIRST]), status=Status.ERROR, error_message="rejected")

    merged = merge([posted, assemble([SECOND])])

    assert (merged.status, merged.error_message) == (Status.ERROR, "rejected")
    assert "error_message" not in merged.sources


def test_merge_points_at_what_only_one_telling_says() -> None:
    """A prompt that stands in no step has the source its telling gave it, or none."""
    bare = Step("a", id="a", start_ns=1)
    told = Trace(prompt="why?", response="because", steps=(bare,), sources={"prompt": "a"})

    merged = merge([told, Trace(steps=(Step("b", id="b", parent_id="a", start_ns=2),))])

    assert (merged.prompt, merged.response, merged.sources) == ("why?", "because", {"prompt": "a"})


def test_merge_without_step_ids_is_the_last_telling() -> None:
    """Plain payloads of one trace replace each other: their steps can not be told apart."""
    first, second = Trace(prompt="1", steps=(Step("a"),)), Trace(prompt="2", steps=(Step("a"), Step("b")))
    assert merge([first, second]) == second


def test_merge_survives_parents_in_a_circle() -> None:
    """Posted parent ids are a stranger's: every step is there, once."""
    one = Trace(steps=(Step("a", id="a", parent_id="b"), Step("b", id="b", parent_id="a")))
    merged = merge([one, Trace(steps=(Step("c", id="c"),))])
    assert sorted(step.id for step in merged.steps) == ["a", "b", "c"]


def test_merge_counts_what_was_masked_once() -> None:
    """A step that two tellings have counts once; what a telling masked beside its steps is added."""
    masked = [replace(told, masked=number) for number, told in enumerate((ROOT, FIRST, SECOND), 1)]
    early, late = assemble(masked[:2]), assemble(masked[1:])
    assert (early.masked, late.masked) == (3, 5)

    assert merge([early, late]).masked == 6
    assert merge([replace(early, masked=10), late]).masked == 13


def test_merge_counts_what_log_records_held() -> None:
    """What was masked in a log record counts with the step that it tells of, however often it was sent."""
    record = LogRecord(TRACE_ID, FIRST.span_id, Event("e", 1, {"a": "[masked: JWT]"}), masked=1)

    trace = assemble([ROOT, replace(FIRST, masked=2)], [record, record])

    assert [step.masked for step in trace.steps] == [0, 3]
    assert trace.masked == 3


LATE = chat(4, 9, "What else?", "Nothing.")


def test_merge_keeps_what_was_told_without_steps() -> None:
    """A post that tells of the whole run alone is not undone by a span that comes after it, without its root."""
    bare = Trace(
        "why?",
        "because",
        model="m",
        provider=Provider.OPENAI,
        title="my run",
        status=Status.ERROR,
        error_message="boom",
        usage=Usage(7, 8),
        latency_ns=5,
    )
    tool = span(4, 9, **{"gen_ai.operation.name": "execute_tool"})
    for order in ([bare, assemble([tool])], [assemble([tool]), bare]):
        merged = merge(order)
        for field in ("prompt", "response", "model", "provider", "title", "status", "error_message", "usage"):
            assert getattr(merged, field) == getattr(bare, field), field
        assert (merged.latency_ns, merged.started_ns, len(merged.steps)) == (5, 4_000_000, 1)

    merged = merge([bare, assemble([LATE])])
    assert (merged.prompt, merged.response, merged.usage) == ("why?", "because", Usage(10, 4))


def test_merge_lets_the_root_speak_before_what_was_told_without_steps() -> None:
    """A trace that has its root is told by its spans; a post beside it fills in what they do not say."""
    root = replace(ROOT, attributes={"input.value": "the question"})
    merged = merge([Trace("other?", "because", title="mine"), assemble([root, LATE])])

    assert (merged.prompt, merged.title) == ("the question", "step 1")


def test_merge_keeps_tokens_that_no_step_tells() -> None:
    """The author's count stays until steps tell one."""
    told = Trace("why?", steps=(Step("a", id="a", start_ns=1),), usage=Usage(7))
    tool = span(4, None, **{"gen_ai.operation.name": "execute_tool"})

    assert merge([told, assemble([tool])]).usage == Usage(7)
    assert merge([told, assemble([FIRST])]).usage == Usage(10, 2)


def test_merge_fills_the_gaps_of_the_last_telling() -> None:
    """A later telling of the same steps takes no word away."""
    step = Step("a", id="a", start_ns=1)

    assert merge([Trace("why?", "because", steps=(step,)), Trace(steps=(step,))]).prompt == "why?"


def test_merge_keeps_the_notes_of_authors_and_counts_orphans_anew() -> None:
    """What a sender had to say of its telling stays; what a missing parent leads to is that of all steps."""
    cut = replace(assemble([ROOT, FIRST]), notes=("The trace was too large to send: cut.",))
    orphan, another = assemble([LATE]), assemble([chat(5, 8, "", "")])
    assert orphan.notes == (ROOT_MISSING,)

    assert merge([cut, orphan]).notes == (f"{PARENTS_MISSING}: 1.", *cut.notes)
    assert merge([orphan, another]).notes == (ROOT_MISSING, f"{PARENTS_MISSING}: 1.")
    assert merge([cut, orphan, assemble([ROOT, FIRST])]).notes == (f"{PARENTS_MISSING}: 1.",)
    assert merge([orphan, assemble([span(9)])]).notes == ()
