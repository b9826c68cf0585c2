"""Set-ups of SDKs and frameworks: what is cheap to run is run, of others the syntax is checked, of C# nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.processes import TracenProcess
from tests.viewer.reference.test_snippets import (
    OTLP_PROGRAM,
    assert_page,
    newest_url,
    require_program,
    run,
    text_of,
)
from tracen_otel.dialects import DIALECTS
from viewer.reference import setups
from viewer.reference.examples import EXAMPLE_TIME
from viewer.reference.setups import GROUPS
from viewer.reference.snippets import SNIPPETS, Snippet

SETUPS = [snippet for group in GROUPS for snippet in group.snippets]
OF_A_SERVER = (setups.ENV_FILE, setups.MASTRA, setups.SPRING_AI)
"""Those that name server and key themselves."""


def test_file_of_variables_leads_an_sdk_here(tracen: TracenProcess, tmp_path: Path) -> None:
    """Every line of it is one that a shell reads, too; nothing in it needs quotes, which docker would keep."""
    before = newest_url(tracen)
    (tmp_path / "agent.env").write_text(text_of(setups.ENV_FILE, tracen), encoding="utf-8")
    script = f'set -a\n. ./agent.env\nexec {sys.executable} -c "$PROGRAM"\n'
    run(["sh"], script, tmp_path, PROGRAM=OTLP_PROGRAM)
    assert_page(tracen, newest_url(tracen, ignored=before))
    for line in text_of(setups.ENV_FILE, tracen).splitlines():
        assert re.fullmatch(r"[A-Z_]+=[\w:/.=-]+", line)


def test_node_reads_the_file_of_variables(tmp_path: Path) -> None:
    """With its own option, as the note says."""
    node = require_program("node")
    text = setups.ENV_FILE.text("https://tracen.example", "tracen_sk_abc", EXAMPLE_TIME)
    (tmp_path / "agent.env").write_text(text, encoding="utf-8")
    asked = "console.log(process.env.OTEL_EXPORTER_OTLP_ENDPOINT, process.env.OTEL_EXPORTER_OTLP_HEADERS)"
    told = run([node, "--env-file=agent.env", "--eval", asked], folder=tmp_path)
    assert told.split() == ["https://tracen.example", "x-tracen-key=tracen_sk_abc"]


@pytest.mark.parametrize(
    "snippet",
    [setups.OPENAI, setups.VERCEL_AI, setups.VERCEL_AI_6, setups.MASTRA, setups.GENKIT, setups.LANGCHAIN_JS],
    ids=lambda snippet: snippet.name,
)
def test_javascript_is_javascript(snippet: Snippet, tmp_path: Path) -> None:
    """Node reads it as a module; its packages are not installed, so no more is known."""
    node = require_program("node")
    module = tmp_path / "setup.mjs"
    module.write_text(snippet.paste("https://tracen.example").text, encoding="utf-8")
    run([node, "--check", str(module)])


@pytest.mark.parametrize("snippet", [setups.NODE, setups.JAVA], ids=lambda snippet: snippet.name)
def test_shell_reads_it(snippet: Snippet) -> None:
    """A POSIX shell; what it would start is not started."""
    run(["sh", "-n"], snippet.paste("https://tracen.example").text)


def test_spring_records_with_the_switch_of_its_dialect() -> None:
    """The page of a trace without content names the same, and where the rest is."""
    (spring,) = (dialect for dialect in DIALECTS if dialect.name == "Spring AI")
    (switch,) = spring.capture
    assert switch.setting in setups.SPRING_AI.paste("https://x").text
    assert f"/docs#{setups.SPRING_AI_SAID.name} " in switch.note


@pytest.mark.parametrize("snippet", OF_A_SERVER, ids=lambda snippet: snippet.name)
def test_setup_of_a_server_holds_server_and_key(snippet: Snippet) -> None:
    """There is nothing left to fill in."""
    text = snippet.text("https://tracen.example", "tracen_sk_abc", EXAMPLE_TIME)
    assert "https://tracen.example" in text
    assert "tracen_sk_abc" in text


@pytest.mark.parametrize("snippet", SETUPS, ids=lambda snippet: snippet.name)
def test_setup_is_short_and_says_how_content_is_recorded(snippet: Snippet) -> None:
    """A name of its own, lines that fit, and a word on what is said."""
    lines = snippet.paste("https://tracen.example").text.splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 90
    assert re.search("what is said|records? what|prompts and answers", snippet.note, re.IGNORECASE)
    assert snippet.name not in {other.name for other in SNIPPETS}
