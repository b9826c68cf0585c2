"""Kills servers at random moments: `python -m tests.torture [--rounds N] [--lanes N] [--seed S]`."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.torture.kills import Figures, KillFailed, torture

_PLAIN_EVERY_S = 10


def main() -> int:
    """Torture; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2_000, help="of kill -9 (default: 2000)")
    parser.add_argument("--seed", type=int, help="of an earlier run (default: a new one)")
    parser.add_argument("--lanes", type=int, default=2, help="servers side by side (default: 2)")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="tracen-torture-"))
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"seed {seed}")
    try:
        figures = _shown(console, options.rounds, seed, folder, options.lanes)
    except KillFailed as error:
        console.print(f"broken: {error}", markup=False)
        return 1
    for line in figures.lines():
        console.print(line)
    shutil.rmtree(folder)
    return 0


def _shown(console: Console, rounds: int, seed: int, folder: Path, lanes: int) -> Figures:
    """Play, with a bar on a terminal and a line now and then in a pipe."""
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("kills", total=rounds)
        told_s = time.monotonic()

        def on_round(figures: Figures) -> None:
            nonlocal told_s
            progress.update(task, completed=figures.rounds)
            if not console.is_terminal and time.monotonic() - told_s > _PLAIN_EVERY_S:
                told_s = time.monotonic()
                console.print(f"{figures.rounds} of {rounds} kills")

        return torture(rounds, seed, folder, lanes, on_round)


if __name__ == "__main__":
    sys.exit(main())
