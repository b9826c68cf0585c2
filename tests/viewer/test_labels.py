"""Short words for what a step tells."""

from __future__ import annotations

import pytest

from viewer.labels import line_of_error

STACK = "\n    at tool.name (file:///app/agent.mjs:15:45)\n    at async run (node:internal/x:1:2)"
TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: closed'


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("the station is closed", "the station is closed"),
        ("TypeError: x is not a function" + STACK, "TypeError: x is not a function"),
        ("the station is closed\n\nError: the station is closed" + STACK, "the station is closed"),
        ("one\n\ntwo", "one two"),
        (TRACEBACK, TRACEBACK.replace("\n  ", " ").replace("\n", " ")),
        (STACK, STACK.strip().replace("\n    ", " ")),
        ("", ""),
    ],
)
def test_line_of_an_error_is_what_went_wrong(message: str, line: str) -> None:
    """A stack of JavaScript is for who unfolds the step; LangChain.js puts the message before it once more."""
    assert line_of_error(message) == line
