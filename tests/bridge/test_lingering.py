"""Who is refused while still writing reads why; and nobody holds a connection by that."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import urllib3
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.guard import GuardedProtocol
from bridge.lingering import LingeringTransport
from tests.bridge.certificates import make_pair
from tests.processes import TracenProcess, running_tracen

MIB = 1 << 20
SIZE = 50 * MIB
PIECE = b"a" * 65536
TIMEOUT_S = 60


class BriefTransport(LingeringTransport):
    """The transport under test with bounds that a test can reach."""

    linger_s = 0.5
    max_bytes = 8 * MIB
    max_lingering = 3


class Guarded(GuardedProtocol):
    """The protocol over it."""

    transport_type = BriefTransport


class PatientTransport(BriefTransport):
    """One that waits for longer than a test takes."""

    linger_s = 600.0


class Patient(GuardedProtocol):
    """The protocol over it."""

    transport_type = PatientTransport


@contextlib.contextmanager
def refusing(protocol: type[GuardedProtocol]) -> Iterator[tuple[str, int]]:
    """The address of an app that refuses whatever comes without reading it."""

    async def refuse(request: Request) -> Response:
        return PlainTextResponse("no", 413, {"connection": "close"})

    app = Starlette(routes=[Route("/", refuse, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join(TIMEOUT_S)
        listening.close()


@contextlib.contextmanager
def refused(address: tuple[str, int]) -> Iterator[socket.socket]:
    """A connection whose request was answered before it had come; it has read all of the answer."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 413")
        yield connection


def sent_until_reset(connection: socket.socket, most: int, piece: bytes = PIECE, pause_s: float = 0.0) -> int:
    """Bytes that were taken before the connection ended; what the kernels hold of them is among these."""
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
            time.sleep(pause_s)
    return sent


def becomes(count: int) -> bool:
    """Whether so many connections linger before long."""
    end_s = time.monotonic() + TIMEOUT_S
    while LingeringTransport.count != count and time.monotonic() < end_s:
        time.sleep(0.01)
    return LingeringTransport.count == count


# -- clients that write before they read --------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "path", "key", "status"),
    [
        ("http", "/api/traces", "", 401),
        ("http", "/api/traces", "own", 413),
        ("otlp_http", "/v1/traces", "unknown", 401),
    ],
)
def test_a_client_that_writes_all_before_it_reads_is_told_why(
    tracen: TracenProcess, door: str, path: str, key: str, status: int
) -> None:
    """Python's http.client sends 50 MB first; the answer is there when it looks."""
    connection = http.client.HTTPConnection(getattr(tracen, door).removeprefix("http://"), timeout=TIMEOUT_S)
    headers = {"content-type": "application/json", "x-tracen-key": tracen.key if key == "own" else key}
    with contextlib.closing(connection):
        connection.request("POST", path, b" " * SIZE, headers)
        assert connection.getresponse().status == status


@pytest.mark.parametrize(
    "body", [lambda: b" " * SIZE, lambda: iter([b" " * MIB] * 50)], ids=["sized", "chunked"]
)
def test_urllib3_is_told_why(tracen: TracenProcess, body: Callable[[], bytes | Iterable[bytes]]) -> None:
    """Whether or not the body says how large it is."""
    headers = {"content-type": "application/json", "x-tracen-key": tracen.key}
    with urllib3.PoolManager(retries=False, timeout=TIMEOUT_S) as pool:
        answer = pool.request("POST", f"{tracen.http}/api/traces", body=body(), headers=headers)
    assert answer.status == 413


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command on this machine")
def test_a_client_over_tls_is_told_why(tmp_path: Path) -> None:
    """TLS has no half of a connection that could be shut."""
    pair = make_pair(tmp_path, "tls")
    with running_tracen(tmp_path / "tracen.db", *pair.options) as tracen:
        address = tracen.http.removeprefix("https://")
        connection = http.client.HTTPSConnection(address, timeout=TIMEOUT_S, context=pair.trusting())
        with contextlib.closing(connection):
            headers = {"content-type": "application/json", "x-tracen-key": tracen.key}
            connection.request("POST", "/api/traces", b" " * SIZE, headers)
            assert connection.getresponse().status == 413


# -- nobody holds a connection ------------------------------------------------------------------------


def test_a_connection_that_is_held_open_is_closed_after_a_time() -> None:
    """Also where bytes keep coming, however slowly."""
    with refusing(Guarded) as address, refused(address) as connection:
        assert sent_until_reset(connection, 6_000, b"a", pause_s=0.01) < 6_000


def test_a_connection_that_sends_on_is_closed_after_some_bytes() -> None:
    """A sender that never ends is cut off before its time is up."""
    with refusing(Patient) as address, refused(address) as connection:
        assert sent_until_reset(connection, 256 * MIB) < 256 * MIB


def test_connections_beyond_a_number_are_closed_at_once() -> None:
    """Three linger, a fourth does not; when they are gone there is room again."""
    with refusing(Patient) as address:
        with contextlib.ExitStack() as connections:
            for _ in range(3):
                connections.enter_context(refused(address))
            assert becomes(3)
            with refused(address) as fourth:
                assert sent_until_reset(fourth, 256 * MIB) < 8 * MIB
            assert LingeringTransport.count == 3
        assert becomes(0)
        with refused(address):
            assert becomes(1)


def test_the_end_of_the_server_waits_for_nobody() -> None:
    """A connection that lingers is closed with it."""
    with contextlib.ExitStack() as connections:
        with refusing(Patient) as address:
            connections.enter_context(refused(address))
            assert becomes(1)
        assert LingeringTransport.count == 0
