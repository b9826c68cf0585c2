"""Pictures of every kind of page at three widths in both schemes, contact sheets and an index for people."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.browsers import running_browser
from tests.processes import running_tracen
from tests.shots.camera import HEIGHT_BY_WIDTH, SCHEMES, Look, Shot, shoot
from tests.shots.cases import CASE_BY_NAME, CASES, Case
from tests.shots.sheets import contact_sheet, index
from tests.shots.sources import SERVE_FLAGS

LANGUAGES = ("ar", "he", "ja", "ko", "zh-cn")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.shots", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("shots"), help="where to put them (shots/)"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="CASE", choices=list(CASE_BY_NAME), help="these cases alone"
    )
    parser.add_argument("--width", nargs="+", type=int, default=list(HEIGHT_BY_WIDTH), help="CSS pixels")
    parser.add_argument("--scheme", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    parser.add_argument("--light-cases", action="store_true", help="leave out what takes seconds to draw")
    return parser.parse_args()


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """The cases that were asked for, in the order of CASES."""
    return [
        case
        for case in CASES
        if (not options.only or case.name in options.only) and not (options.light_cases and case.is_heavy)
    ]


def take_all(
    browser: Browser, pages: Sequence[tuple[Case, str]], looks: Sequence[Look], folder: Path, bar: Progress
) -> list[Shot]:
    """Every case through all eyes. What fails is told and does not stop the others."""
    task = bar.add_task("shooting", total=len(pages) * len(looks))
    shots: list[Shot] = []
    for case, url in pages:
        for look in looks:
            bar.update(task, description=f"{case.name} {look}")
            try:
                shots += shoot(browser, case, url, look, folder)
            except Exception as error:  # a finding, not an end
                bar.console.print(f"[red]{case.name} {look}:[/] {str(error).splitlines()[0]}")
            bar.advance(task)
    return shots


def languages_without_font() -> list[str]:
    """Those of the cases' languages that this machine would draw as boxes, which is no fault of the page."""
    if not shutil.which("fc-list"):
        return []
    listed = {code: subprocess.check_output(["fc-list", f":lang={code}", "family"]) for code in LANGUAGES}
    return [code for code, fonts in listed.items() if not fonts]


def main() -> int:
    options = arguments()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    cases = chosen_cases(options)
    looks = [Look(width, scheme) for width in options.width for scheme in options.scheme]
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    if missing := languages_without_font():
        console.print(f"no font for {', '.join(missing)}: expect boxes (Debian: fonts-noto-cjk)")
    with tempfile.TemporaryDirectory() as name, Progress(*columns, console=console) as bar:
        with running_tracen(Path(name) / "shots.db", *SERVE_FLAGS) as tracen, running_browser() as browser:
            task = bar.add_task("publishing", total=len(cases))
            pages = []
            for case in cases:
                pages.append((case, tracen.http + case.source.publish(tracen) + case.suffix))
                bar.advance(task)
            shots = take_all(browser, pages, looks, folder, bar)
        sheets = [contact_sheet(shots, look, folder) for look in looks]
    Console().print(f"{len(shots)} pictures: {index(shots, sheets, folder)}", soft_wrap=True)
    return (
        0
        if {(shot.case.name, shot.look) for shot in shots} == {(c.name, k) for c in cases for k in looks}
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
