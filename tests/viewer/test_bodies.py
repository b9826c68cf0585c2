"""Bodies that nobody wants: how much of them is read before the answer, and whether the connection stays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from viewer.bodies import MAX_DRAINED_BYTES, BodyTooLarge, drained, read_body, stream_of

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
HELD_BACK = (b"expect", b"100-Continue")


@dataclass
class Sender:
    """What a client sends, piece by piece of a MiB, and how many were taken of it."""

    size_mib: int
    taken: int = 0

    async def receive(self) -> Message:
        self.taken += 1
        assert self.taken <= self.size_mib
        return {"type": "http.request", "body": bytes(MIB), "more_body": self.taken < self.size_mib}

    def request(self, *headers: tuple[bytes, bytes], announced: bool = True) -> Request:
        length = [(b"content-length", str(self.size_mib * MIB).encode())] if announced else []
        return Request({"type": "http", "headers": [*length, *headers]}, self.receive)


async def is_closed_after(request: Request) -> bool:
    """Drop what is left; whether the connection ends with the answer."""
    answer = await drained(request, Response(status_code=429))
    return answer.headers.get("connection") == "close"


@pytest.mark.parametrize(
    ("size_mib", "headers", "announced", "taken", "closed"),
    [
        (1, (), True, 1, False),
        (1, (), False, 1, False),
        (8, (), True, 8, False),
        (9, (), True, 9, True),
        (16, (), True, 9, True),
        (17, (), True, 0, True),
        (17, (), False, 9, True),
        (1, (HELD_BACK,), True, 0, True),
        (1, (HELD_BACK,), False, 0, True),
    ],
)
async def test_body_that_nobody_wants_is_read_where_that_ends(
    size_mib: int, headers: tuple[tuple[bytes, bytes], ...], announced: bool, taken: int, closed: bool
) -> None:
    """Up to 8 MiB; nothing of what is announced as twice that and more, or waits to be asked for."""
    assert MAX_DRAINED_BYTES == 8 * MIB
    sender = Sender(size_mib)
    assert await is_closed_after(sender.request(*headers, announced=announced)) == closed
    assert sender.taken == taken


@pytest.mark.parametrize("size_mib", [2, 20])
@pytest.mark.parametrize("headers", [(), (HELD_BACK,)])
async def test_body_that_was_read_leaves_the_connection_open(
    size_mib: int, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """However large it was, and whoever asked for it."""
    sender = Sender(size_mib)
    request = sender.request(*headers)
    body = await read_body(stream_of(request), None, None, 64 * MIB)
    assert len(body) == size_mib * MIB
    assert not await is_closed_after(request)


@pytest.mark.parametrize("headers", [(), (HELD_BACK,)])
async def test_body_that_was_begun_is_read_on(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Its sender is sending: it hears why it is refused if it is not cut off at once."""
    sender = Sender(6)
    request = sender.request(*headers, announced=False)
    with pytest.raises(BodyTooLarge):
        await read_body(stream_of(request), None, None, 2 * MIB)
    assert sender.taken == 3
    assert not await is_closed_after(request)
    assert sender.taken == 6


async def test_body_that_is_too_large_by_its_own_word_is_not_asked_for() -> None:
    """Who holds it back is refused before."""
    sender = Sender(6)
    request = sender.request(HELD_BACK)
    with pytest.raises(BodyTooLarge):
        await read_body(stream_of(request), request.headers["content-length"], None, 2 * MIB)
    assert await is_closed_after(request)
    assert sender.taken == 0
