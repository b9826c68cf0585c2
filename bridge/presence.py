"""Where the server of a store's file is: told in FILE.lock, which it holds, so that other commands find it.

What a server that was killed has left there is not believed: nobody holds the lock. A server of another release may
tell more, or less.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from dataclasses import asdict, dataclass
from pathlib import Path

_MAX_BYTES = 10_000


class Untold(Exception):
    """A server has the file, or may have it, and where it is can not be read; so no other address is the right one."""

    def __init__(self, lock: Path, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else "it is about to start, or of another release"
        super().__init__(f"where the server of this store is can not be read from {lock} ({why})")


@dataclass(frozen=True, slots=True)
class Doors:
    """The addresses of a running server, as in its ready line, and its process id, 0 where that was not told.

    Every URL that it hands out begins with `base_url`.
    """

    http: str
    otlp_grpc: str
    otlp_http: str
    base_url: str
    pid: int
    forward_to: str = ""
    """Where it delivers what it receives, if anywhere."""


def tell(db: str, doors: Doors) -> None:
    """Note where the server is; called by the one that holds the lock."""
    with _lock_of(db).open("r+b") as file:
        file.truncate()
        file.write(json.dumps(asdict(doors)).encode())


def look(db: str) -> Doors | None:
    """The doors of the server that has this file; None where none has. Raises Untold."""
    lock = _lock_of(db)
    try:
        with lock.open("rb") as file:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None  # nobody holds it
            return _read(file.read(_MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Untold(lock, error) from None


def find(db: str) -> Doors | None:
    """The same, and None where it can not be told: whoever sends a key has to `look`."""
    try:
        return look(db)
    except (Untold, ValueError, RuntimeError):  # a name that no file can have, ~nobody
        return None


def _read(text: bytes) -> Doors:
    """What a server has told. Raises ValueError, also for what lacks an address."""
    told = json.loads(text)
    if not isinstance(told, dict):
        raise ValueError("no object")
    http, otlp_grpc, otlp_http = (told.get(name) for name in ("http", "otlp_grpc", "otlp_http"))
    if not (isinstance(http, str) and isinstance(otlp_grpc, str) and isinstance(otlp_http, str)):
        raise ValueError("an address is missing")
    base_url, pid, forward_to = (told.get(name) for name in ("base_url", "pid", "forward_to"))
    return Doors(
        http,
        otlp_grpc,
        otlp_http,
        base_url if isinstance(base_url, str) else http,
        pid if isinstance(pid, int) and pid > 1 else 0,
        forward_to if isinstance(forward_to, str) else "",
    )


def _lock_of(db: str) -> Path:
    """Raises ValueError and RuntimeError for what is no name of a file."""
    return Path(f"{Path(db).expanduser().resolve()}.lock")
