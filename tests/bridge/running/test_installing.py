"""The line that installs what is missing works in the environment that lacks it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from bridge.running.installing import install_command


def environment(folder: Path, *, has_pip: bool) -> str:
    """An environment's Python, with a folder where pip would be if it has one: installing it takes long."""
    venv.create(folder, with_pip=False, symlinks=True)
    if has_pip:
        (next(folder.glob("lib/python3*/site-packages")) / "pip").mkdir()
    return str(folder / "bin" / "python")


def test_pip_is_used_where_it_is(tmp_path: Path) -> None:
    """Also with a space in the path, and of a Python that is in no environment."""
    python = environment(tmp_path / "my env", has_pip=True)
    assert install_command(python, {"b", "a"}) == f"'{python}' -m pip install a b"
    assert install_command("/usr/bin/python3", ["a"]) == "/usr/bin/python3 -m pip install a"


def test_environment_without_pip_is_filled_by_uv_or_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As uv makes them; Poetry and `venv` do so where they are told to."""
    python = environment(tmp_path / "env", has_pip=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert install_command(python, ["a"], "poetry") == f"{python} -m ensurepip && {python} -m pip install a"
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "uv").chmod(0o755)
    assert install_command(python, ["a"], "poetry") == f"uv pip install --python {python} a"


def test_environment_of_one_run_is_given_it_on_the_command_line(tmp_path: Path) -> None:
    """What would be installed in uv's cache is not there the next time."""
    python = environment(tmp_path / "archive-v0" / "x", has_pip=False)
    assert install_command(python, ["a", "b"], "uvx") == "uvx --with a --with b …"
    assert install_command(python, ["a", "b"], "uv") == "uv run --with a --with b …"


def test_environment_without_pip_really_has_none(tmp_path: Path) -> None:
    """What the line begins with would fail there."""
    python = environment(tmp_path / "env", has_pip=False)
    ended = subprocess.run(
        [python, "-m", "pip"], capture_output=True, env=os.environ | {"PYTHONPATH": ""}, timeout=60
    )
    assert ended.returncode == 1
    assert b"No module named pip" in ended.stderr
    assert sys.executable != python
