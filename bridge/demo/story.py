"""What a demo trace tells, in no dialect's words: steps within steps, with how long each takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tracen_otel.model import StepKind

INVOKED = "invoke_agent "
"""How OTel's conventions begin the name of an agent's span."""

_encoded = json.JSONEncoder(ensure_ascii=False).encode

Said = Mapping[str, Any]
"""A message: `role`, `content`, and where it has them `calls` (id, name, arguments) or `call_id`."""


@dataclass(frozen=True, slots=True)
class Act:
    """A step. `ms` is its own time, beside that of the steps in it; those go on at once where `is_parallel`.

    An act that `is_open` has not ended: it is not told yet, what is in it is.
    """

    kind: StepKind
    name: str
    ms: float = 2.0
    input: Any = None
    output: Any = None
    said: Sequence[Said] = ()
    answer: Said | None = None
    model: str = ""
    tokens: tuple[int, int] = (0, 0)
    cached: int = 0
    reasoning: int = 0
    error: str = ""
    steps: Sequence[Act] = ()
    is_parallel: bool = False
    is_open: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Attributes besides, in OTel's words."""


@dataclass(frozen=True, slots=True)
class Story:
    """A trace: which service made it, in which dialect, its root, and what that is called.

    Without a title the root is called as its dialect calls it.
    """

    service: str
    dialect: str
    root: Act
    title: str = ""
    environment: str = "production"
    user: str = ""
    session: str = ""


def message(role: str, content: str) -> Said:
    """A message of text alone."""
    return {"role": role, "content": content}


def call(number: int, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call in a message."""
    return {"id": f"call_{number:02d}{name[:6]}", "name": name, "arguments": dict(arguments)}


def spread(rng: Random, middle: float, sigma: float = 0.35) -> float:
    """A number about so large, as latencies and token counts are: now and then far larger."""
    return middle * rng.lognormvariate(0.0, sigma)


def tokens_of(rng: Random, text: str) -> int:
    """About as many tokens as a model would count."""
    return max(1, int(len(text.encode()) / 4 * rng.uniform(0.95, 1.1)))


def text_of(value: Any) -> str:
    """What a model is shown of a tool's result."""
    return value if isinstance(value, str) else _encoded(value)


def model_call(
    rng: Random,
    model: str,
    said: Sequence[Said],
    answer: Said,
    *,
    overhead: int = 0,
    cached_share: float = 0.0,
    reasoning: int = 0,
    error: str = "",
    ms: float = 0.0,
    tools: Sequence[str] = (),
) -> Act:
    """A chat completion: tokens of what is said, and a time that goes with the answer's length.

    `overhead`: tokens of tool definitions and the like; `cached_share` of the input was read from a cache.
    """
    asked = sum(tokens_of(rng, text_of(m.get("content") or "")) + 6 for m in said) + overhead
    calls = _encoded(answer["calls"]) if "calls" in answer else ""
    answered = 0 if error else tokens_of(rng, (answer.get("content") or "") + calls) + reasoning
    return Act(
        StepKind.LLM,
        f"chat {model}",
        ms=ms or spread(rng, 350 + answered * 11 + asked * 0.03),
        said=said,
        answer=None if error else answer,
        model=model,
        tokens=(0 if error else asked, answered),
        cached=int(asked * cached_share),
        reasoning=reasoning,
        error=error,
        facts={"gen_ai.request.temperature": rng.choice((0.0, 0.2, 0.7, 1.0)), **_offered(tools)},
    )


def _offered(tools: Sequence[str]) -> dict[str, Any]:
    told = [{"type": "function", "name": name} for name in tools]
    return {"gen_ai.tool.definitions": json.dumps(told)} if told else {}


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool by an agent. `steps`: what the tool did to answer, such as HTTP requests."""

    tool: str
    arguments: Mapping[str, Any]
    result: Any = None
    ms: float = 180.0
    error: str = ""
    thought: str = ""
    steps: Sequence[Act] = ()


def agent(
    rng: Random,
    name: str,
    model: str,
    system: str,
    prompt: str,
    rounds: Sequence[Sequence[Use]],
    answer: str,
    *,
    earlier: Sequence[Said] = (),
    overhead: int = 420,
    reasoning: int = 0,
    is_open: bool = False,
) -> Act:
    """An agent that asks its model, uses the tools it names (those of a round at once), and answers in the end."""
    said: list[Said] = [message("system", system), *earlier, message("user", prompt)]
    tools = tuple(dict.fromkeys(use.tool for uses in rounds for use in uses))
    ask = partial(model_call, rng, model, overhead=overhead, tools=tools)
    steps: list[Act] = []
    for uses in rounds:
        calls = [call(len(said) + n, use.tool, use.arguments) for n, use in enumerate(uses)]
        asks: Said = {"role": "assistant", "content": uses[0].thought, "calls": calls}
        share = 0.8 if len(steps) > 4 else 0.0
        steps.append(ask(tuple(said), asks, cached_share=share, reasoning=reasoning))
        used = [_used(rng, use, asked["id"]) for use, asked in zip(uses, calls, strict=True)]
        steps += used if len(used) == 1 else [Act(StepKind.CHAIN, "tools", steps=used, is_parallel=True)]
        said += [asks, *(_heard(use, asked["id"]) for use, asked in zip(uses, calls, strict=True))]
    if not is_open:
        share = 0.6 if steps else 0.0
        steps.append(ask(tuple(said), message("assistant", answer), cached_share=share))
    return Act(
        StepKind.AGENT,
        f"{INVOKED}{name}",
        ms=6,
        input=prompt,
        output=answer,
        steps=steps,
        is_open=is_open,
        facts={"gen_ai.agent.name": name},
    )


def _heard(use: Use, call_id: str) -> Said:
    """What the model is told of a tool's result."""
    content = f"Error: {use.error}" if use.error else text_of(use.result)
    return {"role": "tool", "content": content, "call_id": call_id}


def _used(rng: Random, use: Use, call_id: str) -> Act:
    return Act(
        StepKind.TOOL,
        use.tool,
        ms=spread(rng, use.ms),
        input=use.arguments,
        output=None if use.error else use.result,
        error=use.error,
        steps=use.steps,
        facts={"gen_ai.tool.call.id": call_id},
    )
