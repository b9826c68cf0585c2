"""The files of a SQLite store: FILE, beside it -bodies, -search, -forward, -reserve and .lock; made and opened here.

SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at the same instant: so one
connection writes a file, it alone checkpoints, readers are read-only, and a second server is refused.
"""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from viewer.store.aside import is_half_in_place, repair_of
from viewer.store.base import StoreUnavailable, StoreUnusable
from viewer.store.lock import is_taken_alone
from viewer.store.schema import bodies_migrations, forward_migrations, migrations, search_migrations

logger = logging.getLogger("tracen.store")

BODIES_PAGE_BYTES = 16384
"""A body of a megabyte in SQLite's 4 KiB pages is 250 writes to the WAL and 250 more at the checkpoint; small bodies
cost a page each, so larger is not better."""
CHECKPOINT_BYTES = 4 * 1024 * 1024
"""Of WAL; larger was no faster, see RATIONALE.md."""
SEARCH_CHECKPOINT_BYTES = 32 * 1024 * 1024
"""The index by trace id is written all over: the more often a page is in the WAL, the less is written at its end."""

_PRAGMAS = (
    "busy_timeout = 5000",
    "journal_mode = wal",
    "synchronous = full",
    "mmap_size = 0",
    "secure_delete = on",  # what was deleted is overwritten: pages hold what people said
    "journal_size_limit = 67108864",  # of a WAL that once was large
)

FORWARD_REPAIR = "restore it from a backup, together with FILE; moved away, deliveries begin anew"
_NO_DATABASE = ("file is not a database", "database disk image is malformed")
_NAME_FORWARD = """insert into forward_file select 1, ?
    where not exists (select 1 from forward_file) and not exists (select 1 from targets)"""


