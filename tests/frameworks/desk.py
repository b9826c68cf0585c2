"""Somebody's folder with a program in it, and a shell into which the reference's set-ups are pasted.

What a program did is told by the pages that came of it, and by what it printed; nothing here knows a framework.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2

from tests.frameworks.model import Model
from tests.frameworks.npm import with_path
from tests.processes import TracenProcess
from viewer.reference.snippets import Snippet

PROGRAMS = Path(__file__).parent / "programs"
PLACE = "// SNIPPET\n"
"""The line of a program in whose place the snippet goes."""
RUN_TIMEOUT_S = 180
NONE: Mapping[str, str] = MappingProxyType({})


def variables_of(snippet: Snippet) -> dict[str, str]:
    """The environment that a note asks for."""
    return dict(re.findall(r"(OTEL_\w+)=([\w,]+)", snippet.note))


@dataclass(frozen=True, slots=True)
class Told:
    """What a program printed, and the payload of each page that came of it, oldest first."""

    printed: str
    pages: tuple[dict[str, Any], ...]

    @property
    def answer(self) -> str:
        """What the program had for an answer; frameworks print things of their own as well."""
        (answer,) = re.findall(r"^answer: (.*)$", self.printed, re.MULTILINE)
        return str(answer)

    @property
    def page(self) -> dict[str, Any]:
        """The only one."""
        assert len(self.pages) == 1, f"{len(self.pages)} pages; the program printed: {self.printed}"
        return self.pages[0]


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder, a Tracen and a model; `model` counts anew with each run."""

    folder: Path
    tracen: TracenProcess
    model: Model

    def inside(self, name: str) -> Desk:
        """The same with a new folder in this one."""
        folder = self.folder / name
        folder.mkdir()
        return replace(self, folder=folder)

    def text_of(self, snippet: Snippet) -> str:
        """What the reference has somebody paste."""
        return snippet.paste(self.tracen.http, self.tracen.key).text + "\n"

    def put(self, name: str, snippet: Snippet | None = None) -> str:
        """Write a program with the snippet in its place; answers the program's own text."""
        own = (PROGRAMS / name).read_text(encoding="utf-8")
        assert own.count(PLACE) == (snippet is not None)
        whole = own.replace(PLACE, self.text_of(snippet)) if snippet else own
        (self.folder / name).write_text(whole, encoding="utf-8")
        return own

    def run(
        self,
        script: str,
        variables: Mapping[str, str],
        path: Iterable[Path] = (),
        *,
        succeeds: bool = True,
    ) -> Told:
        """Run a script in sh, with a key for the model, and wait for its end."""
        self.model.reset()
        before = self._urls()
        base = {"PATH": with_path(path), "HOME": str(self.folder)}
        of_model = {"OPENAI_BASE_URL": self.model.url, "OPENAI_API_KEY": "sk-of-somebody"}
        ended = subprocess.run(
            ["sh", "-ec", script],
            cwd=self.folder,
            env={**base, "LC_ALL": "C.UTF-8", **of_model, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
        assert (ended.returncode == 0) == succeeds, ended.stdout + ended.stderr
        pages = [self._payload(url) for url in self._urls() if url not in before]
        assert pages, f"no page came of it: {ended.stdout}{ended.stderr}"
        pages.sort(key=lambda page: int(page["start_time_unix_nano"]))
        return Told(ended.stdout.strip(), tuple(pages))

    def _urls(self) -> list[str]:
        key = {"x-tracen-key": self.tracen.key}
        answer = httpx2.get(f"{self.tracen.http}/api/traces?limit=100", headers=key, trust_env=False)
        return [trace["url"] for trace in answer.raise_for_status().json()["traces"]]

    def _payload(self, url: str) -> dict[str, Any]:
        payload: dict[str, Any] = httpx2.get(f"{url}.json", trust_env=False).raise_for_status().json()
        return payload
