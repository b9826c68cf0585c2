"""What a check finds, in words: what is wrong with which file, and what puts it right."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from viewer.store.durable import is_unseen, primary_code, reason

_SHOWN = 5
"""Of what is wrong many times."""

Watch = Callable[[str, int, int], None]
"""Hears what is looked at, how much of it is done, and how much it is."""


class Depth(Enum):
    """How far a check goes."""

    QUICK = "the files as SQLite's quick check sees them, and whether they belong together"
    STRUCTURE = "the files in full, and what their rows say of each other"
    ALL = "and every body, payload and document as it is read for a page"


class Mend(Enum):
    """What `tracen check --repair` does, without a backup."""

    PUT_BACK = "what a backup moved aside is put back, or removed where the copy is in place"
    INDEX = "the index of traces is made anew at the next start"
    LISTS = "the lists of traces are made anew at the next start"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; or `is_unseen`: nobody could look, and it may be whole."""

    file: str
    what: str
    repair: str
    mend: Mend | None = None
    is_unseen: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, how many rows there are of what, how large the files are, and what was not looked at.

    `is_older`: an older release made it, and what its rows say was not looked at; the next start brings it up to date.
    """

    findings: tuple[Finding, ...]
    counts: dict[str, int]
    size_bytes: int
    unchecked: tuple[str, ...] = ()
    is_older: bool = False


_AGAIN = "then check again"
_ACCESS = (
    f"let this user read the file and its folder, and see that files can be opened (`ulimit -n`); {_AGAIN}"
)
_REPAIRS = {
    sqlite3.SQLITE_BUSY: f"another program has it locked: wait for it, or end it; {_AGAIN}",
    sqlite3.SQLITE_LOCKED: f"another program has it locked: wait for it, or end it; {_AGAIN}",
    sqlite3.SQLITE_NOMEM: f"see that there is memory to spare; {_AGAIN}",
    sqlite3.SQLITE_FULL: f"make room on the disk, also where temporary files are; {_AGAIN}",
    sqlite3.SQLITE_IOERR: f"see what the system says of the disk; {_AGAIN}",
}


class Findings:
    """Collects what is wrong with one store; of many of a kind some are told and the rest counted."""

    def __init__(self, main: Path) -> None:
        self.main = main
        self._told: dict[tuple[str, str], list[Finding]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    @property
    def restoring(self) -> str:
        """How a backup is put in the place of the store."""
        return f"stop the server, then `tracen backup --db BACKUP --force {shlex.quote(str(self.main))}`"

    @property
    def mending(self) -> str:
        """How Tracen puts right what needs no backup."""
        return f"stop the server, then `tracen check --db {shlex.quote(str(self.main))} --repair`"

    def damaged(self, file: Path, what: str, kind: str = "") -> None:
        """Something is wrong that a backup alone puts right."""
        self.add(file, what, self.restoring, kind)

    def failed(self, file: Path, error: sqlite3.Error | OSError | MemoryError) -> None:
        """Reading did not work: because of what is in the file, or because nobody could look."""
        if isinstance(error, sqlite3.Error) and not is_unseen(error):
            self.damaged(file, f"can not be read: {error}")
            return
        words = reason(error) if isinstance(error, sqlite3.Error) else str(error)
        told = (error.strerror if isinstance(error, OSError) else None) or words or "no memory is left"
        code = primary_code(error) if isinstance(error, sqlite3.Error) else None
        code = sqlite3.SQLITE_NOMEM if isinstance(error, MemoryError) else code
        repair = _REPAIRS.get(code, _ACCESS) if code is not None else _ACCESS
        self._add(Finding(str(file), f"could not be looked at: {told}", repair, is_unseen=True))

    def mendable(self, file: Path, what: str, mend: Mend, kind: str = "") -> None:
        """Something is wrong that needs no backup."""
        self._add(Finding(str(file), what, self.mending, mend), kind)

    def add(self, file: Path, what: str, repair: str, kind: str = "") -> None:
        """Those with the same `kind` are told a few times."""
        self._add(Finding(str(file), what, repair), kind)

    def _add(self, finding: Finding, kind: str = "") -> None:
        key = (finding.file, kind or finding.what)
        self._counts[key] = self._counts.get(key, 0) + 1
        told = self._told.setdefault(key, [])
        if len(told) < _SHOWN:
            told.append(finding)

    def any(self) -> bool:
        return bool(self._told)

    def all(self) -> Iterator[Finding]:
        """In the order in which they were found."""
        for key, told in self._told.items():
            yield from told
            if more := self._counts[key] - len(told):
                yield replace(told[0], what=f"{key[1]}: {more:,} more")
