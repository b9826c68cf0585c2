"""A crash at any moment loses nothing that was acknowledged."""

from __future__ import annotations

from pathlib import Path

from tests.torture.kills import kill_rounds

ROUNDS, SEED = 200, 20261126


def test_kill_at_random_moments_loses_nothing(tmp_path: Path) -> None:
    """Spans are on their pages once, URLs stay, whatever door they came through; `make torture` does 2,000 rounds."""
    result = kill_rounds(tmp_path, ROUNDS, SEED)
    assert not result.lost, result
    assert not result.wrong, result
    assert result.acknowledged > ROUNDS
    assert result.resent > ROUNDS
