"""What a person would call the question or the answer in a value that frameworks wrapped in JSON.

`{"args": ["autumn"], "kwargs": {}}` asks "autumn"; `{"outputs": {"answer": "42"}}` answers "42"; a request
body asks its last user message. Where no reading is certain the JSON itself is the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tracen_otel.attributes import ABSENT, decode_json, encode_json
from tracen_otel.messages import last_text, looks_like_messages, opened, read_messages
from tracen_otel.model import Message

_MAX_DEPTH = 8
_MAX_LEAVES = 200
_EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a step: who speaks, and the names frameworks give to what is said, likeliest first."""

    role: str
    lists: tuple[str, ...]
    """Fields that hold messages."""
    names: tuple[str, ...]
    """Fields that hold the words, or wrap what does."""
    noise: frozenset[str]
    """Fields that never do."""


_TOOL_NAMES = frozenset({"inputs", "outputs", "output"})
_TOOL_NOISE = frozenset({"input_str", "tags", "metadata", "kwargs", "config", "color", "name"})
_NOISE = frozenset({"tags", "metadata", "kwargs", "config", "type", "id", "tools", "model", "usage"})

QUESTION = Side(
    role="user",
    lists=("messages", "contents", "items", "input", "prompt", "inputs"),
    names=(
        "inputs",
        "input",
        "args",
        "prompt",
        "question",
        "query",
        "query_str",
        "user_prompt",
        "user_input",
        "user_message",
        "text",
        "content",
        "message",
        "user_msg",
        "new_message",
        "str_or_query_bundle",
        "query_bundle",
        "task",
        "topic",
        "goal",
        "input_str",
        "arguments",
        "request",
        "body",
    ),
    noise=_NOISE,
)
ANSWER = Side(
    role="assistant",
    lists=("messages", "choices", "generations", "candidates", "output", "outputs", "content"),
    names=(
        "outputs",
        "output",
        "final_output",
        "final_result",
        "answer",
        "response",
        "result",
        "text",
        "output_text",
        "content",
        "message",
        "raw",
        "update",
        "object",
        "completion",
        "final_answer",
        "reply",
        "replies",
        "return_values",
        "chat_response",
        "generated_text",
        "return_value",
        "value",
    ),
    noise=_NOISE,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What one side of a step said: its words, and the turns they stood in where those were told."""

    text: str | None = None
    messages: tuple[Message, ...] = ()


def open_envelope(value: Any, side: Side) -> Told:
    """Find the words in a value of any shape."""
    spelling = value
    for _ in range(_MAX_DEPTH):
        spelling = value if isinstance(value, str) else spelling
        value = decode_json(value)
        value = opened(value) if isinstance(value, dict) else value
        if (messages := _messages(value, side)) is not None:
            return told_messages(messages, side)
        inner = _inner(value, side)
        if inner is None:
            break
        value = inner
    return Told(_words(value, spelling) if _says_anything(value) else None)


def open_tool_envelope(value: Any) -> str:
    """A tool's arguments or result as they are, without the bookkeeping that LangChain puts around them."""
    value = _without_bookkeeping(value)
    inner = decode_json(value)
    if looks_like_messages(inner):
        return tool_words(read_messages(inner, "tool"))
    return inner if isinstance(inner, str) else encode_json(value)


def _without_bookkeeping(value: Any) -> Any:
    body = decode_json(value)
    if not isinstance(body, dict) or not body.keys() <= _TOOL_NAMES | _TOOL_NOISE:
        return value
    told = [v for k, v in body.items() if k in _TOOL_NAMES and v not in _EMPTY]
    return told[0] if told and (len(body) > 1 or isinstance(told[0], dict)) else value


def tool_words(messages: tuple[Message, ...]) -> str:
    """What a tool was told or gave back, where that came as messages."""
    parts = [part for message in messages for part in message.parts]
    return "\n".join(part.text or encode_json(part.value) for part in parts)


def told_messages(messages: tuple[Message, ...], side: Side) -> Told:
    """The words of a conversation: the last ones of the side's role, else of anybody but the system."""
    text = last_text(messages, side.role)
    if text is None and side is QUESTION:
        text = next(
            (m.text for m in reversed(messages) if m.role not in ("system", "assistant") and m.text), None
        )
    return Told(text, messages)


def strings_in(value: Any) -> Iterator[str]:
    """The strings in a value or its JSON, outermost first; at most _MAX_LEAVES nodes are looked at."""
    return (leaf for leaf in _leaves(decode_json(value)) if isinstance(leaf, str))


def _says_anything(value: Any) -> bool:
    """Tell {"args": [], "kwargs": {"input": ""}} from a value that holds something."""
    return any(leaf is not None and encode_json(leaf).strip() not in ABSENT for leaf in _leaves(value))


def _leaves(value: Any) -> Iterator[Any]:
    level = [value]
    seen = 0
    while level and seen < _MAX_LEAVES:
        below: list[Any] = []
        for node in level:
            seen += 1
            if isinstance(node, dict):
                below.extend(islice(node.values(), _MAX_LEAVES))
            elif isinstance(node, list | tuple):
                below.extend(node[:_MAX_LEAVES])
            else:
                yield node
        level = below


def _messages(value: Any, side: Side) -> tuple[Message, ...] | None:
    """The conversation in a message list, a message, or a request or response body; None where it is none."""
    if looks_like_messages(value):
        return read_messages(value, side.role)
    if not isinstance(value, dict):
        return None
    for name in side.lists:
        inner = decode_json(value.get(name))
        if looks_like_messages(inner) or (name in _ALWAYS_MESSAGES and _holds_messages(inner)):
            return (*_system(value), *read_messages(inner, side.role))
    return _prompted(value) if side is QUESTION else _called(value)


def _prompted(body: Mapping[str, Any]) -> tuple[Message, ...] | None:
    """A request of a system prompt and a question that is no list of messages."""
    system = _system(body)
    if not system:
        return None
    question = open_envelope({k: v for k, v in body.items() if k not in _SYSTEM_NAMES}, QUESTION)
    return (*system, *(question.messages or read_messages(question.text, QUESTION.role)))


def _called(body: Mapping[str, Any]) -> tuple[Message, ...] | None:
    """A reply that calls tools, told as an object without a role."""
    calls = body.get("toolCalls") or body.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return None
    return read_messages({"role": ANSWER.role, **body}, ANSWER.role)


_SYSTEM_NAMES = ("system", "instructions", "system_instruction", "systemPrompt", "system_prompt")
_ALWAYS_MESSAGES = frozenset({"messages", "choices", "generations", "candidates"})


def _holds_messages(inner: Any) -> bool:
    for _ in range(_MAX_DEPTH):
        inner = inner[0] if isinstance(inner, list) and inner else inner
    return isinstance(inner, dict) and not inner.keys().isdisjoint({"message", "content", "text"})


def _system(body: Mapping[str, Any]) -> tuple[Message, ...]:
    """The system prompt that request bodies hold beside the messages."""
    value = next((body[k] for k in _SYSTEM_NAMES if body.get(k)), None)
    return read_messages(value, "system") if value else ()


def _inner(value: Any, side: Side) -> Any:
    """What the value wraps, or None where it is the thing itself."""
    if isinstance(value, list | tuple):
        return _only(value if len(value) == 1 else [v for v in value if _is_prose(v)])
    if not isinstance(value, dict):
        return None
    for name in side.names:
        if (inner := value.get(name)) not in _EMPTY:
            return inner
    told = [v for k, v in value.items() if k not in side.noise and v not in _EMPTY]
    return _only(told) if told else value.get("kwargs") or None


def _only(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else None


def _is_prose(value: Any) -> bool:
    """Tell an argument that was written from one that is an object's representation."""
    return isinstance(value, str) and value.strip() not in ABSENT and not value.startswith("<")


def _words(value: Any, spelling: Any) -> str | None:
    """Text for what stands at the bottom: strings and numbers as they are, anything else as JSON."""
    if isinstance(spelling, str) and not isinstance(value, str) and decode_json(spelling) == value:
        value = spelling  # JSON that was told as text keeps its own spelling
    text = encode_json(value)
    return None if text.strip() in ABSENT else text
