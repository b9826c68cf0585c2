"""Tokens of a trace: every model call counts once."""

from __future__ import annotations

from tests.tracen_otel.made_spans import CHILD, GRANDCHILD, ROOT, STRANGER, llm, span
from tracen_otel.assemble import assemble
from tracen_otel.model import StatusCode, StepKind


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


def test_embedding_without_a_count_gives_no_tokens_back() -> None:
    """An embedding's answer is no text: its output tokens are zero though nobody tells them, its input unknown."""
    embedding = span(ROOT, attributes={"gen_ai.operation.name": "embeddings"})

    usage = assemble([embedding]).usage

    assert (usage.input_tokens, usage.output_tokens) == (None, 0)


def test_failed_embedding_tells_nothing() -> None:
    """A failed embedding says nothing of tokens."""
    embedding = span(ROOT, attributes={"gen_ai.operation.name": "embeddings"}, status=StatusCode.ERROR)

    assert not assemble([embedding]).usage


def test_wrapper_of_a_silent_embedding_counts() -> None:
    """Where the inner of two spans of one embedding tells no tokens, the outer one's are the trace's."""
    told = {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 16}
    inner = span(CHILD, ROOT, attributes={"gen_ai.operation.name": "embeddings"})

    assert assemble([span(ROOT, attributes=told), inner]).usage.input_tokens == 16


def test_embeddings_do_not_stand_for_a_silent_model_call() -> None:
    """Beside a model call that tells no tokens those of an embedding would read as if they were all."""
    told = {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 16}

    assert not assemble([span(ROOT), span(CHILD, ROOT, attributes=told), llm(GRANDCHILD, ROOT)]).usage


def test_call_of_an_embedding_model_is_an_embedding() -> None:
    """Some clients name every call a generation; a model that embeds was not asked in words."""
    told = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "text-embedding-3-small",
    }

    assert assemble([span(ROOT, attributes=told)]).steps[0].kind is StepKind.EMBEDDING


def test_steps_tell_whether_their_tokens_count() -> None:
    """A roll-up's tokens do not count, a failed call's do (as none), and a silent step has none."""
    agent = span(
        ROOT,
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30},
    )
    failed = llm(CHILD, ROOT, 2, status=StatusCode.ERROR)
    good = llm(GRANDCHILD, ROOT, 3, usage__input_tokens=30, usage__output_tokens=1)

    trace = assemble([agent, failed, good, span(STRANGER, ROOT, 4)])

    assert [step.tokens_counted for step in trace.steps] == [False, True, True, False]
    assert (trace.usage.input_tokens, trace.usage.output_tokens) == (30, 1)


def test_roll_ups_of_roll_ups_count_once() -> None:
    """However many agents and wrappers stand above a call, its tokens are the trace's."""
    depth = 500
    spans = [
        llm(f"{i:016x}", f"{i - 1:016x}" if i > 1 else None, i, usage__input_tokens=7, usage__output_tokens=3)
        for i in range(1, depth + 1)
    ]

    trace = assemble(spans)

    assert (trace.usage.input_tokens, trace.usage.output_tokens) == (7, 3)
    assert [step.id for step in trace.steps if step.tokens_counted] == [f"{depth:016x}"]


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
