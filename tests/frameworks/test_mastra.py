"""Mastra, with the exporter of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frameworks.desk import Desk
from tests.frameworks.facts import (
    assert_answered,
    assert_outline,
    assert_refused,
    assert_tool_failed,
    assert_tool_told,
)
from tests.frameworks.javascript import NodeProgram
from tests.frameworks.model import WRONG_KEY
from viewer.reference import setups


@pytest.fixture(scope="module")
def program(desk: Desk, node: Path) -> NodeProgram:
    return NodeProgram.installed(desk, node, "mastra.mts", setups.MASTRA)


def test_page_tells_a_question_and_its_answer(program: NodeProgram) -> None:
    """With the agent's instructions; Mastra tells of a call in four spans, which is counted once."""
    told = program.run()
    assert_answered(told, program.desk)
    assert told.page["system"] == "Be brief."
    assert_outline(
        told.page,
        """
        invoke_agent Weather agent: agent
          model_generation gpt-5-mini: llm
            agent_step Weather agent: chain
              chat gpt-5-mini: llm
                model_chunk Weather agent: other
        """,
    )


def test_page_tells_a_tool(program: NodeProgram) -> None:
    """Between two calls of the model."""
    told = program.run(TOOL="works")
    assert_answered(told, program.desk)
    assert_tool_told(told.page)
    assert_outline(
        told.page,
        """
        invoke_agent Weather agent: agent
          model_generation gpt-5-mini: llm
            agent_step Weather agent: chain
              chat gpt-5-mini: llm
                model_chunk Weather agent: other
                model_chunk Weather agent: other
              execute_tool get_weather: tool
            agent_step Weather agent: chain
              chat gpt-5-mini: llm
                model_chunk Weather agent: other
        """,
    )


def test_page_tells_what_failed(program: NodeProgram) -> None:
    """A tool in a run that went on; a call that was refused, which Mastra tells of the agent alone."""
    told = program.run(TOOL="fails")
    assert_answered(told, program.desk)
    assert_tool_failed(told.page)
    assert_refused(program.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page)
