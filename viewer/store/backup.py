"""Copies of a whole store, of one moment, also beside its server: what `tracen serve` opens at once.

A copy is written beside its place, checked, and put there when all of it is on disk. What was there before is moved
aside, FILE after all else, and FILE of the copy comes last: whenever it ends, what is in place is one or the other, or
too little for anybody to open, and `put_back` makes it whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from viewer.store.base import StoreError
from viewer.store.durable import DERIVED, DURABLE, MAIN, DurableFile, one_moment, present

logger = logging.getLogger("tracen.store")

_STEP_BYTES = 4 * 1024 * 1024
_NEW = ".backup-in-progress"
_OLD = ".backup-replaced"
_LOGS = ("-wal", "-shm", "-journal")
_AS_IT_WAS = "what was there before is as it was"

Watch = Callable[[int, int], None]
"""Hears how many bytes are copied, of how many."""


class BackupRefused(StoreError):
    """The copy must not be put there; the message says why, and what would be accepted."""


class BackupFailed(StoreError):
    """The copy could not be made; what was there before is as it was."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is beside its place, and not in it yet."""

    target: Path
    files: tuple[DurableFile, ...]
    size_bytes: int

    @property
    def main(self) -> Path:
        """Its FILE: it is a store already."""
        return _new(self.target)


@contextlib.contextmanager
def copied(db: Path, target: Path, watch: Watch, *, is_forced: bool = False) -> Iterator[Copy]:
    """Copy a store to where `put_in_place` takes it from; what is not put in place is removed after the block.

    Raises BackupRefused, BackupFailed, StoreUnusable.
    """
    db, target = db.resolve(), target.resolve()
    _check_place(db, target)
    if not is_left_aside(target) and not is_forced:
        _check_replaceable(target)
    with _only_one(target):
        put_back(target)
        if not is_forced:
            _check_replaceable(target)
        try:
            yield _copy(db, target, watch)
        finally:
            _remove(_new(target))


def _check_place(db: Path, target: Path) -> None:
    """Raise BackupRefused where a copy must not be, whatever is there."""
    if not target.parent.is_dir():
        raise BackupRefused(f"there is no folder {target.parent}; make it, or give another file")
    if target.is_dir():
        raise BackupRefused(f"{target} is a folder; give a file in it, such as {target / 'tracen.db'}")
    of_store = {Path(f"{db}{suffix}") for suffix in (*_suffixes(), ".lock")}
    if any(path in of_store or _is_same(path, db) for path in _paths(target)):
        raise BackupRefused(f"{target} is a part of the store itself; give another file")


def _check_replaceable(target: Path) -> None:
    """Raise BackupRefused where something is that is no store of Tracen's."""
    if _is_store(target):
        return
    for path in _paths(target):
        if path.exists():
            raise BackupRefused(f"{path} is there and no backup of Tracen; --force writes over it")


def _is_store(path: Path) -> bool:
    """Whether FILE is a store of Tracen's, of whatever release, as far as can be seen."""
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            sql = f"select 1 from _sqlite_migrations where migration_set = '{MAIN.schema.name}'"  # noqa: S608
            return connection.execute(sql).fetchone() is not None
    except sqlite3.Error:
        return False


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _suffixes() -> Iterator[str]:
    """Of everything that a store may have beside its FILE, less the lock."""
    for suffix in (*(file.suffix for file in DURABLE), *DERIVED):
        yield suffix
        yield from (suffix + log for log in _LOGS)


def _paths(main: Path) -> list[Path]:
    return [file.beside(main) for file in DURABLE]


def _new(target: Path) -> Path:
    return Path(f"{target}{_NEW}")


def _old(target: Path) -> Path:
    return Path(f"{target}{_OLD}")


