"""Which engine a `--db` value means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from viewer.store.base import Store, StoreUnusable
from viewer.store.sqlite import SqliteStore


def open_store(
    db: str,
    *,
    exclusive: bool = True,
    on_broken: Callable[[str], None] = lambda reason: None,
    on_commit: Callable[[int, int, float], None] = lambda jobs, size, seconds: None,
) -> Store:
    """Open the store that `db` names, made if it is not there. Raises StoreUnusable.

    `exclusive`: for the server, which must be alone on a SQLite file; other commands work beside it.
    On any thread, `on_broken` hears why no write will succeed any more, and `on_commit` of every group of writes:
    how many, how many bytes of bodies, how many seconds.
    """
    if "://" in db:
        raise StoreUnusable(f"--db {db.partition('://')[0]}://…: only a SQLite file is supported for now")
    return SqliteStore(Path(db).expanduser(), exclusive=exclusive, on_broken=on_broken, on_commit=on_commit)
