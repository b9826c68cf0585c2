"""The model: a conversation in, its next turn out; deterministic, and knows nothing of APIs or HTTP.

While a tool can tell it something about the question, it asks for the tool; when the results are there, it
answers from them. Nothing is written down beforehand: other results give another answer.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

NAME = "tracen-example-1"
SIGN_BY_UNIT = {"celsius": "°C", "kelvin": "K", "euro": "€"}
PROPER_NAME = re.compile(r"(?<=[a-z,] )[A-Z]\w+")
"""A capital that begins no sentence."""
OBJECT = re.compile(r"\{[^{}]*\}")
"""What a question brings along for the answer."""

Json = dict[str, Any]


class BadRequest(ValueError):
    """What a model's API would answer with status 400."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said. An assistant's turn of calls is their JSON; a tool's turn is what it answered."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """What the model may call; `parameters` is a JSON schema."""

    name: str
    parameters: Json


@dataclass(frozen=True, slots=True)
class Call:
    """What the model wants to know."""

    name: str
    arguments: Json

    @property
    def id(self) -> str:
        return "call_" + digest([self.name, self.arguments])

    @property
    def text(self) -> str:
        """The arguments as most APIs carry them: a string of JSON."""
        return json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    """The next turn: calls, or else text."""

    id: str
    text: str
    calls: tuple[Call, ...]
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, order=True)
class Reading:
    """A number that a tool told, whose it is, and what it counts."""

    number: float
    name: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number:g} {self.unit}"


def next_turn(turns: list[Turn], tools: list[Tool]) -> Reply:
    """Answer the last question."""
    asked_at = max((at for at, turn in enumerate(turns) if turn.role == "user"), default=0)
    question = turns[asked_at].text if turns else ""
    told = [turn.text for turn in turns[asked_at:] if turn.role == "tool"]
    results = told or OBJECT.findall(question)
    calls = () if results else tuple(call for tool in tools for call in calls_of(tool, question))
    text = "" if calls else answer(question, results)
    return Reply(
        id=digest([turn.text for turn in turns]),
        text=text,
        calls=calls,
        input_tokens=count_tokens(*(turn.text for turn in turns)),
        output_tokens=count_tokens(text, *(call.name + call.text for call in calls)),
    )


def calls_of(tool: Tool, question: str) -> Iterator[Call]:
    """One call for each thing the question names: one that the tool lists, or else any proper name."""
    for name, schema in tool.parameters.get("properties", {}).items():
        if "enum" in schema:
            named = [value for value in schema["enum"] if str(value).lower() in question.lower()]
        else:
            named = PROPER_NAME.findall(question) if schema.get("type") == "string" else []
        for value in dict.fromkeys(named):
            yield Call(tool.name, {name: value})


def answer(question: str, results: list[str]) -> str:
    """Say what the tools said, the largest number first; without results, say so."""
    readings = sorted((reading for text in results if (reading := read_result(text))), reverse=True)
    if not readings:
        return f"No tool told me anything about: {question}"
    most, *others = readings
    return "; ".join([f"{most.name}, with {most}", *(f"{other.name} has {other}" for other in others)]) + "."


def read_result(text: str) -> Reading | None:
    """The number in a tool's result, such as {"city": "Oslo", "celsius": 7}."""
    items = parsed(text)
    numbers = [(key, value) for key, value in items.items() if isinstance(value, int | float)]
    names = [value for value in items.values() if isinstance(value, str)]
    if not numbers or not names:
        return None
    unit, number = numbers[0]
    return Reading(float(number), names[0], SIGN_BY_UNIT.get(unit, unit))


def parsed(text: str) -> Json:
    """JSON, or a Python dict's own text, which some frameworks send instead."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def count_tokens(*texts: str) -> int:
    """Words and marks, about as a real tokenizer would count them."""
    return sum(len(re.findall(r"\w+|[^\w\s]", text)) for text in texts)


def pieces(text: str) -> list[str]:
    """A text as it would be streamed: word by word."""
    return re.findall(r"\S+\s*|\s+", text)


def text_of(content: object) -> str:
    """The text of a content that is a string, or an array of parts in any API's words."""
    if isinstance(content, list):
        return " ".join(text_of(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def objects(request: Json, name: str, *, required: bool = False) -> list[Json]:
    """The array of objects in a field of a request. Raises BadRequest."""
    value = request.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadRequest(f"{name}: expected an array of objects")
    if required and not value:
        raise BadRequest(f"{name}: expected an array with at least one object")
    return value


def digest(value: Any) -> str:
    """A short name for a value: the same each time."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
