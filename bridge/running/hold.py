"""Who holds on to a server that was started for runs: several may use it, and it ends when the last has let go.

A run holds a shared lock of FILE.runs, which the kernel takes from it however it ends; the server waits for the
exclusive one. What stands in the file is that server's process id.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO


class Hold:
    """One run's hold. Taking it waits for a server that is about to end, since nobody held it any more."""

    def __init__(self, db: str) -> None:
        self._file = _opened(db)
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def tell(self, pid: int) -> None:
        """Note the server that was started."""
        self._file.truncate(0)
        self._file.write(str(pid).encode())

    def has_server(self) -> bool:
        """Whether the server that was started last is still there."""
        self._file.seek(0)
        with contextlib.suppress(ValueError, OSError):
            os.kill(int(self._file.read(20)), 0)
            return True
        return False

    def is_the_last(self) -> bool:
        """Let go, and tell whether nobody else holds on. Where others do, the server is theirs now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True  # the server has it already
            return False
        return True

    def release(self) -> None:
        """Let go."""
        self._file.close()


def wait_until_let_go(db: str) -> IO[bytes]:
    """Return once nobody holds on; who begins now waits until the file is closed."""
    file = _opened(db)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _opened(db: str) -> IO[bytes]:
    path = Path(f"{Path(db).expanduser().resolve()}.runs")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+b", buffering=0)
