"""What the page of the weather agent tells, whatever language it is written in."""

from __future__ import annotations

import json
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


def assert_page_tells_the_run(url: str, language: str) -> None:
    """Every fact of the run is on the page and in its JSON, once; spans, exceptions and ids arrived as they were."""
    with httpx2.Client(trust_env=False, timeout=60) as client:
        payload = client.get(f"{url}.json").raise_for_status().json()
        page = Page(client.get(url).raise_for_status().text)
    _assert_summary(payload, language)
    _assert_steps(payload["steps"])
    _assert_models(*(step for step in payload["steps"] if step["kind"] == "llm"))
    _assert_tools(*(step for step in payload["steps"] if step["kind"] == "tool"))
    _assert_shown(page, language, payload["steps"][-1]["error_message"])


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


def _assert_shown(page: Page, language: str, failure: str) -> None:
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
        f"Step 5, execute_tool send_postcard: {failure}",
    ):
        assert fact in page.text, fact