@contextlib.contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Be the only one at the target: no server, no other backup. Raises BackupRefused."""
    with _opened_lock(Path(f"{target}.lock")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(
                f"{target} is in use, by `tracen serve` or another backup; stop it, or give another file"
            ) from None
        yield


def _opened_lock(path: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as error:
        raise BackupFailed(f"{path}: {error.strerror}") from None


# -- copying -------------------------------------------------------------------------------------------


def _copy(db: Path, target: Path, watch: Watch) -> Copy:
    with one_moment(db) as reading:
        files = tuple(present(db))
        sizes = [_bytes_of(reading, file) for file in files]
        _check_room(target.parent, sum(sizes))
        name = secrets.token_hex(16)
        for number, file in enumerate(files):
            path = file.beside(_new(target))
            try:
                _copy_file(reading, file, path, partial(_told, watch, sum(sizes[:number]), sum(sizes)))
                _rename_pair(path, file, name)
                logger.debug("%s: %d bytes are copied", path, sizes[number])
            except (sqlite3.Error, OSError) as error:
                raise BackupFailed(f"{path}: {_reason(error)}; {_AS_IT_WAS}") from None
    return Copy(target, files, sum(sizes))


def _told(watch: Watch, before: int, total: int, copied_bytes: int) -> None:
    watch(before + copied_bytes, total)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _bytes_of(connection: sqlite3.Connection, file: DurableFile) -> int:
    pages: int = connection.execute(f"pragma {file.alias}.page_count").fetchone()[0]
    return pages * _page_bytes(connection, file)


def _page_bytes(connection: sqlite3.Connection, file: DurableFile) -> int:
    size: int = connection.execute(f"pragma {file.alias}.page_size").fetchone()[0]
    return size


def _check_room(folder: Path, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size_bytes:
        raise BackupFailed(
            f"the copy has {size_bytes:,} bytes, and the disk of {folder} {free:,} to spare; {_AS_IT_WAS}"
        )


def _copy_file(
    reading: sqlite3.Connection, file: DurableFile, path: Path, watch: Callable[[int], None]
) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    page_bytes = _page_bytes(reading, file)

    def told(status: int, remaining: int, total: int) -> None:
        watch((total - remaining) * page_bytes)

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writing:
        writing.execute("pragma journal_mode = off")  # a copy that is cut short is thrown away
        writing.execute("pragma synchronous = off")
        pages = max(1, _STEP_BYTES // page_bytes)
        reading.backup(writing, pages=pages, progress=told, name=file.alias)


def _rename_pair(path: Path, file: DurableFile, name: str) -> None:
    """Give the copy's files a name of their own: then one of them is taken for no file of another copy, or of the
    store; and the lists of traces, which are made of both, are made anew where the copy replaces the store.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = delete")  # one file, without logs beside it
        connection.execute("pragma secure_delete = on")
        connection.execute(f"update {file.name_table} set name = ?", (name,))  # noqa: S608 - constants
    _sync(path)


# -- putting in place ----------------------------------------------------------------------------------


def put_in_place(copy: Copy) -> None:
    """Replace what is at the target by the copy, or leave it as it was. Raises BackupFailed."""
    target = copy.target
    try:
        for path in _paths(target):
            _empty_log(path)
        try:
            _move_aside(target)
            for file in reversed(copy.files):  # FILE last
                file.beside(_new(target)).rename(file.beside(target))
            _sync(target.parent)
            logger.debug("%s: the copy is in its place", target)
        finally:
            put_back(target)
    except OSError as error:
        raise BackupFailed(f"{target}: {_reason(error)}; {_AS_IT_WAS}") from None


def _move_aside(target: Path) -> None:
    """FILE last: where it is aside, all is. An empty file stands for one that was not there."""
    for file in reversed(DURABLE):
        path, old = file.beside(target), file.beside(_old(target))
        if path.exists():
            path.rename(old)
        else:
            old.touch(mode=0o600)
    durable = {file.suffix for file in DURABLE}
    for suffix in set(_suffixes()) - durable:  # wrong beside the new ones
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    _sync(target.parent)


def put_back(target: Path) -> None:
    """Tidy up after what was cut short at any point: then what is in place is whole, and alone.

    It may be cut short itself, and called again.
    """
    is_done = _old(target).exists() and target.exists()
    for file in () if is_done else reversed(DURABLE):  # FILE last
        path, old = file.beside(target), file.beside(_old(target))
        if old.exists() and old.stat().st_size:
            old.rename(path)
        elif old.exists():
            path.unlink(missing_ok=True)
    _remove(_new(target))
    _remove(_old(target))


def is_left_aside(target: Path) -> bool:
    """Whether a backup was cut short in the very moment in which it was put in place."""
    return any(path.exists() for path in _paths(_old(target)))


def _empty_log(path: Path) -> None:
    """Bring what is in the old file's write-ahead log into it: moved aside, it is one file."""
    if not any(Path(f"{path}{log}").exists() for log in _LOGS):
        return
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = delete")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            raise BackupFailed(f"{path}: {error}; {_AS_IT_WAS}") from None
        return  # broken, or no database: it is on its way out


def _remove(main: Path) -> None:
    """Remove a store's files, FILE last."""
    for path in reversed(_paths(main)):
        for log in (*_LOGS, ""):
            Path(f"{path}{log}").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
