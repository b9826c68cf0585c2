"""`python -m bridge.running.held_server DB OPTION…`: `tracen serve` that ends when no run holds on to it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from bridge.cli import tracen
from bridge.console import on_store
from bridge.running.hold import wait_until_let_go
from viewer.accounts.addresses import LOCAL


def main() -> None:
    """Serve until nobody holds on, or a signal comes."""
    db, *options = sys.argv[1:]
    if not os.path.exists(db):  # else a first key would be made, and shown to nobody
        on_store(db, lambda store: store.accounts.create(LOCAL, time.time_ns()), is_made=True)
    threading.Thread(target=_end_when_let_go, args=(db,), daemon=True).start()
    tracen(["serve", "--db", db, *options], prog_name="tracen")


def _end_when_let_go(db: str) -> None:
    with wait_until_let_go(db):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()  # the lock is held until the process is gone


if __name__ == "__main__":
    main()
