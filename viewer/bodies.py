"""Request bodies: read while counting, decompressed while counting, never beyond the limit.

BodyError
├── BodyTooLarge          413, over the limit before or after decompression, or far over it once masked
├── BodyTooSlow           408, it did not come in time
├── UnsupportedEncoding   415, a Content-Encoding that is not spoken here
└── BrokenEncoding        400, the compressed stream is damaged, cut, or followed by something else
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from viewer.inflate import ENCODINGS, BrokenStream, Inflater, InflatesTooLarge

MAX_DRAINED_BYTES = 8 * 1024 * 1024
_HOPELESS = 2
"""Times what is drained: of a body announced as that large, more would be left than sockets hold."""

ACCEPT_ENCODING = ", ".join(ENCODINGS)


class BodyError(ValueError):
    """A body that can not be read."""


class BodyTooLarge(BodyError):
    """More bytes than the limit, as it came or as it would be kept."""

    def __init__(self, max_bytes: int, *, masked: bool = False) -> None:
        when = " once its secrets are masked" if masked else ""
        super().__init__(f"the body is larger than {max_bytes} bytes{when}")
        self._max_bytes, self._masked = max_bytes, masked

    def __reduce__(self) -> tuple[Any, ...]:
        """Large bodies are read in another process."""
        return partial(BodyTooLarge, masked=self._masked), (self._max_bytes,)


class BodyTooSlow(BodyError):
    """It did not come in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"no whole body came within {timeout_s:g} s")


class UnsupportedEncoding(BodyError):
    """A Content-Encoding that is not spoken here."""


class BrokenEncoding(BodyError):
    """The compressed stream is damaged."""


def media_type_of(content_type: str | None) -> str:
    """The media type of a Content-Type, in lower case and without parameters; "" for none."""
    return (content_type or "").partition(";")[0].strip().lower()


def stream_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; `drained` knows afterwards whether it was asked for."""
    return _asked_for(request) if _may_be_left(request, MAX_DRAINED_BYTES) else request.stream()


async def read_body(
    chunks: AsyncIterable[bytes],
    content_length: str | None,
    content_encoding: str | None,
    max_bytes: int,
    on_bytes: Callable[[int], None] = lambda size: None,
) -> bytes:
    """Return the whole decompressed body; raises a BodyError as soon as it is certain.

    `on_bytes` is told the size of each piece as it comes; what it raises ends the reading.
    """
    encoding = (content_encoding or "identity").strip().lower()
    if encoding != "identity" and encoding not in ENCODINGS:
        raise UnsupportedEncoding(
            f"Content-Encoding {encoding[:40]!r}: accepted are {ACCEPT_ENCODING}, or none"
        )
    if content_length is not None and content_length.isdigit() and int(content_length) > max_bytes:
        raise BodyTooLarge(max_bytes)
    inflater = None if encoding == "identity" else Inflater(encoding, max_bytes)
    try:
        return await _read(chunks, inflater, max_bytes, on_bytes)
    except InflatesTooLarge:
        raise BodyTooLarge(max_bytes) from None
    except BrokenStream as error:
        raise BrokenEncoding(f"Content-Encoding {encoding}: {error}") from None


async def drained(request: Request, answer: Response, max_bytes: int = MAX_DRAINED_BYTES) -> Response:
    """Drop what is left of an unwanted body, then answer; where it is too much, the connection ends with the answer.

    A server that closes while bytes are still arriving resets the connection, and the sender never sees why
    it was refused. A body that is hopelessly large, or that its sender holds back until asked for (RFC 9110, 10.1.1),
    is not read at all.
    """
    if _may_be_left(request, max_bytes) and not getattr(request.state, "asked_for_body", False):
        answer.headers["connection"] = "close"
        return answer
    left = max_bytes
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                answer.headers["connection"] = "close"
                break
    except (ClientDisconnect, RuntimeError):  # gone, or read to the end already
        pass
    return answer


async def _asked_for(request: Request) -> AsyncIterator[bytes]:
    request.state.asked_for_body = True
    async for chunk in request.stream():
        yield chunk


def _may_be_left(request: Request, max_bytes: int) -> bool:
    """Whether a body that nobody has begun to read need not be read: 100 Continue is only sent to who reads."""
    is_held_back = request.headers.get("expect", "").lower() == "100-continue"
    return is_held_back or _announced(request) > _HOPELESS * max_bytes


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0


async def _read(
    chunks: AsyncIterable[bytes], inflater: Inflater | None, max_bytes: int, on_bytes: Callable[[int], None]
) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        piece = inflater.feed(chunk) if inflater else chunk
        size += len(piece)
        if size > max_bytes:
            raise BodyTooLarge(max_bytes)
        on_bytes(len(piece))
        pieces.append(piece)
    if inflater:
        inflater.finish()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
