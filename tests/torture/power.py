"""What a power cut leaves: the files of a process as they are on disk, and not as it believes them to be."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHIM = Path(__file__).with_name("unsynced.c")
SECTOR = 512
_HEAD = struct.Struct("=cIqI")


def compiler() -> str | None:
    """The C compiler, where there is one and the shim can be preloaded."""
    return shutil.which("cc") if sys.platform.startswith("linux") else None


def build_shim(folder: Path) -> Path:
    """Compile the shim; the answer is what LD_PRELOAD takes."""
    library = folder / "unsynced.so"
    command = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(command, check=True)
    return library


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that was done to a file. `end` is where its record ends in the log."""

    kind: str
    path: Path
    offset: int
    data: bytes
    end: int


def read_log(log: Path) -> list[Operation]:
    """What the process did, in order; a record that is not whole is none."""
    return list(_operations(log.read_bytes()))


def _operations(content: bytes) -> Iterator[Operation]:
    at = 0
    while at + _HEAD.size <= len(content):
        kind, path_size, offset, data_size = _HEAD.unpack_from(content, at)
        start = at + _HEAD.size
        at = start + path_size + data_size
        if at > len(content):
            return
        path = Path(content[start : start + path_size].decode())
        yield Operation(kind.decode(), path, offset, content[start + path_size : at], at)


@dataclass(slots=True)
class _File:
    """A file on disk, and what was done to it since it was last synced."""

    on_disk: bytearray = field(default_factory=bytearray)
    unsynced: list[Operation] = field(default_factory=list)
    is_in_folder: bool = False


class Disk:
    """The files below one folder, fed with operations."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}

    def do(self, operation: Operation) -> None:
        """Take the next operation. A new file is only in its folder once that was synced as well."""
        if operation.kind == "u":
            self._files.pop(operation.path, None)
        elif operation.kind == "s" and operation.path not in self._files:
            for path, file in self._files.items():
                file.is_in_folder |= path.parent == operation.path
        elif operation.kind == "s":
            file = self._files[operation.path]
            for earlier in file.unsynced:
                _apply(file.on_disk, earlier, None)
            file.unsynced.clear()
        else:
            self._files.setdefault(operation.path, _File()).unsynced.append(operation)

    def save(self, folder: Path, rng: random.Random | None) -> None:
        """Write the files as a cut would leave them now: of unsynced writes nothing, or with `rng` some sectors."""
        for path, file in self._files.items():
            if not file.is_in_folder or path.name.endswith("-shm"):
                continue
            content = bytearray(file.on_disk)
            for operation in file.unsynced if rng else ():
                _apply(content, operation, rng)
            (folder / path.name).write_bytes(content)


def _apply(content: bytearray, operation: Operation, rng: random.Random | None) -> None:
    if operation.kind == "t":
        if rng is None or rng.random() < 0.5:
            del content[operation.offset :]
            content.extend(bytes(operation.offset - len(content)))
        return
    for at in range(0, len(operation.data), SECTOR if rng else max(1, len(operation.data))):
        if rng is None or rng.random() < 0.5:
            piece = operation.data[at : at + SECTOR] if rng else operation.data
            start = operation.offset + at
            content.extend(bytes(max(0, start - len(content))))
            content[start : start + len(piece)] = piece
