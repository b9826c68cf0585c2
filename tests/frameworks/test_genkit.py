"""Genkit, with spans of its own SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frameworks.desk import Desk
from tests.frameworks.facts import (
    assert_answered,
    assert_call_refused,
    assert_calls_tell_of_tool,
    assert_calls_told,
    assert_outline,
    assert_refused,
    assert_tool_failed,
    assert_tool_told,
)
from tests.frameworks.javascript import NodeProgram
from tests.frameworks.model import WRONG_KEY
from viewer.reference import setups

NAMED = {"OTEL_SERVICE_NAME": "agent"}


@pytest.fixture(scope="module")
def program(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "genkit.mjs", setups.GENKIT)


def test_page_tells_a_question_and_its_answer(program: NodeProgram) -> None:
    """A flow, what it generates, and a call of the model."""
    told = program.run(NAMED)
    assert_answered(told, program.desk)
    assert_calls_told(told.page)
    assert told.page["system"] == "Be brief."
    assert_outline(
        told.page,
        """
        weather: chain
          generate: chain
            openai/gpt-5-mini: llm
        """,
    )


def test_page_tells_a_tool(program: NodeProgram) -> None:
    """Between two calls of the model, the second within what follows the tool."""
    told = program.run(NAMED, TOOL="works")
    assert_answered(told, program.desk)
    assert_calls_told(told.page)
    assert_tool_told(told.page)
    assert_calls_tell_of_tool(told.page)
    assert_outline(
        told.page,
        """
        weather: chain
          generate: chain
            openai/gpt-5-mini: llm
            get_weather: tool
            generate: chain
              openai/gpt-5-mini: llm
        """,
    )


def test_page_tells_what_failed(program: NodeProgram) -> None:
    """A tool, with which the whole flow fails; and a call that was refused."""
    failed = program.run(NAMED, succeeds=False, TOOL="fails").page
    assert_tool_failed(failed)
    assert failed["status"] == "error"
    refused = program.run(NAMED, succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)
