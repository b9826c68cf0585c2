"""Python's spelling of values is read like JSON, whoever wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tracen_otel.made_spans import ROOT, span
from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.literals import decode_literal, decode_object

VALUE = {"a": [None, True, "it's", -1, 2.5], "b": {"c": "ü"}}


def test_value_is_read_back_from_its_own_spelling() -> None:
    """What `str()` made of dicts and lists is what they were; a tuple is a list, as in JSON."""
    assert decode_literal(str(VALUE)) == VALUE
    assert decode_literal("{'a': (1, 2)}") == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ('{"a": true, "b": "\\ud83c\\udf42"}', {"a": True, "b": "🍂"}),
        ('{"a": "\\ud83c\\udf42"}', {"a": "🍂"}),
        ("why?", "why?"),
        (7, 7),
        (None, None),
    ],
)
def test_json_is_read_as_json(told: Any, meant: Any) -> None:
    """JSON comes first: its escapes are other ones than Python's."""
    assert decode_literal(told) == meant


def test_object_is_its_fields() -> None:
    """A class's name is the type; members of enumerations are their values, calls of other kinds their text."""
    told = "ToolCall(role=<Role.USER: 'user'>, level=<Level.LOW: 3>, at=date(2026, 1, 2), of=Origin(id='x'))"

    assert decode_object(told) == {
        "type": "tool_call",
        "role": "user",
        "level": 3,
        "at": "date(2026, 1, 2)",
        "of": {"type": "origin", "id": "x"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "Point(x=1",
        "Point(x=<object at 0x7f>)",
        "Point(x=y)",
        "Point()",
        "point(x=1)",
        "Point(x=" + "[" * 90 + "]" * 90 + ")",
        "Point(x=" + "(" * 5000 + ")" * 5000 + ")",
        "Point(x='" + "a" * 100_000 + "')",
        "Point(x=0x" + "f" * 9000 + ")",
    ],
)
def test_object_that_can_not_be_read_stays_text(text: str) -> None:
    """What is cut, foreign, endless or too large is shown as it came."""
    assert decode_object(text) == text


@pytest.mark.parametrize(
    "value", ["'\\ud800'", "0x" + "f" * 9000, "-0x" + "f" * 9000, "1e999", "b'\\xff'", "1j", "..."]
)
def test_hostile_literal_does_not_break_the_page(value: str) -> None:
    """Whatever stands in a literal, the payload made of it can be written."""
    call = f"{{'function': {{'name': 'f', 'arguments': {{'x': {value}}}}}}}"
    told = {
        "llm.openai.model": "gpt-5",
        "llm.openai.choices": f"[{{'message': {{'role': 'assistant', 'tool_calls': [{call}]}}}}]",
    }

    trace = assemble([span(ROOT, name="raw_gen_ai_request", attributes=told)])

    assert payload.decode(payload.encode(trace)).steps[0].model == "gpt-5"
    json.dumps(payload.encode(trace), ensure_ascii=False).encode()
