"""Dialects of which no capture is at hand, by spans written after their documentation.

Every case asks "why?" with the system prompt "Be brief.", where it has one, and is answered "because".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.tracen_otel.made_spans import ROOT, TRACE_ID, span
from tracen_otel.assemble import assemble
from tracen_otel.model import Event, LogRecord, Provider, Scope, Source, Status, StatusCode, StepKind
from tracen_otel.otlp_wire import log_event

SYSTEM, QUESTION, ANSWER = "Be brief.", "why?", "because"
GEMINI_QUESTION = {"role": "user", "parts": [{"text": QUESTION}]}
GEMINI_ANSWER = {"role": "model", "parts": [{"text": ANSWER}]}
CHAT_QUESTION = [{"role": "user", "content": QUESTION}]

LLM_CALLS: dict[str, dict[str, Any]] = {
    "Google ADK": {
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gcp.vertex.agent.llm_request": {
            "model": "gemini-2.5-flash",
            "config": {"system_instruction": SYSTEM},
            "contents": [GEMINI_QUESTION],
        },
        "gcp.vertex.agent.llm_response": {
            "content": GEMINI_ANSWER,
            "usage_metadata": {"prompt_token_count": 3, "candidates_token_count": 4},
        },
    },
    "Genkit": {
        "genkit:name": "googleai/gemini-2.5-flash",
        "genkit:metadata:subtype": "model",
        "genkit:input": {
            "messages": [
                {"role": "system", "content": [{"text": SYSTEM}]},
                {"role": "user", "content": [{"text": QUESTION}]},
            ]
        },
        "genkit:output": {
            "message": {"role": "model", "content": [{"text": ANSWER}]},
            "usage": {"inputTokens": 3, "outputTokens": 4},
        },
    },
    "Gemini CLI": {
        "gen_ai.operation.name": "llm_call",
        "gen_ai.agent.name": "gemini-cli",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.system_instructions": SYSTEM,
        "gen_ai.input.messages": [GEMINI_QUESTION],
        "gen_ai.output.messages": [
            {"candidates": [{"content": {"role": "model", "parts": [{"text": chunk}]}}]}
            for chunk in ("be", "cause")
        ],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
    },
    "Braintrust": {
        "braintrust.span_attributes": {"type": "llm"},
        "braintrust.input_json": [{"role": "system", "content": SYSTEM}, *CHAT_QUESTION],
        "braintrust.output_json": [{"message": {"role": "assistant", "content": ANSWER}}],
        "braintrust.metadata": {"model": "gemini-2.5-flash"},
        "braintrust.metrics": {"prompt_tokens": 3, "completion_tokens": 4},
    },
    "Langtrace": {
        "llm.model": "gemini-2.5-flash",
        "llm.prompts": [{"role": "system", "content": SYSTEM}, *CHAT_QUESTION],
        "llm.responses": [{"role": "assistant", "content": ANSWER}],
        "llm.token.counts": {"input_tokens": 3, "output_tokens": 4},
    },
    "Laminar": {
        "lmnr.span.type": "LLM",
        "lmnr.span.input": [{"role": "system", "content": SYSTEM}, *CHAT_QUESTION],
        "lmnr.span.output": ANSWER,
        "gen_ai.response.model": "gemini-2.5-flash",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
    },
    "OpenInference, bodies alone": {
        "openinference.span.kind": "LLM",
        "input.value": {"model": "gemini-2.5-flash", "instructions": SYSTEM, "input": QUESTION},
        "output.value": {"id": "r", "output": [{"type": "message", "content": [{"text": ANSWER}]}]},
        "llm.model_name": "gemini-2.5-flash",
        "llm.token_count.prompt": 3,
        "llm.token_count.completion": 4,
    },
}


@pytest.mark.parametrize("dialect", LLM_CALLS)
def test_model_call_is_understood(dialect: str) -> None:
    """Question, system prompt, answer, model, provider and tokens are read from a dialect's own keys."""
    told = {k: v if isinstance(v, str | int) else json.dumps(v) for k, v in LLM_CALLS[dialect].items()}

    trace = assemble([span(ROOT, attributes=told)])

    assert trace.steps[0].kind is StepKind.LLM
    assert (trace.system, trace.prompt, trace.response) == (SYSTEM, QUESTION, ANSWER)
    assert trace.provider is Provider.GEMINI
    assert (trace.usage.input_tokens, trace.usage.output_tokens) == (3, 4)


