"""What is left of a trace that is published without content."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.tracen_otel.captured import CAPTURES, logs_in, spans_in
from tests.tracen_otel.made_spans import CHILD, ROOT, span
from tracen_otel.assemble import assemble, assemble_all
from tracen_otel.content import bare_span, without_content
from tracen_otel.model import Event, Scope, StatusCode, StepKind, Trace
from tracen_otel.payload import encode

CANARY = "my salary is 4711"
LLM = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 7}

SPANS: dict[str, dict[str, Any]] = {
    "Logfire's message": {
        "name": "ask {question}",
        "scope": Scope("logfire"),
        "attributes": {"logfire.span_type": "span", "logfire.msg": f"ask {CANARY}", "question": CANARY},
    },
    "VoltAgent's label": {"attributes": {"voltagent.operation_id": "o", "voltagent.label": CANARY}},
    "Weave's display name": {"attributes": {"wandb.display_name": CANARY, "gen_ai.request.model": "gpt-5"}},
    "name of an event": {"attributes": LLM, "events": (Event(f"retrieved document: {CANARY}", 3),)},
    "body of an event": {"attributes": LLM, "events": (Event("gen_ai.choice", 3, {}, {"content": CANARY}),)},
    "attribute of an event": {
        "attributes": LLM,
        "events": (Event("gen_ai.user.message", 3, {"content": CANARY, CANARY: 1}),),
    },
    "type of an exception": {
        "attributes": LLM,
        "status": StatusCode.ERROR,
        "status_message": CANARY,
        "events": (Event("exception", 3, {"exception.type": CANARY, "exception.message": CANARY}),),
    },
    "type of an error": {"attributes": {**LLM, "error.type": CANARY}, "status": StatusCode.ERROR},
    "model": {"name": f"chat {CANARY}", "attributes": {**LLM, "gen_ai.request.model": CANARY}},
    "answering model": {"attributes": {**LLM, "gen_ai.response.model": CANARY}},
    "provider": {"attributes": {**LLM, "gen_ai.provider.name": CANARY}},
    "tool": {
        "name": "execute_tool",
        "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": CANARY},
    },
    "tool in the span's name": {
        "name": f"execute_tool {CANARY}",
        "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": json.dumps(CANARY)},
    },
    "OpenInference's model": {
        "attributes": {
            "openinference.span.kind": "LLM",
            "llm.model_name": CANARY,
            "llm.provider": CANARY,
            "input.value": CANARY,
            "llm.input_messages.0.message.content": CANARY,
        }
    },
    "OpenInference's tool": {"attributes": {"openinference.span.kind": "TOOL", "tool.name": CANARY}},
    "key of a number": {"attributes": {**LLM, CANARY: 1}},
    "key of a truth": {"attributes": {**LLM, f"said: {CANARY}": True}},
    "key of nothing": {"attributes": {**LLM, CANARY: None}},
    "key in a plain namespace": {"attributes": {**LLM, f"server.{CANARY}": "x"}},
    "name of the trace": {"attributes": {**LLM, "langfuse.trace.name": CANARY}},
    "scope": {"attributes": LLM, "scope": Scope(CANARY, CANARY)},
    "id of the answer": {"attributes": {**LLM, "gen_ai.response.id": CANARY}},
    "task in the span's name": {"name": f"{CANARY}.task", "attributes": {"crewai.task.description": CANARY}},
    "name of more than a line": {"name": f"ask\n{CANARY}", "attributes": LLM},
    "name without end": {"name": f"{CANARY} " * 10, "attributes": LLM},
}


def _texts(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


@pytest.mark.parametrize("place", SPANS)
def test_no_place_of_a_span_lets_content_out(place: str) -> None:
    """Names, labels, keys, models and events may be sentences with what was asked in them: none goes out."""
    root = span(ROOT, **SPANS[place])
    assert CANARY in _texts(asdict(root))

    bare = without_content(assemble([root, span(CHILD, ROOT, attributes=LLM, name="chat gpt-5")]))

    assert CANARY not in _texts(encode(bare))
    assert CANARY not in _texts(encode(bare, extended=False))
    assert CANARY not in _texts(asdict(bare))
    assert bare.steps[1].name == "chat gpt-5"


@pytest.mark.parametrize("place", SPANS)
def test_no_place_of_a_span_lets_content_into_the_spool(place: str) -> None:
    """What is written to the disk without content holds none either, and can be told as a trace."""
    bare = bare_span(span(ROOT, resource={"process.command_args": ["ask", CANARY]}, **SPANS[place]))

    assert CANARY not in _texts(asdict(bare))
    assert CANARY not in _texts(encode(without_content(assemble([bare]))))


def test_what_a_resource_holds_is_left_out_of_the_spool() -> None:
    """Of the process it is known what service it is; how it was called may be what somebody asked."""
    resource = {
        "service.name": "desk",
        "telemetry.sdk.language": "python",
        "process.pid": 4,
        "process.command_args": ["ask", CANARY],
        "process.command_line": f"ask {CANARY}",
        "process.owner": "ada",
    }

    bare = bare_span(span(ROOT, resource=resource))

    assert bare.resource == {"service.name": "desk", "telemetry.sdk.language": "python", "process.pid": 4}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"name": "chat gpt-5", "attributes": LLM}, "chat gpt-5"),
        ({"name": "POST /v1/chat", "attributes": {"http.request.method": "POST"}}, "POST /v1/chat"),
        (
            {
                "name": "running tool",
                "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"},
            },
            "find",
        ),
        (
            {"name": "invoke_agent Weather Agent", "attributes": {"gen_ai.agent.name": "Weather Agent"}},
            "invoke_agent Weather Agent",
        ),
        (
            {"name": "GET /users/{uid}", "attributes": {"http.route": "/users/{uid}"}},
            "GET /users/{uid}",
        ),
        (
            {
                "name": "running tool",
                "attributes": {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "find",
                    "logfire.span_type": "span",
                    "logfire.msg": "running tool: find",
                },
            },
            "find",
        ),
        ({"name": "ask", "attributes": {**LLM, "wandb.display_name": "hello"}}, "llm gpt-5"),
        ({"name": "ask", "attributes": {"logfire.msg": "hello", "logfire.span_type": "span"}}, "step"),
        (
            {"name": "haystack.component.run", "attributes": {"haystack.component.name": "retriever"}},
            "retriever",
        ),
        ({"name": "x", "attributes": {**LLM, "gen_ai.request.model": "你好"}}, "x"),
    ],
)
def test_a_name_is_kept_where_it_is_one(fields: dict[str, Any], name: str) -> None:
    """Spans and tools keep their names; instead of a label the kind and the model are told."""
    trace = without_content(assemble([span(ROOT, **fields)]))

    assert (trace.title, trace.steps[0].name) == (name, name)
    assert "你" not in _texts(encode(trace))


def test_facts_stay() -> None:
    """Kind, model, provider, tokens, times, the type of an error and names of known events are told."""
    failed = Event("exception", 5, {"exception.type": "openai.RateLimitError", "exception.message": CANARY})
    told = {**LLM, "gen_ai.provider.name": "openai", "server.address": "api.openai.com", "my.retries": 2}
    root = span(ROOT, attributes=told, status=StatusCode.ERROR, status_message=CANARY, events=(failed,))

    for trace in (without_content(assemble([root])), without_content(assemble([bare_span(root)]))):
        (step,) = trace.steps
        assert (step.kind, step.model, step.provider_name) == (StepKind.LLM, "gpt-5", "openai")
        assert (step.usage.input_tokens, step.latency_ns) == (7, 8)
        assert step.attributes == told
        assert step.events == (Event("exception", 5, {"exception.type": "openai.RateLimitError"}),)
    assert without_content(assemble([root])).steps[0].error_message == "openai.RateLimitError"


# -- captures of real programs ------------------------------------------------------------------------

CASES = sorted(file.parent for file in CAPTURES.glob("*/expected.json"))
_MIN_SAID = 12
"""Shorter answers, such as a number, also stand for themselves."""


def _said_in(folder: Path) -> set[str]:
    """What the captured run was asked and answered, line by line."""
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    texts = (expected.get(name) or "" for name in ("prompt", "response", "system"))
    return {line for text in texts for line in text.split("\n") if len(line) >= _MIN_SAID and " " in line}


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_nothing_that_was_said_in_a_real_run_is_left(folder: Path) -> None:
    """Of captured runs no line of prompt, answer or instructions survives, in the page or in the spool."""
    spans = spans_in(folder)
    whole = assemble_all(spans, logs_in(folder))
    bare = [bare_span(span) for span in spans]
    left = _texts([encode(without_content(trace)) for trace in (*whole, *assemble_all(bare))])
    left += _texts([asdict(span) for span in bare])

    for line in _said_in(folder):
        assert line not in left, line


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_facts_of_a_real_run_are_left(folder: Path) -> None:
    """Of captured runs kinds, models, tokens and verdicts are the same with and without content."""
    for trace in assemble_all(spans_in(folder), logs_in(folder)):
        assert _facts_of(without_content(trace)) == _facts_of(trace)


def _facts_of(trace: Trace) -> list[Any]:
    steps = [(s.kind, s.model, s.provider, s.usage, s.status, s.latency_ns) for s in trace.steps]
    return [trace.model, trace.provider, trace.usage, trace.status, steps]
