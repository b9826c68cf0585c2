"""Messages out of whatever an instrumentation wrote a conversation down as.

Reads GenAI message JSON, OpenAI chat and Responses items, Anthropic, Gemini, Bedrock, LangChain and Vercel
shapes. One bad item costs itself alone. Knows no attribute keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from tracen_otel.attributes import clean, decode_json
from tracen_otel.literals import decode_object
from tracen_otel.model import Message, Part
from tracen_otel.parts import read_parts, tool_call, tool_response

ROLE_BY_NAME = {
    "system": "system",
    "developer": "system",
    "systemmessage": "system",
    "user": "user",
    "human": "user",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "tool": "tool",
    "function": "tool",
    "toolmessage": "tool",
    "ipython": "tool",
}
_MAX_NESTING = 4
_PLAIN_KEYS = frozenset({"role", "parts", "content", "finish_reason"})


def read_messages(value: Any, role: str) -> tuple[Message, ...]:
    """Every message in a list, a single message, or a text; `role` is for those that tell none."""
    messages = [m for m in _messages(decode_json(value), role, _MAX_NESTING) if m.parts]
    has_neighbours = any(a.role == b.role == "assistant" for a, b in pairwise(messages))
    return tuple(_merged(messages) if has_neighbours else messages)


def looks_like_messages(value: Any) -> bool:
    """Tell whether a decoded value is a message or a list (also of lists) that begins with one."""
    for _ in range(_MAX_NESTING):
        if not isinstance(value, list | tuple) or not value:
            break
        value = _item(value[0])
    return isinstance(value, dict) and _role(opened(value)) is not None


def last_text(messages: tuple[Message, ...], role: str) -> str | None:
    """The text of the last message of that role that has any, without what led to tool calls in it."""
    return next((final_text(m) for m in reversed(messages) if m.role == role and m.text), None)


def final_text(message: Message) -> str:
    """The text after a turn's last tool call or response; all of it where none follows."""
    tools = [i for i, part in enumerate(message.parts) if part.type in ("tool_call", "tool_call_response")]
    rest = Message(message.role, message.parts[tools[-1] + 1 :]) if tools else message
    return rest.text or message.text


