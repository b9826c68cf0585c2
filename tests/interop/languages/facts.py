"""What the page of the weather agent tells, whatever language it is written in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.viewer.markup import Page

PROMPT = "What is the weather in Paris?"
ANSWER = "It is 18 °C and sunny in Paris."
FAILURE = "no stamps left"
ROOT = "invoke_agent weather_agent"
STEPS = [
    (ROOT, "agent", None, "success"),
    ("chat gpt-5-mini", "llm", ROOT, "success"),
    ("execute_tool get_weather", "tool", ROOT, "success"),
    ("chat gpt-5-mini", "llm", ROOT, "success"),
    ("execute_tool send_postcard", "tool", ROOT, "error"),
]
"""Name, kind, name of the step that it is part of, status; in reading order."""
TOKENS = {2: "42 → 17", 4: "78 → 14"}
"""By the number of the step."""
WORK_MS = {2: 30, 3: 10, 4: 30}
"""By the number of the step: how long each model call, and the tool that answers, takes at least."""
MS_BY_UNIT = {"ms": 1.0, "s": 1000.0}
PART_OF_ROW = ("row-title", "row-kind", "row-duration", "row-tokens", "row-error")


def assert_page_tells_the_run(url: str, language: str) -> None:
    """Every fact of the run is on the page and in its JSON, once; spans, exceptions and ids arrived as they were."""
    with httpx2.Client(trust_env=False, timeout=60) as client:
        payload = client.get(f"{url}.json").raise_for_status().json()
        page = Page(client.get(url).raise_for_status().text)
        chat, postcard = (Page(client.get(f"{url}/steps/{n}").raise_for_status().text) for n in (2, 5))
    _assert_summary(payload, language)
    _assert_steps(payload["steps"])
    _assert_models(*(step for step in payload["steps"] if step["kind"] == "llm"))
    _assert_tools(*(step for step in payload["steps"] if step["kind"] == "tool"))
    _assert_shown(page, language)
    _assert_rows(rows_of(page), payload["steps"])
    _assert_step_pages(chat, postcard)


def _assert_summary(payload: dict[str, Any], language: str) -> None:
    told = {
        "title": ROOT,
        "service_name": f"weather-agent-{language}",
        "status": "success",
        "prompt": PROMPT,
        "response": ANSWER,
        "provider": "openai",
        "model": "gpt-5-mini",
        "input_tokens": 120,
        "output_tokens": 31,
    }
    assert {name: payload[name] for name in told} == told
    assert not payload["error_message"]
    assert "notes" not in payload, "something was amiss with the spans"


def _assert_steps(steps: list[dict[str, Any]]) -> None:
    name_by_id = {step["id"]: step["name"] for step in steps}
    assert [
        (
            step["name"],
            step["kind"],
            name_by_id.get(step.get("parent_id", "")),
            step["status"],
        )
        for step in steps
    ] == STEPS
    assert len(name_by_id) == len(STEPS)
    assert not [step for step in steps if "warnings" in step]
    assert [step for step in steps if step.get("error_message")] == steps[-1:]


def _assert_models(first: dict[str, Any], second: dict[str, Any]) -> None:
    question = {"role": "user", "parts": [{"type": "text", "text": PROMPT}]}
    call = {"type": "tool_call", "name": "get_weather", "id": "call_1", "value": {"city": "Paris"}}
    asked = {"role": "assistant", "parts": [call]}
    weather = {"temperature_c": 18, "sky": "sunny"}
    result = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "value": weather}]}
    answer = {"role": "assistant", "parts": [{"type": "text", "text": ANSWER}]}
    assert (first["input_messages"], first["output_messages"]) == ([question], [asked])
    assert (second["input_messages"], second["output_messages"]) == ([question, asked, result], [answer])
    assert [(step["input_tokens"], step["output_tokens"]) for step in (first, second)] == [(42, 17), (78, 14)]


def _assert_tools(weather: dict[str, Any], postcard: dict[str, Any]) -> None:
    assert json.loads(weather["input"]) == {"city": "Paris"}
    assert json.loads(weather["output"]) == {"temperature_c": 18, "sky": "sunny"}
    assert weather["attributes"]["gen_ai.tool.call.id"] == "call_1"
    assert postcard["attributes"]["error.type"]
    assert postcard["error_message"].endswith(FAILURE)  # Python's SDK puts the exception's name before it
    (exception,) = postcard["events"]
    assert exception["name"] == "exception"
    assert exception["attributes"]["exception.message"] == FAILURE


def _assert_shown(page: Page, language: str) -> None:
    (title,) = page.texts("title")
    assert title == f"{ROOT} · Tracen"
    for fact in (
        "Succeeded",
        "gpt-5-mini OpenAI",
        "120 in · 31 out",
        f"Service weather-agent-{language}",
        "2 LLM calls · 2 tool calls",
        "1 step failed; the run went on",
        f"from step 2 {PROMPT}",
        f"from step 4 {ANSWER}",
        "Timeline 5 steps",
    ):
        assert page.text.count(fact) == 1, fact
    assert re.search(rf"Step 5, execute_tool send_postcard: (\w+: )?{FAILURE}", page.text)


# -- rows and steps ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """A line of the timeline: how deep it stands, and the text of its parts by their class."""

    level: int
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def duration_ms(self) -> float:
        number, unit = self.parts["row-duration"].split()
        return float(number) * MS_BY_UNIT[unit]


def rows_of(page: Page) -> list[Row]:
    """The lines of a page's timeline."""
    rows = list[Row]()
    for element in page.elements:
        kind = element.attributes.get("class", "")
        if element.tag == "li" and kind.startswith("line "):
            rows.append(Row(int(element.attributes["data-level"])))
        elif kind in PART_OF_ROW:
            rows[-1].parts[kind] = " ".join(element.text.split())
    return rows


