"""A quick look at a store from beside it, for what may as well see nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

_BUSY_S = 0.2


def addresses(main: Path, prefix: str, limit: int) -> list[str]:
    """The addresses of open accounts that begin so, in order; none where the store can not be read."""
    uri = f"{main.resolve().as_uri()}?mode=ro"
    sql = """select email from accounts where substr(email, 1, ?) = ? and deleted_ns is null
             order by email limit ?"""
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
            return [email for (email,) in connection.execute(sql, (len(prefix), prefix, limit))]
    except sqlite3.Error:
        return []
