"""Copies of a whole store, of one moment, also beside its server: what `tracen serve` opens at once.

A copy is written beside its place, checked, and put there when all of it is on disk. What was there before is moved
aside (`aside.py`), and FILE of the copy comes last: whenever it ends, what is in place is one or the other, or nobody
opens it until `put_back` makes it whole.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from viewer.store.aside import (
    BackupFailed as BackupFailed,
    BackupRefused as BackupRefused,
    has_aside,
    is_half_in_place,
    make_alike,
    move_aside,
    new_of,
    only_one,
    put_back,
    remove,
    repair_of,
    sync,
)
from viewer.store.base import StoreUnusable
from viewer.store.durable import (
    DERIVED,
    DURABLE,
    LOGS,
    MAIN,
    DurableFile,
    is_unseen,
    one_moment,
    present,
    readonly_uri,
)

logger = logging.getLogger("tracen.store")

_STEP_BYTES = 4 * 1024 * 1024
_WRITE_VERSION, _HEADER_BYTES = 18, 19
"""Where SQLite's header says how a file is written; 2 is with a write-ahead log ("Database File Format", 1.3.3)."""
_AS_IT_WAS = "what was there before is as it was"

Watch = Callable[[int, int], None]
"""Hears how many bytes are copied, of how many."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is beside its place, and not in it yet. `name` holds its files together.

    `is_restored`: it is one of a backup, or comes over a store that was served.
    """

    target: Path
    files: tuple[DurableFile, ...]
    size_bytes: int
    name: str
    is_restored: bool

    @property
    def main(self) -> Path:
        """Its FILE: it is a store already."""
        return new_of(self.target)


@contextlib.contextmanager
def copied(db: Path, target: Path, watch: Watch, *, is_forced: bool = False) -> Iterator[Copy]:
    """Copy a store to where `put_in_place` takes it from; what is not put in place is removed after the block.

    Raises BackupRefused, BackupFailed, StoreUnusable.
    """
    db, target = db.resolve(), target.resolve()
    check_source(db)
    _check_place(db, target)
    if not has_aside(target) and not is_forced:
        _check_replaceable(target)
    with only_one(target):
        put_back(target)
        if not is_forced:
            _check_replaceable(target)
        try:
            yield _copy(db, target, watch)
        finally:
            remove(new_of(target))


def check_source(db: Path) -> None:
    """Raise StoreUnusable where there is no store that could be copied, with what would help."""
    if is_half_in_place(db):
        raise StoreUnusable(f"{db}: a backup was cut short while it was put in place here; {repair_of(db)}")
    for file in present(db):
        path = file.beside(db)
        if not path.exists():
            if db.is_file() and not _is_store(db):
                raise StoreUnusable(f"{db} is no store of Tracen; give the file of one")
            raise StoreUnusable(
                f"{path} is missing, a part of {db}; `tracen check --db {shlex.quote(str(db))}` says what puts it right"
            )
        if not path.is_file():
            raise StoreUnusable(f"{path} is no regular file; give the file of a store")


def _check_place(db: Path, target: Path) -> None:
    """Raise BackupRefused where a copy must not be, whatever is there."""
    if not target.parent.is_dir():
        raise BackupRefused(f"there is no folder {target.parent}; make it, or give another file")
    if target.is_dir():
        raise BackupRefused(f"{target} is a folder; give a file in it, such as {target / 'tracen.db'}")
    for path in _paths(target):
        if path.exists() and not path.is_file():
            raise BackupRefused(f"{path} is no regular file; give another file")
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
        with contextlib.closing(sqlite3.connect(readonly_uri(path), uri=True)) as connection:
            sql = f"select 1 from _sqlite_migrations where migration_set = '{MAIN.schema.name}'"  # noqa: S608
            return connection.execute(sql).fetchone() is not None
    except sqlite3.Error as error:
        if is_unseen(error):
            raise BackupRefused(
                f"{path} can not be read ({error}), so nobody knows what would be replaced; give another file"
            ) from None
        return False


def _was_served(path: Path) -> bool:
    """Whether a server has had FILE open: it keeps a write-ahead log, and a copy has none."""
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)[_WRITE_VERSION:] == b"\x02"


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _suffixes() -> Iterator[str]:
    """Of everything that a store may have beside its FILE, less the lock."""
    for suffix in (*(file.suffix for file in DURABLE), *DERIVED):
        yield suffix
        yield from (suffix + log for log in LOGS)


def _paths(main: Path) -> list[Path]:
    return [file.beside(main) for file in DURABLE]


# -- copying -------------------------------------------------------------------------------------------


def _copy(db: Path, target: Path, watch: Watch) -> Copy:
    with one_moment(db) as reading:
        files = tuple(present(db))
        sizes = [_bytes_of(reading, file) for file in files]
        _check_room(target.parent, sum(sizes))
        name = secrets.token_hex(16)
        for number, file in enumerate(files):
            path = file.beside(new_of(target))
            try:
                _copy_file(reading, file, path, partial(_told, watch, sum(sizes[:number]), sum(sizes)))
                _rename_pair(path, file, name)
                logger.debug("%s: %d bytes are copied", path, sizes[number])
            except (sqlite3.Error, OSError) as error:
                raise BackupFailed(f"{path}: {_reason(error)}; {_AS_IT_WAS}") from None
    is_restored = not _was_served(db) or (target.exists() and _was_served(target))
    return Copy(target, files, sum(sizes), name, is_restored)


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
    sync(path)


# -- putting in place ----------------------------------------------------------------------------------


def put_in_place(copy: Copy) -> None:
    """Replace what is at the target by the copy, or leave it as it was. Raises BackupFailed."""
    target = copy.target
    try:
        for path in _paths(target):
            _empty_log(path)
        for file in copy.files:
            _keep_owner(file.beside(new_of(target)), file.beside(target), target)
        try:
            move_aside(target, copy.name)
            for file in reversed(copy.files):  # FILE last
                file.beside(new_of(target)).rename(file.beside(target))
            sync(target.parent)
            logger.debug("%s: the copy is in its place", target)
        finally:
            put_back(target)
    except OSError as error:
        raise BackupFailed(f"{target}: {_reason(error)}; {_left(target)}") from None


def _left(target: Path) -> str:
    """What is there after the disk itself has failed in the midst of it."""
    if is_half_in_place(target):
        return repair_of(target)
    return "the copy is in place, with what it replaced beside it" if has_aside(target) else _AS_IT_WAS


def _keep_owner(path: Path, *replaced: Path) -> None:
    """Whoever could open what is replaced opens the copy: a store that is restored by another user than its server."""
    like = next((one for one in replaced if one.exists()), None)
    if like is not None:
        try:
            make_alike(path, like)
        except PermissionError:
            raise BackupFailed(
                f"{like} belongs to another user, and so would the copy: run it as that one, or as root; {_AS_IT_WAS}"
            ) from None


def _empty_log(path: Path) -> None:
    """Bring what is in the old file's write-ahead log into it, if nobody has it open; else it moves aside with it."""
    if not any(Path(f"{path}{log}").exists() for log in LOGS) or not path.exists() or not path.stat().st_size:
        return
    try:
        with contextlib.closing(sqlite3.connect(readonly_uri(path), uri=True)) as connection:
            connection.execute(
                "select 1 from sqlite_master"
            ).fetchone()  # else closing it would remove the log
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = delete")
    except sqlite3.DatabaseError as error:
        if is_unseen(error):
            raise BackupFailed(f"{path}: {error}; {_AS_IT_WAS}") from None
        logger.debug("%s: its log is left as it is: %s", path, error)  # broken: it is on its way out