RUNS: dict[str, tuple[Any, Any]] = {
    "smolagents": ({"task": QUESTION, "stream": False, "images": None}, ANSWER),
    "AutoGen": (
        {"task": QUESTION},
        {
            "messages": [
                {"source": "user", "type": "TextMessage", "content": QUESTION},
                {"source": "writer", "type": "TextMessage", "content": ANSWER},
            ]
        },
    ),
    "Google ADK": ({"user_id": "u", "new_message": GEMINI_QUESTION}, {"content": GEMINI_ANSWER, "author": "a"}),
    "DSPy": ({"question": QUESTION}, {"reasoning": "Well …", "answer": ANSWER}),
    "Haystack": ({"data": {"prompt_builder": {"question": QUESTION}}}, {"llm": {"replies": [ANSWER]}}),
    "LangGraph": ({"messages": CHAT_QUESTION}, {"messages": [*CHAT_QUESTION, {"type": "ai", "content": ANSWER}]}),
    "a decorated function": ({"args": [QUESTION, 5, ["x"]], "kwargs": {}}, {"result": {"answer": ANSWER}}),
}  # fmt: skip


@pytest.mark.parametrize("framework", RUNS)
def test_run_is_understood_by_its_input_and_output(framework: str) -> None:
    """A framework's way to wrap its input and output gives way to the words in it."""
    given, gave = RUNS[framework]
    told = {
        "openinference.span.kind": "AGENT",
        "input.value": json.dumps(given),
        "output.value": json.dumps(gave),
    }

    trace = assemble([span(ROOT, attributes=told)])

    assert (trace.prompt, trace.response) == (QUESTION, ANSWER)


EVENTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Google GenAI": [
        ("gen_ai.system.message", {"content": SYSTEM}),
        ("gen_ai.user.message", {"content": [GEMINI_QUESTION]}),
        ("gen_ai.choice", {"index": 0, "content": GEMINI_ANSWER}),
    ],
    "Azure AI Inference": [
        (
            "gen_ai.system.message",
            {"gen_ai.event.content": json.dumps({"role": "system", "content": SYSTEM})},
        ),
        ("gen_ai.user.message", {"gen_ai.event.content": json.dumps(CHAT_QUESTION[0])}),
        ("gen_ai.choice", {"gen_ai.event.content": json.dumps({"message": {"content": ANSWER}, "index": 0})}),
    ],
    "OpenAI": [
        ("gen_ai.system.message", {"content": SYSTEM}),
        ("gen_ai.user.message", {"content": QUESTION}),
        ("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": ANSWER}}),
    ],
}


@pytest.mark.parametrize("emitter", EVENTS)
def test_message_events_are_understood(emitter: str) -> None:
    """Messages told as events read the same on the span, as log records, and as JSON in a record's body."""
    asked = span(ROOT, attributes={"gen_ai.operation.name": "chat"})
    events = [Event(name, i, fields) for i, (name, fields) in enumerate(EVENTS[emitter])]
    records = [Event(event.name, event.time_ns, body=json.dumps(event.attributes)) for event in events]

    on_span = assemble([span(ROOT, attributes=asked.attributes, events=tuple(events))])
    in_logs = assemble([asked], [LogRecord(TRACE_ID, ROOT, record) for record in reversed(records)])

    for trace in (on_span, in_logs):
        assert (trace.system, trace.prompt, trace.response) == (SYSTEM, QUESTION, ANSWER)


