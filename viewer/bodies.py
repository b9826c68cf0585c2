"""Request bodies: read while counting, decompressed while counting, never beyond the limit.

BodyError
├── BodyTooLarge          413, over the limit before or after decompression
├── UnsupportedEncoding   415, a Content-Encoding that is not spoken here
└── BrokenEncoding        400, the compressed stream is damaged, cut, or followed by something else
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

ACCEPT_ENCODING = "gzip"
_GZIP = zlib.MAX_WBITS | 16


class BodyError(ValueError):
    """A body that can not be read."""


class BodyTooLarge(BodyError):
    """More bytes than the limit."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the body is larger than {max_bytes} bytes")


class UnsupportedEncoding(BodyError):
    """A Content-Encoding that is not spoken here."""


class BrokenEncoding(BodyError):
    """The compressed stream is damaged."""


async def read_body(
    chunks: AsyncIterable[bytes], content_length: str | None, content_encoding: str | None, max_bytes: int
) -> bytes:
    """Return the whole decompressed body; raises a BodyError as soon as it is certain."""
    encoding = (content_encoding or "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedEncoding(
            f"Content-Encoding {encoding[:40]!r}: only {ACCEPT_ENCODING} and none are accepted"
        )
    if content_length is not None and content_length.isdigit() and int(content_length) > max_bytes:
        raise BodyTooLarge(max_bytes)
    inflate = _Gunzip(max_bytes) if encoding == "gzip" else None
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        piece = inflate.feed(chunk) if inflate else chunk
        size += len(piece)
        if size > max_bytes:
            raise BodyTooLarge(max_bytes)
        pieces.append(piece)
    if inflate:
        inflate.finish()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Gunzip:
    """A gzip stream of one or more members, inflated to at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = max_bytes
        self._member = zlib.decompressobj(_GZIP)

    def feed(self, chunk: bytes) -> bytes:
        pieces = []
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            try:
                piece = self._member.decompress(chunk, self._left + 1)
            except zlib.error as error:
                raise BrokenEncoding(f"the gzip stream is damaged: {error}") from None
            self._left -= len(piece)
            if self._left < 0:
                raise BodyTooLarge(self._max_bytes)
            pieces.append(piece)
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return b"".join(pieces)

    def finish(self) -> None:
        if not self._member.eof:
            raise BrokenEncoding("the gzip stream is cut short")
