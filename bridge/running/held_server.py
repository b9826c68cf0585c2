"""`python -m bridge.running.held_server DB OPTION…`: `tracen serve` that ends when no run holds on to it."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import click

from bridge.cli import tracen
from bridge.console import on_store
from bridge.running.hold import forget, wait_until_let_go
from bridge.running.log import keep_short
from viewer.accounts.addresses import LOCAL

if TYPE_CHECKING:
    from viewer.store.base import Store

logger = logging.getLogger("tracen.running")

_FILES = ("TRACEN_TLS_CERT", "TRACEN_TLS_KEY")
"""Settings that name files, from the folder of whoever started this."""


def main() -> None:
    """Serve until nobody holds on, or a signal comes."""
    db, *options = sys.argv[1:]
    faulthandler.enable()
    leave_folder()
    on_store(db, _make_account, is_made=True)
    for work in (_end_when_let_go, keep_short):
        threading.Thread(target=work, args=(db,), daemon=True).start()
    try:
        tracen(["serve", "--db", db, *options], prog_name="tracen", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"tracen: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    logger.info("ended")
    forget(db, os.getpid())


def leave_folder() -> None:
    """Stand in nobody's way: a folder that a process is in can not be unmounted, and on some systems not removed."""
    for name in _FILES:
        if os.environ.get(name):
            os.environ[name] = os.path.abspath(os.environ[name])
    os.chdir("/")


async def _make_account(store: Store) -> None:
    """Else a first key would be made, and shown to nobody but the log."""
    if await store.accounts.is_empty():
        await store.accounts.create(LOCAL, time.time_ns())


def _end_when_let_go(db: str) -> None:
    """Have SIGTERM do it; the lock is held until the process is gone."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(wait_until_let_go(db))
            logger.info("no run holds on to it any more")
        except OSError as error:
            logger.warning("%s.runs: %s", db, error.strerror)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()


if __name__ == "__main__":
    main()
