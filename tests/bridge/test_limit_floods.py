"""Floods of what is refused: answered before bodies are read, in little memory, and not at the cost of other keys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator

import httpx2
import pytest

from bridge.lingering import MAX_LINGER_BYTES
from tests.processes import TracenProcess, running_tracen
from viewer.bodies import MAX_DRAINED_BYTES

MIB = 1024 * 1024
LIMIT = 40
TIMEOUT_S = 60
SOCKETS_HOLD = 16 * MIB
"""What may be on its way between two sockets of this machine."""
BODY = json.dumps(
    {"prompt": "a", "response": "b", "provider": "openai", "model": "m", "status": "success", "steps": []}
).encode()
PIECE = b"%x\r\n%b\r\n" % (64 * 1024, bytes(64 * 1024))
"""One of the chunks of an endless body."""


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server whose local key has nothing left."""
    db = tmp_path_factory.mktemp("spent") / "t.db"
    with running_tracen(db, "--requests-per-hour", str(LIMIT)) as tracen:
        assert statuses(tracen, tracen.key, LIMIT + 1) == [200] * LIMIT + [429]
        yield tracen


def statuses(tracen: TracenProcess, key: str, count: int) -> list[int]:
    headers = {"x-tracen-key": key, "content-type": "application/json"}
    with httpx2.Client(trust_env=False, timeout=TIMEOUT_S, headers=headers) as client:
        return [client.post(f"{tracen.http}/api/traces", content=BODY).status_code for _ in range(count)]


def address_of(tracen: TracenProcess) -> tuple[str, int]:
    host, _, port = tracen.http.removeprefix("http://").partition(":")
    return host, int(port)


def head(tracen: TracenProcess, *headers: str) -> bytes:
    """Of a post with the key that has nothing left."""
    lines = ["POST /api/traces HTTP/1.1", "host: localhost", f"x-tracen-key: {tracen.key}"]
    return "\r\n".join([*lines, "content-type: application/json", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    "headers",
    [
        (f"content-length: {64 * MIB}",),
        (f"content-length: {64 * MIB}", "expect: 100-continue"),
        (f"content-length: {MIB}", "expect: 100-continue"),
        (f"content-length: {MIB}", "Expect: 100-Continue", "idempotency-key: never-seen"),
        ("transfer-encoding: chunked", "expect: 100-continue"),
    ],
    ids=lambda headers: ", ".join(headers),
)
def test_refusal_comes_before_a_body_that_is_announced(
    spent: TracenProcess, headers: tuple[str, ...]
) -> None:
    """Hopelessly large, or held back until asked for: not a byte of it is taken, and nobody asks for it."""
    with socket.create_connection(address_of(spent), TIMEOUT_S) as connection:
        connection.sendall(head(spent, *headers))
        told = b""
        while piece := connection.recv(65536):
            told += piece
    assert told.startswith(b"HTTP/1.1 429 ")
    assert b"connection: close" in told
    assert b'"retry_after":' in told


def test_refusal_of_an_endless_body_takes_a_part_of_it(spent: TracenProcess) -> None:
    """A sender that never looks is read for a while, and then the connection ends."""
    sent = 0
    most = MAX_DRAINED_BYTES + MAX_LINGER_BYTES + SOCKETS_HOLD
    with socket.create_connection(address_of(spent), TIMEOUT_S) as connection:
        connection.sendall(head(spent, "transfer-encoding: chunked"))
        with contextlib.suppress(ConnectionError):
            while sent < most:
                connection.sendall(PIECE)
                sent += len(PIECE)
    assert MAX_DRAINED_BYTES < sent < most


def test_refusal_of_a_body_of_usual_size_leaves_the_connection_open(spent: TracenProcess) -> None:
    """It is dropped, and the next request comes the same way."""
    with socket.create_connection(address_of(spent), TIMEOUT_S) as connection:
        for _ in range(3):
            connection.sendall(head(spent, f"content-length: {MIB}") + bytes(MIB))
            told = problem_from(connection)
            assert told.startswith(b"HTTP/1.1 429 ")
            assert b"connection: close" not in told


def test_body_that_was_asked_for_is_read_before_it_is_refused(spent: TracenProcess) -> None:
    """Who held it back was told to go on, and hears what is wrong over a connection that stays."""
    key = spent.create_key("fay@example.com")
    body = b"{" + b" " * MIB
    asked = head(spent, f"content-length: {len(body)}", "expect: 100-continue")
    with socket.create_connection(address_of(spent), TIMEOUT_S) as connection:
        connection.sendall(asked.replace(spent.key.encode(), key.encode()))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        told = problem_from(connection)
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" not in told


def problem_from(connection: socket.socket) -> bytes:
    """One whole answer: its body is a JSON object without others in it."""
    told = b""
    while not told.endswith(b"}"):
        piece = connection.recv(65536)
        assert piece, told
        told += piece
    return told


def test_flood_of_refused_posts_costs_other_keys_nothing(spent: TracenProcess) -> None:
    """While one key sends large bodies over and over, another has all of its posts accepted; memory stays flat."""
    other = spent.create_key("eve@example.com")
    before_kb = spent.peak_kb

    async def flooded() -> tuple[list[int], list[int]]:
        done = asyncio.Event()
        floods = [asyncio.create_task(flood(spent, done, is_announced=n % 2 == 0)) for n in range(24)]
        mine = await asyncio.to_thread(statuses, spent, other, LIMIT)
        done.set()
        return mine, await asyncio.gather(*floods)

    mine, refused = asyncio.run(flooded())
    assert mine == [200] * LIMIT
    assert all(count > 0 for count in refused)
    assert spent.peak_kb - before_kb < 64 * 1024


async def flood(tracen: TracenProcess, done: asyncio.Event, *, is_announced: bool) -> int:
    """Send large posts with the spent key, one after the other; how many were refused, as all must be."""
    count = 0
    while not done.is_set() or not count:
        reader, writer = await asyncio.open_connection(*address_of(tracen))
        size = 64 * MIB if is_announced else 4 * MIB
        writer.write(head(tracen, f"content-length: {size}"))
        if not is_announced:
            for _ in range(size // MIB):
                writer.write(bytes(MIB))
                await writer.drain()
        assert (await asyncio.wait_for(reader.readline(), TIMEOUT_S)).startswith(b"HTTP/1.1 429 ")
        writer.close()
        count += 1
    return count
