"""Tokens of a trace: every model call counts once."""

from __future__ import annotations

from tests.tracen_otel.made_spans import CHILD, GRANDCHILD, ROOT, llm, span
from tracen_otel.assemble import assemble
from tracen_otel.model import StatusCode


def test_roll_up_is_not_added() -> None:
    """Tokens on an agent that are the sum of its model calls count once."""
    agent = span(
        ROOT,
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.usage.input_tokens": 30,
            "gen_ai.usage.output_tokens": 3,
        },
    )
    calls = [
        llm(i, ROOT, usage__input_tokens=n, usage__output_tokens=1)
        for i, n in ((CHILD, 10), (GRANDCHILD, 20))
    ]

    usage = assemble([agent, *calls]).usage

    assert (usage.input_tokens, usage.output_tokens) == (30, 2)


def test_roll_up_counts_where_no_call_tells_tokens() -> None:
    """Where only the wrapper tells tokens they are the trace's."""
    agent = span(ROOT, attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30})

    assert assemble([agent, llm(CHILD, ROOT)]).usage.input_tokens == 30


def test_call_told_by_two_nested_spans_counts_once() -> None:
    """A client's own span under an instrumentation's tells the same call, with cached tokens or without."""
    outer = llm(ROOT, usage__input_tokens=28, usage__output_tokens=18)
    inner = llm(CHILD, ROOT, usage__input_tokens=41, usage__output_tokens=18)

    trace = assemble([outer, inner])

    assert (trace.usage.input_tokens, trace.usage.output_tokens) == (41, 18)
    assert trace.steps[0].warnings == ("another step tells the same model call; its tokens count once",)


def test_call_told_by_two_siblings_counts_once() -> None:
    """Two spans with one response id tell one call wherever they stand."""
    first = llm(CHILD, ROOT, 2, usage__input_tokens=14, usage__output_tokens=19, response__id="msg_1")
    second = llm(GRANDCHILD, ROOT, 3, usage__input_tokens=14, usage__output_tokens=18, response__id="msg_1")

    usage = assemble([span(ROOT), first, second]).usage

    assert (usage.input_tokens, usage.output_tokens) == (14, 18)


def test_call_nested_in_another_call_counts_too() -> None:
    """A model call made while another one is open, say by its tool, has tokens of its own."""
    outer = llm(ROOT, usage__input_tokens=50, usage__output_tokens=7)
    inner = llm(CHILD, ROOT, usage__input_tokens=92, usage__output_tokens=11)

    assert assemble([outer, inner]).usage.input_tokens == 142


def test_embedding_tokens_are_no_llm_tokens() -> None:
    """Embeddings are left out beside model calls, and count where there is nothing else."""
    embedding = span(
        CHILD, ROOT, attributes={"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 16}
    )
    call = llm(GRANDCHILD, ROOT, usage__input_tokens=10, usage__output_tokens=1)

    assert assemble([span(ROOT), embedding, call]).usage.input_tokens == 10
    assert assemble([span(ROOT), embedding]).usage.input_tokens == 16


def test_count_that_is_none_is_a_warning() -> None:
    """Token counts that are no counts are left out, said so at the step, and cost nothing else."""
    (step,) = assemble(
        [llm(ROOT, usage__input_tokens="many", usage__output_tokens=-5, completion="hi")]
    ).steps

    assert not step.usage
    assert step.output == "hi"
    assert step.warnings == (
        "gen_ai.usage.input_tokens: expected a count of tokens, got many",
        "gen_ai.usage.output_tokens: expected a count of tokens, got -5",
    )


def test_failed_call_costs_nothing() -> None:
    """A call that failed before it answered counts zero; one that says nothing at all stays untold."""
    failed = assemble([llm(ROOT, status=StatusCode.ERROR)])
    silent = assemble([llm(ROOT)])

    assert (failed.usage.input_tokens, failed.usage.output_tokens) == (0, 0)
    assert not silent.usage
