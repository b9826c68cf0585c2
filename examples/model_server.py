"""A very small model behind OpenAI's chat completions API, for examples that need no account and no network.

Deterministic. It reads the conversation: while a tool can tell it something about the question, it asks for
the tool; when the results are there, it answers from them. Standard library alone.

    python examples/model_server.py [--port 0]     prints one line: ready http://127.0.0.1:…/v1
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tracen-example-1"
MAX_BODY_BYTES = 1_000_000
SIGN_BY_UNIT = {"celsius": "°C", "kelvin": "K", "euro": "€"}

Json = dict[str, Any]


class BadRequest(ValueError):
    """What OpenAI would answer with status 400."""


def complete(request: Json) -> Json:
    """Answer a chat completion request. Raises BadRequest."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise BadRequest("messages: expected an array with at least one message")
    message = reply_to(messages, request.get("tools") or [])
    read, written = count_tokens(messages), count_tokens([message])
    return {
        "id": "chatcmpl-" + digest(messages),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.get("model") or MODEL,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
            }
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


def reply_to(messages: list[Json], tools: list[Json]) -> Json:
    """The next turn: tool calls, or an answer."""
    question = next((text_of(m) for m in reversed(messages) if m.get("role") == "user"), "")
    results = [text_of(m) for m in messages if m.get("role") == "tool"]
    calls = [] if results else tool_calls(question, tools)
    if calls:
        return {"role": "assistant", "content": None, "tool_calls": calls}
    return {"role": "assistant", "content": answer(question, results)}


def text_of(message: Json) -> str:
    """The text of a turn, whose content is a string or an array of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def tool_calls(question: str, tools: list[Json]) -> list[Json]:
    """One call for each thing the question names that a tool lists as a possible argument."""
    calls = []
    for tool in tools:
        function = tool.get("function", {})
        for name, schema in function.get("parameters", {}).get("properties", {}).items():
            for value in schema.get("enum", []):
                if str(value).lower() in question.lower():
                    calls.append(tool_call(function["name"], {name: value}))
    return calls


def tool_call(name: str, arguments: Json) -> Json:
    """A call in OpenAI's words; its arguments are a string of JSON."""
    text = json.dumps(arguments)
    return {
        "id": "call_" + digest([name, text]),
        "type": "function",
        "function": {"name": name, "arguments": text},
    }


@dataclass(frozen=True, order=True)
class Reading:
    """A number that a tool told, whose it is, and what it counts."""

    number: float
    name: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number:g} {self.unit}"


def answer(question: str, results: list[str]) -> str:
    """Say what the tools said, the largest number first; without results, say so."""
    readings = sorted((reading for text in results if (reading := read_result(text))), reverse=True)
    if not readings:
        return f"No tool told me anything about: {question}"
    most, *others = readings
    return "; ".join([f"{most.name}, with {most}", *(f"{other.name} has {other}" for other in others)]) + "."


def read_result(text: str) -> Reading | None:
    """The number in a tool's JSON result, such as {"city": "Oslo", "celsius": 7}."""
    try:
        items = json.loads(text).items()
    except (ValueError, AttributeError):
        return None
    numbers = [(key, value) for key, value in items if isinstance(value, int | float)]
    names = [value for _, value in items if isinstance(value, str)]
    if not numbers or not names:
        return None
    unit, number = numbers[0]
    return Reading(float(number), names[0], SIGN_BY_UNIT.get(unit, unit))


def count_tokens(messages: list[Json]) -> int:
    """Words and marks of what was said and of the calls, about as a real tokenizer would count them."""
    said = [text_of(message) for message in messages]
    called = [json.dumps(message["tool_calls"]) for message in messages if message.get("tool_calls")]
    return sum(len(re.findall(r"\w+|[^\w\s]", text)) for text in said + called)


def digest(value: Any) -> str:
    """A short name for a value: the same each time."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


class ChatCompletions(BaseHTTPRequestHandler):
    """POST /v1/chat/completions, and nothing else."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MAX_BODY_BYTES))
        if self.path != "/v1/chat/completions":
            self.send(404, refusal(f"no such path: {self.path}"))
            return
        try:
            request = json.loads(body)
            self.send(200, complete(request if isinstance(request, dict) else {}))
        except ValueError as error:
            self.send(400, refusal(str(error)))

    def send(self, status: int, value: Json) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay quiet: the page tells what happened."""


def refusal(message: str) -> Json:
    """An error in OpenAI's words."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def main() -> None:
    """Serve on loopback until the process is ended."""
    parser = argparse.ArgumentParser(description="A very small model behind OpenAI's chat completions API.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, picks a free one")
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), ChatCompletions)
    print(f"ready http://127.0.0.1:{server.server_port}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
