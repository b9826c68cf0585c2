"""Where the server of a store's file is: told in FILE.lock, which it holds, so that other commands find it.

What a server that was killed has left there is not believed: nobody holds the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Doors:
    """The addresses of a running server, as in its ready line, and its process id.

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


def find(db: str) -> Doors | None:
    """The doors of the server that has this file; None where none has, or where it is about to start."""
    try:
        with _lock_of(db).open("rb") as file:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None  # nobody holds it
            return Doors(**json.loads(file.read(10_000)))
    except (OSError, ValueError, TypeError, RuntimeError):  # the last one: ~nobody
        return None


def _lock_of(db: str) -> Path:
    return Path(f"{Path(db).expanduser().resolve()}.lock")
