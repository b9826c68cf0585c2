"""What the first lines of each language's example say to type is typed, and so are the lines of the index.

Ports are those of the test's own server, packages those that were downloaded for the other tests.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, PAGE_URL, RUN_TIMEOUT_S, with_path
from tests.interop.languages.programs import PROGRAMS
from tests.processes import TracenProcess

SOURCE = {
    "go": "main.go",
    "java": "src/main/java/WeatherAgent.java",
    "javascript": "weather_agent.js",
    "python": "weather_agent.py",
    "rust": "src/main.rs",
}
PLACEHOLDER = "tracen_sk_…"
COMMAND = re.compile(r"^(?://!?)?(?:\t| {4,5})(\S.*)$")
BLOCK = re.compile(r"^```\n(export TRACEN_ENDPOINT=[^`]*OTLP[^`]*)^```$", re.MULTILINE)


def commands_of(language: str) -> list[str]:
    """The lines of the head of an example that stand apart."""
    source = EXAMPLES / language / SOURCE[language]
    head = source.read_text(encoding="utf-8").split("Also read:")[0].splitlines()
    return [found[1] for line in head if (found := COMMAND.match(line))]


def typed(commands: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Type commands in a shell; answers what was printed."""
    ended = subprocess.run(
        ["sh", "-ec", "\n".join(commands)],
        cwd=folder,
        env=with_path(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("language", SOURCE)
def test_first_lines_lead_to_a_page(language: str, tracen: TracenProcess, tmp_path: Path) -> None:
    """Where they stand, with the key in its place. Nothing is installed again but for Node, out of npm's cache."""
    program = PROGRAMS[language]()
    commands = [line.replace(PLACEHOLDER, tracen.key) for line in commands_of(language)]
    if language == "python":
        commands = [line for line in commands if not line.startswith("pip install ")]
        commands = [line.replace("python ", f"{program.command[0]} ") for line in commands]
    if language == "rust":  # `cargo run` is a build of minutes; its outcome is here
        assert commands[-1] == "cargo run"
        commands[-1] = f"{program.folder}/weather-agent"
    left = shutil.ignore_patterns("__pycache__", "node_modules", "target")
    shutil.copytree(EXAMPLES / language, tmp_path / "examples" / language, ignore=left)
    over_grpc = program.default_protocol == GRPC

    told = typed(
        commands,
        tmp_path,
        {
            "TRACEN_ENDPOINT": tracen.http,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{tracen.otlp_grpc}" if over_grpc else tracen.otlp_http,
            "MAVEN_OPTS": f"-Dmaven.repo.local={program.folder / 'packages'}",
            "npm_config_prefer_offline": "true",
        },
    )

    (url,) = PAGE_URL.findall(told)
    assert_page_tells_the_run(url, language)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_lines_of_the_index_lead_to_a_page(protocol: str, tracen: TracenProcess) -> None:
    """Those for every language: the address of Tracen, the key, and one of two protocols."""
    (block,) = BLOCK.findall((EXAMPLES / "README.md").read_text(encoding="utf-8"))
    lines = [line for line in block.splitlines() if "PROTOCOL" not in line or f"={protocol} " in line]
    assert len(lines) == 3
    here = {
        "127.0.0.1:8000": tracen.http.removeprefix("http://"),
        "127.0.0.1:4318": tracen.otlp_http.removeprefix("http://"),
        "127.0.0.1:4317": tracen.otlp_grpc,
        PLACEHOLDER: tracen.key,
    }
    for printed, actual in here.items():
        lines = [line.replace(printed, actual) for line in lines]
    program = PROGRAMS["python"]()

    told = typed([*lines, " ".join(program.command)], program.folder, {})

    (url,) = PAGE_URL.findall(told)
    assert_page_tells_the_run(url, "python")
