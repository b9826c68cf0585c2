"""The program that a command line names, found as a shell finds it, or why it can not be started."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit codes of shells, and of env(1)."""
_SHELL = "/bin/sh"


class NotStarted(Exception):
    """A program can not be started; the message says why, `code` is what a shell would exit with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def path_of(name: str, environment: Mapping[str, str]) -> str:
    """The file of a program. Raises NotStarted."""
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is not None:
        return found
    if os.path.dirname(name):
        _refuse(Path(name))
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        if folder and Path(folder, name).is_file():
            raise NotStarted(f"{Path(folder, name)} is not executable; chmod +x makes it so", NOT_EXECUTABLE)
    near = f"; for a file of this folder write ./{name}" if Path(name).is_file() else ""
    raise NotStarted(f"{name}: no such command on PATH{near}", NOT_FOUND)


def _refuse(path: Path) -> None:
    if path.is_dir():
        raise NotStarted(f"{path} is a folder", NOT_EXECUTABLE)
    if path.exists():
        raise NotStarted(f"{path} is not executable; chmod +x makes it so", NOT_EXECUTABLE)
    raise NotStarted(f"{path}: no such file", NOT_FOUND)


def unstarted(error: OSError, path: str) -> NotStarted:
    """Why the kernel refused a file that is there."""
    if error.errno == errno.ENOENT:
        return NotStarted(f"{path}: the interpreter in its first line is not there", NOT_EXECUTABLE)
    return NotStarted(f"{path}: {error.strerror or error}", NOT_EXECUTABLE)


def by_shell(path: str, words: Sequence[str]) -> list[str]:
    """How a script without a first line that names an interpreter is run, by shells and by env(1)."""
    return [_SHELL, path, *words[1:]]
