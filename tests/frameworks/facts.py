"""What the page of a weather agent tells, whatever framework it is written with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from tests.frameworks.desk import Desk, Told
from tests.frameworks.model import REFUSAL

PROMPT = "What is the weather in Paris?"
STATION_CLOSED = "the weather station is closed"

Step = dict[str, Any]


def assert_answered(told: Told, desk: Desk) -> None:
    """Prompt and answer of a run that succeeded are at the top, beside its figures."""
    assert (told.page["prompt"], told.page["response"]) == (PROMPT, told.answer)
    assert_counted(told, desk)


def assert_counted(told: Told, desk: Desk) -> None:
    """Calls of the model are as many as it was asked, their tokens are those that it counted."""
    page, model = told.page, desk.model
    assert model.paths, "the model was not asked"
    assert (page["status"], page["service_name"]) == ("success", "agent")
    assert (page["provider"], page["model"]) == ("openai", "gpt-5-mini")
    assert (page["input_tokens"], page["output_tokens"]) == (model.input_tokens, model.output_tokens)
    assert len(calls_of(page)) == len(model.paths)
    assert not page.get("notes")
    assert not [step for step in page["steps"] if step.get("warnings")]


def assert_calls_told(page: Step) -> None:
    """Every call of the model has the question, and what the model said, as its messages."""
    for call in calls_of(page):
        asked = [part for said in call["input_messages"] if said["role"] == "user" for part in said["parts"]]
        assert asked == [{"type": "text", "text": PROMPT}]
        assert [said["role"] for said in call["output_messages"]] == ["assistant"]


def assert_tool_told(page: Step) -> None:
    """The tool has a step, with what it was given and what it answered."""
    (tool,) = steps_of(page, "tool")
    assert tool["status"] == "success"
    assert json.loads(tool["input"]) == {"city": "Paris"}
    assert json.loads(tool["output"]) == {"city": "Paris", "celsius": 18}


def assert_calls_tell_of_tool(page: Step) -> None:
    """The first call of the model answered with a call of the tool; the second one was given its result."""
    before, after = calls_of(page)
    assert [part["type"] for part in before["output_messages"][0]["parts"]] == ["tool_call"]
    assert [said["role"] for said in after["input_messages"]][-3:] == ["user", "assistant", "tool"]


def assert_tool_failed(page: Step) -> None:
    """A tool that failed is shown so, with its reason; the run went on."""
    (tool,) = steps_of(page, "tool")
    assert tool["status"] == "error"
    assert STATION_CLOSED in tool["error_message"]


def assert_refused(page: Step) -> None:
    """A run whose model refused it is shown as failed, with the model's own word on it, beside the question."""
    assert (page["status"], page["prompt"], page["response"]) == ("error", PROMPT, "")
    assert REFUSAL in page["error_message"]


def assert_call_refused(page: Step) -> None:
    """The call of the model is the step that failed first."""
    (call,) = calls_of(page)
    assert call["status"] == "error"
    assert REFUSAL in call["error_message"]


def assert_outline(page: Step, outline: str) -> None:
    """Steps in reading order, each with its kind, as a reader sees them: what is beneath another is indented."""
    assert list(_lines(page)) == dedent(outline).strip().splitlines()


def steps_of(page: Step, kind: str) -> list[Step]:
    return [step for step in page["steps"] if step["kind"] == kind]


def calls_of(page: Step) -> list[Step]:
    """Calls of a model: the innermost, where a framework tells of one in several spans."""
    parent_by_id = {step["id"]: step.get("parent_id", "") for step in page["steps"]}
    around = set[str]()
    for step in steps_of(page, "llm"):
        above = parent_by_id[step["id"]]
        while above in parent_by_id:
            around.add(above)
            above = parent_by_id[above]
    return [step for step in steps_of(page, "llm") if step["id"] not in around]


def _lines(page: Step) -> Iterator[str]:
    depth_by_id = dict[str, int]()
    for step in page["steps"]:
        depth_by_id[step["id"]] = depth_by_id.get(step.get("parent_id", ""), -1) + 1
        failed = " failed" if step["status"] == "error" else ""
        yield f"{'  ' * depth_by_id[step['id']]}{step['name']}: {step['kind']}{failed}"
