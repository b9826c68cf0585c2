"""Requests of many spans, against a real server that answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bridge.asking import Server, ServerError
from bridge.sending import Ahead, Batch, Sender

SPAN = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "a"}
Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {"content-type": "application/json"}, b"{}")


class Scripted:
    """Answers with what is in `answers`, then with 200; keeps how many spans each request held."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.counts: list[int] = []
        self.most: int | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                count = sum(len(s["spans"]) for r in body["resourceSpans"] for s in r["scopeSpans"])
                status, headers, text = outer.answer(count)
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *told: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)

    def answer(self, count: int) -> Answer:
        self.counts.append(count)
        if self.answers:
            return self.answers.pop(0)
        return (413, {}, b"") if self.most is not None and count > self.most else OK

    @property
    def server(self) -> Server:
        return Server(f"http://127.0.0.1:{self.http.server_address[1]}", "tracen_sk_x")


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    scripted = Scripted()
    scripted.thread.start()
    yield scripted
    scripted.http.shutdown()
    scripted.thread.join()
    scripted.http.server_close()


def batch(count: int) -> Batch:
    spans = Batch()
    for number in range(count):
        spans.add(
            {"attributes": []}, {"name": f"scope {number % 2}"}, {**SPAN, "spanId": f"{number + 1:016x}"}
        )
    return spans


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(scripted: Scripted) -> None:
    """Retry-After, else a little longer each time; nothing is lost."""
    scripted.answers = [(503, {"retry-after": "7"}, b""), (429, {}, b""), (502, {}, b"")]
    waits: list[float] = []
    sender = Sender(scripted.server, sleep=waits.append)
    sender.send(batch(3))
    assert waits == [7.0, 2.0, 4.0]
    assert (sender.sent, sender.refused) == (3, {})


def test_a_server_that_stays_busy_is_given_up_in_words(scripted: Scripted) -> None:
    """Not for ever."""
    scripted.answers = [(503, {}, b"")] * 100
    waits: list[float] = []
    with pytest.raises(ServerError, match="still busy, or its disk full, after 20 s"):
        Sender(scripted.server, sleep=waits.append, patience_s=20).send(batch(1))
    assert 20 <= sum(waits) < 60


def test_a_batch_that_is_too_large_is_sent_in_halves(scripted: Scripted) -> None:
    """Down to the one span that is refused; the others arrive."""
    scripted.most = 3
    sender = Sender(scripted.server)
    sender.send(batch(8))
    assert scripted.counts == [8, 4, 2, 2, 4, 2, 2]
    assert sender.sent == 8
    scripted.most = 0
    sender.send(batch(2))
    assert sender.refused == {"the server refuses it as too large, or as no span": 2}


def test_rejected_spans_are_counted(scripted: Scripted) -> None:
    """What a partial success says is not forgotten."""
    partial = {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "…"}}
    scripted.answers = [(200, {"content-type": "application/json"}, json.dumps(partial).encode())]
    sender = Sender(scripted.server)
    sender.send(batch(5))
    assert (sender.sent, sender.refused) == (3, {"the server could not read it": 2})


@pytest.mark.parametrize(
    ("status", "told"), [(401, "refuses the key"), (403, "refuses the key"), (500, "answered 500")]
)
def test_what_waiting_does_not_help_is_an_error(status: int, told: str, scripted: Scripted) -> None:
    """With what would help; a batch ahead tells it at the end."""
    scripted.answers = [(status, {}, b"")]
    with pytest.raises(ServerError, match=told) as refusal, Ahead(Sender(scripted.server)) as ahead:
        ahead.send(batch(1))
    assert "tracen_sk_x" not in str(refusal.value)


def test_a_body_says_resource_and_scope_once(scripted: Scripted) -> None:
    """However many spans there are of them."""
    told: dict[str, Any] = json.loads(batch(10).body())
    assert [len(group["scopeSpans"][0]["spans"]) for group in told["resourceSpans"]] == [5, 5]
