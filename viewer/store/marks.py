"""How far work over FILE-bodies has come, as the id of the last batch that it is done with."""

from __future__ import annotations

import sqlite3


def mark(connection: sqlite3.Connection, name: str) -> int:
    """The batch that `name` has come to; 0 before the first."""
    row = connection.execute("select batch_id from marks where name = ?", (name,)).fetchone()
    return row[0] if row else 0


def set_mark(connection: sqlite3.Connection, name: str, batch_id: int) -> None:
    connection.execute("insert or replace into marks values (?, ?)", (name, batch_id))
