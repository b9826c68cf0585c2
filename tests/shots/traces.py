"""The traces that the cases post: ordinary ones, and those that strain a page."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.shots import texts
from tests.tracen_otel import made_secrets
from tests.viewer.samples import START_NS, agent_trace, said, step
from tracen_otel.model import Event, Message, Part, Provider, Status, Step, StepKind, Trace, Usage

SHORT: dict[str, Any] = {
    "prompt": texts.CODE_REVIEW,
    "response": "The default list is made once, when the function is defined, and every call shares it. "
    "Use None as the default and make a new list inside.",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "status": "success",
    "input_tokens": 61,
    "output_tokens": 44,
    "total_latency_ms": 1_320,
    "steps": [{"name": "explain", "timestamp": "2026-11-24T09:30:00.000Z", "latency_ms": 1_310}],
}
"""A payload of the documented fields alone."""

_MS = 1_000_000


def _run(prompt: str, response: str, ms: int, **more: object) -> Trace:
    """A trace of an ordinary run; more fields by name."""
    told = Trace(
        prompt,
        response,
        Provider.ANTHROPIC,
        "claude-sonnet-4-5",
        provider_name="anthropic",
        started_ns=START_NS,
        latency_ns=ms * _MS,
        usage=Usage(1_204, 386),
    )
    return replace(told, **more)  # type: ignore[arg-type]


def secretive() -> Trace:
    """A run in which a person and a tool told secrets."""
    secrets = made_secrets.SECRET_BY_KIND
    asked = (
        f"Deploy it with {secrets['OpenAI key']} and the database "
        "postgres://deploy:hunter2-canary@db.example:5432/orders, then say when it is done."
    )
    config = {"api_key": "canary-4711", "token": secrets["JWT"]}
    read = json.dumps({"status": "ok", "config": config})
    steps = (
        step("invoke_agent deployer", 0, 2_400, id="a", kind=StepKind.AGENT, input=asked, output="Done."),
        step(
            "read_config",
            300,
            120,
            id="t",
            parent="a",
            kind=StepKind.TOOL,
            input='{"path": ".env"}',
            output=read,
        ),
    )
    return replace(
        agent_trace(),
        title="deployer",
        prompt=asked,
        response="Done: the service runs with the new key.",
        steps=steps,
    )


def survived() -> Trace:
    """A run in which a tool failed, was tried again, and the agent answered."""
    question, answer = texts.TABLE_QUESTION, texts.TABLE_ANSWER
    asked = '{"restaurant": "Taberna do Mar", "guests": 4, "at": "2026-11-27T20:00"}'
    steps = (
        step("invoke_agent concierge", 0, 6_120, id="a", kind=StepKind.AGENT, input=question, output=answer),
        _chat("l1", 30, 1_240, question, "I will ask for a table for four at 20:00."),
        step(
            "book_table",
            1_290,
            2_000,
            id="t1",
            parent="a",
            kind=StepKind.TOOL,
            input=asked,
            status=Status.ERROR,
            error_message="ReadTimeout: the restaurant's booking system did not answer within 2 s",
            events=(Event("exception", START_NS + 3_290 * _MS, {"exception.stacktrace": texts.TRACEBACK}),),
        ),
        _chat("l2", 3_310, 980, "ReadTimeout", "It may have been slow only once. I try again."),
        step(
            "book_table", 4_300, 610, id="t2", parent="a", kind=StepKind.TOOL, input=asked, output='"TM-4471"'
        ),
        _chat("l3", 4_930, 1_170, '"TM-4471"', answer),
    )
    totals = Usage(
        sum(s.usage.input_tokens or 0 for s in steps), sum(s.usage.output_tokens or 0 for s in steps)
    )
    return _run(question, answer, 6_120, title="invoke_agent concierge", usage=totals, steps=steps)


def _chat(id: str, at_ms: int, ms: int, asked: str, told: str) -> Step:
    """A model call within the agent "a"."""
    return step(
        "chat claude-sonnet-4-5",
        at_ms,
        ms,
        id=id,
        parent="a",
        kind=StepKind.LLM,
        model="claude-sonnet-4-5",
        usage=Usage(380 + len(asked), 20 + len(told)),
        tokens_counted=True,
        input_messages=(said("user", asked),),
        output_messages=(said("assistant", told),),
    )


def empty() -> Trace:
    """Nothing but the frame of a run: no content, no steps."""
    return Trace(started_ns=START_NS)


def long_answer() -> Trace:
    """A runbook of 30 kB as the answer to one question."""
    answer = texts.long_answer()
    call = step(
        "chat claude-sonnet-4-5",
        0,
        61_400,
        id="l",
        kind=StepKind.LLM,
        model="claude-sonnet-4-5",
        usage=Usage(212, 7_904),
        tokens_counted=True,
        input_messages=(said("user", texts.LONG_QUESTION),),
        output_messages=(said("assistant", answer),),
    )
    return _run(texts.LONG_QUESTION, answer, 61_400, title="write_runbook", usage=call.usage, steps=(call,))


def long_conversation(messages: int = 80) -> Trace:
    """A support chat whose last model call was told all of it."""
    turns: list[Message] = [said("system", "You help customers of a small bookshop. Be brief and kind.")]
    for number in range(messages - 1):
        role, text = texts.SUPPORT_TURNS[number % len(texts.SUPPORT_TURNS)]
        turns.append(said(role, text))
        if number % 16 == 5:
            turns[-1:] = _looked_up(number)
    question = texts.SUPPORT_TURNS[-2][1]
    answer = "It is at the bakery, and they keep it until Saturday noon. I have told them your name."
    call = step(
        "chat gpt-4.1-mini",
        0,
        2_310,
        id="l",
        kind=StepKind.LLM,
        model="gpt-4.1-mini",
        usage=Usage(3_120, 24),
        tokens_counted=True,
        input_messages=(*turns[: messages - 1], said("user", question)),
        output_messages=(said("assistant", answer),),
    )
    told = _run(question, answer, 2_310, title="support_chat", usage=call.usage, steps=(call,))
    return replace(told, model="gpt-4.1-mini", provider=Provider.OPENAI, provider_name="openai")


def _looked_up(number: int) -> list[Message]:
    call = Part("tool_call", name="track_parcel", id=f"call_{number}", value={"parcel": "JD0146 0003 9921"})
    found = {"status": "delivered", "place": "Mill Lane 3", "scanned": "2026-11-24T14:02:00Z"}
    return [
        Message("assistant", (Part("reasoning", "The depot knows where it was scanned."), call)),
        Message("tool", (Part("tool_call_response", id=f"call_{number}", value=found),)),
    ]


def deep(levels: int = 40) -> Trace:
    """Agents that hand a task on to agents, 40 levels down."""
    steps = tuple(
        step(
            f"hand over to reviewer {n + 1}" if n + 1 < levels else "chat claude-sonnet-4-5",
            20 * n,
            4_000 - 40 * n,
            id=str(n),
            parent=str(n - 1) if n else None,
            kind=StepKind.AGENT if n + 1 < levels else StepKind.LLM,
            input=texts.HANDOVER,
            output=texts.DEEP_RESULT,
        )
        for n in range(levels)
    )
    return _run(texts.HANDOVER, texts.DEEP_RESULT, 4_000, title="review chain", steps=steps)


def wide(tools: int = 300) -> Trace:
    """One model call, then 300 tools at the same time; some fail."""
    steps = [
        step("invoke_agent weather desk", 0, 9_400, id="a", kind=StepKind.AGENT),
        step(
            "chat claude-sonnet-4-5",
            20,
            1_900,
            id="l",
            parent="a",
            kind=StepKind.LLM,
            usage=Usage(1_204, 386),
        ),
    ]
    for n in range(tools):
        city = texts.CITIES[n % len(texts.CITIES)]
        has_failed = n % 37 == 9
        steps.append(
            step(
                "get_forecast",
                2_000 + n % 9,
                400 + (n * 7_919) % 6_900,
                id=f"t{n}",
                parent="a",
                kind=StepKind.TOOL,
                input=f'{{"city": "{city}", "day": {n // len(texts.CITIES) + 1}}}',
                output=None if has_failed else f"{9 + n % 14} °C, wind from the north-west",
                status=Status.ERROR if has_failed else Status.SUCCESS,
                error_message="ConnectionResetError: the station closed the connection"
                if has_failed
                else None,
            )
        )
    asked = "Give me the forecast of the ten stations for each day of December."
    return _run(asked, "All ten stations, with 8 gaps: …", 9_400, title="weather desk", steps=tuple(steps))


def in_script(prompt: str, response: str, title: str) -> Trace:
    """An agent whose prompt, answer and names are of one script."""
    told = agent_trace()
    steps = tuple(
        replace(
            s,
            name=f"{title} {n}" if n != 2 else title,
            input_messages=tuple(said(m.role, prompt) for m in s.input_messages),
            output_messages=tuple(said(m.role, response) for m in s.output_messages),
            input=prompt if s.input else None,
            output=response if s.output else None,
        )
        for n, s in enumerate(told.steps, 1)
    )
    return replace(told, prompt=prompt, response=response, title=title, system=None, steps=steps)


def east_asian() -> Trace:
    """Japanese, Chinese, Korean, emoji of several code points."""
    told = in_script(*texts.JAPANESE)
    steps = list(told.steps)
    steps[2] = replace(steps[2], name="酒店价格查询", input=texts.CHINESE, output=texts.KOREAN)
    return replace(told, steps=tuple(steps))


def zalgo() -> Trace:
    """Combining marks in heaps, in the text and in a name."""
    text = texts.zalgo()
    return _run(text, text, 900, title=text, steps=(step(text, 0, 900, input=text, output=text),))


def one_text(text: str) -> Trace:
    """`text` as the prompt of the run and the input of its one model call."""
    call = step(
        "chat claude-sonnet-4-5",
        0,
        1_900,
        id="l",
        kind=StepKind.LLM,
        input_messages=(said("user", text),),
        output_messages=(said("assistant", "That is more than I can read at once."),),
    )
    return _run(text, "That is more than I can read at once.", 1_900, steps=(call,))


def brackets(size: int = 2**20) -> Trace:
    """What a broken loop sends: a prompt of "[" alone."""
    return one_text("[" * size)


def one_line(size: int = 10_000_000) -> Trace:
    """A log without line ends, 10 MB of it, as the prompt alone: a copy of it is in no step."""
    line = 'ts=2026-11-24T09:30:00Z level=info msg="order accepted" id=9183022 took_ms=41 '
    text = (line * (size // len(line) + 1))[:size]
    return _run(text, "The log shows no error.", 2_400)
