"""What stands for the whole trace: question, answer, model, outcome."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.tracen_otel.made_spans import CHILD, GRANDCHILD, ROOT, TRACE_ID, llm, span
from tracen_otel.assemble import assemble
from tracen_otel.model import Event, LogRecord, Provider, Span, Status, StatusCode, StepKind


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


THROWN = (Event("exception", 3, {"exception.type": "RateLimitError", "exception.message": "429: quota"}),)
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.prompt": "why?"}
LANGSMITH = {"langsmith.span.kind": "llm", "gen_ai.prompt": '{"messages":[{"role":"user","content":"why?"}]}'}
FAILURES: dict[str, tuple[Span, str | None]] = {
    "status with a message": (span(ROOT, status=StatusCode.ERROR, status_message="429: quota"), "429: quota"),
    "status alone": (span(ROOT, status=StatusCode.ERROR), None),
    "status and an exception event": (span(ROOT, status=StatusCode.ERROR, events=THROWN), "429: quota"),
    "status, whose message says more than the exception": (
        span(ROOT, status=StatusCode.ERROR, status_message="gave up", events=THROWN),
        "gave up",
    ),
    "exception event of a model call that answered nothing": (
        span(ROOT, attributes=CHAT, events=THROWN),
        "429: quota",
    ),
    "error.type": (span(ROOT, attributes=CHAT | {"error.type": "RateLimitError"}), "RateLimitError"),
    "error.message before error.type": (
        span(
            ROOT, attributes=CHAT | {"error.type": "429", "error.message": "quota"}, status=StatusCode.ERROR
        ),
        "quota",
    ),
    "Langfuse's level": (
        span(
            ROOT,
            attributes={
                "langfuse.observation.level": "ERROR",
                "langfuse.observation.status_message": "429: quota",
                "langfuse.observation.type": "generation",
            },
        ),
        "429: quota",
    ),
    "Langfuse's level beside a partial answer": (
        span(
            ROOT,
            attributes={
                "langfuse.observation.level": "ERROR",
                "langfuse.observation.status_message": "429: quota",
                "langfuse.observation.output": "beca",
            },
        ),
        "429: quota",
    ),
    "LangSmith, whose status was OK from the start": (
        span(
            ROOT,
            attributes=LANGSMITH | {"gen_ai.completion": '{"output":null}'},
            events=THROWN,
            status=StatusCode.OK,
        ),
        "429: quota",
    ),
}
SUCCESSES: dict[str, Span] = {
    "nothing told": span(ROOT),
    "status OK": span(ROOT, status=StatusCode.OK),
    "exception event, then an answer": span(
        ROOT, attributes=CHAT | {"gen_ai.completion": "because"}, events=THROWN
    ),
    "exception event, then a tool call": span(
        ROOT,
        attributes=CHAT
        | {"gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"tool_call","name":"f"}]}]'},
        events=THROWN,
    ),
    "exception event on a span that says OK": span(ROOT, events=THROWN, status=StatusCode.OK),
    "LangSmith's OK with an answer": span(
        ROOT, attributes=LANGSMITH | {"gen_ai.completion": "because"}, events=THROWN, status=StatusCode.OK
    ),
    "Langfuse's warning": span(
        ROOT,
        attributes={"langfuse.observation.level": "WARNING", "langfuse.observation.status_message": "slow"},
    ),
}


@pytest.mark.parametrize("told", FAILURES)
def test_failure_is_told_in_many_ways(told: str) -> None:
    """By its status, an exception, an error type or a vendor's own words: a failed span fails the trace."""
    failed, message = FAILURES[told]

    trace = assemble([failed])

    assert (trace.status, trace.error_message) == (Status.ERROR, message)
    assert (trace.steps[0].status, trace.steps[0].error_message) == (Status.ERROR, message)


@pytest.mark.parametrize("told", SUCCESSES)
def test_span_that_answered_or_says_ok_has_not_failed(told: str) -> None:
    """An exception that was caught, a warning, an explicit OK: no failure."""
    trace = assemble([SUCCESSES[told]])

    assert (trace.status, trace.error_message) == (Status.SUCCESS, None)


def test_exception_told_as_a_log_record_is_a_failure() -> None:
    """Newer SDKs tell exceptions as log records that name the span."""
    record = LogRecord(TRACE_ID, ROOT, Event("exception", 3, {"exception.message": "429: quota"}))

    trace = assemble([span(ROOT, attributes=CHAT)], [record])

    assert (trace.status, trace.error_message, trace.steps[0].events) == (
        Status.ERROR,
        "429: quota",
        (record.event,),
    )


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


def test_answer_within_an_answer_keeps_its_spelling() -> None:
    """JSON that a model wrote is shown as the model wrote it, also where a framework put it in JSON."""
    told = '{"a":1,"b":[2]}'

    trace = assemble([span(ROOT, attributes={"output": json.dumps({"text": told})})])

    assert trace.response == told


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
