"""Programs that are no Python: what they are run with is seen, and what is told can be pasted."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from bridge.running.environment import GRPC, HTTP, Destination
from bridge.running.languages import advice, again, launcher_of
from tests.bridge.running.runs import CHECKOUT, PYTHON, TIMEOUT_S, Runner
from tests.interop.languages.toolchains import require

REGISTER = "@opentelemetry/auto-instrumentations-node/register"


def told(words: str, folder: Path, *, protocol: str = HTTP, **environment: str) -> list[str]:
    """What is said after a run of these words in a folder."""
    destination = Destination("http://127.0.0.1:1", "http://127.0.0.1:2", protocol, "k")
    return list(advice(words.split(), launcher_of(words.split()), environment, destination, folder))


@pytest.mark.parametrize(
    ("words", "launcher"),
    [
        ("node app.js", "node"),
        ("/usr/bin/node app.js", "node"),
        ("env -i A=b npm start", "npm"),
        ("timeout -k 5 30s nice -n 5 java -jar app.jar", "java"),
        ("env", "env"),
        ("timeout 5", "5"),
    ],
)
def test_launcher_is_found_behind_what_only_starts_it(words: str, launcher: str) -> None:
    """`timeout`, `env` and the like run what they are given."""
    assert launcher_of(words.split()) == launcher


@pytest.mark.parametrize(
    ("first", "launcher"),
    [
        ("#!/usr/bin/env node", "node"),
        ("#!/usr/bin/env -S node --no-warnings", "node"),
        ("#! /bin/sh -e", "sh"),
        ("\x7fELF", "script"),
        ("", "script"),
        ("#!", "script"),
    ],
)
def test_script_is_run_with_what_its_first_line_names(tmp_path: Path, first: str, launcher: str) -> None:
    """As the kernel does it."""
    path = tmp_path / "script"
    path.write_text(first + "\n")
    assert launcher_of([str(path), "x"], str(path)) == launcher


def test_run_to_paste_has_no_words_that_may_be_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program and its script, or what it is asked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my app.js").touch()
    assert again(["/usr/bin/node", "my app.js"]) == "tracen run -- node 'my app.js'"
    assert again(["npm", "run", "start"]) == "tracen run -- npm run …"
    assert again(["node", "--token=secret", "app.js"]) == "tracen run -- node …"
    assert again(["java", "sk_live_4eC39"]) == "tracen run -- java …"


def test_node_is_told_what_it_lacks(tmp_path: Path) -> None:
    """To install it only where it is not there; with the hook that `import` needs only where that is used."""
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    install, use = told("npm start", tmp_path, NODE_OPTIONS="--max-old-space-size=99")
    assert install.endswith("npm install @opentelemetry/auto-instrumentations-node")
    assert f"NODE_OPTIONS='--max-old-space-size=99 --require {REGISTER} --experimental-loader=" in use
    assert use.endswith("tracen run -- npm start")
    (tmp_path / "package.json").write_text("{}")
    package = tmp_path / "node_modules" / REGISTER.removesuffix("/register")
    package.mkdir(parents=True)
    (package / "package.json").write_text("{}")
    (below := tmp_path / "below").mkdir()
    (use,) = told("node app.js", below)
    assert "loader" not in use
    (use,) = told("node app.mjs", below)
    assert "loader" in use


def test_node_that_was_instrumented_is_not_told_to_be(tmp_path: Path) -> None:
    """But that its imports were not, where they were not."""
    (said,) = told("node app.js", tmp_path, NODE_OPTIONS=f"--require {REGISTER}")
    assert "called nothing that is recorded" in said
    (said,) = told(f"node --import {REGISTER} app.mjs", tmp_path)
    assert "NODE_OPTIONS needs --experimental-loader" in said


@pytest.mark.parametrize(
    ("version", "is_unseen"), [("6.27.0", False), ("7.59.1", True), ("10.0.0-rc.1", True), ("", False)]
)
def test_node_is_told_of_a_library_that_is_not_seen(tmp_path: Path, version: str, is_unseen: bool) -> None:
    """Where OpenTelemetry's own instrumentation knows earlier versions alone, its lines are on the server."""
    package = tmp_path / "node_modules" / "openai"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    for words in ("node app.js", f"node --require {REGISTER} app.js"):
        assert ("http://127.0.0.1:1/docs#openai-js" in told(words, tmp_path)[-1]) == is_unseen


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"type": 7}', "\xff"])
def test_any_package_json_will_do(tmp_path: Path, text: str) -> None:
    """It may be half written."""
    (tmp_path / "package.json").write_text(text, encoding="latin-1")
    assert "loader" not in told("npm start", tmp_path)[-1]


