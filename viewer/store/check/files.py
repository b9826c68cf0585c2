"""The files themselves: there, whole, of this release, and a pair. FILE-search is made anew where it is not."""

from __future__ import annotations

import contextlib
import sqlite3
from enum import Enum
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from viewer.store.aside import has_aside, is_half_in_place
from viewer.store.check.findings import Findings, Mend, Watch
from viewer.store.check.statements import watched
from viewer.store.durable import DURABLE, MAIN, DurableFile, is_unseen, names, present, readonly_uri
from viewer.store.schema import search_migrations

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_NAME_ANOTHER = "name a store with `--db`; where one was, move this file away, and put a backup in its place"
_TOLD = 3
"""Lines of SQLite's about a file; it has up to a hundred."""


def size_of(main: Path) -> int:
    """Bytes on the disk of what can not be made again, with its logs."""
    paths = (Path(f"{file.beside(main)}{log}") for file in DURABLE for log in ("", "-wal"))
    return sum(path.stat().st_size for path in paths if path.exists())


def are_there(main: Path, findings: Findings) -> bool:
    """Whether every file is there and begins as a database does."""
    if is_strange(main):
        findings.add(main, "is no store, and nothing of one is beside it", _NAME_ANOTHER)
        return False
    if is_half_in_place(main):
        what = "is half in place: a backup was cut short in that moment, or is in it now"
        findings.mendable(main, what, Mend.PUT_BACK)
        return False
    if has_aside(main):
        what = "is in place, and what a backup replaced is still beside it, in *.backup-replaced*"
        findings.mendable(main, what, Mend.PUT_BACK)
    are = [_is_there(file.beside(main), findings) for file in present(main)]  # each of them is told
    return all(are)


def is_strange(main: Path) -> bool:
    """Whether a file was made by another program: a repair that replaces it would be its end."""
    others = (file.beside(main) for file in DURABLE if file is not MAIN)
    if not main.is_file() or has_aside(main) or any(map(Path.exists, others)):
        return False
    try:
        with contextlib.closing(sqlite3.connect(readonly_uri(main.absolute()), uri=True)) as reading:
            return not _applied(reading, MAIN)  # as of another of Tracen's files, such as FILE-bodies
    except sqlite3.DatabaseError as error:
        return not is_unseen(error)


def _is_there(path: Path, findings: Findings) -> bool:
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            findings.add(path, "is no regular file", f"move it away; where a store was, {findings.restoring}")
            return False
        wrong = _wrong_with(path)
    except OSError as error:
        findings.failed(path, error)
        return False
    if wrong:
        findings.damaged(path, wrong)
    return not wrong


def _wrong_with(path: Path) -> str:
    if not path.exists():
        return "is missing"
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    size = path.stat().st_size
    if not header:
        return "is empty"
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        return "is no SQLite database, or its beginning was overwritten"
    wanted = _bytes_told(header)
    has_log = Path(f"{path}-wal").exists() and Path(f"{path}-wal").stat().st_size
    if size < wanted and not has_log:
        return f"was cut short: {size:,} of {wanted:,} bytes are there"
    return ""


def _bytes_told(header: bytes) -> int:
    """How large a database says that it is (SQLite, "Database File Format", 1.3); 0 where it does not."""
    page_bytes = int.from_bytes(header[16:18], "big")
    is_told = header[24:28] == header[92:96]  # the size is of the version that wrote last
    pages = int.from_bytes(header[28:32], "big") if is_told else 0
    return pages * (65536 if page_bytes == 1 else page_bytes)


# -- schema and pair -----------------------------------------------------------------------------------


class Release(Enum):
    """Whose tables a file has."""

    STRANGE = "of another program, or of a newer release"
    OLDER = "of an older release"
    THIS = "of this release"


def check_schemas(moment: sqlite3.Connection, main: Path, findings: Findings) -> Release:
    """The worst of all files."""
    found = {_check_schema(moment, main, file, findings) for file in present(main)}
    return next(release for release in Release if release in found)


