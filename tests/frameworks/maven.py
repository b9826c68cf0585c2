"""Java programs with the newest releases that Maven Central has of what they are written with.

A program is a folder with a pom.xml, whose properties name versions; they are raised before it is built. A registry
that does not answer fails the test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.frameworks.desk import NONE, PROGRAMS, Desk, Told
from tests.interop.languages.toolchains import cache
from viewer.reference import snippets
from viewer.reference.snippets import Snippet

UNFINISHED = r"(?i).*[-.](alpha|beta|rc|cr|m|snapshot)[-.]?[0-9]*(-.*)?"
"""Versions that are no release."""
NEWEST = (
    "org.codehaus.mojo:versions-maven-plugin:update-properties",
    "-DgenerateBackupPoms=false",
    f"-Dmaven.version.ignore={UNFINISHED}",
)
AGENT = (
    "dependency:copy-dependencies",
    "-DincludeArtifactIds=opentelemetry-javaagent",
    "-Dmdep.stripVersion=true",
    "-DoutputDirectory=.",
)
LIBRARIES = ("dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
BUILD_TIMEOUT_S = 1200
REPOSITORY = cache() / "maven"


@dataclass(frozen=True, slots=True)
class JavaProgram:
    """A program in its folder; `script` is what somebody types to start it."""

    desk: Desk
    script: str

    @classmethod
    def built(
        cls, desk: Desk, name: str, *goals: tuple[str, ...], start: str, beside: Mapping[str, str] = NONE
    ) -> JavaProgram:
        """A folder of `programs`, in which goals of Maven were run one after the other.

        `beside`: texts of more files, by their names.
        """
        place = desk.inside(name)
        shutil.copytree(PROGRAMS / name, place.folder, dirs_exist_ok=True)
        for file, text in beside.items():
            (place.folder / file).write_text(text, encoding="utf-8")
        _forget_newest()
        for goal in (NEWEST, *goals):
            _maven(place.folder, *goal)
        return cls(place, start)

    def run(self, *, succeeds: bool = True, **variables: str) -> Told:
        """Start it with these variables in its environment, and wait for its end."""
        return self.desk.run(self.script, variables, succeeds=succeeds)


def in_shell(desk: Desk, snippet: Snippet) -> str:
    """The variables that the reference mentions, and a snippet that starts the program."""
    return desk.text_of(snippets.OTLP) + desk.text_of(snippet)


def _forget_newest() -> None:
    """What the registry had for the newest on an earlier day: where it does not answer, Maven would believe that.

    Versions then stay as the pom has them, which nobody has in a cache, and the build fails.
    """
    for pattern in ("maven-metadata-*", "resolver-status.properties"):
        for known in REPOSITORY.rglob(pattern):
            known.unlink()


def _maven(folder: Path, *goal: str) -> None:
    assert shutil.which("mvn"), "needs `mvn` on the PATH"
    ended = subprocess.run(
        ["mvn", "--quiet", "--batch-mode", f"-Dmaven.repo.local={REPOSITORY}", *goal],
        cwd=folder,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    assert ended.returncode == 0, f"mvn {' '.join(goal)}: {ended.stdout[-3000:]}"