def test_java_is_told_of_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not there, and where it has none."""
    monkeypatch.chdir(tmp_path)
    get, use = told("java -jar app.jar", tmp_path, JAVA_TOOL_OPTIONS="-Xmx1g")
    assert get.endswith("/opentelemetry-javaagent.jar")
    assert "JAVA_TOOL_OPTIONS='-Xmx1g -javaagent:opentelemetry-javaagent.jar' tracen run -- java …" in use
    (tmp_path / "opentelemetry-javaagent.jar").touch()
    assert len(told("mvn test", tmp_path)) == 1
    (said,) = told("java -javaagent:opentelemetry-javaagent.jar -jar app.jar", tmp_path)
    assert "has OpenTelemetry's agent" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("go run .", "otlptracehttp.New(ctx)"),
        ("cargo run", "opentelemetry-otlp"),
        ("deno run app.ts", "OTEL_DENO=true tracen run -- deno run …"),
        ("sudo ./agent", "sudo -E"),
        ("docker run app", "-e OTEL_EXPORTER_OTLP_ENDPOINT -e OTEL_EXPORTER_OTLP_HEADERS"),
        ("kubectl run app", "may not reach http://127.0.0.1:2"),
        ("make agent", "What make starts"),
    ],
)
def test_others_are_told_what_they_need(tmp_path: Path, words: str, said: str) -> None:
    """In a sentence."""
    (sentence,) = told(words, tmp_path)
    assert said in sentence


def test_go_over_grpc_is_told_the_exporter_of_that(tmp_path: Path) -> None:
    """`--protocol` decides."""
    assert "otlptracegrpc" in told("go run .", tmp_path, protocol=GRPC)[0]


def test_nothing_is_said_of_what_is_not_known(tmp_path: Path) -> None:
    """A Python has its own reasons."""
    assert told("python agent.py", tmp_path) == told("./agent", tmp_path) == []


STAND_IN = "console.log('registered', process.argv[1] ? require('path').basename(process.argv[1]) : '')"
"""In the place of the package, which is large: what is tested is that Node loads it as it is told."""


def test_line_for_node_works_as_it_is_pasted(runner: Runner) -> None:
    """In a shell, in the folder that the run was in; the program itself says what it did."""
    require("node")
    (runner.folder / "my app.js").write_text("console.log('mine')")
    package = runner.folder / "node_modules" / REGISTER.removesuffix("/register")
    package.mkdir(parents=True)
    exports = {"./register": "./register.js"}
    (package / "package.json").write_text(json.dumps({"name": "stand-in", "exports": exports}))
    (package / "register.js").write_text(STAND_IN)
    done = runner.run("node", "my app.js")
    assert done.out == b"mine\n"
    headline, seen, line, *_ = done.err.splitlines()
    assert headline == "tracen: no trace arrived (exit code 0)."
    assert seen.startswith("  Nothing connected to http://")
    (runner.folder / "tracen").write_text(f'#!/bin/sh\nexec {PYTHON} -P -m bridge "$@"\n')
    (runner.folder / "tracen").chmod(0o755)
    path = f"{runner.folder}:{os.environ['PATH']}"
    environment = runner.environment | {
        "PATH": path,
        "TRACEN_DB": str(runner.tracen.db),
        "PYTHONPATH": str(CHECKOUT),
    }
    pasted = subprocess.run(
        ["sh", "-c", line.partition(": ")[2]],
        cwd=runner.folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=TIMEOUT_S,
    )
    assert pasted.stdout == "registered my app.js\nmine\n", pasted.stderr
    assert "It was instrumented, but called nothing" in pasted.stderr


def test_script_that_starts_a_python_is_told_of_the_python(runner: Runner) -> None:
    """What was seen of it says more than that a shell was run."""
    (runner.folder / "start").write_text(f'#!/bin/sh\n"{PYTHON}" -c "import json"\n')
    (runner.folder / "start").chmod(0o755)
    assert "imported no library of models" in runner.run("./start").err
