"""What the reference has people paste works as it stands: it is pasted, run, and its page is opened."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.interop.collector import require_collector
from tests.processes import TracenProcess
from viewer.reference import examples, snippets
from viewer.reference.examples import EXAMPLE_TIME, PROMPT, RESPONSE
from viewer.reference.snippets import PLACEHOLDER, SNIPPETS, Snippet

TIMEOUT_S = 60
PATIENCE_S = 90
"""For a Collector to start and to send what it was given."""

OTLP_PROGRAM = f"""
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("first-trace").start_as_current_span("chat gpt-5") as span:
    span.set_attribute("gen_ai.operation.name", "chat")
    span.set_attribute("input.value", {PROMPT!r})
    span.set_attribute("output.value", {RESPONSE!r})
provider.shutdown()
"""


def require_program(name: str) -> str:
    """The path of a program; where it is not there the test is skipped, and in CI it fails."""
    found = shutil.which(name)
    if found:
        return found
    reason = f"needs {name}, which is not on PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def text_of(snippet: Snippet, tracen: TracenProcess) -> str:
    """The snippet with a server and a key, as a page shows it."""
    return snippet.paste(tracen.http, tracen.key).text


def run(command: list[str], text: str = "", folder: Path | None = None, **environment: str) -> str:
    """What a program prints that reads `text`; it must succeed."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRACEN_", "OTEL_", "PYTHON"))
    }
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=clean | environment,
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_page(tracen: TracenProcess, url: str) -> None:
    """Anybody who opens the URL sees what was asked and answered."""
    assert url.startswith(f"{tracen.http}/traces/")
    page = httpx2.get(url, trust_env=False, timeout=TIMEOUT_S)
    assert page.status_code == 200
    assert PROMPT in page.text
    assert RESPONSE in page.text


def newest_url(tracen: TracenProcess, ignored: str = "") -> str:
    """The URL of the trace that came last to the account; "" while that is `ignored`."""
    answer = httpx2.get(
        f"{tracen.http}/api/traces?limit=1", headers={"x-tracen-key": tracen.key}, trust_env=False
    )
    found = answer.raise_for_status().json()["traces"]
    url: str = found[0]["url"] if found else ""
    return "" if url == ignored else url


def test_run_sends_what_a_program_does(tracen: TracenProcess, tmp_path: Path) -> None:
    """A program with an exporter of its own, in a shell that has `tracen` and `python` on its PATH."""
    before = newest_url(tracen)
    (tmp_path / "agent.py").write_text(OTLP_PROGRAM, encoding="utf-8")
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, words in {"tracen": f"{sys.executable} -m bridge", "python": sys.executable}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        (commands / name).chmod(0o755)
    run(
        ["sh"],
        text_of(snippets.RUN, tracen),
        tmp_path,
        PATH=f"{commands}:{os.environ['PATH']}",
        PYTHONPATH=str(Path(snippets.__file__).parents[2]),
        HOME=str(tmp_path),
    )
    assert_page(tracen, newest_url(tracen, ignored=before))


def test_curl_answers_the_url_of_a_page(tracen: TracenProcess) -> None:
    """In a POSIX shell, as it is pasted."""
    require_program("curl")
    told = json.loads(run(["sh"], text_of(snippets.CURL, tracen) + "\n"))
    assert told.keys() == examples.accepted(tracen.http).keys()
    assert_page(tracen, told["url"])


def test_javascript_prints_the_url_of_a_page(tracen: TracenProcess) -> None:
    """As a module, without a package."""
    node = require_program("node")
    told = run([node, "--input-type=module"], text_of(snippets.JAVASCRIPT, tracen))
    assert_page(tracen, told.strip())