def test_claude_code_is_understood() -> None:
    """Its plain words are read by its scope alone, and cached tokens, which it counts beside the input, are added."""
    told = {
        "span.type": "llm_request",
        "model": "claude-sonnet-4-5",
        "new_context": QUESTION,
        "response.model_output": ANSWER,
        "input_tokens": 5,
        "output_tokens": 7,
        "cache_read_tokens": 100,
    }

    trace = assemble([span(ROOT, attributes=told, scope=Scope("com.anthropic.claude_code.tracing"))])
    elsewhere = assemble([span(ROOT, attributes=told)])

    assert (trace.prompt, trace.response, trace.provider) == (QUESTION, ANSWER, Provider.ANTHROPIC)
    assert (trace.usage.input_tokens, trace.usage.cache_read_tokens) == (105, 100)
    assert elsewhere.prompt == ""


def test_langfuse_level_is_a_verdict_without_words() -> None:
    """Level ERROR is a failure without a message and beside an answer; other levels and an OK are none."""
    told = {"langfuse.observation.type": "generation", "langfuse.observation.output": ANSWER}
    failed = span(ROOT, attributes={**told, "langfuse.observation.level": "ERROR"})
    warned = span(ROOT, attributes={**told, "langfuse.observation.level": "WARNING"})
    thrown = Event("exception", 3, {"exception.message": "quota"})

    (step,) = assemble([failed]).steps

    assert (step.status, step.error_message) == (Status.ERROR, None)
    assert step.sources["failed"] == Source("Langfuse", "langfuse.observation.level")
    assert assemble([replace(failed, events=(thrown,))]).steps[0].error_message == "quota"
    assert assemble([replace(failed, status=StatusCode.OK)]).steps[0].status is Status.SUCCESS
    assert assemble([warned]).steps[0].status is Status.SUCCESS


@pytest.mark.parametrize(
    ("details", "counts"),
    [
        ({"input": 68, "output": 42, "total": 150, "input_cache_read": 32, "output_reasoning": 8}, (100, 50)),
        (
            {"input": 100, "output": 50, "total": 150, "input_cache_read": 32, "output_reasoning": 8},
            (100, 50),
        ),
        (
            {"input": 100, "output": 42, "total": 150, "input_cache_read": 32, "output_reasoning": 8},
            (100, 42),
        ),
        ({"input": 68, "output": 42, "input_cache_read": 32, "output_reasoning": 8}, (68, 42)),
        ({"input": 68, "total": 150, "input_cache_read": "x"}, (68, None)),
    ],
)
def test_langfuse_counts_are_whole_where_the_total_says_so(details: Any, counts: Any) -> None:
    """Its LangChain handler takes cached and reasoning tokens out of both counts; only the total shows it."""
    told = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.usage_details": json.dumps(details),
    }

    usage = assemble([span(ROOT, attributes=told)]).usage

    assert (usage.input_tokens, usage.output_tokens) == counts


def test_program_s_own_name_is_no_provider() -> None:
    """A provider that is the scope or the service is none, unless it is a provider's name as well."""
    told = {"gen_ai.request.model": "gpt-4o-mini", "gen_ai.provider.name": "clerk"}
    of_service = span(ROOT, attributes=told, resource={"service.name": "clerk"})
    of_scope = span(ROOT, attributes=told, scope=Scope("clerk"))
    elsewhere = span(ROOT, attributes=told, resource={"service.name": "desk"})
    namesake = span(
        ROOT, attributes={**told, "gen_ai.provider.name": "mistral"}, resource={"service.name": "mistral"}
    )

    for own in (of_service, of_scope):
        (step,) = assemble([own]).steps
        assert (step.provider, step.provider_name) == (Provider.OPENAI, None)
        assert "provider_name" not in step.sources
    assert assemble([elsewhere]).provider is Provider.CUSTOM
    assert assemble([namesake]).provider is Provider.MISTRAL


def test_gemini_s_output_includes_its_thoughts() -> None:
    """Its API counts thinking beside the candidates, and ADK writes the candidates' count alone on the span."""
    usage = {"prompt_token_count": 3, "candidates_token_count": 4, "thoughts_token_count": 2}
    told = {
        "gcp.vertex.agent.llm_response": json.dumps({"content": GEMINI_ANSWER, "usage_metadata": usage}),
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.usage.output_tokens": 4,
    }

    counts = assemble([span(ROOT, attributes=told)]).usage

    assert (counts.input_tokens, counts.output_tokens, counts.reasoning_tokens) == (3, 6, 2)


