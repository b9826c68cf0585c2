"""Pairs of traces that the tests of the comparison look at."""

from __future__ import annotations

from dataclasses import replace

from tests.viewer.samples import MS, START_NS, agent_trace, said, step
from tracen_otel.model import Provider, Status, Step, StepKind, Trace, Usage

_DAY_NS = 86_400_000_000_000

PLAN = """\
Here is a plan for a weekend in Lisbon.

Saturday
1. Morning: the MAAT, which opens at 10:00. Tickets cost 11 €.
2. Lunch at a small restaurant in Alcântara.
3. Afternoon: take tram 28 up to Alfama and walk back down.

Sunday
1. Morning: pastéis in Belém, before the queue grows.
2. Midday: the Jerónimos monastery, closed on Mondays.
3. Afternoon: the Champalimaud gardens by the river.

Bring comfortable shoes. It will be 21 °C and sunny on both days.
"""
OTHER_PLAN = (
    PLAN.replace("Tickets cost 11 €.", "Tickets cost 13 € and are cheaper online.")
    .replace("2. Lunch at a small restaurant in Alcântara.\n", "")
    .replace("21 °C and sunny on both days", "19 °C with showers on Sunday")
)


def research_trace(*, second: bool = False) -> Trace:
    """An agent that reads a dozen pages; the second run has another model, one page less, and a failure."""
    model = "gpt-5-mini" if second else "gpt-4.1"
    start = "a"
    steps: list[Step] = [
        step("invoke_agent planner", 0, 8_020 if second else 14_210, id=start, kind=StepKind.AGENT),
        _call(60, 980 if second else 1_830, "l1", model, Usage(1204, 86), "Search first."),
        step("search", 2_000, 1_240, id="s", parent=start, kind=StepKind.TOOL, input='{"query": "Lisbon"}'),
    ]
    steps += [
        step(
            f"GET /pages/{page + 7 * second}",
            2_100 + 90 * page,
            80,
            parent="s",
            kind=StepKind.HTTP,
            id=f"p{page}",
        )
        for page in range(12)
    ]
    steps.append(step("rank_results", 3_300, 240, parent=start, kind=StepKind.RERANK, id="r"))
    if not second:
        steps.append(step("translate", 3_500, 610, parent=start, kind=StepKind.TOOL, id="t"))
    steps.append(_weather(second))
    if second:
        steps.append(step("get_weather", 5_100, 380, parent=start, kind=StepKind.TOOL, id="w2"))
        steps.append(step("moderate", 6_000, 120, parent=start, kind=StepKind.GUARDRAIL, id="g"))
    plan = OTHER_PLAN if second else PLAN
    usage = Usage(2851, 724) if second else Usage(1739, 412)
    steps.append(_call(6_200, 1_700 if second else 8_700, "l2", model, usage, plan))
    return replace(
        agent_trace(),
        prompt="Plan a weekend in Lisbon.",
        response=plan,
        model=model,
        usage=Usage(4055, 810) if second else Usage(2943, 498),
        started_ns=START_NS + _DAY_NS * second,
        latency_ns=(8_020 if second else 14_210) * MS,
        system="You plan journeys." + " Be brief." * second,
        steps=tuple(steps),
    )


def _call(at_ms: int, ms: int, id: str, model: str, usage: Usage, answer: str) -> Step:
    return step(
        f"chat {model}",
        at_ms,
        ms,
        id=id,
        parent="a",
        kind=StepKind.LLM,
        model=model,
        provider=Provider.OPENAI,
        usage=usage,
        output_messages=(said("assistant", answer),),
    )


def _weather(failed: bool) -> Step:
    told: dict[str, object] = {"kind": StepKind.TOOL, "input": '{"city": "Lisbon"}'}
    if failed:
        told |= {"status": Status.ERROR, "error_message": "TimeoutError: no answer within 0.9 s"}
    return step("get_weather", 4_200, 900 if failed else 410, id="w", parent="a", **told)