class Files:
    """Where a store's files are, and whether they still are."""

    def __init__(self, path: Path) -> None:
        """Make what is missing of FILE and its folder, for the owner alone. Raises StoreUnusable.

        Nothing is made where a backup was cut short: what it moved aside would be lost behind an empty store.
        """
        self.main = path.resolve()  # the lock is beside the file itself, whatever links lead to it
        self.bodies = Path(f"{self.main}-bodies")
        self.search = Path(f"{self.main}-search")
        self.forward = Path(f"{self.main}-forward")
        self.reserve = Path(f"{self.main}-reserve")
        self.lock = Path(f"{self.main}.lock")
        self._inodes: dict[Path, int] = {}
        self._search_inode = self._forward_inode = 0
        if is_half_in_place(self.main):
            raise StoreUnusable(
                f"{self.main}: a backup was cut short while it was put in place; {repair_of(self.main)}"
            )
        if _size(self.bodies) and not _size(self.main):
            raise StoreUnusable(f"{self.main}: empty or missing, though {self.bodies} is there; restore both")
        _make_private(self.main, self.lock)

    def take_lock(self) -> IO[bytes]:
        """Be the one server of the files for as long as the answer is open. Raises StoreUnusable."""
        try:
            file = self.lock.open("r+b")
        except OSError as error:
            raise StoreUnusable(f"{self.main}: {error.strerror}") from None
        if not is_taken_alone(file):
            file.close()
            raise StoreUnusable(
                f"{self.main}: another `tracen serve` is using this file; "
                f"stop it (`{shlex.join(['tracen', 'stop', '--db', str(self.main)])}`) or give --db another"
            ) from None
        file.truncate()  # what the last server told of itself
        return file

    def open_main(self, *, checkpoints: bool) -> sqlite3.Connection:
        """Open FILE for writing, migrated. Raises StoreUnusable."""
        connection = _open_writing(self.main, migrations, checkpoints=checkpoints)
        self._inodes[self.main] = self.main.stat().st_ino
        return connection

    def open_bodies(self, main: sqlite3.Connection) -> sqlite3.Connection:
        """Open FILE-bodies for writing, made together with FILE. Raises StoreUnusable where they are no pair."""
        name = name_in(main)
        if name is not None and not self.bodies.exists():
            raise StoreUnusable(f"{self.bodies}: missing, though {self.main} belongs to it; restore both")
        _make_private(self.bodies)
        connection = _open_writing(self.bodies, bodies_migrations, page_bytes=BODIES_PAGE_BYTES)
        try:
            self._pair(main, connection)
        except BaseException:
            connection.close()
            raise
        self._inodes[self.bodies] = self.bodies.stat().st_ino
        for folder in (self.main.parent, self.main.parent.parent):
            _sync_folder(folder)
        return connection

    def _pair(self, main: sqlite3.Connection, bodies: sqlite3.Connection) -> None:
        """Hold the two files together by a name in both; at the first start there is none in FILE."""
        name = name_in(bodies)
        if name is None:
            name = secrets.token_hex(16)
            bodies.execute("insert into bodies_file values (1, ?)", (name,))
        if name_in(main) is None and not bodies.execute("select 1 from batches limit 1").fetchone():
            main.execute("insert into bodies_file values (1, ?)", (name,))
        if name_in(main) != name:
            raise StoreUnusable(f"{self.bodies}: does not belong to {self.main}; restore both together")

    def open_search(self, name: str | None) -> sqlite3.Connection:
        """Open FILE-search for writing. One that is lost, broken, of another release or of another FILE is made anew.

        `name` is that of FILE, see `name_in`. Raises StoreUnusable where it can not be made.
        """
        is_new = not _size(self.search)
        while True:
            try:
                connection = self._opened_search(name, is_new=is_new)
                break
            except StoreUnusable as error:
                if is_new:
                    raise
                logger.warning("the list of traces is made anew: %s", error)
                self.remove_search()
                is_new = True
        self._search_inode = self.search.stat().st_ino
        _sync_folder(self.main.parent)
        return connection

    def _opened_search(self, name: str | None, *, is_new: bool) -> sqlite3.Connection:
        _make_private(self.search)
        connection = _open_writing(self.search, search_migrations, checkpoint_bytes=SEARCH_CHECKPOINT_BYTES)
        try:
            if is_new:
                connection.execute("insert into search_file values (1, ?)", (name,))
            row = connection.execute("select name from search_file").fetchone()
            if row is None or row[0] != name:
                raise StoreUnusable(f"{self.search}: does not belong to {self.main}")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreUnusable(f"{self.search}: {error}") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def remove_search(self) -> None:
        """Take FILE-search away, which is open nowhere: it is no backup of anything."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.search}{suffix}").unlink(missing_ok=True)

    def open_forward(self, name: str | None) -> sqlite3.Connection:
        """Open FILE-forward for writing, made as needed. `name` is that of FILE.

        Raises StoreUnusable, also where it is that of another FILE: what was delivered can not be made again.
        """
        _make_private(self.forward)
        try:
            connection = _open_writing(self.forward, forward_migrations)
        except StoreUnusable as error:
            if str(error).endswith(_NO_DATABASE):
                raise StoreUnusable(f"{error}; {FORWARD_REPAIR}") from None
            raise
        try:
            connection.execute(_NAME_FORWARD, (name,))  # at the first start, or one that broke off before it
            row = connection.execute("select name from forward_file").fetchone()
            if row is None or row[0] != name:
                raise StoreUnusable(f"{self.forward}: does not belong to {self.main}; restore both together")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreUnusable(f"{self.forward}: {error}; {FORWARD_REPAIR}") from None
        except BaseException:
            connection.close()
            raise
        self._forward_inode = self.forward.stat().st_ino
        _sync_folder(self.main.parent)
        return connection

    def open_forward_reading(self) -> sqlite3.Connection:
        """Open FILE-forward read-only."""
        uri = f"{self.forward.as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        connection.execute("pragma busy_timeout = 5000")
        connection.execute("pragma query_only = 1")
        return connection

    def open_reading(self, *, search: bool = False) -> sqlite3.Connection:
        """Open FILE read-only, and FILE-bodies as `bodies`; a query may span both, and FILE-search if it is wanted."""
        uri = f"{self.main.as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        connection.execute("pragma busy_timeout = 5000")
        if self.bodies.exists():
            connection.execute("attach ? as bodies", (f"{self.bodies.as_uri()}?mode=ro",))
        if search:
            connection.execute("attach ? as search", (f"{self.search.as_uri()}?mode=ro",))
        connection.execute("pragma query_only = 1")
        return connection

    def check_in_place(self) -> None:
        """Raise StoreUnavailable where a file was deleted or replaced: what is written then is lost."""
        for path, inode in self._inodes.items():
            _check_inode(path, inode)

    def check_search_in_place(self) -> None:
        """The same of FILE-search."""
        _check_inode(self.search, self._search_inode)

    def check_forward_in_place(self) -> None:
        """The same of FILE-forward."""
        _check_inode(self.forward, self._forward_inode)


def _check_inode(path: Path, inode: int) -> None:
    try:
        is_same = path.stat().st_ino == inode
    except OSError:
        is_same = False
    if not is_same:
        raise StoreUnavailable(f"{path} was deleted or replaced while it was in use")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def name_in(connection: sqlite3.Connection) -> str | None:
    """The name that holds FILE, its bodies and its lists together."""
    row = connection.execute("select name from bodies_file").fetchone()
    return row[0] if row else None


def _make_private(*paths: Path) -> None:
    """Make folder and files for their owner alone: they hold prompts. SQLite gives a WAL the same mode."""
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise StoreUnusable(f"{path}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    """Make the names of new files last as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_writing(
    path: Path,
    schema: Migrations,
    *,
    page_bytes: int = 4096,
    checkpoints: bool = True,
    checkpoint_bytes: int = CHECKPOINT_BYTES,
) -> sqlite3.Connection:
    pages = checkpoint_bytes // page_bytes if checkpoints else 0
    try:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    except sqlite3.Error as error:
        raise StoreUnusable(f"{path}: {error}") from None
    try:
        for pragma in (f"page_size = {page_bytes}", *_PRAGMAS, f"wal_autocheckpoint = {pages}"):
            connection.execute(f"pragma {pragma}")
        if checkpoints:  # a log that a crash left may hold what was deleted just before
            connection.execute("pragma wal_checkpoint(truncate)")
        _migrate(path, connection, schema)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreUnusable(f"{path}: {error}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(path: Path, connection: sqlite3.Connection, schema: Migrations) -> None:
    db = Database(connection)
    if db.table_names() and Migrations.migrations_table not in db.table_names():
        raise StoreUnusable(f"{path}: a database of another program")
    known = {migration.name for migration in schema.pending(Database(memory=True))}
    unknown: Sequence[str] = [m.name for m in schema.applied(db) if m.name not in known]
    if unknown:
        raise StoreUnusable(
            f"{path}: made by a newer Tracen, or one before 0.1 (it has {unknown[0]!r}); "
            "update this one, or give --db another file"
        )
    schema.apply(db)