def test_log_record_is_named_by_either_spelling_of_its_attribute() -> None:
    """LiteLLM leaves the record's event name empty and writes an attribute `event_name`."""
    asked = span(ROOT, attributes={"gen_ai.operation.name": "chat"})
    for name in ("event.name", "event_name"):
        event = log_event("", 3, {name: "gen_ai.user.message"}, {"content": QUESTION})

        assert assemble([asked], [LogRecord(TRACE_ID, ROOT, event)]).prompt == QUESTION


def test_livekit_is_understood() -> None:
    """A spoken turn has its kind in the span's name and its conversation in the chat context."""
    items = [
        {"type": "message", "role": "system", "content": [SYSTEM]},
        {"type": "message", "role": "user", "content": [QUESTION]},
    ]
    told = {"lk.chat_ctx": json.dumps({"items": items}), "lk.response.text": ANSWER}

    trace = assemble([span(ROOT, name="llm_node", attributes=told, scope=Scope("livekit-agents"))])

    assert trace.steps[0].kind is StepKind.LLM
    assert (trace.system, trace.prompt, trace.response) == (SYSTEM, QUESTION, ANSWER)


def test_livekit_is_understood_since_it_marks_what_was_said() -> None:
    """Newer releases put conversations under `lk.pii`, and name the provider by its host."""
    items = [
        {"type": "message", "role": "system", "content": [SYSTEM]},
        {"type": "message", "role": "user", "content": [QUESTION]},
    ]
    told = {
        "lk.pii.chat_ctx": json.dumps({"items": items}),
        "lk.pii.response.text": ANSWER,
        "gen_ai.provider.name": "api.openai.com",
        "gen_ai.request.model": "my-own-model",
    }

    trace = assemble([span(ROOT, name="llm_node", attributes=told, scope=Scope("livekit-agents"))])

    assert (trace.system, trace.prompt, trace.response) == (SYSTEM, QUESTION, ANSWER)
    assert (trace.provider, trace.provider_name) == (Provider.OPENAI, "openai")


def test_litellm_call_is_understood_by_the_provider_s_own_request() -> None:
    """What LiteLLM sent and got is told with `str()`; its keys are read on that span alone."""
    told = {
        "llm.anthropic.model": "claude-sonnet-4-5",
        "llm.anthropic.system": str([{"type": "text", "text": SYSTEM}]),
        "llm.anthropic.messages": str([{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]),
        "llm.anthropic.content": str([{"type": "text", "text": ANSWER}]),
        "llm.anthropic.usage": str({"input_tokens": 3, "output_tokens": 4, "service_tier": None}),
    }

    trace = assemble([span(ROOT, name="raw_gen_ai_request", attributes=told)])
    elsewhere = assemble([span(ROOT, name="another", attributes=told)])

    assert (trace.system, trace.prompt, trace.response) == (SYSTEM, QUESTION, ANSWER)
    assert (trace.provider, trace.model) == (Provider.ANTHROPIC, "claude-sonnet-4-5")
    assert (trace.usage.input_tokens, trace.usage.output_tokens) == (3, 4)
    assert (elsewhere.prompt, elsewhere.model) == ("", "")


def test_litellm_request_that_breaks_off_is_shown_as_it_came() -> None:
    """A literal that an attribute's length limit cut is no reason to lose the step."""
    told = {"llm.openai.model": "gpt-4o-mini", "llm.openai.choices": "[{'message': {'content': 'beca"}

    trace = assemble([span(ROOT, name="raw_gen_ai_request", attributes=told)])

    assert trace.steps[0].output == "[{'message': {'content': 'beca"


def test_haystack_is_understood_without_content() -> None:
    """With content tracing off an agent's spans tell nothing but their names."""
    names = ("haystack.agent.run", "haystack.agent.step", "haystack.agent.step.llm")

    kinds = [assemble([span(ROOT, name=name, attributes={})]).steps[0].kind for name in names]

    assert kinds == [StepKind.AGENT, StepKind.CHAIN, StepKind.LLM]
