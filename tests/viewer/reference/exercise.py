"""Exercises the API by its own description: `python -m tests.viewer.reference.exercise [--seconds N] [--seed N]`.

schemathesis makes requests of `/openapi.json`, right and wrong ones, in sequences too, and holds every answer against
it: its status, type, headers and body, whether what is wrong is refused, and what is deleted stays so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.processes import TracenProcess, running_tracen

HOOKS = "tests.viewer.reference.hooks"
ROOT = Path(__file__).parents[3]
SERVE_FLAGS = ("--requests-per-hour", "100000000")
"""The limit has tests of its own; here it would hide everything behind it."""

CONFIGURATION = """
[auth.openapi.TracenKey]
api_key = {key}

[generation]
database = "none"

[cache]
enabled = false

# All checks are on. A right request may come with a made-up key, or meet what was deleted before.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 404, 410, 429]

# OTLP has a suite of its own; what it is sent that is wrong it keeps as far as it can.
[[operations]]
include-path-regex = "^/v1/"
[operations.checks.negative_data_rejection]
expected-statuses = ["2xx", "4xx"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "4xx"]

# oEmbed asks for 501 where another format is wanted; anywhere else it would be a fault.
[[operations]]
include-path = "/oembed"
[operations.checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501]
"""
_SPARE_S = 120
"""For start-up, and for making small what was found."""
_CASES = re.compile(r"(\d+) generated")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a search."""

    is_clean: bool
    cases: int
    report: str


def exercise(tracen: TracenProcess, seconds: int, seed: int | None, folder: Path) -> Outcome:
    """Search for so many seconds; without a seed each search is another one."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(key=json.dumps(tracen.key)), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
        *("run", f"{tracen.http}/openapi.json", "--max-time", str(seconds), "--continue-on-failure"),
        *("--checks", "all"),
        *("--no-color", "--output-truncate", "false", *(("--seed", str(seed)) if seed is not None else ())),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"},
        timeout=seconds + _SPARE_S,
    )
    report = done.stdout + done.stderr
    found = _CASES.search(report)
    return Outcome(done.returncode == 0, int(found[1]) if found else 0, report)


def main() -> int:
    """Search, and print the report; 1 where something was found."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name if __spec__ else ''}", description=__doc__
    )
    parser.add_argument("--seconds", type=int, default=60, help="how long to search (default: 60)")
    parser.add_argument("--seed", type=int, help="that of an earlier search, to see it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_tracen(folder / "tracen.db", *SERVE_FLAGS) as tracen:
            outcome = exercise(tracen, options.seconds, options.seed, folder)
    print(outcome.report)  # noqa: T201
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
