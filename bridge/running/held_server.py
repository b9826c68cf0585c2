"""`python -m bridge.running.held_server DB OPTION…`: `tracen serve` that ends when no run holds on to it."""

from __future__ import annotations

import os
import signal
import sys
import threading

from bridge.cli import tracen
from bridge.running.hold import wait_until_let_go


def main() -> None:
    """Serve until nobody holds on, or a signal comes."""
    db, *options = sys.argv[1:]
    threading.Thread(target=_end_when_let_go, args=(db,), daemon=True).start()
    tracen(["serve", "--db", db, *options], prog_name="tracen")


def _end_when_let_go(db: str) -> None:
    with wait_until_let_go(db):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()  # the lock is held until the process is gone


if __name__ == "__main__":
    main()