@pytest.mark.parametrize("snippet", [snippets.PYTHON, snippets.EXPORTER], ids=lambda snippet: snippet.name)
def test_python_prints_the_url_of_a_page(tracen: TracenProcess, snippet: Snippet) -> None:
    """With the standard library alone, and with the exporter."""
    told = run([sys.executable, "-"], text_of(snippet, tracen), PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    assert_page(tracen, told.strip())


def test_otlp_variables_lead_an_sdk_here(tracen: TracenProcess) -> None:
    """A program that knows nothing of Tracen, started from a shell in which they were pasted."""
    before = newest_url(tracen)
    script = f'{text_of(snippets.OTLP, tracen)}\nexec {sys.executable} -c "$PROGRAM"\n'
    run(["sh"], script, PROGRAM=OTLP_PROGRAM)
    assert_page(tracen, newest_url(tracen, ignored=before))


def test_collector_sends_here(tracen: TracenProcess, tmp_path: Path) -> None:
    """A real Collector takes it as one more file beside the configuration that it has."""
    before = newest_url(tracen)
    added = tmp_path / "tracen.yaml"
    added.write_text(text_of(snippets.COLLECTOR, tracen), encoding="utf-8")
    with running_collector(added, tmp_path) as endpoint:
        run(
            [sys.executable, "-c", OTLP_PROGRAM],
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        )
        wait_until(lambda: newest_url(tracen, ignored=before) != "")
    assert_page(tracen, newest_url(tracen, ignored=before))


@contextmanager
def running_collector(added: Path, folder: Path) -> Iterator[str]:
    """A Collector that receives OTLP/HTTP, with a second configuration file; yields where it receives."""
    binary = require_collector()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    own, log = folder / "own.json", folder / "collector.log"
    own.write_text(json.dumps(_receiving_at(endpoint)), encoding="utf-8")
    with log.open("w") as told:
        process = subprocess.Popen([binary, "--config", str(own), "--config", str(added)], stderr=told)
    try:
        wait_until(lambda: process.poll() is not None or _accepts(endpoint))
        assert process.poll() is None, log.read_text()
        yield f"http://{endpoint}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT_S)


def _receiving_at(endpoint: str) -> dict[str, Any]:
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": endpoint}}}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"]}},
        },
    }


def _accepts(endpoint: str) -> bool:
    host, _, port = endpoint.rpartition(":")
    with socket.socket() as asking:
        return asking.connect_ex((host, int(port))) == 0


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once it holds, or long after it should."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
def test_snippet_holds_server_and_key(snippet: Snippet) -> None:
    """Once each is told there is nothing left to fill in; without a key there is a word in its place."""
    text = snippet.text("https://tracen.example", "tracen_sk_abc", EXAMPLE_TIME)
    assert "https://tracen.example" in text
    assert "tracen_sk_abc" in text
    assert PLACEHOLDER in snippet.paste("https://tracen.example").text
    assert "tracen_sk_" not in snippet.text("https://tracen.example", "", EXAMPLE_TIME)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
def test_snippet_is_narrow(snippet: Snippet) -> None:
    """Nobody scrolls sideways on a desk to read it."""
    assert max(map(len, snippet.paste("https://tracen.example").text.splitlines())) <= 90


def test_curl_tells_the_time_that_it_is_given() -> None:
    """The first trace of a newcomer is of today, wherever lists are in the order of time."""
    text = snippets.CURL.paste("http://x", at=EXAMPLE_TIME.replace(year=2031)).text
    assert re.findall(r'"timestamp": "(\d{4})', text) == ["2031", "2031"]


def test_curl_survives_an_apostrophe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell's string ends where it should, whatever the example says."""
    monkeypatch.setattr(examples, "PROMPT", "What's the weather?")
    text = snippets.CURL.paste("http://x").text
    assert text.count("'") == 6
    assert json.loads(text.split("-d '")[1].removesuffix("'"))["prompt"] == "What's the weather?"


def test_python_snippets_are_of_every_supported_python() -> None:
    """The one without our library runs where our library does not."""
    ast.parse(snippets.PYTHON.paste("http://x").text, feature_version=(3, 7))


def test_placeholder_fits_into_a_header() -> None:
    """Who forgets to replace it gets an answer that says so."""
    assert re.fullmatch(r"tracen_sk_\w+", PLACEHOLDER, re.ASCII)
