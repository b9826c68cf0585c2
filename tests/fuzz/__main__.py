"""Searches for inputs that break the way from bytes to a page: `python -m tests.fuzz [--seconds N]`.

Guided by coverage (atheris), from the seeds; what it found it makes small and prints.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.journey import travel
from tests.fuzz.seeds import FOUND, seeds
from tests.fuzz.shrink import failure_of, smallest
from tests.fuzz.told import KEYS

_STATS = re.compile(r"stat::(\w+):\s+(\d+)")
_COVERED = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
_SPARE_S = 60
"""For start-up and for the last inputs."""


def main() -> int:
    """Search for a bounded time; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long to search (default: 60)")
    parser.add_argument("--max-len", type=int, default=16_384, help="bytes of an input (default: 16384)")
    options = parser.parse_args()
    if find_spec("atheris") is None:
        print("needs atheris, which is not installed: pip install atheris")  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as folder:
        return _search(Path(folder), options.seconds, options.max_len)


def _search(folder: Path, seconds: int, max_len: int) -> int:
    corpus, broken = folder / "corpus", folder / "broken"
    corpus.mkdir()
    broken.mkdir()
    begun_with = seeds()
    for number, seed in enumerate(begun_with):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{key}"\n' for key in KEYS if key.isascii() and '"' not in key))
    told = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.guided", str(corpus)),
            *(f"-max_total_time={seconds}", f"-max_len={max_len}", "-timeout=20", "-rss_limit_mb=2048"),
            *(f"-artifact_prefix={broken}/", f"-dict={words}", "-print_final_stats=1", "-verbosity=1"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=seconds + _SPARE_S,
        check=False,
    )
    _print_figures(len(begun_with), told.stderr)
    found = sorted(broken.iterdir())
    for file in found:
        _print_failure(file.read_bytes(), told.stderr)
    return 1 if found or told.returncode else 0


def _print_figures(seed_count: int, log: str) -> None:
    stats = dict(_STATS.findall(log))
    covered = _COVERED.findall(log)
    print(f"seeds: {seed_count}, inputs tried: {stats.get('number_of_executed_units', '?')}")  # noqa: T201
    print(f"a second: {stats.get('average_exec_per_sec', '?')}, peak: {stats.get('peak_rss_mb', '?')} MB")  # noqa: T201
    if covered:
        edges, features, kept = covered[-1]
        print(f"edges reached: {edges}, features: {features}, inputs worth keeping: {kept}")  # noqa: T201


def _print_failure(data: bytes, log: str) -> None:
    failure = failure_of(travel, data)
    if failure is None:
        print(f"broke only there ({len(data)} bytes; slow, or too much memory):\n{log[-3_000:]}")  # noqa: T201
        return
    small = smallest(travel, data)
    print(f"broke: {failure}\n  smallest input ({len(small)} bytes): {small!r}")  # noqa: T201
    print(f"  keep it as a file in {FOUND.name}/ once it is mended")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
