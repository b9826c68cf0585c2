"""Compressed streams, inflated while counting: gzip, deflate (a zlib stream) and zstd.

InflateError
├── InflatesTooLarge   more bytes than the limit
└── BrokenStream       damaged, cut short, or followed by something else
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import zstandard

MAX_STREAMS = 1000
"""In a row: a body of empty ones costs time and says nothing."""
_ZSTD_SLICE = 512
"""zstd can not be told to stop; 512 bytes of it inflate to 16 MiB at most (a 128 KiB block takes 4 bytes)."""
_ZSTD_WINDOW = 8 * 1024 * 1024  # RFC 8878, 3.1.1.1.2: what every decoder should support


class InflateError(ValueError):
    """A compressed stream that can not be read."""


class InflatesTooLarge(InflateError):
    """More bytes than the limit."""


class BrokenStream(InflateError):
    """No stream of this compression, or a damaged one."""


class _Stream(Protocol):
    """One compressed stream of a library."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class Inflater:
    """A body of one or more streams in a row (gzip members, zstd frames), inflated to at most `max_bytes`."""

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self._open, self._pull, self._many = _ENCODINGS[encoding]
        self._stream = self._open()
        self._left = max_bytes
        self._streams = 1

    def feed(self, chunk: bytes) -> bytes:
        """Return what `chunk` inflates to. Raises InflateError."""
        pieces = []
        while chunk:
            if self._stream.eof:
                self._streams += 1
                if not self._many or self._streams > MAX_STREAMS:
                    raise BrokenStream("something follows the compressed stream, or too many of them")
                self._stream = self._open()
            try:
                piece, chunk = self._pull(self._stream, chunk, self._left)
            except (zlib.error, zstandard.ZstdError) as error:
                raise BrokenStream(f"the compressed stream is damaged: {error}") from None
            self._left -= len(piece)
            if self._left < 0:
                raise InflatesTooLarge
            pieces.append(piece)
        return b"".join(pieces)

    def finish(self) -> None:
        """Raise BrokenStream unless the stream has ended."""
        if not self._stream.eof:
            raise BrokenStream("the compressed stream is cut short")


def _pull_zlib(stream: zlib._Decompress, chunk: bytes, limit: int) -> tuple[bytes, bytes]:
    """Inflate at most one byte more than the limit; answer it and what is left of the chunk."""
    piece = stream.decompress(chunk, limit + 1)
    return piece, stream.unused_data if stream.eof else stream.unconsumed_tail


def _pull_zstd(stream: zstandard.ZstdDecompressionObj, chunk: bytes, limit: int) -> tuple[bytes, bytes]:
    piece = stream.decompress(chunk[:_ZSTD_SLICE])
    return piece, (stream.unused_data if stream.eof else b"") + chunk[_ZSTD_SLICE:]


def _open_zstd() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


_Pull = Callable[..., tuple[bytes, bytes]]
_ENCODINGS: Mapping[str, tuple[Callable[[], _Stream], _Pull, bool]] = {
    "gzip": (lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), _pull_zlib, True),
    "deflate": (zlib.decompressobj, _pull_zlib, False),
    "zstd": (_open_zstd, _pull_zstd, True),
}
ENCODINGS = tuple(_ENCODINGS)
