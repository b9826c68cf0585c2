"""OpenAI's library for JavaScript: what OpenTelemetry's set-up for Node sees of it, and with OpenInference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frameworks.desk import Desk
from tests.frameworks.facts import (
    PROMPT,
    assert_answered,
    assert_call_refused,
    assert_calls_told,
    assert_outline,
    assert_refused,
    calls_of,
)
from tests.frameworks.javascript import NodeProgram
from tests.frameworks.model import WRONG_KEY
from viewer.reference import setups


@pytest.fixture(scope="module")
def current(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "openai.mjs", setups.OPENAI, beside=setups.NODE)


@pytest.fixture(scope="module")
def six(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "openai_6.cjs", None, beside=setups.NODE)


@pytest.mark.parametrize(
    ("api", "name"), [("chat", "OpenAI Chat Completions"), ("responses", "OpenAI Responses")]
)
def test_page_tells_a_question_and_its_answer(current: NodeProgram, api: str, name: str) -> None:
    """A call of the model in either API, and its request."""
    told = current.run(API=api)
    assert_answered(told, current.desk)
    assert_calls_told(told.page)
    assert told.page["system"] == "Be brief."
    assert_outline(
        told.page,
        f"""
        {name}: llm
          POST: http
        """,
    )


def test_page_of_a_stream_tells_no_tokens(current: NodeProgram) -> None:
    """Those at its end are not read: once they are, the note may be shorter."""
    told = current.run(API="stream")
    assert (told.page["prompt"], told.page["response"]) == (PROMPT, told.answer)
    assert told.page.get("input_tokens") is None


def test_page_tells_of_a_call_that_was_refused_its_request(current: NodeProgram) -> None:
    """OpenInference leaves the call's own span open, as the note says: once it does not, the note may be shorter."""
    (step,) = current.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page["steps"]
    assert (step["name"], step["status"], step["error_message"]) == ("POST", "error", "401")


def test_page_of_version_6_tells_a_question_and_its_answer(six: NodeProgram) -> None:
    """Without a change of the program."""
    told = six.run()
    assert_answered(told, six.desk)
    assert_calls_told(told.page)
    assert told.page["system"] == "Be brief."
    assert_outline(
        told.page,
        """
        chat gpt-5-mini: llm
          POST: http
        """,
    )
    refused = six.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)


@pytest.mark.parametrize("version", ["current", "six"])
def test_page_tells_each_call_with_its_messages_in_order(
    version: str, request: pytest.FixtureRequest
) -> None:
    """Two calls around a tool that no span tells of: two pages, the second with all that was said before."""
    program: NodeProgram = request.getfixturevalue(version)
    told = program.run(TOOL="works")
    first, second = told.pages
    (before,), (after,) = calls_of(first), calls_of(second)
    assert first["prompt"] == second["prompt"] == PROMPT
    assert [part["type"] for part in before["output_messages"][0]["parts"]] == ["tool_call"]
    assert [said["role"] for said in after["input_messages"]] == ["system", "user", "assistant", "tool"]
    assert second["response"] == told.answer
