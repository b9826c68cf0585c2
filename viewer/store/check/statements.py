"""Statements that take long: somebody watches them, and may end them with Ctrl-C."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

_OPCODES = 200_000
"""Of SQLite's virtual machine between two looks: some milliseconds."""


@contextlib.contextmanager
def watched(connection: sqlite3.Connection, look: Callable[[], None]) -> Iterator[None]:
    """Call `look` while statements run. Raises KeyboardInterrupt, which reaches a statement as its own failure."""

    def tick() -> int:
        look()
        return 0

    connection.set_progress_handler(tick, _OPCODES)
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
