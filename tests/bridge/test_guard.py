"""Slow and hostile senders over raw sockets: closed within their deadline, neighbours unharmed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.guard import MAX_HEAD_BYTES, MAX_HEADERS, GuardedProtocol
from tests.processes import TracenProcess


class Impatient(GuardedProtocol):
    """The protocol under test with deadlines that a test can wait for."""

    head_timeout_s = 0.3
    body_timeout_s = 0.3
    max_connections = 20


class Exhausted(GuardedProtocol):
    """The protocol under test where memory ends while a body comes."""

    def on_body(self, body: bytes) -> None:
        raise MemoryError


@dataclass
class Server:
    """An app behind the protocol, in a thread."""

    address: tuple[str, int]

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=20)

    def answer_to(self, *pieces: bytes) -> bytes:
        """All that comes back until the server closes the connection."""
        with self.connect() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    connection.sendall(piece)
            return everything_from(connection)


def everything_from(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


@contextlib.contextmanager
def served_by(protocol: type[GuardedProtocol]) -> Iterator[Server]:
    async def echo(request: Request) -> Response:
        return PlainTextResponse(f"{len(await request.body())} bytes")

    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None)
    uvicorn_server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=uvicorn_server.run, args=([listening],))
    thread.start()
    yield Server(listening.getsockname())
    uvicorn_server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served_by(Impatient) as server:
        yield server


GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def test_guard_lets_ordinary_requests_through(server: Server) -> None:
    """One request, several on a connection, chunked bodies, a head in single bytes."""
    assert server.answer_to(GET).startswith(b"HTTP/1.1 200")
    assert server.answer_to(*(bytes([byte]) for byte in GET)).startswith(b"HTTP/1.1 200")
    post = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    twice = server.answer_to(post + b"3\r\nabc\r\n0\r\n\r\n", post + b"2\r\nab\r\n0\r\n\r\n", GET)
    assert twice.count(b"HTTP/1.1 200") == 3
    assert b"3 bytesHTTP" in twice


@pytest.mark.parametrize("piece", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "])
def test_guard_closes_who_sends_no_whole_head(server: Server, piece: bytes) -> None:
    """408 and closed at the deadline, however far the head has come."""
    assert server.answer_to(piece).startswith(b"HTTP/1.1 408")


def test_guard_closes_who_sends_no_whole_body(server: Server) -> None:
    """A body that stops, of declared length or chunked."""
    for head in (b"content-length: 10", b"transfer-encoding: chunked"):
        answer = server.answer_to(b"POST / HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n", b"3\r\nabc\r\n"[:5])
        assert b"200" not in answer


def test_guard_refuses_heads_that_are_too_large(server: Server) -> None:
    """One huge header, very many, a head that never ends, a huge URL: refused early, memory flat."""
    start = b"GET / HTTP/1.1\r\nhost: x\r\n"
    assert server.answer_to(start, b"x: " + b"a" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n").startswith(
        b"HTTP/1.1 431"
    )
    assert server.answer_to(start + b"x: a\r\n" * (MAX_HEADERS + 1) + b"\r\n").startswith(b"HTTP/1.1 431")
    assert server.answer_to(start, *[b"y: " + b"b" * 1000 + b"\r\n"] * 2000).startswith(b"HTTP/1.1 431")
    assert server.answer_to(b"GET /" + b"u" * (MAX_HEAD_BYTES + 1)).startswith(b"HTTP/1.1 4")
    large = b"x: " + b"a" * (MAX_HEAD_BYTES - 200) + b"\r\nconnection: close\r\n\r\n"
    assert server.answer_to(start, large).startswith(b"HTTP/1.1 200")
    assert server.answer_to(start, large[:9000], large[9000:]).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_guard_ignores_an_offer_to_upgrade(server: Server, size: int) -> None:
    """Java's HttpClient offers h2c on every first request: its body must be read, however it is cut."""
    request = (
        b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUPGRADE: h2c\r\nHTTP2-Settings: AAEAAE"
        b"\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
    )
    pieces = [request[at : at + size] for at in range(0, len(request), size)]
    assert b"5 bytes" in server.answer_to(*pieces, GET)
    assert server.answer_to(request + request).count(b"5 bytes") <= 2  # pipelined: read, or refused


@pytest.mark.parametrize(
    "line", [b"CONNECT x:80 HTTP/1.1", b"GET / HTTP/1.1\nhost: x", b"\x16\x03\x01", b"GET"]
)
def test_guard_refuses_what_is_no_request_for_it(server: Server, line: bytes) -> None:
    """CONNECT, bare line feeds, TLS, nonsense: a 400, never a 200."""
    answer = server.answer_to(line + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


def test_guard_refuses_connections_beyond_its_number_and_serves_again(server: Server) -> None:
    """Twenty idle connections fill the server; when they are gone it serves."""
    with contextlib.ExitStack() as open_connections:
        for _ in range(20):
            open_connections.enter_context(server.connect())
        assert server.answer_to(GET).startswith(b"HTTP/1.1 503")
    assert any(server.answer_to(GET).startswith(b"HTTP/1.1 200") for _ in range(50))


def test_guard_is_in_front_of_every_http_port(tracen: TracenProcess) -> None:
    """The real server refuses a 20 MB header on both ports, and goes on."""
    for base in (tracen.http, tracen.otlp_http):
        host, _, port = base.removeprefix("http://").partition(":")
        real = Server((host, int(port)))
        answer = real.answer_to(b"GET /healthz HTTP/1.1\r\nx: ", *[b"a" * 1_000_000] * 20, b"\r\n\r\n")
        assert not answer or answer.startswith(b"HTTP/1.1 431")  # or the connection was reset while sending
        assert real.answer_to(b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n").startswith(b"HTTP/1.1")


def test_guard_does_not_blame_the_sender_for_want_of_memory() -> None:
    """The connection ends, and senders come again; after a 400, which uvicorn says here, they drop their data."""
    with served_by(Exhausted) as exhausted:
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n"
        assert exhausted.answer_to(head, b"abc") == b""
        assert exhausted.answer_to(head + b"abc") == b""
        assert exhausted.answer_to(GET).startswith(b"HTTP/1.1 200")


def test_http2_is_refused_counted_and_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """gRPC that was sent to a port of OTLP/HTTP: whoever looks for its spans can be told, and where to send them."""
    before = GuardedProtocol.http2_count
    assert server.answer_to(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert GuardedProtocol.http2_count == before + 1
    assert "send gRPC to the port for it, 4317 by default" in caplog.text
