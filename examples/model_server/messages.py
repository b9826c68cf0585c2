"""Anthropic's Messages API: whole, or as a stream of its events."""

from __future__ import annotations

import json
from collections.abc import Iterator

from examples.model_server.chat_completions import Event
from examples.model_server.model import NAME, Json, Reply, Tool, Turn, next_turn, objects, pieces, text_of


def message(request: Json) -> Json:
    """Answer a request. Raises BadRequest."""
    reply = reply_to(request)
    return {**head(request, reply), "content": content_blocks(reply), **ending(reply)}


def stream(request: Json) -> Iterator[Event]:
    """Answer a request in server-sent events. Raises BadRequest."""
    for name, more in events(request, reply_to(request)):
        yield name, {"type": name, **more}


def events(request: Json, reply: Reply) -> Iterator[tuple[str, Json]]:
    """Each event and what it tells."""
    empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None}
    begun = {"input_tokens": reply.input_tokens, "output_tokens": 1}
    yield "message_start", {"message": {**head(request, reply), **empty, "usage": begun}}
    for index, block in enumerate(content_blocks(reply)):
        if block["type"] == "text":
            start = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        else:
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        yield "content_block_start", {"index": index, "content_block": start}
        for delta in deltas:
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    end = ending(reply)
    usage = end.pop("usage")
    yield "message_delta", {"delta": end, "usage": usage}
    yield "message_stop", {}


def reply_to(request: Json) -> Reply:
    """Let the model read a request."""
    turns = [Turn("system", text_of(request["system"]))] if request.get("system") else []
    for said in objects(request, "messages", required=True):
        turns += turns_of(said)
    tools = [Tool(tool["name"], tool.get("input_schema") or {}) for tool in objects(request, "tools")]
    return next_turn(turns, tools)


def turns_of(said: Json) -> Iterator[Turn]:
    """A message in the model's words; results of tools come inside the user's messages."""
    blocks = said["content"] if isinstance(said.get("content"), list) else []
    calls = [block["name"] + json.dumps(block["input"]) for block in blocks if block["type"] == "tool_use"]
    results = [text_of(block.get("content")) for block in blocks if block["type"] == "tool_result"]
    yield from (Turn("tool", result) for result in results)
    text = " ".join(filter(None, [text_of(said.get("content")), *calls]))
    if text.strip():
        yield Turn("assistant" if said.get("role") == "assistant" else "user", text)


def content_blocks(reply: Reply) -> list[Json]:
    """A text, or the calls."""
    if not reply.calls:
        return [{"type": "text", "text": reply.text, "citations": None}]
    return [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in reply.calls
    ]


def head(request: Json, reply: Reply) -> Json:
    return {
        "id": "msg_" + reply.id,
        "type": "message",
        "role": "assistant",
        "model": request.get("model") or NAME,
    }


def ending(reply: Reply) -> Json:
    return {
        "stop_reason": "tool_use" if reply.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens},
    }
