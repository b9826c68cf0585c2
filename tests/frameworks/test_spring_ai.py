"""Spring AI with Spring Boot, whose own tracing sends the spans."""

from __future__ import annotations

import shutil

import pytest

from tests.frameworks.desk import Desk
from tests.frameworks.facts import (
    STATION_CLOSED,
    assert_answered,
    assert_call_refused,
    assert_outline,
    assert_refused,
    assert_tool_told,
    steps_of,
)
from tests.frameworks.maven import LIBRARIES, JavaProgram
from tests.frameworks.model import WRONG_KEY
from viewer.reference import setups

START = "java -cp 'target/classes:lib/*' agent.Agent"


@pytest.fixture(scope="module")
def program(desk: Desk) -> JavaProgram:
    assert shutil.which("java"), "needs `java` on the PATH"
    beside = {
        "application.properties": desk.text_of(setups.SPRING_AI),
        "Said.java": "package agent;\n" + desk.text_of(setups.SPRING_AI_SAID),
    }
    return JavaProgram.built(desk, "spring_ai", ("compile",), LIBRARIES, start=START, beside=beside)


def test_page_tells_a_question_and_its_answer(program: JavaProgram) -> None:
    """A client, its two advisors, and a call of the model."""
    told = program.run()
    assert_answered(told, program.desk)
    assert_outline(
        told.page,
        """
        spring_ai chat_client: agent
          tool _calling : chain
            call: chain
              chat gpt-5-mini: llm
                POST: other
        """,
    )


def test_page_tells_a_tool(program: JavaProgram) -> None:
    """With what it was given and what it answered, between two calls of the model."""
    told = program.run(TOOL="works")
    assert_answered(told, program.desk)
    assert_tool_told(told.page)
    assert_outline(
        told.page,
        """
        spring_ai chat_client: agent
          tool _calling : chain
            call: chain
              chat gpt-5-mini: llm
                POST: other
            execute_tool get_weather: tool
            call: chain
              chat gpt-5-mini: llm
                POST: other
        """,
    )


def test_page_tells_what_failed(program: JavaProgram) -> None:
    """A tool by its answer alone, since Spring AI gives the model the reason for one; a call that was refused."""
    told = program.run(TOOL="fails")
    assert_answered(told, program.desk)
    (tool,) = steps_of(told.page, "tool")
    assert tool["output"] == STATION_CLOSED
    refused = program.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)


def test_program_sends_nothing_elsewhere(program: JavaProgram) -> None:
    """Spring Boot sends metrics to this machine where they are not off, and complains that nobody takes them."""
    assert "Failed to publish metrics" not in program.run().printed