def _check_schema(moment: sqlite3.Connection, main: Path, file: DurableFile, findings: Findings) -> Release:
    path = file.beside(main)
    applied = _applied(moment, file)
    known = [migration.name for migration in file.schema.pending(Database(memory=True))]
    if not applied:
        findings.damaged(path, "is a database of another program, or of another of Tracen's files")
        return Release.STRANGE
    if unknown := [name for name in applied if name not in known]:
        findings.add(path, f"was made by a newer Tracen (it has {unknown[0]!r})", "update this one")
        return Release.STRANGE
    return Release.THIS if len(applied) == len(known) else Release.OLDER


def _applied(moment: sqlite3.Connection, file: DurableFile) -> list[str]:
    sql = (
        f"select name from {file.alias}.{Migrations.migrations_table} where migration_set = ? order by rowid"  # noqa: S608
    )
    try:
        return [name for (name,) in moment.execute(sql, (file.schema.name,))]
    except sqlite3.OperationalError as error:
        if is_unseen(error):
            raise
        return []  # no such table


def check_pair(moment: sqlite3.Connection, main: Path, findings: Findings) -> bool:
    """Whether the files belong together."""
    found = names(moment, main)
    strangers = [file for file in present(main) if found[file.alias] != found[MAIN.alias]]
    for file in strangers:
        findings.add(
            file.beside(main),
            f"does not belong to {main.name}: it is of another store, or of another backup of this one",
            f"put that file back which was beside {main.name}; or {findings.restoring}",
        )
    return not strangers


# -- SQLite's own opinion ------------------------------------------------------------------------------


def check_integrity(
    moment: sqlite3.Connection, main: Path, findings: Findings, watch: Watch, *, quick: bool
) -> None:
    """Every page of every file; of FILE whether what rows point to is there."""
    for file in present(main):
        path = file.beside(main)
        try:
            told = _opinion(moment, file.alias, path, watch, quick=quick)
        except sqlite3.Error as error:
            findings.failed(path, error)
            continue
        for line in told[:_TOLD]:
            findings.damaged(path, f"is damaged: {' '.join(line.split())}")
        if len(told) > _TOLD:
            findings.damaged(
                path, f"is damaged in {len(told) - _TOLD}{'+' if len(told) >= 100 else ''} more places"
            )
    if not findings.any():  # else it would tell the same again
        for table, row_id, parent, _ in moment.execute("pragma main.foreign_key_check"):
            findings.damaged(
                main, f"{table} {row_id} belongs to one of {parent} that is not there", f"{table}: orphans"
            )


def _opinion(
    connection: sqlite3.Connection, alias: str, path: Path, watch: Watch, *, quick: bool
) -> list[str]:
    size = path.stat().st_size
    pragma = "quick_check" if quick else "integrity_check"
    try:
        with watched(connection, lambda: watch(path.name, 0, size)):
            told = [line for (line,) in connection.execute(f"pragma {alias}.{pragma}")]
    except sqlite3.DatabaseError as error:
        if is_unseen(error):
            raise
        told = [str(error)]
    watch(path.name, size, size)
    return [line for line in told if line != "ok"]


# -- what can be made again ----------------------------------------------------------------------------


def check_search(main: Path, findings: Findings, watch: Watch) -> None:
    """FILE-search, if it is there and of this release: what else it may be, a start of the server puts right."""
    path = Path(f"{main}-search")
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with contextlib.closing(
            sqlite3.connect(readonly_uri(path), uri=True, isolation_level=None)
        ) as connection:
            if search_migrations.pending(Database(connection)):
                return
            told = _opinion(connection, "main", path, watch, quick=True)
    except sqlite3.DatabaseError as error:
        if is_unseen(error):
            findings.failed(path, error)
            return
        told = [str(error)]
    if told:
        findings.mendable(path, f"is damaged: {' '.join(told[0].split())}", Mend.LISTS)
