"""A run that fails leaves a page that says so, and why: the examples, with a model that is gone at its second call."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest

from tests.interop.languages.facts import PROMPT, ROOT, rows_of
from tests.interop.languages.program import GRPC, Program, with_path
from tests.interop.languages.programs import FAILURE, OFFLINE, PROGRAMS, RUST_THAT_FAILS
from tests.processes import TracenProcess
from tests.viewer.markup import Page

PACKAGES = {"node_modules", "packages"}
"""Folders that a copy of an example shares with it."""
SECOND_CALL = 4
"""Its step: agent, call, tool, call."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where a program is changed: what is put into a file, and before which line of it; and how it is built."""

    file: str
    before: str
    inserted: str
    build: str = "true"


BREAKS = {
    "go": Break(
        "main.go",
        "\tif len(messages) == 1 {\n",
        f'\tif len(messages) == 3 {{\n\t\tpanic("{FAILURE}")\n\t}}\n',
        "GOPROXY=off go build -o weather-agent .",
    ),
    "java": Break(
        "src/main/java/WeatherAgent.java",
        "    if (messages.size() == 1) {\n",
        f'    if (messages.size() == 3) throw new IllegalStateException("{FAILURE}");\n',
        " ".join((*OFFLINE, "compile")),
    ),
    "javascript": Break(
        "weather_agent.js",
        "    const toolCall = ",
        f'    if (messages.length === 3) throw new Error("{FAILURE}");\n',
    ),
    "python": Break(
        "weather_agent.py",
        '        call = {"type": ',
        f'        if len(messages) == 3:\n            raise RuntimeError("{FAILURE}")\n',
    ),
}


def broken(program: Program, folder: Path) -> Program:
    """A copy of a program whose model is gone at its second call. That in Rust was built with the program itself."""
    if program.language == "rust":
        return replace(program, command=(f"./{RUST_THAT_FAILS}",))
    change = BREAKS[program.language]
    shutil.copytree(program.folder, folder, ignore=shutil.ignore_patterns(*PACKAGES, "__pycache__"))
    for name in PACKAGES:
        if (program.folder / name).exists():
            (folder / name).symlink_to(program.folder / name)
    source = folder / change.file
    text = source.read_text(encoding="utf-8")
    assert text.count(change.before) == 1
    source.write_text(text.replace(change.before, change.inserted + change.before), encoding="utf-8")
    subprocess.run(["sh", "-ec", change.build], cwd=folder, env=with_path({}), check=True, timeout=300)
    return replace(program, folder=folder)


@pytest.mark.parametrize("language", PROGRAMS)
def test_page_of_a_run_that_fails_says_so(language: str, tracen: TracenProcess, tmp_path: Path) -> None:
    """What came before is there too, and the program ends as it would without any tracing."""
    program = broken(PROGRAMS[language](), tmp_path / language)
    key = tracen.create_key(f"{language}@failures.example")

    over_grpc = program.default_protocol == GRPC
    ended = program.started(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{tracen.otlp_grpc}" if over_grpc else tracen.otlp_http,
        OTEL_EXPORTER_OTLP_HEADERS=f"x-tracen-key={key}",
        TRACEN_ENDPOINT=tracen.http,
        TRACEN_KEY=key,
    )

    assert ended.returncode != 0
    assert FAILURE in ended.stdout + ended.stderr  # Maven tells errors on stdout
    assert_page_tells_the_failure(tracen, key)


def assert_page_tells_the_failure(tracen: TracenProcess, key: str) -> None:
    with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": key}) as client:
        (told,) = client.get(f"{tracen.http}/api/traces").raise_for_status().json()["traces"]
        payload = client.get(f"{told['url']}.json").raise_for_status().json()
        page = Page(client.get(told["url"]).raise_for_status().text)
    assert (payload["title"], payload["prompt"], payload["status"]) == (ROOT, PROMPT, "error")
    assert FAILURE in payload["error_message"]
    assert [step["status"] for step in payload["steps"]] == ["error", "success", "success", "error"]
    rows = rows_of(page)
    assert FAILURE in rows[SECOND_CALL - 1].parts["row-error"]
    assert "Failed" in page.text
    assert "The run failed before it answered." in page.text
