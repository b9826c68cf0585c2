"""The door: which path speaks which API, whole or as server-sent events. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from examples.model_server import chat_completions, messages, responses
from examples.model_server.model import Json

MAX_BODY_BYTES = 1_000_000

API_BY_PATH: dict[str, tuple[Callable[[Json], Json], Callable[[Json], Iterator[chat_completions.Event]]]] = {
    "/v1/chat/completions": (chat_completions.complete, chat_completions.stream),
    "/v1/responses": (responses.respond, responses.stream),
    "/v1/messages": (messages.message, messages.stream),
}


class Door(BaseHTTPRequestHandler):
    """POST on the paths above, and nothing else."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MAX_BODY_BYTES))
        api = API_BY_PATH.get(self.path.partition("?")[0])
        if api is None:
            self.send_json(404, refusal(f"no such path: {self.path}"))
            return
        whole, stream = api
        try:
            request = json.loads(body)
            if not isinstance(request, dict):
                raise ValueError("the body: expected a JSON object")
            if request.get("stream"):
                events = "".join(event_text(*event) for event in stream(request))
                self.send_body(200, "text/event-stream", events.encode())
            else:
                self.send_json(200, whole(request))
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # the request is not of its API
            self.send_json(400, refusal(str(error)))

    def send_json(self, status: int, value: Json) -> None:
        self.send_body(status, "application/json", json.dumps(value).encode())

    def send_body(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay quiet: the page tells what happened."""


def event_text(name: str | None, value: Json | str) -> str:
    """A server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "") + f"data: {text}\n\n"


def refusal(message: str) -> Json:
    """An error that the clients of all three APIs can read."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return {"type": "error", "error": error}


def new_server(port: int) -> ThreadingHTTPServer:
    """Listen on a port of loopback; 0 picks a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), Door)
