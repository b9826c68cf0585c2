"""The bytes of an export, from a file or standard input, decompressed, and where in them a reader is.

Nothing is held but the beginning, which tells what it is. Knows no JSON.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from pathlib import Path

HEAD_BYTES = 1 << 18
"""Looked at to tell a format; a line that is longer is no line of its own."""
_CHUNK_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Source:
    """Reads on, a line or a part of one at a time. Raises OSError where there is no such file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = _standard_input() if name == "-" else Path(name).open("rb")  # noqa: SIM115 - `close` does
        self.size = 0 if name == "-" else Path(name).stat().st_size
        self._stream: io.BufferedReader | gzip.GzipFile = self._file
        if self._file.peek(len(_GZIP)).startswith(_GZIP):
            self._stream = gzip.GzipFile(fileobj=self._file)
        self.fault = ""
        """Why the bytes end where they do, if that is not their end."""
        self.line = 1
        """Of the bytes that were read last."""
        self.byte = 0
        """How many were read, after decompression."""
        self._is_line_over = False
        self._at = 0
        self._ahead = b""
        while len(self._ahead) < HEAD_BYTES and self._read_on():
            pass
        self._ahead = self._ahead.removeprefix(_BOM)
        self.head = self._ahead[:HEAD_BYTES]

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most a line of them; b"" at the end. `size`: 0 asks for none, all else is ignored."""
        if size == 0:
            return b""
        while (
            not (end := self._ahead.find(b"\n", self._at) + 1) and len(self._ahead) - self._at < _CHUNK_BYTES
        ):
            if not self._read_on():
                break
        end = min(end or len(self._ahead), self._at + _CHUNK_BYTES)
        chunk, self._at = self._ahead[self._at : end], end
        if self._is_line_over and chunk:
            self.line += 1
        self._is_line_over = chunk.endswith(b"\n") if chunk else self._is_line_over
        self.byte += len(chunk)
        return chunk

    def whole_line(self, most: int) -> bytes:
        """The next line with its end; b"" at the end of the bytes. Of a longer one than `most` the beginning."""
        parts: list[bytes] = []
        size = 0
        while part := self.read():
            if size < most:
                parts.append(part)
                size += len(part)
            if part.endswith(b"\n"):
                break
        return b"".join(parts)

    def block(self) -> bytes:
        """The next bytes, whatever lines are in them; b"" at the end of the bytes."""
        if self._at == len(self._ahead):
            self._read_on()
        block, self._at = self._ahead[self._at :], len(self._ahead)
        self.byte += len(block)
        return block

    def _read_on(self) -> bool:
        try:
            more = self._stream.read1(_CHUNK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.fault = "the compressed bytes end early, or are broken"
            more = b""
        self._ahead = self._ahead[self._at :] + more
        self._at = 0
        return bool(more)

    @property
    def position(self) -> int:
        """Bytes of the file that were read: what a progress bar shows."""
        return self._file.tell() if self.size else 0

    def close(self) -> None:
        if self.name != "-":
            self._file.close()


def _standard_input() -> io.BufferedReader:
    if sys.stdin is None:  # Python's word for one that is closed
        raise OSError("standard input is closed")
    stream = sys.stdin.buffer
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[arg-type]
