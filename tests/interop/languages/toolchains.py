"""What programs in other languages are built with, and where what was built is kept.

A toolchain that is not here, or packages that can not be downloaded, skip a test, and in CI fail it.
A program that does not compile fails it everywhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

BUILD_TIMEOUT_S = 1200
LEFT_BY_USERS = shutil.ignore_patterns("node_modules", "target", "Cargo.lock", "__pycache__")
"""What is beside the sources of somebody who follows an example's instructions."""


def missing(reason: str) -> NoReturn:
    """Skip the test, and in CI fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require(*commands: str) -> None:
    """Every command is on the PATH, or the test is `missing` it."""
    for command in commands:
        if shutil.which(command) is None:
            missing(f"needs `{command}` on the PATH")


def built(language: str, sources: Path, *, download: str, build: str = "true", **environment: str) -> Path:
    """The folder with a copy of `sources` in which both commands (of sh) were run, now or at an earlier time.

    `download` fetches packages, `build` does the rest without the network. The folder is made elsewhere, and
    moved: what a build leaves in it must not name its own place.
    """
    folder = cache() / f"{language}-{digest(sources, download, build)}"
    with _alone(language):
        if not folder.exists():
            _build(language, sources, folder, (download, build), environment)
    return folder


@contextlib.contextmanager
def _alone(language: str) -> Iterator[None]:
    """No other process builds for this language meanwhile."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f".{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(
    language: str, sources: Path, folder: Path, commands: tuple[str, str], environment: dict[str, str]
) -> None:
    download, build = commands
    with tempfile.TemporaryDirectory(prefix="build.", dir=cache()) as name:
        copy = Path(name) / language
        shutil.copytree(sources, copy, ignore=LEFT_BY_USERS)
        failed = _failure(download, copy, environment)
        if failed:
            missing(f"needs packages that could not be downloaded: {failed}")
        failed = _failure(build, copy, environment)
        assert not failed, failed
        copy.rename(folder)


def cache() -> Path:
    """Where things are kept that tests build."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracen-test"


def digest(sources: Path, *commands: str) -> str:
    """Another one when a source or a command has changed."""
    found = hashlib.sha256("\0".join(commands).encode())
    for path in sorted(_files(sources)):
        found.update(f"\0{path.relative_to(sources)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    names = [path.name for path in folder.iterdir()]
    for name in set(names) - LEFT_BY_USERS(str(folder), names):
        if (folder / name).is_dir():
            yield from _files(folder / name)
        else:
            yield folder / name


def _failure(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a command; answers the end of what it printed where it failed."""
    ended = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    return f"`{command}` ended with {ended.returncode}: {ended.stdout[-2000:]}" if ended.returncode else ""
