"""The files of a store that can not be made again, and how all of them are read as of one moment, beside a server.

For what copies or checks a whole store: it writes to none of them, and makes none that is missing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils.migrations import Migrations

from viewer.store.base import StoreUnusable
from viewer.store.schema import bodies_migrations, forward_migrations, migrations

logger = logging.getLogger("tracen.store")

_TRIES_S = 5.0
"""After that a moment between the two commits of a write will do, as a crash would leave it."""
_QUIET_S = 0.25
"""Where nothing is committed for so long, nothing is under way."""
_PAUSE_S = 0.0002
_BUSY_MS = 5000


@dataclass(frozen=True, slots=True)
class DurableFile:
    """One of them: how it is called, what is in it, and the table with the name that holds all of them together."""

    suffix: str
    schema: Migrations
    name_table: str = "bodies_file"
    is_always: bool = True

    @property
    def alias(self) -> str:
        """What queries call it."""
        return self.suffix.removeprefix("-") or "main"

    def beside(self, main: Path) -> Path:
        return Path(f"{main}{self.suffix}")


MAIN = DurableFile("", migrations)
BODIES = DurableFile("-bodies", bodies_migrations)
FORWARD = DurableFile("-forward", forward_migrations, "forward_file", is_always=False)
DURABLE = (MAIN, BODIES, FORWARD)
DERIVED = ("-search", "-reserve")
"""The suffixes of what is made anew where it is missing."""
OLD = ".backup-replaced"
"""What a backup replaces has this after FILE until the copy is in its place."""
LOGS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside each of them."""

_UNSEEN = frozenset(
    (
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    )
)


class Unopened(StoreUnusable):
    """A file of a store could not be opened; `error` is SQLite's."""

    def __init__(self, path: Path, error: sqlite3.Error) -> None:
        super().__init__(f"{path}: {reason(error)}")
        self.path, self.error = path, error


def is_unseen(error: sqlite3.Error) -> bool:
    """Whether it says that nobody could look, and so nothing of what is in the file."""
    return primary_code(error) in _UNSEEN


def reason(error: sqlite3.Error) -> str:
    """SQLite's words, less the address under which it was told to open a file."""
    return str(error).partition(": file:")[0]


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code, less what it adds in the upper bytes."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def readonly_uri(path: Path) -> str:
    """How a file is opened to read it.

    SQLite reads a database that was served only where it can make files beside it, or is told that nobody writes: so
    it is told, where nobody does (a server that runs has -shm) and where we could make none.
    """
    logs = {log: Path(f"{path}{log}") for log in LOGS}
    is_still = not logs["-shm"].exists() and not any(
        log.exists() and log.stat().st_size for log in logs.values()
    )
    immutable = "&immutable=1" if is_still and not os.access(path.parent, os.W_OK) else ""
    return f"{path.as_uri()}?mode=ro{immutable}"


def present(main: Path) -> list[DurableFile]:
    """Those that there are, or must be."""
    return [file for file in DURABLE if file.is_always or file.beside(main).exists()]


def existing(main: Path) -> Path:
    """The same, if something of a store is there. Raises StoreUnusable."""
    if not main.name or main.is_dir():
        raise StoreUnusable(f"{main} is a folder; give the file of a store in it")
    beside = [Path(f"{main}{suffix}") for suffix in (*(file.suffix for file in DURABLE), *DERIVED)]
    if not any(path.exists() for path in (*beside, Path(f"{main}{OLD}"))):
        raise StoreUnusable(f"there is no store {main}; `tracen serve` makes it, --db names another")
    return main


def open_readonly(main: Path) -> sqlite3.Connection:
    """One connection for all of them, each under its alias. Raises StoreUnusable."""
    connection: sqlite3.Connection | None = None
    path = main
    try:
        for file in present(main):
            path = file.beside(main)
            uri = readonly_uri(path)
            if connection is None:
                connection = sqlite3.connect(uri, uri=True, isolation_level=None)
                connection.execute(f"pragma busy_timeout = {_BUSY_MS}")
            else:
                connection.execute(f"attach ? as {file.alias}", (uri,))
            connection.execute(f"select count(*) from {file.alias}.sqlite_master").fetchone()  # noqa: S608
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise Unopened(path, error) from None
    assert connection is not None  # noqa: S101 - FILE is always one of them
    return connection


def names(connection: sqlite3.Connection, main: Path) -> dict[str, str | None]:
    """The name in each file, by its alias; they are the same where the files belong together."""
    return {file.alias: _name_in(connection, file) for file in present(main)}


def _name_in(connection: sqlite3.Connection, file: DurableFile) -> str | None:
    row = connection.execute(f"select name from {file.alias}.{file.name_table}").fetchone()  # noqa: S608 - constants
    return row[0] if row else None


# -- one moment ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def one_moment(main: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees all files as they were between two writes of the server. Raises StoreUnusable.

    For as long as the block runs, the server's write-ahead logs grow; and where something is deleted meanwhile, each
    of its writes waits some time for the block to end.
    """
    with contextlib.closing(open_readonly(main)) as reading:
        if BODIES in present(main):
            with contextlib.closing(open_readonly(main)) as watching:
                _begin(reading, watching, [file.alias for file in present(main)])
        yield reading
        if reading.in_transaction:
            reading.execute("rollback")


def _begin(reading: sqlite3.Connection, watching: sqlite3.Connection, aliases: list[str]) -> None:
    """Begin a transaction on the bodies as a write has left them, and on FILE as that same write has.

    The server commits the bodies of a write first, FILE second. FILE must not tell of what is not in the bodies; and
    what is gone from the bodies, deleted, must be gone from FILE. So FILE is looked at just after its commit, and it
    counts if the bodies are still those that were looked at before. All else is read first: it is behind, then, and
    goes on from there.
    """
    rest = [alias for alias in aliases if alias not in (MAIN.alias, BODIES.alias)]
    until_s = time.monotonic() + _TRIES_S
    while time.monotonic() < until_s:
        reading.execute("begin")
        _look_at(reading, *rest)
        bodies = _version(watching, BODIES.alias)
        _look_at(reading, BODIES.alias)
        _await_commit(watching)
        _look_at(reading, MAIN.alias)
        if _version(watching, BODIES.alias) == bodies:
            logger.debug("all files are seen as of one moment")
            return
        reading.execute("rollback")
    reading.execute("begin")
    _look_at(reading, *rest, MAIN.alias, BODIES.alias)
    logger.debug("all files are seen as of one moment, perhaps in the midst of a write")


def _await_commit(watching: sqlite3.Connection) -> None:
    """Wait until something was committed to FILE, or nothing is for a while."""
    before = _version(watching, MAIN.alias)
    until_s = time.monotonic() + _QUIET_S
    while _version(watching, MAIN.alias) == before and time.monotonic() < until_s:
        time.sleep(_PAUSE_S)


def _look_at(connection: sqlite3.Connection, *aliases: str) -> None:
    """From now on, until the transaction ends, the files are as they are now."""
    for alias in aliases:
        connection.execute(f"select 1 from {alias}.sqlite_master limit 1").fetchone()  # noqa: S608 - constants


def _version(connection: sqlite3.Connection, alias: str) -> int:
    """Another number after each commit of somebody else."""
    version: int = connection.execute(f"pragma {alias}.data_version").fetchone()[0]
    return version
