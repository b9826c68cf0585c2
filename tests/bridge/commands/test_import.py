"""`tracen import` as a process of its own, beside a running server: what the pages then show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bridge.importing.exports_of import EXPORTS
from tests.bridge.otlp_bodies import fresh_id
from tests.processes import TracenProcess

FACTS: dict[str, dict[str, Any]] = {
    "phoenix-rest.json": {
        "title": "answer_question",
        "prompt": "How long may I return a kettle?",
        "response": "Thirty days, if it was never used.",
        "model": "gpt-5-mini",
        "tokens": (412, 38),
        "nesting": {
            "answer_question": None,
            "retrieve": "answer_question",
            "ChatCompletion": "answer_question",
        },
        "errors": {"retrieve": "ReadTimeout: the index did not answer within 300 ms"},
    },
    "phoenix-otlpv1.json": {
        "title": "triage",
        "prompt": "Is the build red?",
        "response": "Yes: two tests fail.",
        "model": "claude-sonnet-4-5",
        "tokens": (1204, 77),
        "nesting": {"triage": None, "ask_model": "triage"},
        "errors": {"ask_model": "stopped early"},
    },
    "langfuse-trace.json": {
        "title": "support",
        "prompt": "Where is order 4411?",
        "response": "It leaves the warehouse today.",
        "model": "gpt-4.1",
        "tokens": (231, 19),
        "nesting": {
            "support": None,
            "look-up-order": "support",
            "retry": "look-up-order",
            "write-answer": "support",
        },
        "errors": {"look-up-order": "the order service answered 503"},
    },
    "langfuse-page.json": {
        "title": "plan a trip",
        "prompt": "Two days in Lisbon, please.",
        "response": "Day one: Alfama. Day two: Belém.",
        "model": "mistral-large-latest",
        "tokens": (88, 64),
        "nesting": {"planner": None, "draft": "planner"},
        "errors": {},
    },
    "langfuse-observations.jsonl": {
        "title": "nightly",
        "prompt": "Summarise yesterday.",
        "response": "Quiet: three tickets.",
        "model": "gemini-2.5-flash",
        "tokens": (5120, 12),
        "nesting": {"nightly report": None, "summarise": "nightly report"},
        "errors": {},
    },
    "langfuse-observations-v2.json": {
        "title": "refunds",
        "prompt": "Refund order 5521, please.",
        "response": "Done: 39.90 EUR.",
        "model": "gpt-5.1",
        "tokens": (566, 41),
        "nesting": {"run": None, "decide": "run", "mail": "run"},
        "errors": {"mail": "connection refused"},
    },
    "jaeger.json": {
        "title": "POST /ask",
        "prompt": "Which team owns billing?",
        "response": "The payments team.",
        "model": "gpt-5",
        "tokens": (640, 9),
        "nesting": {
            "POST /ask": None,
            "chat gpt-5": "POST /ask",
            "execute_tool directory": "chat gpt-5",
        },
        "errors": {"execute_tool directory": "directory is locked"},
    },
    "jaeger-v3.json": {
        "title": "chat gpt-5",
        "prompt": "Say yes.",
        "response": "Yes.",
        "model": "gpt-5",
        "tokens": (5, 1),
        "nesting": {"chat gpt-5": None},
        "errors": {},
    },
}


def run_import(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", "import", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        input=text,
    )


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    """Of an account without traces."""
    return tracen.create_key(f"{fresh_id().hex()}@example.com")


@pytest.mark.parametrize("name", FACTS)
def test_page_of_an_export_shows_what_happened(name: str, tracen: TracenProcess, key: str) -> None:
    """Title, prompt, answer, model, tokens, nesting and failures of every format are on the page."""
    done = run_import("--endpoint", tracen.http, "--key", key, "--json", str(EXPORTS / name))
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    page = httpx2.get(json.loads(done.stdout)["url"] + ".json", trust_env=False).json()
    names = {step["id"]: step["name"] for step in page["steps"]}
    told = {
        "title": page["title"],
        "prompt": page["prompt"],
        "response": page["response"],
        "model": page["model"],
        "tokens": (page["input_tokens"], page["output_tokens"]),
        "nesting": {step["name"]: names.get(step.get("parent_id")) for step in page["steps"]},
        "errors": {s["name"]: s["error_message"] for s in page["steps"] if s["status"] == "error"},
    }
    assert told == FACTS[name]


def test_importing_twice_makes_no_second_page(tracen: TracenProcess, key: str) -> None:
    """The same URLs, and no step twice."""
    command = ["--endpoint", tracen.http, "--key", key, "--json", *map(str, sorted(EXPORTS.iterdir()))]
    first, again = run_import(*command), run_import(*command)
    assert first.stdout == again.stdout
    assert "8 traces, 20 spans imported (Jaeger, Langfuse, OTLP, Phoenix)" in first.stderr
    url = json.loads(first.stdout.splitlines()[1])["url"]
    assert len(httpx2.get(url + ".json", trust_env=False).json()["steps"]) == 3


def test_server_of_a_file_is_found_and_its_key_revoked_afterwards(tracen: TracenProcess) -> None:
    """Without --endpoint and --key it goes to the local account of the server that runs on --db."""
    done = run_import("--db", str(tracen.db), "-", text=(EXPORTS / "jaeger.json").read_text("utf-8"))
    assert (done.returncode, done.stderr) == (0, "1 trace, 3 spans imported (Jaeger)\n")
    assert done.stdout.startswith(f"{tracen.http}/traces/")
    requests = httpx2.get(f"{tracen.http}/api/traces", headers={"x-tracen-key": tracen.key}, trust_env=False)
    assert requests.json()["traces"][0]["title"] == "POST /ask"


def test_what_is_whole_is_imported_and_the_rest_named(
    tracen: TracenProcess, key: str, tmp_path: Path
) -> None:
    """A truncated file and one of another kind cost nobody else anything, and the exit code tells."""
    cut = tmp_path / "cut.json"
    cut.write_bytes((EXPORTS / "phoenix-rest.json").read_bytes()[:2_000])
    other = tmp_path / "other.json"
    other.write_text('{"rows": 3}')
    files = [str(cut), str(other), str(EXPORTS / "jaeger.json")]
    done = run_import("--endpoint", tracen.http, "--key", key, "--json", *files)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 2
    assert f"{cut}: line 55 (byte 2,000): is cut off, in what begins at line 45" in done.stderr
    assert f"{other}: of no known format: it is an object with the fields rows" in done.stderr
    assert done.stderr.count("Known are spans of Phoenix") == 1
    assert "2 traces, 5 spans imported (Jaeger, Phoenix); 2 skipped" in done.stderr


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_file_that_is_not_there_is_told_before_anything_is_done(tmp_path: Path, more: list[str]) -> None:
    """As every command tells it, also where no server runs: exit code 2, and nothing of the others is taken."""
    gone = str(tmp_path / "gone.json")
    done = run_import(*more, str(EXPORTS / "jaeger.json"), gone, "--db", str(tmp_path / "none.db"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"tracen: there is no file '{gone}'" in done.stderr
    done = run_import(*more, str(tmp_path))
    assert done.returncode == 2
    assert "is a folder; name its files" in done.stderr


def test_dry_run_needs_no_server() -> None:
    """It tells what would come of a file, and sends nothing."""
    done = run_import("--dry-run", "--endpoint", "http://127.0.0.1:1", str(EXPORTS / "jaeger.json"))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "1 trace, 3 spans would be imported (Jaeger)\n"


def test_closed_standard_input_is_a_complaint() -> None:
    """As an empty file: the others are read."""
    command = f'"{sys.executable}" -m bridge import --dry-run - "{EXPORTS / "jaeger.json"}" <&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "tracen: -: it is empty",
        "1 trace, 3 spans would be imported (Jaeger); 1 skipped: 1 × empty",
    ]


def test_export_of_nothing_is_told_and_no_failure(tmp_path: Path) -> None:
    """Exit code 0."""
    path = tmp_path / "none.json"
    path.write_text('{"data": []}')
    done = run_import("--dry-run", str(path))
    assert (done.returncode, done.stderr) == (
        0,
        f"tracen: {path}: nothing in it\n0 traces, 0 spans would be imported\n",
    )


def test_names_obey_no_escape_in_a_terminal(tmp_path: Path) -> None:
    """A file may be called as anybody likes, and has more complaints than are shown."""
    path = tmp_path / "a\x1b[31m.jsonl"
    path.write_text((EXPORTS / "langfuse-observations.jsonl").read_text("utf-8") + '"text"\n' * 30)
    done = run_import("--dry-run", str(path))
    assert "and 10 more" in done.stderr
    assert "\x1b" not in done.stderr


def test_no_server_and_a_wrong_key_are_told_with_what_helps(tracen: TracenProcess, tmp_path: Path) -> None:
    """Not a traceback: what to start, or which key to give."""
    done = run_import("--db", str(tmp_path / "none.db"), str(EXPORTS / "jaeger.json"))
    assert done.returncode == 1
    assert "start one with `tracen serve`" in done.stderr
    done = run_import("--endpoint", tracen.http, "--key", "wrong", str(EXPORTS / "jaeger.json"))
    assert done.returncode == 1
    assert "refuses the key" in done.stderr
    assert "wrong" not in done.stderr
    assert run_import("--endpoint", tracen.http, str(EXPORTS / "jaeger.json")).returncode == 2