def split_turn(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Part a whole conversation into what was asked and the model's turns that end it."""
    asked = len(messages)
    while asked and messages[asked - 1].role == "assistant":
        asked -= 1
    return messages[:asked], messages[asked:]


def _messages(value: Any, role: str, depth: int) -> Iterator[Message]:
    if isinstance(value, list | tuple) and depth:
        for item in value:
            if plain := _plain_message(item):
                yield plain
            else:
                yield from _messages(_item(item), role, depth - 1)
    elif isinstance(value, dict):
        yield _message(opened(value), role)
    elif value not in (None, "", {}, []):
        yield Message(role, tuple(read_parts(value)))


def _plain_message(item: Any) -> Message | None:
    """The two commonest shapes, GenAI's and OpenAI's with text alone: most messages need no more looking."""
    if type(item) is not dict or not item.keys() <= _PLAIN_KEYS:
        return None
    told = item.get("role")
    role = ROLE_BY_NAME.get(told) if isinstance(told, str) else None
    if role is None or role == "tool":
        return None
    content = item.get("content")
    if isinstance(content, str) and "parts" not in item and _is_plain(content):
        return Message(role, (Part("text", clean(content)),))
    parts = item.get("parts")
    if not isinstance(parts, list) or "content" in item or not parts:
        return None
    texts = [_plain_text(part) for part in parts]
    return Message(role, tuple(Part("text", clean(text)) for text in texts)) if all(texts) else None


def _plain_text(part: Any) -> str:
    """The text of a GenAI text part, "" for any other."""
    if type(part) is dict and len(part) == 2 and part.get("type") == "text":
        text = part.get("content")
        return text if isinstance(text, str) else ""
    return ""


def _is_plain(content: str) -> bool:
    """Tell whether a content can not be JSON, or the `repr()` of something, that holds parts."""
    return content.lstrip()[:1] not in ("", "[", "{", '"') and not content.endswith(")")


def _item(item: Any) -> Any:
    """An item of a list, decoded where it is JSON or a message's `repr()`; other text stays text."""
    if isinstance(item, str) and item.startswith("{"):
        return decode_json(item)
    fields = decode_object(item)
    return fields if isinstance(fields, dict) and _role(opened(fields)) is not None else item


def opened(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message inside what serializers and APIs wrap around it."""
    for _ in range(_MAX_NESTING):
        inner = _inside(item)
        if inner is None:
            break
        item = inner
    return item


def _inside(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if isinstance(inner := item.get("kwargs"), dict) and "lc" in item:  # LangChain's dumps()
        names = item.get("id")
        return {"type": names[-1] if isinstance(names, list) and names else None, **inner}
    if isinstance(inner := item.get("data"), dict) and "type" in item and "role" not in item:
        return {**inner, "type": item["type"]}  # LangChain's messages_to_dict()
    if isinstance(inner := item.get("message"), dict):  # a choice, a generation
        return inner
    if isinstance(inner := item.get("content"), dict) and "parts" in inner:  # Gemini's candidate
        return inner
    if isinstance(items := item.get("candidates"), list) and items and isinstance(items[0], dict):
        return items[0]
    return None


def _role(item: Mapping[str, Any]) -> str | None:
    """A message's role; None where the item is no message.

    LangChain tells a kind of message instead, OpenAI's Responses API a kind of item, AutoGen who speaks.
    """
    has_content = not _CONTENT_KEYS.isdisjoint(item)
    told = item.get("role") or item.get("_role")
    if isinstance(told, str) and told:
        return ROLE_BY_NAME.get(told.lower()) or (told.lower() if has_content else None)
    kind, speaker = item.get("type"), item.get("source")
    if isinstance(kind, str) and kind in _ROLE_BY_ITEM_TYPE:
        return _ROLE_BY_ITEM_TYPE[kind]
    words = [
        word.lower().replace("_", "") for word in (kind, speaker) if isinstance(word, str) and has_content
    ]
    return next((ROLE_BY_NAME[word] for word in words if word in ROLE_BY_NAME), None)


_CONTENTS = ("parts", "contents", "content", "_content", "blocks")
_CONTENT_KEYS = frozenset({*_CONTENTS, "tool_calls", "toolCalls"})
_ROLE_BY_ITEM_TYPE = {  # items of OpenAI's Responses API
    "message": "assistant",
    "function_call": "assistant",
    "reasoning": "assistant",
    "function_call_output": "tool",
}


def _message(item: Mapping[str, Any], default_role: str) -> Message:
    role = _role(item) or default_role
    role = default_role if role == "unknown" else role
    if item.get("type") in ("function_call", "function_call_output", "reasoning"):
        return Message(role, tuple(read_parts(item)))
    parts = [*_reasoning_parts(item), *_content_parts(item, role)]
    told = {part.id for part in parts if part.type == "tool_call" and part.id}
    parts += (part for part in _call_parts(item) if part.id not in told)  # LangChain tells Anthropic's twice
    return Message(role, tuple(parts))


def _content_parts(item: Mapping[str, Any], role: str) -> Iterator[Part]:
    content = next((item[k] for k in (*_CONTENTS, "text", "refusal") if item.get(k)), None)
    if role == "tool" and content is not None and not _answers_calls(content):
        yield tool_response({**_additional(item), **item, "content": content})
        return
    yield from read_parts(content)


def _answers_calls(content: Any) -> bool:
    """Tell whether a tool message's content holds whole response parts rather than the bare result."""
    return any(part.type == "tool_call_response" for part in read_parts(content))


def _reasoning_parts(item: Mapping[str, Any]) -> Iterator[Part]:
    reasoning = item.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        yield Part("reasoning", reasoning)


def _call_parts(item: Mapping[str, Any]) -> Iterator[Part]:
    told = item.get("tool_calls") or item.get("toolCalls") or _additional(item).get("tool_calls")
    calls = decode_json(told)
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield tool_call(call)
    if isinstance(item.get("function_call"), dict):
        yield tool_call(item["function_call"])


def _additional(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What LangChain and LlamaIndex keep of an API's own fields beside those all APIs have."""
    additional = item.get("additional_kwargs")
    return additional if isinstance(additional, dict) else {}


def _merged(messages: Iterable[Message]) -> Iterator[Message]:
    """Responses API items belong to one turn: the assistant's neighbours join unless both have text."""
    turn: list[Part] = []
    role, has_text = "", False
    for message in messages:
        says = bool(message.text)
        if role == message.role == "assistant" and not (has_text and says):
            turn += message.parts
            has_text = has_text or says
            continue
        if turn:
            yield Message(role, tuple(turn))
        role, turn, has_text = message.role, list(message.parts), says
    if turn:
        yield Message(role, tuple(turn))
