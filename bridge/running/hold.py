"""Who holds on to a server that was started for runs: several may use it, and it ends after the last has let go.

A run holds a shared lock of FILE.runs, which the kernel takes from it however it ends; the server waits for the
exclusive one. In the file stand that server's process id, and until when it goes on though nobody holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import IO

_LOOK_EVERY_S = 1.0


class Hold:
    """One run's hold. Taking it waits for a server that is about to end, since nobody held it any more."""

    def __init__(self, db: str) -> None:
        self._file = _opened(db)
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def tell(self, pid: int) -> None:
        """Note the server that was started."""
        self._write(pid, 0)

    def stay_until(self, unix_s: int) -> None:
        """Have the server go on until then, for whoever looks at what came of the run."""
        pid, until_s = _read(self._file)
        self._write(pid, max(until_s, unix_s))

    def _write(self, *numbers: int) -> None:
        self._file.truncate(0)
        self._file.write(" ".join(map(str, numbers)).encode())

    def is_of(self, pid: int) -> bool:
        """Whether this process is the server that was started last."""
        return pid > 0 and _read(self._file)[0] == pid

    def until_s(self) -> int:
        """The Unix time until which that server goes on though nobody holds it; 0: it does not."""
        return _read(self._file)[1]

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
    """Return once nobody holds on and it is late enough; who begins now waits until the file is closed.

    Raises FileNotFoundError where the file is gone, and most likely its folder, which is not made again.
    """
    while True:
        file = _path_of(db).open("rb")
        fcntl.flock(file, fcntl.LOCK_EX)
        _, until_s = _read(file)
        if time.time() >= until_s:
            return file
        file.close()
        time.sleep(_LOOK_EVERY_S)


def forget(db: str, pid: int) -> None:
    """Note that this server has ended in order; another one may have been started since."""
    with contextlib.suppress(OSError), _path_of(db).open("r+b") as file:
        if _read(file)[0] == pid:
            file.truncate(0)


def held_pid(db: str) -> int:
    """The server that was started last and has not ended in order: it runs, or it has died. 0: none, or it ends now."""
    try:
        with _path_of(db).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return _read(file)[0]
    except OSError:
        return 0


def _read(file: IO[bytes]) -> tuple[int, int]:
    """The server's process id, and until when it goes on; 0 where that is not told."""
    file.seek(0)
    with contextlib.suppress(ValueError):
        pid, until_s = map(int, file.read(60).split())
        return pid, until_s
    return 0, 0


def _opened(db: str) -> IO[bytes]:
    path = _path_of(db)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+b", buffering=0)


def _path_of(db: str) -> Path:
    return Path(f"{Path(db).expanduser().resolve()}.runs")
