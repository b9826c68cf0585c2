"""What stands for the whole trace: question, answer, model, outcome."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.tracen_otel.made_spans import CHILD, GRANDCHILD, ROOT, llm, span
from tracen_otel.assemble import assemble
from tracen_otel.model import Event, Provider, Status, StatusCode, StepKind


def test_recovered_error_does_not_fail_the_trace() -> None:
    """A failed step that was followed by a good one is shown as failed, in a run that succeeded."""
    failed = llm(CHILD, ROOT, 2, status=StatusCode.ERROR, request__model="big")
    good = llm(GRANDCHILD, ROOT, 3, completion="fine", request__model="small")

    trace = assemble([span(ROOT), failed, good])

    assert (trace.status, trace.response, trace.model) == (Status.SUCCESS, "fine", "small")
    assert trace.steps[1].status is Status.ERROR


def test_run_whose_last_call_failed_without_answer_failed() -> None:
    """Frameworks that swallow an exception leave the root's status unset; still nobody got an answer."""
    failed = llm(CHILD, ROOT, status=StatusCode.ERROR, prompt="go")
    failed = replace(failed, status_message="429: quota")

    trace = assemble([span(ROOT), failed])

    assert (trace.status, trace.error_message, trace.prompt, trace.response) == (
        Status.ERROR,
        "429: quota",
        "go",
        "",
    )


def test_exception_event_is_a_failure_where_no_status_is_set() -> None:
    """Without a status an exception is evidence, unless there is an answer, or the status says OK."""
    thrown = (Event("exception", 3, {"exception.message": "boom"}),)

    assert assemble([span(ROOT, events=thrown)]).error_message == "boom"
    assert assemble([span(ROOT, events=thrown, status=StatusCode.OK)]).status is Status.SUCCESS
    assert assemble([span(ROOT, events=thrown, attributes={"output": "fine"})]).status is Status.SUCCESS


def test_error_message_is_the_roots_own() -> None:
    """The root's message speaks for the trace; where it has none, the outermost failed step's does."""
    broken = llm(CHILD, ROOT, status=StatusCode.ERROR)
    broken = replace(broken, status_message="inner")

    assert (
        assemble([span(ROOT, status=StatusCode.ERROR, status_message="outer"), broken]).error_message
        == "outer"
    )
    assert assemble([span(ROOT, status=StatusCode.ERROR), broken]).error_message == "inner"


def test_prompt_is_the_last_user_message() -> None:
    """History and system prompt are not the question; the system prompt has a field of its own."""
    turns = [("system", "Be brief."), ("user", "one"), ("assistant", "1"), ("user", "two")]
    messages = json.dumps([{"role": role, "content": text} for role, text in turns])

    trace = assemble([llm(ROOT, input__messages=messages)])

    assert (trace.prompt, trace.system) == ("two", "Be brief.")
    assert [message.role for message in trace.steps[0].input_messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_turn_of_tool_calls_is_no_answer() -> None:
    """A model that only called a tool has not answered."""
    call = '{"type":"tool_call","name":"get_weather","arguments":{"city":"Paris"}}'

    trace = assemble([llm(ROOT, output__messages=f'[{{"role":"assistant","parts":[{call}]}}]')])

    assert trace.response == ""
    assert trace.steps[0].output_messages[0].parts[0].value == {"city": "Paris"}


def test_structured_answer_keeps_its_spelling() -> None:
    """An answer that is JSON is that JSON, not a value to be unwrapped."""
    answer = '[{"role":"assistant","parts":[{"type":"text","content":"{\\"city\\":\\"Zürich\\"}"}]}]'

    assert assemble([llm(ROOT, output__messages=answer)]).response == '{"city":"Zürich"}'


@pytest.mark.parametrize(
    ("told", "prompt"),
    [
        ('{"args": ["autumn"], "kwargs": {}}', "autumn"),
        ('{"args": [], "kwargs": {"question": "why?"}}', "why?"),
        ('{"args": ["<App object at 0x7f>", "why?"], "kwargs": {}}', "why?"),
        ('{"inputs": {"messages": [{"role": "user", "content": "why?"}]}, "tags": []}', "why?"),
        ('{"query_bundle": {"query_str": "why?", "image_path": null}}', "why?"),
        ('{"llm": {"prompt": {"text": "why?"}}}', "why?"),
        ("plain words", "plain words"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ('{"args": [], "kwargs": {}}', ""),
    ],
)
def test_question_is_taken_out_of_its_envelope(told: str, prompt: str) -> None:
    """What frameworks wrap around a question is not the question; what no rule explains stays as it is."""
    assert assemble([span(ROOT, attributes={"traceloop.entity.input": told})]).prompt == prompt


def test_words_in_an_unknown_envelope_are_those_the_model_was_told() -> None:
    """Of JSON that no rule explains, what the model was told is the prompt, what it said the response."""
    root = span(
        ROOT,
        attributes={
            "traceloop.entity.input": '{"tenant": "acme", "ask": "why?"}',
            "traceloop.entity.output": '{"score": 1, "words": "because"}',
        },
    )

    trace = assemble([root, llm(CHILD, ROOT, prompt="why?", completion="because")])

    assert (trace.prompt, trace.response) == ("why?", "because")


def test_media_is_described_and_never_shown() -> None:
    """An image in a message becomes its type and size, so no page carries its bytes."""
    image = "data:image/png;base64," + "A" * 16_000
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": image}},
            ],
        }
    ]

    trace = assemble([llm(ROOT, input__messages=messages)])

    text, media = trace.steps[0].input_messages[0].parts
    assert (trace.prompt, text.text) == ("what?", "what?")
    assert (media.type, media.text, media.value) == ("media", "image/png, 12 kB", None)


def test_plain_spans_have_plain_kinds() -> None:
    """HTTP and database spans are told apart from steps that nobody explained."""
    trace = assemble(
        [
            span(ROOT),
            span(CHILD, ROOT, attributes={"http.request.method": "GET"}),
            span(GRANDCHILD, ROOT, attributes={"db.system": "sqlite"}),
        ]
    )

    assert [step.kind for step in trace.steps] == [StepKind.OTHER, StepKind.HTTP, StepKind.DB]
    assert (trace.prompt, trace.response, trace.provider, trace.model) == ("", "", Provider.CUSTOM, "")
