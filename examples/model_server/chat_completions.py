"""OpenAI's chat completions, as OpenAI, Mistral and most others speak them: whole, or as a stream of chunks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from examples.model_server.model import (
    NAME,
    Call,
    Json,
    Reply,
    Tool,
    Turn,
    next_turn,
    objects,
    pieces,
    text_of,
)

Event = tuple[str | None, Json | str]
"""The name, if it has one, and the data of a server-sent event."""


def complete(request: Json) -> Json:
    """Answer a request. Raises BadRequest."""
    reply = reply_to(request)
    message: Json = {"role": "assistant", "content": reply.text}  # beside calls: Mistral says "", OpenAI null
    if reply.calls:
        message["tool_calls"] = [in_words(call) for call in reply.calls]
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(reply)}
    return {**head(request, reply), "object": "chat.completion", "choices": [choice], "usage": usage(reply)}


def stream(request: Json) -> Iterator[Event]:
    """Answer a request in server-sent events. Raises BadRequest."""
    reply = reply_to(request)
    start = {**head(request, reply), "object": "chat.completion.chunk"}
    counted_apart = bool((request.get("stream_options") or {}).get("include_usage"))

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        return {**start, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    yield None, chunk({"role": "assistant", "content": ""})
    for piece in pieces(reply.text):
        yield None, chunk({"content": piece})
    for index, call in enumerate(reply.calls):
        yield None, chunk({"tool_calls": [{"index": index, **in_words(call)}]})
    last = chunk({}, finish_reason(reply))
    if counted_apart:
        yield None, last
        yield None, {**start, "choices": [], "usage": usage(reply)}
    else:  # Mistral's way
        yield None, {**last, "usage": usage(reply)}
    yield None, "[DONE]"


def reply_to(request: Json) -> Reply:
    """Let the model read a request."""
    tools = [
        Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
        for tool in objects(request, "tools")
        if tool.get("type") == "function"
    ]
    return next_turn([turn_of(message) for message in objects(request, "messages", required=True)], tools)


def turn_of(message: Json) -> Turn:
    """A message in the model's words."""
    match message.get("role"):
        case "system" | "developer":
            return Turn("system", text_of(message.get("content")))
        case "assistant":
            calls = [call["function"] for call in objects(message, "tool_calls")]
            said = [text_of(message.get("content")), *(call["name"] + call["arguments"] for call in calls)]
            return Turn("assistant", " ".join(said))
        case "tool":
            return Turn("tool", text_of(message.get("content")))
        case _:
            return Turn("user", text_of(message.get("content")))


def in_words(call: Call) -> Json:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.text},
    }


def head(request: Json, reply: Reply) -> Json:
    return {
        "id": "chatcmpl-" + reply.id,
        "created": int(time.time()),
        "model": request.get("model") or NAME,
    }


def finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def usage(reply: Reply) -> Json:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
