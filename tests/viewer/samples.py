"""Traces that the tests of the pages look at: ordinary, plain, failing, hostile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tracen_otel.model import Event, Message, Part, Provider, Source, Status, Step, StepKind, Trace, Usage

START_NS = 1_795_512_600_123_456_789
MS = 1_000_000

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></pre></title></textarea>"
    '{{7*7}}{% raw %} ![x](https://evil.example/?q=1) [y](javascript:alert(4)) " onclick="alert(5)" '
    "<link rel=stylesheet href=//evil.example/x.css> &amp; &lt;"
)
TRICKY = "NUL \x00 escape \x1b[31m override \u202egnp.exe\u202c isolate \u2066x\u2069 lone \r end"


PLAIN: dict[str, Any] = {
    "prompt": "What is the weather in Paris?",
    "response": "It is 21 °C and sunny.",
    "provider": "openai",
    "model": "gpt-4.1",
    "status": "success",
    "input_tokens": 50,
    "output_tokens": 18,
    "total_latency_ms": 1840,
    "steps": [
        {"name": "get_weather", "timestamp": "2026-11-24T09:30:00.000Z", "latency_ms": 420},
        {"name": "answer", "timestamp": "2026-11-24T09:30:00.430Z", "latency_ms": 1400},
    ],
}
"""A payload of the documented fields alone."""


def step(
    name: str, at_ms: int, ms: int | None, *, id: str = "", parent: str | None = None, **more: object
) -> Step:
    """A step `at_ms` after the start; more fields by name."""
    latency_ns = None if ms is None else ms * MS
    return replace(
        Step(name, id=id, parent_id=parent, start_ns=START_NS + at_ms * MS, latency_ns=latency_ns),
        **more,  # type: ignore[arg-type]
    )


def said(role: str, text: str) -> Message:
    """A turn that holds one text."""
    return Message(role, (Part("text", text),))


CALL = Message(
    "assistant",
    (
        Part("reasoning", "Prices first."),
        Part("tool_call", name="search", id="call_1", value={"query": "MAAT ticket price", "limit": 3}),
    ),
)
RESULT = Message(
    "tool", (Part("tool_call_response", id="call_1", value=[{"title": "MAAT", "price": "11 €"}]),)
)
QUESTION = "Plan a weekend in Lisbon."
ANSWER = "Saturday: MAAT.\nSunday: Champalimaud."


def agent_trace() -> Trace:
    """An agent with nested steps of several kinds, one of which failed without stopping it."""
    return Trace(
        prompt=QUESTION,
        response=ANSWER,
        provider=Provider.OPENAI,
        provider_name="openai",
        model="gpt-4.1",
        title="invoke_agent planner",
        system="You plan journeys.",
        usage=Usage(2943, 498, cache_read_tokens=1536, reasoning_tokens=192),
        started_ns=START_NS,
        latency_ns=9_210 * MS,
        service_name="travel-agent",
        sources={"prompt": "a", "response": "l2", "system": "l1", "model": "l1"},
        steps=(
            step(
                "invoke_agent planner",
                0,
                9_210,
                id="a",
                kind=StepKind.AGENT,
                input=QUESTION,
                output=ANSWER,
                usage=Usage(2943, 498),
            ),
            step(
                "chat gpt-4.1",
                60,
                1_830,
                id="l1",
                parent="a",
                kind=StepKind.LLM,
                model="gpt-4.1",
                provider=Provider.OPENAI,
                usage=Usage(1204, 86),
                tokens_counted=True,
                input_messages=(said("system", "You plan journeys."), said("user", QUESTION)),
                output_messages=(CALL,),
                attributes={
                    "gen_ai.request.model": "gpt-4.1",
                    "gen_ai.request.temperature": 0.2,
                    "server.address": "api.openai.com",
                },
                sources={
                    "kind": Source("OpenTelemetry GenAI", "gen_ai.operation.name"),
                    "model": Source("OpenTelemetry GenAI", "gen_ai.request.model"),
                    "input_tokens": Source("OpenInference", "llm.token_count.prompt"),
                },
                unread=("gen_ai.request.temperature", "server.address"),
            ),
            step("search", 1_900, 1_240, id="t1", parent="a", kind=StepKind.TOOL, input='{"query":"MAAT"}'),
            step("GET www.maat.pt", 1_910, 690, id="h1", parent="t1", kind=StepKind.HTTP),
            step(
                "get_weather",
                1_900,
                2_410,
                id="t2",
                parent="a",
                kind=StepKind.TOOL,
                status=Status.ERROR,
                error_message="TimeoutError: no answer within 2.4 s",
                events=(
                    Event(
                        "exception", START_NS + 4_310 * MS, {"exception.stacktrace": "Traceback\n  line 42"}
                    ),
                ),
            ),
            step(
                "chat gpt-4.1",
                4_330,
                4_700,
                id="l2",
                parent="a",
                kind=StepKind.LLM,
                model="gpt-4.1",
                usage=Usage(1739, 412, 1536, None, 192),
                tokens_counted=True,
                input_messages=(said("user", QUESTION), CALL, RESULT),
                output_messages=(said("assistant", ANSWER),),
                warnings=("The span ended before its last event.",),
            ),
            step("score", 9_040, None, id="e", parent="a", kind=StepKind.EVALUATION),
        ),
    )


def failed_trace() -> Trace:
    """A run that ended with the error of its second LLM call; the tool before it was survived."""
    error = "RateLimitError: 429, try again in 2 s"
    told = agent_trace()
    steps = list(told.steps[:6])
    steps[0] = replace(steps[0], status=Status.ERROR, error_message=error, output=None)
    steps[5] = replace(steps[5], status=Status.ERROR, error_message=error, output_messages=())
    return replace(told, response="", status=Status.ERROR, error_message=error, steps=tuple(steps))


def silent_trace() -> Trace:
    """What an instrumentation sends that was not told to record content."""
    steps = tuple(
        replace(s, input=None, output=None, input_messages=(), output_messages=())
        for s in agent_trace().steps
    )
    return replace(agent_trace(), prompt="", response="", system=None, steps=steps)


def hostile_trace(text: str) -> Trace:
    """`text` in every field that holds text, keys and names included."""
    part = Part(text, text, text, text, {text: [text]})
    messages = (Message(text, (part, replace(part, type="tool_call", text=""), replace(part, type="media"))),)
    return Trace(
        prompt=text,
        response=text,
        model=text,
        title=text,
        system=text,
        provider_name=text,
        service_name=text,
        usage=Usage(1, 2),
        sources={"prompt": text, "error_message": text},
        status=Status.ERROR,
        error_message=text,
        notes=(text,),
        started_ns=START_NS,
        latency_ns=5 * MS,
        steps=(
            step(
                text,
                0,
                5,
                id=text,
                status=Status.ERROR,
                error_message=text,
                input=text,
                output_messages=messages,
                model=text,
                provider_name=text,
                attributes={text: text, "structure": {text: text}},
                events=(Event(text, START_NS, {text: text}, text),),
                warnings=(text,),
                sources={text: Source(text, text)},
                unread=(text,),
                usage=Usage(1, 2),
            ),
            step(text, 1, 2, parent=text, output=text, usage=Usage(1, 2), tokens_counted=True),
        ),
    )


def chain_trace(length: int) -> Trace:
    """Steps each of which is part of the one before."""
    steps = (step(str(n), n, 1, id=str(n), parent=str(n - 1)) for n in range(length))
    return Trace(QUESTION, ANSWER, steps=tuple(steps))
