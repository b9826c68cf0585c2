"""The agent of OpenTelemetry Java Instrumentation, beside OpenAI's own library for Java."""

from __future__ import annotations

import shutil

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
from tests.frameworks.maven import AGENT, LIBRARIES, JavaProgram, in_shell
from tests.frameworks.model import WRONG_KEY
from viewer.reference import setups

OUTLINE = """
    chat gpt-5-mini: llm
      POST: http
    """


@pytest.fixture(scope="module")
def program(desk: Desk) -> JavaProgram:
    assert shutil.which("java"), "needs `java` on the PATH"
    start = in_shell(desk, setups.JAVA)
    return JavaProgram.built(desk, "openai_java", ("package",), LIBRARIES, AGENT, start=start)


def test_page_tells_a_question_and_its_answer(program: JavaProgram) -> None:
    """A call of the model, and its request."""
    told = program.run()
    assert_answered(told, program.desk)
    assert_calls_told(told.page)
    assert told.page["system"] == "Be brief."
    assert_outline(told.page, OUTLINE)


def test_page_tells_each_call_with_its_messages_in_order(program: JavaProgram) -> None:
    """Two calls around a tool that no span tells of: two pages, the second with all that was said before."""
    told = program.run(TOOL="works")
    first, second = told.pages
    counted = [(page["input_tokens"], page["output_tokens"]) for page in told.pages]
    model = program.desk.model
    assert (sum(given for given, _ in counted), sum(got for _, got in counted)) == (
        model.input_tokens,
        model.output_tokens,
    )
    for page in told.pages:
        assert page["prompt"] == PROMPT
        assert_outline(page, OUTLINE)
    (before,), (after,) = calls_of(first), calls_of(second)
    assert [part["type"] for part in before["output_messages"][0]["parts"]] == ["tool_call"]
    assert [said["role"] for said in after["input_messages"]] == ["system", "user", "assistant", "tool"]
    assert second["response"] == told.answer


def test_page_tells_a_call_that_was_refused(program: JavaProgram) -> None:
    """With the model's word on it."""
    refused = program.run(succeeds=False, OPENAI_API_KEY=WRONG_KEY).page
    assert_refused(refused)
    assert_call_refused(refused)
