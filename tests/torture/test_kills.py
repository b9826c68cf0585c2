"""A crash at any moment loses nothing that was acknowledged."""

from __future__ import annotations

from pathlib import Path

from tests.torture.kills import torture

ROUNDS, SEED, LANES = 200, 20261126, 2


def test_kill_at_random_moments_loses_nothing(tmp_path: Path) -> None:
    """Spans are on their pages once, URLs stay, what was deleted stays deleted; `make torture` plays 2,000 rounds."""
    figures = torture(ROUNDS, SEED, tmp_path, LANES)
    assert figures.rounds == ROUNDS
    assert figures.counts["requests"] > ROUNDS
    assert figures.counts["resent"] > ROUNDS / 2
    assert figures.counts["deletions"] > 0
