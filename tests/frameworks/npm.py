"""Packages of npm as whoever installs them today gets them.

Nothing is locked: the next release that breaks a set-up is what these tests look for. A registry that does not
answer fails them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.interop.languages.toolchains import cache
from viewer.reference.snippets import Snippet

NODE = "node@24"
"""Frameworks ask for a newer Node than systems have; this one comes as a package, so it is there for each of them."""
INSTALL_TIMEOUT_S = 900
_INSTALL = re.compile(r"npm install ([^\n]+)")
_NAME = re.compile(r"@?[a-z][\w./@-]*\w")


def packages_of(text: str) -> tuple[str, ...]:
    """Every package after an `npm install` in a note or a program: the words of its line that are names of packages."""
    return tuple(name for line in _INSTALL.findall(text) for name in _named(line))


def _named(line: str) -> list[str]:
    """Words up to the first that ends with a mark, or is not one."""
    names = list[str]()
    for word in line.split():
        name = word.rstrip(",.")
        if not _NAME.fullmatch(name) or (names and word == "and"):
            break
        names.append(name)
        if name != word:
            break
    return names


def install(folder: Path, node: Path, program: str, *snippets: Snippet) -> None:
    """Put the packages into a folder that a program and the notes of its set-ups ask for, and nothing else.

    `node`: the folder with the Node that npm itself runs on, since it prefers releases for that one to newer ones.
    """
    names = [*packages_of(program), *(name for snippet in snippets for name in packages_of(snippet.note))]
    _install(folder, [node], *dict.fromkeys(names))


def installed_node(folder: Path) -> Path:
    """The folder with a Node of its own."""
    _install(folder, [], NODE)
    return folder / "node_modules" / ".bin"


def with_path(before: Iterable[Path]) -> str:
    """PATH with folders in front of it."""
    return os.pathsep.join([*map(str, before), os.environ["PATH"]])


def _install(folder: Path, path: list[Path], *packages: str) -> None:
    assert shutil.which("npm"), "needs `npm` on the PATH"
    (folder / "package.json").write_text(json.dumps({"private": True}), encoding="utf-8")
    _npm(
        folder, path, "ping"
    )  # where nobody answers, `install` takes what it has of an earlier day, and is silent
    _npm(folder, path, "install", "--no-audit", "--no-fund", *packages)


def _npm(folder: Path, path: list[Path], *words: str) -> None:
    ended = subprocess.run(
        ["npm", "--loglevel=error", *words],
        cwd=folder,
        env={**os.environ, "PATH": with_path(path), "npm_config_cache": str(cache() / "npm")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
    )
    assert ended.returncode == 0, f"npm {' '.join(words)}: {ended.stderr[-2000:]}"
