"""FILE-reserve: room on the disk that deleting may use where there is no other, so that a full disk can be emptied.

What is deleted is overwritten, through a write-ahead log: that takes room before it gives any. Knows nothing of SQLite.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from viewer.store.base import StoreUnavailable

SIZE_BYTES = 16 * 1024 * 1024
_SHARE = 8
"""Of what is free: no more than this part of it is held back."""
_AMPLE_BYTES = 64 * 1024 * 1024
"""Where so much is free, nothing is given up."""
_BLOCK_BYTES = 4096


class Reserve:
    """Held back for as long as nothing is deleted. Beside the server (not `is_ours`) it is given up, and no more."""

    def __init__(self, path: Path, *, is_ours: bool) -> None:
        self._path = path
        self._is_ours = is_ours
        self._borrowers = 0
        self._size_bytes = max(_held_bytes(path), min(SIZE_BYTES, _free_bytes(path) // _SHARE))
        self._hold()

    def check_not_lent(self) -> None:
        """Raise StoreUnavailable while something is deleted with the last room there is: nothing else is to take it."""
        if self._borrowers:
            raise StoreUnavailable("the disk is full, and something is being deleted")

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Let the block use the room, if there is little other; what it leaves is held back again."""
        if not self._borrowers and _free_bytes(self._path) >= _AMPLE_BYTES:
            yield
            return
        self._borrowers += 1
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self._borrowers -= 1
            if not self._borrowers:
                self._hold()

    def _hold(self) -> None:
        """As much as there is room for: the next deletion leaves more."""
        if not self._is_ours:
            return
        size = min(self._size_bytes, _free_bytes(self._path) + _held_bytes(self._path))
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _allocate(descriptor, size - size % _BLOCK_BYTES)
            finally:
                os.close(descriptor)


def _allocate(descriptor: int, size: int) -> None:
    """Blocks of the disk, not only a length."""
    os.truncate(descriptor, size)
    if not size:
        return
    if sys.platform == "linux":
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.pwrite(descriptor, bytes(size), 0)


def _held_bytes(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


def _free_bytes(path: Path) -> int:
    """Of the file system, for who is not root."""
    try:
        told = os.statvfs(path.parent)
    except OSError:
        return 0
    return told.f_bavail * told.f_frsize
