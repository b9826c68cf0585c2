"""Vercel AI SDK: the current release, whose spans are those of OTel GenAI, and version 6, which has its own."""

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


@pytest.fixture(scope="module")
def current(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "vercel_ai.mjs", setups.VERCEL_AI, beside=setups.NODE)


@pytest.fixture(scope="module")
def six(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "vercel_ai_6.mjs", setups.VERCEL_AI_6, beside=setups.NODE)


def test_page_tells_a_question_and_its_answer(current: NodeProgram) -> None:
    """An agent with one step, and one call of the model in it."""
    told = current.run()
    assert_answered(told, current.desk)
    assert_calls_told(told.page)
    assert_outline(
        told.page,
        """
        invoke_agent gpt-5-mini: agent
          step 1: chain
            chat gpt-5-mini: llm
              POST: http
        """,
    )


@pytest.mark.parametrize("stream", ["", "yes"])
def test_page_tells_a_tool(current: NodeProgram, stream: str) -> None:
    """Whole and streamed alike: two steps, with the tool in the first."""
    told = current.run(TOOL="works", STREAM=stream)
    assert_answered(told, current.desk)
    assert_calls_told(told.page)
    assert_tool_told(told.page)
    assert_calls_tell_of_tool(told.page)
    assert_outline(
        told.page,
        """
        invoke_agent gpt-5-mini: agent
          step 1: chain
            chat gpt-5-mini: llm
              POST: http
            execute_tool get_weather: tool
          step 2: chain
            chat gpt-5-mini: llm
              POST: http
        """,
    )


def test_page_tells_what_failed(current: NodeProgram) -> None:
    """A tool in a run that went on, and a call that was refused."""
    told = current.run(TOOL="fails")
    assert_answered(told, current.desk)
    assert_tool_failed(told.page)
    refused = current.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)


def test_page_of_version_6_tells_a_question_and_its_answer(six: NodeProgram) -> None:
    """A call of generateText, and one of the model in it."""
    told = six.run()
    assert_answered(told, six.desk)
    assert_calls_told(told.page)
    assert_outline(
        told.page,
        """
        ai.generateText: agent
          ai.generateText.doGenerate: llm
            POST: http
        """,
    )


def test_page_of_version_6_tells_a_tool(six: NodeProgram) -> None:
    """Between two calls of the model."""
    told = six.run(TOOL="works")
    assert_answered(told, six.desk)
    assert_calls_told(told.page)
    assert_tool_told(told.page)
    assert_calls_tell_of_tool(told.page)
    assert_outline(
        told.page,
        """
        ai.generateText: agent
          ai.generateText.doGenerate: llm
            POST: http
          get_weather: tool
          ai.generateText.doGenerate: llm
            POST: http
        """,
    )


def test_page_of_version_6_tells_what_failed(six: NodeProgram) -> None:
    """A tool in a run that went on, and a call that was refused."""
    told = six.run(TOOL="fails")
    assert_answered(told, six.desk)
    assert_tool_failed(told.page)
    refused = six.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)
