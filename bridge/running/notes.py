"""What the Pythons of a program noted of themselves, read once it has ended; and which of its processes go on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.running.environment import NOTES

_MAX_BYTES = 64 * 1024
_MAX_FILES = 1_000


@dataclass(frozen=True, slots=True)
class Findings:
    """Over all Pythons of a program, each told once: `pythons` are executables, the rest names as they were noted."""

    pythons: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    instrumented: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    exporters: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    """The executables of those that noted something missing."""


def findings(folder: Path) -> Findings:
    """Read the notes in a folder. What a program may have written there itself is not believed further than text."""
    found: dict[str, dict[str, None]] = {}
    for lines in _notes(folder):
        for subject, text in lines:
            found.setdefault(subject, {})[text] = None
        noted = dict(lines)
        if "missing" in noted and "python" in noted:
            found.setdefault("lacking", {})[noted["python"]] = None
    names = Findings.__slots__
    return Findings(**{name: tuple(found.get("python" if name == "pythons" else name, ())) for name in names})


def _notes(folder: Path) -> Iterator[list[tuple[str, str]]]:
    """Of each process, what it noted about what."""
    for path in sorted(folder.glob("*.notes"))[:_MAX_FILES]:
        with contextlib.suppress(OSError):
            text = path.read_bytes()[:_MAX_BYTES].decode(errors="replace")
            parts = (line.partition("\t") for line in text.splitlines())
            yield [(subject, told) for subject, _, told in parts]


def left_behind(folder: Path, proc: Path = Path("/proc")) -> list[int]:
    """The processes that still have the run's environment; none where the system does not tell (no /proc)."""
    marker = f"{NOTES}={folder}".encode()
    found = []
    for path in proc.glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if marker in path.read_bytes().split(b"\0") and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return sorted(found)
