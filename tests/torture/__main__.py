"""`python -m tests.torture --rounds 2000`: kill the server so often, and look for what was acknowledged."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.torture.kills import Result, kill_rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))  # noqa: S311
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("kill -9", total=options.rounds)

        def told(result: Result) -> None:
            progress.update(task, completed=result.rounds)

        result = kill_rounds(folder, options.rounds, options.seed, told)
    out = Console(highlight=False, soft_wrap=True)
    out.print(str(result))
    for line in (*result.lost[:20], *result.wrong[:20]):
        out.print(f"  {line}", markup=False)
    if not result.is_good:
        sys.exit(f"the store is kept in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
