"""What a copy replaces: moved aside until the copy is in its place, so that whenever this ends, it can be put back.

The name of the copy is noted before anything moves. FILE of that name in place says that it is done; whatever else lies
there is not taken for the copy, and is neither replaced nor a reason to remove what is aside.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from viewer.store.base import StoreError
from viewer.store.durable import DERIVED, DURABLE, LOGS, MAIN, OLD, DurableFile, is_unseen, readonly_uri
from viewer.store.lock import is_taken_alone

_NEW = ".backup-in-progress"
_NOTE = ".backup-name"


class BackupRefused(StoreError):
    """The copy must not be put there; the message says why, and what would be accepted."""


class BackupFailed(StoreError):
    """The copy could not be made; what was there before is as it was."""


def repair_of(target: Path) -> str:
    """What finishes a backup that was cut short, or puts back what was there."""
    return f"`tracen check --db {shlex.quote(str(target))} --repair` puts it right"


def move_aside(target: Path, name: str = "") -> None:
    """Make room for a copy of that name. FILE is last: where it is aside, all is.

    An empty file stands for one that was not there.
    """
    with _note(target).open("w", encoding="ascii") as note:
        note.write(name)
        note.flush()
        os.fsync(note.fileno())
    sync(target.parent)
    for file in reversed(DURABLE):
        path, old = file.beside(target), file.beside(_old(target))
        if path.exists():
            path.rename(old)
        else:
            old.touch(mode=0o600)
        for log in LOGS:  # it is a part of its file
            if (beside := Path(f"{path}{log}")).exists():
                beside.rename(f"{old}{log}")
    for suffix in DERIVED:  # wrong beside the new ones
        for log in ("", *LOGS):
            Path(f"{target}{suffix}{log}").unlink(missing_ok=True)
    sync(target.parent)


def put_back(target: Path) -> None:
    """Tidy up after what was cut short at any point: then what is in place is whole, and alone.

    It may be cut short itself, and called again. Raises BackupRefused where it can not know what is wanted.
    """
    if not is_done(target):
        _check_free(target)
        for file in reversed(DURABLE):  # FILE last
            _put_file_back(file.beside(target), file.beside(_old(target)))
        sync(target.parent)
    remove(new_of(target))
    remove(_old(target))
    if _note(target).exists():
        sync(target.parent)  # first they are gone, then what speaks for them
        _note(target).unlink()


def _put_file_back(path: Path, old: Path) -> None:
    for log in LOGS:
        if (aside := Path(f"{old}{log}")).exists():
            aside.rename(f"{path}{log}")
    if old.exists() and old.stat().st_size:
        old.rename(path)


def _check_free(target: Path) -> None:
    """Only files of the copy may lie where others are put back; those of the copy are removed.

    Where nothing was before, whatever is there is left.
    """
    in_the_way = [file for file in DURABLE if file.beside(target).exists() and _is_aside(target, file)]
    for file in in_the_way:
        path, old = file.beside(target), file.beside(_old(target))
        if not _is_copy(target, file) and old.stat().st_size:
            raise BackupRefused(
                f"{path} was made after a backup had moved {old} aside: "
                "move one of the two away, with what is beside it, and try again"
            )
    for file in in_the_way:
        if _is_copy(target, file):
            file.beside(target).unlink()


def _is_aside(target: Path, file: DurableFile) -> bool:
    return file.beside(_old(target)).exists()


def is_done(target: Path) -> bool:
    """Whether the copy is in its place, FILE too, which is last."""
    return _is_copy(target, MAIN)


def _is_copy(target: Path, file: DurableFile) -> bool:
    """Whether a file in place is that of the copy whose name was noted. Raises BackupFailed where nobody can tell."""
    path = file.beside(target)
    try:
        name = _note(target).read_text("ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    if not name or not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(readonly_uri(path), uri=True)) as connection:
            row = connection.execute(f"select name from {file.name_table}").fetchone()  # noqa: S608 - constants
    except sqlite3.Error as error:
        if is_unseen(error):
            raise BackupFailed(f"{path} can not be looked at: {error}") from None
        return False
    return row is not None and row[0] == name


def has_aside(target: Path) -> bool:
    """Whether anything lies aside: of a backup that was cut short, or that another process puts in place now."""
    olds = [file.beside(_old(target)) for file in DURABLE]
    return any(Path(f"{old}{log}").exists() for old in olds for log in ("", *LOGS))


def is_half_in_place(target: Path) -> bool:
    """Whether a backup was cut short in the very moment in which it was put in place: nobody must open it."""
    return has_aside(target) and not is_done(target)


def remove(main: Path) -> None:
    """Remove a store's files, FILE last."""
    for file in reversed(DURABLE):
        for log in (*LOGS, ""):
            Path(f"{file.beside(main)}{log}").unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_of(target: Path) -> Path:
    """What the copy is called before it is in its place."""
    return Path(f"{target}{_NEW}")


def _old(target: Path) -> Path:
    return Path(f"{target}{OLD}")


def _note(target: Path) -> Path:
    return Path(f"{target}{_NOTE}")


# -- nobody else ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Be the only one at a store: no server, no other backup. Raises BackupRefused, BackupFailed."""
    with _opened_lock(Path(f"{target}.lock"), target) as lock:
        if not is_taken_alone(lock):
            raise BackupRefused(
                f"{target} is in use, by `tracen serve` or another backup; stop it, or give another file"
            )
        yield


def _opened_lock(path: Path, target: Path) -> IO[bytes]:
    try:
        is_new = not path.exists()
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        if is_new and target.exists():
            make_alike(path, target)
    except OSError as error:
        raise BackupFailed(f"{path}: {error.strerror}") from None
    return file


def make_alike(path: Path, other: Path) -> None:
    """Give a file the owner and the mode of another: whoever could open that one opens this one.

    Raises PermissionError where only another user could.
    """
    told = other.stat()
    mine = path.stat()
    if (mine.st_uid, mine.st_gid) != (told.st_uid, told.st_gid):
        os.chown(path, told.st_uid, told.st_gid)
    path.chmod(told.st_mode & 0o777)
