"""The page says where its numbers and words come from, and stays silent where nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.viewer.markup import page_of
from tests.viewer.samples import PLAIN, agent_trace, failed_trace, step
from tracen_otel import payload
from tracen_otel.model import Status, StepKind, Trace, Usage


def test_unread_attributes_stand_apart() -> None:
    """A reader sees which attributes made the step and which nobody read; none is left out."""
    page = page_of(agent_trace())
    assert "Attributes 3, 1 not used above" in page.text
    used = "Used for what is shown above gen_ai.request.model gpt-4.1 gen_ai.request.temperature 0.2"
    unused = "Not used above, kept as they came server.address api.openai.com"
    assert f"{used} {unused}" in page.text


def test_an_attribute_that_no_dialect_reads_is_used_where_the_page_shows_it() -> None:
    """An agent's name and a call's id stand among the facts, and so are not called unused."""
    told = {"gen_ai.agent.name": "weather_agent", "gen_ai.tool.call.id": "call_1"}
    page = page_of(Trace("q", "a", steps=(replace(step("tool", 0, 1), attributes=told, unread=tuple(told)),)))
    assert "Agent weather_agent Call id call_1" in page.text
    assert "not used above" not in page.text.lower()


def test_keys_that_a_step_does_not_have_are_not_called_unread() -> None:
    """A payload may name any key; the page counts those that are there."""
    told = replace(step("chat", 0, 1), attributes={"a": 1}, unread=("b", "c"))
    text = page_of(Trace("q", "a", steps=(told,))).text
    assert "Attributes 1" in text
    assert "not used above" not in text.lower()


def test_fields_of_a_step_name_dialect_and_key() -> None:
    """Each convention that the span speaks is named once, above the fields that are its word."""
    text = page_of(agent_trace()).text
    assert (
        "OpenTelemetry GenAI kind gen_ai.operation.name model gen_ai.request.model "
        "OpenInference input tokens llm.token_count.prompt"
    ) in text
    assert text.count("Where this came from") == 1


# -- where the first screen comes from ----------------------------------------------------------------


def why(trace: Trace) -> str:
    """What "Why this number" says, its white space collapsed; "" where the page does not offer it."""
    return " ".join("".join(e.text for e in page_of(trace).all("details", class_="why")).split())


def test_tokens_are_explained_by_the_steps_they_were_added_up_from() -> None:
    """Counted steps with their tokens and links, the sum, and the roll-up that was left out."""
    page = page_of(agent_trace())
    told = why(agent_trace())
    assert "Added up from these steps" in told
    assert "2. chat gpt-4.1 1,204 86 6. chat gpt-4.1 1,739 412" in told
    assert "Together 2,943 498" in told
    left_out = told.partition("left out so that nothing counts twice")[2]
    assert "1. invoke_agent planner the same tokens as the steps inside it 2,943 498" in left_out
    links = [e.attributes["href"] for e in page.all("a") if "table" in e.inside]
    assert links == ["#step-2", "#step-6", "#step-1"]


def test_tokens_that_do_not_add_up_are_not_called_a_sum() -> None:
    """A payload may tell totals of its own; then the page says so."""
    told = why(replace(agent_trace(), usage=Usage(9_999, 1)))
    assert "Added up" not in told
    assert "The trace was sent with these totals" in told
    assert "Total as sent 9,999 1" in told


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(StepKind.EMBEDDING, "no tokens of an LLM"), (StepKind.LLM, "told by another step too")],
)
def test_left_out_tokens_have_a_reason(kind: StepKind, reason: str) -> None:
    """Embeddings beside an LLM and second tellings of one call do not count."""
    other = step("other", 5, 1, id="o", kind=kind, usage=Usage(7, None))
    told = why(replace(agent_trace(), steps=(*agent_trace().steps, other)))
    assert f"8. other {reason} 7" in told


def test_counted_call_that_failed_is_listed_with_nothing() -> None:
    """A call that failed before it answered counts zero, and says why."""
    failed = step("chat", 0, 1, id="f", kind=StepKind.LLM, status=Status.ERROR, tokens_counted=True)
    told = why(replace(agent_trace(), steps=(*agent_trace().steps, failed)))
    assert "8. chat failed before it answered 0 0" in told


def test_very_many_counted_steps_are_counted_instead_of_listed() -> None:
    """The explanation stays readable, and its sum is over all of them."""
    steps = tuple(
        step(f"chat {n}", n, 1, id=str(n), kind=StepKind.LLM, usage=Usage(1, 2), tokens_counted=True)
        for n in range(250)
    )
    told = why(Trace("q", "a", usage=Usage(250, 500), steps=steps))
    assert "100. chat 99" in told
    assert "101." not in told
    assert "and 150 more steps" in told
    assert "Together 250 500" in told


def test_prompt_response_and_system_lead_to_their_steps() -> None:
    """Quietly, beside the words: the step that they were taken from."""
    page = page_of(agent_trace())
    links = [(e.text, e.attributes["href"]) for e in page.all("a", class_="source")]
    assert links == [("from step 2", "#step-2"), ("from step 1", "#step-1"), ("from step 6", "#step-6")]


def test_source_that_is_no_step_is_not_linked() -> None:
    """An id that no step has, or none at all, makes no link to nowhere."""
    trace = replace(agent_trace(), sources={"prompt": "gone", "response": ""})
    assert not page_of(trace).all("a", class_="source")


def test_failure_began_where_the_trace_says_so() -> None:
    """The step that the trace names is the origin, also where a later one says the same."""
    trace = replace(failed_trace(), sources={"error_message": "t2"})
    assert "It began in step 5, get_weather" in page_of(trace).text


def test_failure_of_the_run_is_told_beside_that_of_the_step_in_which_it_began() -> None:
    """Each says its own: what the agent gave up with is nothing that its tool said."""
    trace = replace(failed_trace(), error_message="the agent gave up", sources={})
    (told,) = page_of(trace).all("section", class_="failure is-fatal")
    assert "the agent gave up" in told.text
    assert "It began in step 6, chat gpt-4.1: RateLimitError: 429, try again in 2 s" in told.text


@pytest.mark.parametrize("name", ["plain", "single"])
def test_what_needs_no_explanation_has_none(name: str) -> None:
    """Nothing is known of a plain payload, and everything of one step comes from it."""
    (only,) = (s for s in agent_trace().steps if s.id == "l1")
    single = replace(agent_trace(), steps=(only,), usage=only.usage, sources={"prompt": "l1"})
    page = page_of({"plain": payload.decode(PLAIN), "single": single}[name])
    assert not page.all("details", class_="why")
    assert not page.all("a", class_="source")
