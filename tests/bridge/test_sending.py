"""Requests of many spans, against a real server that answers as it is told to."""

from __future__ import annotations

import json
import threading
import time
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

        self._handler = Handler

    def bind(self, port: int) -> None:
        """Begin to answer."""
        self.http = ThreadingHTTPServer(("127.0.0.1", port), self._handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def end(self) -> None:
        """Nothing answers any more, but on connections that are open."""
        if self.thread.is_alive():
            self.http.shutdown()
            self.thread.join()
            self.http.server_close()

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
    scripted.bind(0)
    yield scripted
    scripted.end()


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


def test_a_retry_after_that_is_no_number_is_waited_for_as_without_one(scripted: Scripted) -> None:
    """Python calls more characters digits than it reads as a number."""
    scripted.answers = [(503, {"retry-after": "\xb2"}, b"")]
    waits: list[float] = []
    Sender(scripted.server, sleep=waits.append).send(batch(1))
    assert waits == [1.0]


def test_a_server_that_is_begun_again_is_waited_for(scripted: Scripted) -> None:
    """As one that is busy: nothing is lost; one that is not there in the beginning is told at once."""
    port = scripted.http.server_address[1]
    begun_again = Scripted()

    def begin_again(wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 2:
            begun_again.bind(port)

    waits: list[float] = []
    sender = Sender(scripted.server, sleep=begin_again)
    scripted.answers = [(200, {**OK[1], "connection": "close"}, OK[2])]
    sender.send(batch(1))
    scripted.end()
    sender.send(batch(2))
    begun_again.end()
    assert (waits, sender.sent, begun_again.counts) == ([1.0, 2.0], 3, [2])
    with pytest.raises(ServerError, match="can not be reached"):
        Sender(scripted.server, sleep=waits.append).send(batch(1))
    assert len(waits) == 2


def _interrupted(sender: Sender, scripted: Scripted) -> None:
    with Ahead(sender) as ahead:
        ahead.send(batch(1))
        while not scripted.counts:
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_an_interruption_does_not_wait_for_a_busy_server(scripted: Scripted) -> None:
    """Whoever presses Ctrl-C is not kept for the patience of the batch that is under way."""
    scripted.answers = [(503, {"retry-after": "30"}, b"")] * 4
    sender = Sender(scripted.server)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(sender, scripted)
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(20)
            assert not thread.is_alive()
    assert scripted.counts == [1]


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
    ("status", "told"), [(401, "refuses the key"), (403, "has not the scope `write`"), (500, "answered 500")]
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
