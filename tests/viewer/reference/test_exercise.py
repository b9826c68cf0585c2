"""The API does what `/openapi.json` says, whatever is sent to it."""

from __future__ import annotations

from pathlib import Path

from tests.processes import running_tracen
from tests.viewer.reference.exercise import SERVE_FLAGS, exercise

SECONDS = 60
SEED = 20261124


def test_api_answers_as_described(tmp_path: Path) -> None:
    """A minute of the same search each time; `python -m tests.viewer.reference.exercise` makes others, and longer."""
    with running_tracen(tmp_path / "tracen.db", *SERVE_FLAGS) as tracen:
        outcome = exercise(tracen, SECONDS, SEED, tmp_path)
    assert outcome.is_clean, outcome.report
    assert outcome.cases > 100
