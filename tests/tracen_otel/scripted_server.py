"""A real HTTP server on loopback whose answers are a script: one step a request, then pages for all.

Reservations (PUT) have a script and a list of their own, as nobody can tell whether a run is long enough for one.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

KEY = "tracen_sk_test0000000000000000000000000000"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        packed = self.headers.get("content-encoding") == "gzip"
        value: dict[str, Any] = json.loads(gzip.decompress(self.body) if packed else self.body)
        return value


Step = Callable[[socket.socket, Request], None]


def answer(status: int = 200, body: bytes | None = None, **headers: str) -> Step:
    """Answer with a status; 200 without a body makes up a page, the same one for the same OTel trace id."""

    def step(sock: socket.socket, request: Request) -> None:
        content = page(request) if body is None and status == 200 else body or b""
        told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} Scripted\r\nContent-Length: {len(content)}\r\n{told}\r\n"
        sock.sendall(head.encode("utf-8") + content)

    return step


def page(request: Request) -> bytes:
    if request.method == "PUT":
        name = request.path.rpartition("/")[2]
    else:
        name = request.payload.get("otel_trace_id") or request.headers["idempotency-key"]
    trace_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return json.dumps({"trace_id": trace_id, "url": f"http://tracen.test/traces/{trace_id}"}).encode()


def hang(sock: socket.socket, request: Request) -> None:
    """Say nothing until the client is gone."""
    while sock.recv(65536):
        pass


def reset(sock: socket.socket, request: Request) -> None:
    """Break the connection off: RST, no answer."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError("as the script says")


def trickle(piece: bytes) -> Step:
    """Begin an answer and never end it, one piece every 20 ms."""

    def step(sock: socket.socket, request: Request) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        gone = threading.Event()
        while not gone.wait(0.02):
            sock.sendall(piece)

    return step


def flood(sock: socket.socket, request: Request) -> None:
    """Announce 1 GB and send as much of it as the client takes."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    block = b"x" * 65536
    for _ in range(1_000_000_000 // len(block)):
        sock.sendall(block)


@dataclass
class ScriptedServer:
    port: int
    script: deque[Step] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    reserve_script: deque[Step] = field(default_factory=deque)
    reservations: list[Request] = field(default_factory=list)
    connections: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hang_up(self) -> None:
        """End every connection, so that no client waits any longer."""
        for sock in self.sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def serve_connection(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as reader:
            try:
                while request := _read_request(reader):
                    is_reservation = request.method == "PUT"
                    script = self.reserve_script if is_reservation else self.script
                    (self.reservations if is_reservation else self.requests).append(request)
                    step = script.popleft() if script else answer()
                    step(sock, request)
            except OSError:  # the client left, or the script broke the connection
                pass


def _read_request(reader: Any) -> Request | None:
    first = reader.readline().decode("latin-1")
    if not first.endswith("HTTP/1.1\r\n"):
        return None  # the client is done, or speaks TLS
    method, path, _ = first.split()
    headers = {}
    while line := reader.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = reader.read(length)
    return Request(method, path, headers, body) if len(body) == length else None  # the client died meanwhile


@contextmanager
def scripted_server(*script: Step, host: str = "127.0.0.1") -> Iterator[ScriptedServer]:
    """Serve on a free port until the block ends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        server = ScriptedServer(listener.getsockname()[1], deque(script))

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                server.sockets.append(sock)
                threading.Thread(target=server.serve_connection, args=(sock,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            acceptor.join()
            server.hang_up()


def closed_port() -> int:
    """Answer a port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