def _assert_rows(rows: list[Row], steps: list[dict[str, Any]]) -> None:
    """A row for each step, as deep as it is nested, with its own duration, tokens and failure."""
    assert [row.parts["row-title"] for row in rows] == [name for name, *_ in STEPS]
    assert [row.level - rows[0].level for row in rows] == [0, 1, 1, 1, 1]
    for number, (row, step) in enumerate(zip(rows, steps, strict=True), start=1):
        assert abs(row.duration_ms - step["latency_ns"] / 1e6) <= max(0.05 * row.duration_ms, 0.01), row
        assert row.parts.get("row-tokens", "").startswith(TOKENS.get(number, "")), row
        assert ("row-tokens" in row.parts) == (number in TOKENS), row
    assert [row.parts.get("row-error", "").endswith(FAILURE) for row in rows] == [False] * 4 + [True]
    assert [number for number, row in enumerate(rows, start=1) if "row-error" in row.parts] == [5]
    _assert_times(steps)


def _assert_times(steps: list[dict[str, Any]]) -> None:
    """One after the other, within the agent's; clocks of SDKs go by the millisecond at the coarsest.

    Node's SDK has two for each span, and a busy machine may stop it between them: steps side by side would
    be further apart.
    """
    tick_ns, slack_ns = 1_000_000, 9_000_000
    start_ns = [int(step["start_time_unix_nano"]) for step in steps]
    end_ns = [start + int(step["latency_ns"]) for start, step in zip(start_ns, steps, strict=True)]
    assert start_ns == sorted(start_ns)
    assert end_ns[0] - start_ns[0] < 60 * 10**9
    for number, work_ms in WORK_MS.items():
        assert end_ns[number - 1] - start_ns[number - 1] > work_ms * 1_000_000 - tick_ns, number
    assert max(end_ns) <= end_ns[0] + slack_ns
    assert all(end <= start + slack_ns for end, start in zip(end_ns[1:], start_ns[2:], strict=False))


def _assert_step_pages(chat: Page, postcard: Page) -> None:
    """What a step was asked and answered, by whom, and why it failed."""
    for fact in ("chat gpt-5-mini", PROMPT, "get_weather", "gpt-5-mini", "42", "17"):
        assert fact in chat.text, fact
    for fact in ("execute_tool send_postcard", "Failed", FAILURE, "error.type"):
        assert fact in postcard.text, fact
