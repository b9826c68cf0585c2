"""Puts right what needs no backup for it. For whoever is alone at the store."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection
from pathlib import Path

from viewer.store.aside import put_back
from viewer.store.check.findings import Mend
from viewer.store.durable import LOGS
from viewer.store.marks import set_mark


def mend(main: Path, mends: Collection[Mend]) -> None:
    """Do those. Raises BackupRefused, BackupFailed, OSError, sqlite3.Error."""
    if Mend.PUT_BACK in mends:
        put_back(main)
    if Mend.INDEX in mends:
        with contextlib.closing(sqlite3.connect(main, isolation_level=None)) as connection:
            set_mark(connection, "indexed", 0)  # the next start reads the batches again
    if Mend.LISTS in mends:
        for log in ("", *LOGS):
            Path(f"{main}-search{log}").unlink(missing_ok=True)
