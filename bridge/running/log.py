"""The log of a server that was started for runs: FILE.runs.log, bounded, for its owner alone.

What it said before that is kept in FILE.runs.log.1. The server writes it as its stderr, so that whatever a process says
as it dies is there too.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO

from bridge import presence
from bridge.running.hold import held_pid

MAX_BYTES = 1_000_000
_LOOK_EVERY_S = 5.0
_STDERR = 2


def log_of(db: str) -> Path:
    """Where the log of a store's server is."""
    return Path(f"{Path(db).expanduser().resolve()}.runs.log")


def told_of_death(db: str) -> str:
    """Where to read why the server that `tracen run` had started for a store has died; "" if it has not, or ended."""
    pid = held_pid(db)
    if not pid or presence.find(db) is not None or not log_of(db).exists():
        return ""
    return (
        f"the one that `tracen run` had started (process {pid}) did not end in order: its log is {log_of(db)}"
    )


def opened_log(db: str) -> IO[bytes]:
    """The log, to go on with, at its end. Raises OSError."""
    path = log_of(db)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > MAX_BYTES:
            os.replace(path, f"{path}.1")
    file = os.fdopen(_opened(path), "ab", buffering=0)
    file.seek(0, os.SEEK_END)
    return file


def keep_short(db: str) -> None:
    """Begin the log anew whenever it has become long or was removed, for as long as this process lives."""
    if not has_log(db):
        return
    while True:
        time.sleep(_LOOK_EVERY_S)
        with contextlib.suppress(OSError):  # a full disk: it goes on where it is
            turn(db)


def has_log(db: str) -> bool:
    """Whether what this process says on stderr is in the log."""
    try:
        return os.path.samestat(os.fstat(_STDERR), os.stat(log_of(db)))
    except OSError:
        return False


def turn(db: str) -> None:
    """Begin the log anew if that is due. Raises OSError."""
    path = log_of(db)
    if has_log(db) and os.fstat(_STDERR).st_size > MAX_BYTES:
        os.replace(path, f"{path}.1")
    if not path.exists():
        file = _opened(path)
        os.dup2(file, _STDERR)
        os.close(file)


def _opened(path: Path) -> int:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    os.fchmod(file, 0o600)
    return file
