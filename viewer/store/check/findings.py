"""What a check finds, in words: what is wrong with which file, and what puts it right."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_SHOWN = 5
"""Of what is wrong many times."""

Watch = Callable[[str, int, int], None]
"""Hears what is looked at, how much of it is done, and how much it is."""


class Depth(Enum):
    """How far a check goes."""

    QUICK = "the files as SQLite's quick check sees them, and whether they belong together"
    STRUCTURE = "the files in full, and what their rows say of each other"
    ALL = "and every body, payload and document as it is read for a page"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    file: str
    what: str
    repair: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, how many rows there are of what, and how large the files are.

    `is_older`: an older release made it, and what its rows say was not looked at; the next start brings it up to date.
    """

    findings: tuple[Finding, ...]
    counts: dict[str, int]
    size_bytes: int
    is_older: bool = False


class Findings:
    """Collects what is wrong with one store; of many of a kind some are told and the rest counted."""

    def __init__(self, main: Path) -> None:
        self._main = main
        self._told: dict[tuple[str, str], list[Finding]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    @property
    def restoring(self) -> str:
        """How a backup is put in the place of the store."""
        return f"stop the server, then `tracen backup --db BACKUP --force {shlex.quote(str(self._main))}`"

    def damaged(self, file: Path, what: str, kind: str = "") -> None:
        """Something is wrong that a backup alone puts right."""
        self.add(file, what, self.restoring, kind)

    def add(self, file: Path, what: str, repair: str, kind: str = "") -> None:
        """Those with the same `kind` are told a few times."""
        key = (str(file), kind or what)
        self._counts[key] = self._counts.get(key, 0) + 1
        told = self._told.setdefault(key, [])
        if len(told) < _SHOWN:
            told.append(Finding(str(file), what, repair))

    def any(self) -> bool:
        return bool(self._told)

    def all(self) -> Iterator[Finding]:
        """In the order in which they were found."""
        for key, told in self._told.items():
            yield from told
            if more := self._counts[key] - len(told):
                yield Finding(key[0], f"{key[1]}: {more:,} more", told[0].repair)
