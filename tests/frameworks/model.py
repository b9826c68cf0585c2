"""The examples' model in this process: it counts what it answered, and turns a wrong key away.

So a test knows the tokens of a run from the one who made them, and need not know how a framework words a question.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

from examples.model_server.model import Json
from examples.model_server.server import Door, refusal

WRONG_KEY = "sk-of-nobody"
REFUSAL = "Incorrect API key provided"


@dataclass(slots=True)
class Model:
    """A running model. `paths` and the counts are of what it has answered since they were last `reset`."""

    url: str
    paths: list[str] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0

    def reset(self) -> None:
        """Begin to count anew."""
        self.paths.clear()
        self.input_tokens = self.output_tokens = 0

    def count(self, path: str, answer: Json) -> None:
        """Add what an answer says of itself, in the words of either API of OpenAI's."""
        usage = answer.get("usage") or (answer.get("response") or {}).get("usage") or {}
        self.paths.append(path)
        self.input_tokens += usage.get("prompt_tokens", usage.get("input_tokens", 0))
        self.output_tokens += usage.get("completion_tokens", usage.get("output_tokens", 0))


@contextlib.contextmanager
def running_model() -> Iterator[Model]:
    """A model on a free port for the length of a block."""

    class CountingDoor(Door):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.headers.get("Authorization") == f"Bearer {WRONG_KEY}":
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_json(401, refusal(REFUSAL))
            else:
                super().do_POST()

        def send_json(self, status: int, value: Json) -> None:
            if status == 200:
                model.count(self.path, value)
            super().send_json(status, value)

        def send_body(self, status: int, content_type: str, body: bytes) -> None:
            if content_type == "text/event-stream":
                model.count(self.path, last_with_usage(body.decode()))
            super().send_body(status, content_type, body)

    with ThreadingHTTPServer(("127.0.0.1", 0), CountingDoor) as server:
        model = Model(f"http://127.0.0.1:{server.server_port}/v1")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()


def last_with_usage(events: str) -> Json:
    """The last server-sent event that tells tokens; {} where none does."""
    told = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: {")]
    return next((event for event in map(json.loads, reversed(told)) if '"usage": {' in json.dumps(event)), {})
