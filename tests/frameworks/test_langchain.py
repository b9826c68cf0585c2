"""LangChain.js and LangGraph.js, whose spans OpenInference makes beside those of OpenTelemetry's own set-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frameworks.desk import Desk, variables_of
from tests.frameworks.facts import (
    assert_answered,
    assert_call_refused,
    assert_calls_tell_of_tool,
    assert_calls_told,
    assert_outline,
    assert_refused,
    assert_tool_failed,
    steps_of,
)
from tests.frameworks.javascript import NodeProgram
from tests.frameworks.model import WRONG_KEY
from viewer.reference import setups

TOLD_TO_SET = variables_of(setups.LANGCHAIN_JS)


@pytest.fixture(scope="module")
def program(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "langchain.mjs", setups.LANGCHAIN_JS, beside=setups.NODE)


def test_page_tells_a_question_and_its_answer(program: NodeProgram) -> None:
    """One page, and not another one for each request to the model."""
    told = program.run(TOLD_TO_SET)
    assert_answered(told, program.desk)
    assert_calls_told(told.page)
    assert_outline(
        told.page,
        """
        LangGraph: chain
          __start__: chain
          model_request: chain
            ChatOpenAI: llm
        """,
    )


def test_page_tells_a_tool(program: NodeProgram) -> None:
    """Between two calls of the model. LangChain.js tells the only argument of a tool without its name."""
    told = program.run(TOLD_TO_SET, TOOL="works")
    assert_answered(told, program.desk)
    assert_calls_told(told.page)
    assert_calls_tell_of_tool(told.page)
    (tool,) = steps_of(told.page, "tool")
    assert (tool["input"], tool["output"]) == ("Paris", '{"city":"Paris","celsius":18}')
    assert_outline(
        told.page,
        """
        LangGraph: chain
          __start__: chain
          model_request: chain
            ChatOpenAI: llm
            RunnableLambda: chain
          tools: chain
            get_weather: tool
          model_request: chain
            ChatOpenAI: llm
            RunnableLambda: chain
        """,
    )


def test_page_tells_what_failed(program: NodeProgram) -> None:
    """A tool in a run that went on, and a call that was refused."""
    told = program.run(TOLD_TO_SET, TOOL="fails")
    assert_answered(told, program.desk)
    assert_tool_failed(told.page)
    refused = program.run(TOLD_TO_SET, succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)


def test_page_of_each_request_is_what_the_variable_spares(program: NodeProgram) -> None:
    """Without it there are more pages: once there are none, the note may leave it out."""
    assert len(program.run().pages) > 1
