"""What installs packages where a Python finds them: environments that uv made have no pip."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

_OF_ONE_RUN = ("archive-v0", "environments-v2", "builds-v0")
"""Folders of uv's cache: what is installed there is gone with it, so the command line names it."""


def install_command(python: str, packages: Iterable[str], launcher: str = "") -> str:
    """A line to paste. `launcher` is what the program was run with, which may make the environment by itself."""
    names = sorted(packages)
    if launcher in ("uv", "uvx") and any(part in _OF_ONE_RUN for part in Path(python).parts):
        start = "uvx" if launcher == "uvx" else "uv run"
        return f"{start} {' '.join(f'--with {name}' for name in names)} …"
    quoted = shlex.quote(python)
    if _has_pip(Path(python)):
        return f"{quoted} -m pip install {' '.join(names)}"
    if launcher == "uv" or shutil.which("uv"):
        return f"uv pip install --python {quoted} {' '.join(names)}"
    return f"{quoted} -m ensurepip && {quoted} -m pip install {' '.join(names)}"


def _has_pip(python: Path) -> bool:
    """Whether an environment has one; of a Python that is in none it is believed."""
    folder = python.parent.parent
    return not (folder / "pyvenv.cfg").is_file() or any(folder.glob("lib/python3*/site-packages/pip"))
