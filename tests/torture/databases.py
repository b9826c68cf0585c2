"""SQLite's own opinion of a store's files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.torture.ledger import Violation


def check_integrity(db: Path) -> None:
    """Check FILE and all databases beside it, when no server has them open. Raises Violation."""
    for path in (db, *db.parent.glob(f"{db.name}-*")):
        if path.name.endswith(("-wal", "-shm", "-journal", "-reserve")):
            continue
        with closing(sqlite3.connect(path)) as connection:
            told = connection.execute("pragma integrity_check").fetchall()
        if told != [("ok",)]:
            raise Violation(f"{path}: {told[:5]}")
