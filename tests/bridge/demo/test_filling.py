"""Demo traces as a page would read them: each scenario, in each dialect that it is told in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from bridge.demo.dialects import DIALECT_BY_NAME
from bridge.demo.filling import COMMON, MARK, Filling, Scenario
from bridge.demo.service_work import where_is_my_order
from bridge.demo.software_work import nightly_batch
from bridge.demo.story import Story
from bridge.demo.telling import tell
from bridge.demo.trouble import RUNNING, TROUBLE
from bridge.sending import Batch
from tracen_otel.assemble import assemble
from tracen_otel.model import Span, Status, Step, StepKind, Trace
from tracen_otel.otlp import Encoding, decode_spans

NOW_NS = 1_780_000_000_000_000_000
TRACE_ID = "1" * 32
FAILING = {"tool_keeps_failing", "filtered", "out_of_time", "too_much_context"}
ALL = (*COMMON, nightly_batch)


def read(story: Story, seed: int = 1) -> list[Span]:
    batch, told = Batch(), tell(story, TRACE_ID, NOW_NS, Random(seed))
    for span in told.spans:
        batch.add(told.resource, told.scope, span)
    return decode_spans(batch.body(), Encoding.JSON)


def page_of(scenario: Scenario, seed: int = 1) -> Trace:
    return assemble(read(scenario(Random(seed)), seed))


def _name(scenario: Scenario) -> str:
    return scenario.__name__


@pytest.mark.parametrize("scenario", ALL, ids=_name)
def test_page_of_a_scenario_tells_what_happened(scenario: Scenario) -> None:
    """Title, prompt, answer, model and tokens are there, nothing is odd about its data, and steps nest."""
    for seed in range(6):
        story = scenario(Random(seed))
        trace = page_of(scenario, seed)
        assert trace.title == story.title
        assert trace.prompt
        assert trace.model
        assert not trace.notes, story.dialect
        warnings = [step.warnings for step in trace.steps if step.warnings]
        assert bool(warnings) == (scenario.__name__ == "half_an_answer"), story.dialect
        assert sum(not step.parent_id for step in trace.steps) == 1
        is_failing = scenario.__name__ in FAILING
        assert (trace.status is Status.ERROR) == is_failing
        assert bool(trace.error_message) == is_failing
        if not is_failing:
            assert trace.response
        if scenario.__name__ not in ("too_much_context", "filtered"):
            assert (trace.usage.input_tokens or 0) > 5
            assert trace.usage.output_tokens is not None


@pytest.mark.parametrize("scenario", RUNNING, ids=_name)
def test_run_that_goes_on_has_no_root_yet(scenario: Scenario) -> None:
    """What has ended is told, and its parent is still to come."""
    spans = read(scenario(Random(1)))
    assert spans
    ids = {span.span_id for span in spans}
    assert all(span.parent_id for span in spans)
    assert {span.parent_id for span in spans} - ids


@pytest.mark.parametrize("dialect", DIALECT_BY_NAME)
def test_every_dialect_is_read_alike(dialect: str) -> None:
    """An agent with tools means the same, whoever tells it."""
    story = next(scenario(Random(3)) for scenario in COMMON if scenario.__name__ == "book_a_trip")
    expected = assemble(read(replace(story, dialect="otel")))
    trace = assemble(read(replace(story, dialect=dialect)))
    assert (trace.prompt, trace.response, trace.model) == (expected.prompt, expected.response, expected.model)
    assert trace.usage.input_tokens == expected.usage.input_tokens
    assert trace.usage.output_tokens == expected.usage.output_tokens
    assert [_kind(step) for step in trace.steps] == [_kind(step) for step in expected.steps]
    assert [step.latency_ns for step in trace.steps] == [step.latency_ns for step in expected.steps]


def _kind(step: Step) -> StepKind:
    """Some have no word for what is around the steps."""
    return StepKind.OTHER if step.kind is StepKind.CHAIN else step.kind


def test_the_same_seed_tells_the_same_and_another_one_others() -> None:
    """So that pictures and tests can be repeated."""
    first, again = (list(Filling(80, 7, NOW_NS).traces()) for _ in range(2))
    other = list(Filling(80, 8, NOW_NS).traces())
    assert first == again
    assert not {t.spans[0]["traceId"] for t in first} & {t.spans[0]["traceId"] for t in other}


def test_a_filling_is_varied_marked_and_ended_before_now() -> None:
    """All scenarios, dialects, a long one, failures; spread over days; found again by their mark."""
    told = list(Filling(200, 7, NOW_NS).traces())
    assert all(span["traceId"].startswith(MARK) for trace in told for span in trace.spans)
    assert len({trace.spans[0]["traceId"] for trace in told}) == 200
    assert max(trace.end_ns for trace in told) <= NOW_NS
    assert {trace.scope["name"] for trace in told} == {d.scope for d in DIALECT_BY_NAME.values()}
    assert max(len(trace.spans) for trace in told) >= 2_000
    ages_h = sorted((NOW_NS - trace.end_ns) / 3.6e12 for trace in told)
    assert ages_h[20] < 6
    assert ages_h[-20] > 72
    assert len(TROUBLE) + len(COMMON) < 60, "the default count shows each once"


def test_secrets_are_made_up_anew() -> None:
    """No key stands in the code, and the page masks what stands for one."""
    told = [
        str(read(scenario(Random(n))))
        for n in (1, 2)
        for scenario in TROUBLE
        if "secrets" in scenario.__name__
    ]
    assert "sk-proj-" in told[0]
    assert told[0] != told[1]


def test_titles_of_the_first_page_are_many_and_in_many_scripts() -> None:
    """Somebody who looks for the first time sees what the list does with each, and no word thrice."""
    for seed in range(4):
        told = sorted(Filling(60, seed, NOW_NS).traces(), key=lambda trace: -trace.end_ns)[:50]
        titles = Counter(trace.spans[0]["name"] for trace in told)
        assert max(titles.values()) <= 3, titles.most_common(3)
        assert sum(count for count in titles.values() if count > 1) <= 15, titles.most_common(8)
        scripts = {
            unicodedata.name(letter).split()[0] for title in titles for letter in title if letter.isalpha()
        }
        assert scripts & {"ARABIC", "HEBREW"}
        assert scripts & {"HIRAGANA", "CJK", "HANGUL"}
        assert len(scripts) >= 7


def test_every_trace_says_that_it_is_made_up() -> None:
    """In its service, which the list and the page show."""
    for trace in Filling(60, 1, NOW_NS).traces():
        assert "tracen demo · " in str(trace.resource["attributes"][0])


def test_support_agent_did_what_it_says() -> None:
    """A reader compares the answer with the steps above it."""
    trace = page_of(where_is_my_order)
    assert "refunded the shipping" in str(trace.response)
    assert {"note_on_parcel", "refund_shipping"} <= {step.name.split()[-1] for step in trace.steps}
