"""OpenAI's Responses API: whole, or as a stream of its events. Keeps no conversations."""

from __future__ import annotations

import time
from collections.abc import Iterator

from examples.model_server.chat_completions import Event
from examples.model_server.model import (
    NAME,
    BadRequest,
    Json,
    Reply,
    Tool,
    Turn,
    next_turn,
    objects,
    pieces,
    text_of,
)


def respond(request: Json) -> Json:
    """Answer a request. Raises BadRequest."""
    reply = reply_to(request)
    return response(request, reply, output_items(reply))


def stream(request: Json) -> Iterator[Event]:
    """Answer a request in server-sent events. Raises BadRequest."""
    reply = reply_to(request)
    items = output_items(reply)
    for number, (name, more) in enumerate(events(request, reply, items)):
        yield name, {"type": name, "sequence_number": number, **more}


def events(request: Json, reply: Reply, items: list[Json]) -> Iterator[tuple[str, Json]]:
    """Each event and what it tells, without what all of them have."""
    begun = {**response(request, reply, []), "status": "in_progress", "usage": None}
    yield "response.created", {"response": begun}
    for index, item in enumerate(items):
        where = {"output_index": index, "item_id": item["id"]}
        empty: Json = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
        added = {**item, "status": "in_progress", **empty}
        yield "response.output_item.added", {"output_index": index, "item": added}
        if item["type"] == "function_call":
            yield "response.function_call_arguments.delta", {**where, "delta": item["arguments"]}
            done = {**where, "name": item["name"], "arguments": item["arguments"]}
            yield "response.function_call_arguments.done", done
        else:
            yield from text_events({**where, "content_index": 0}, item["content"][0])
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield "response.completed", {"response": response(request, reply, items)}


def text_events(where: Json, part: Json) -> Iterator[tuple[str, Json]]:
    """A text, word by word."""
    yield "response.content_part.added", {**where, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield "response.output_text.delta", {**where, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**where, "text": part["text"], "logprobs": []}
    yield "response.content_part.done", {**where, "part": part}


def reply_to(request: Json) -> Reply:
    """Let the model read a request."""
    if request.get("previous_response_id"):
        raise BadRequest("previous_response_id: no conversation is kept here; send all of it as input")
    turns = [Turn("system", request["instructions"])] if request.get("instructions") else []
    if isinstance(request.get("input"), str):
        turns.append(Turn("user", request["input"]))
    else:
        turns += [turn_of(item) for item in objects(request, "input", required=True)]
    tools = [
        Tool(tool["name"], tool.get("parameters") or {})
        for tool in objects(request, "tools")
        if tool.get("type") == "function"
    ]
    return next_turn(turns, tools)


def turn_of(item: Json) -> Turn:
    """An item of input in the model's words."""
    match item.get("type"), item.get("role"):
        case "function_call", _:
            return Turn("assistant", item["name"] + item["arguments"])
        case "function_call_output", _:
            return Turn("tool", text_of(item.get("output")))
        case _, "system" | "developer":
            return Turn("system", text_of(item.get("content")))
        case _, "assistant":
            return Turn("assistant", text_of(item.get("content")))
        case _:
            return Turn("user", text_of(item.get("content")))


def output_items(reply: Reply) -> list[Json]:
    """A message, or the calls."""
    if not reply.calls:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        common = {"id": "msg_" + reply.id, "status": "completed"}
        return [{**common, "type": "message", "role": "assistant", "content": [part]}]
    return [
        {
            "id": "fc_" + call.id,
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.text,
        }
        for call in reply.calls
    ]


def response(request: Json, reply: Reply, items: list[Json]) -> Json:
    return {
        "id": "resp_" + reply.id,
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "model": request.get("model") or NAME,
        "instructions": request.get("instructions"),
        "output": items,
        "tools": request.get("tools") or [],
        "tool_choice": request.get("tool_choice") or "auto",
        "parallel_tool_calls": True,
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }
