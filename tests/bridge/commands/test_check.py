"""`tracen check` as a process: its words, its exit codes, and a server beside it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import TracenProcess
from tests.viewer.keeping.whole import back_up, filled

TIMEOUT_S = 60


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "check", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=os.environ | environment,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("more", [[], ["--quick"]])
def test_check_beside_a_running_server_finds_it_whole(tracen: TracenProcess, more: list[str]) -> None:
    """Exit code 0, nothing on stdout, and what it looked at on stderr."""
    tracen.create_key("checked@example.com")
    done = run("--db", tracen.db, *more)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{tracen.db} is whole: " in done.stderr
    assert "accounts" in done.stderr
    done = run("--db", tracen.db, *more, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["is_whole"], told["findings"]) == (0, True, [])
    assert told["counts"]["accounts"] > 0


def test_findings_are_a_line_each(tmp_path: Path) -> None:
    """Or a JSON object; exit code 1, and the repair can be done as it is written."""
    store = filled(tmp_path / "t.db")
    back_up(store.path, tmp_path / "b.db")
    bodies = tmp_path / "t.db-bodies"
    bodies.write_bytes(b"")
    done = run(TRACEN_DB=str(store.path))
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{bodies} is empty. Repair: stop the server, then `tracen backup --db BACKUP")
    assert "1 finding in" in done.stderr
    done = run("--db", store.path, "--json")
    assert (done.returncode, json.loads(done.stdout)["is_whole"]) == (1, False)
    (told,) = json.loads(done.stdout)["findings"]
    assert told.keys() == {"file", "what", "repair", "is_unseen"}
    repair = (
        told["repair"].partition("`tracen ")[2].partition("`")[0].replace("BACKUP", str(tmp_path / "b.db"))
    )
    subprocess.run([sys.executable, "-m", "bridge", *repair.split()], check=True, timeout=TIMEOUT_S)
    assert run("--db", store.path).returncode == 0


@pytest.mark.parametrize("db", ["no.db", "no/no.db", "postgresql://user:secret@db/x"])
def test_what_is_no_store_is_called_wrongly(tmp_path: Path, db: str) -> None:
    """Nothing is made of it, and no secret of an address is told."""
    done = run("--db", db if "://" in db else tmp_path / db)
    assert (done.returncode, done.stdout) == (2, "")
    assert "secret" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("db", ["", ".", "b1", "t.d"])
def test_name_that_is_only_like_that_of_a_store_is_called_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: str
) -> None:
    """Of what has a longer name nothing is lost; a folder is no store."""
    filled(tmp_path / "t.db")
    filled(tmp_path / "b1.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    done = run("--db", db)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--force" not in done.stderr


def test_store_that_can_not_be_looked_at_is_no_damaged_one(tmp_path: Path) -> None:
    """It is told apart from what is wrong, so that nobody restores over it; 2 is for what was called wrongly."""
    store = filled(tmp_path / "t.db")
    back_up(store.path, tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        done = run("--db", tmp_path / "b.db", "--quick")
        (told,) = json.loads(run("--db", tmp_path / "b.db", "--quick", "--json").stdout)["findings"]
    assert told["is_unseen"]
    assert done.returncode == 1
    assert "could not be looked at: database is locked. Repair: another program has it locked" in done.stdout


def test_repair_needs_the_server_to_be_stopped(tracen: TracenProcess) -> None:
    """Exit code 2, and nothing is done."""
    done = run("--db", tracen.db, "--repair")
    assert (done.returncode, done.stdout) == (2, "")
    assert "in use, by `tracen serve`" in done.stderr


def test_names_do_not_steer_a_terminal(tmp_path: Path) -> None:
    """Escapes in the name of a file are shown as text."""
    store = filled(tmp_path / "t\x1b[2J.db")
    assert "\x1b" not in run("--db", store.path).stderr
    store.path.write_bytes(b"")
    done = run("--db", store.path)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[2J" in done.stdout


def test_whole_store_says_what_was_not_checked(tmp_path: Path) -> None:
    """An index that is only in the server's memory; what is in the files, where it is quick."""
    store = filled(tmp_path / "t.db")
    done = run("--db", store.path)
    assert "4 traces" in done.stderr
    assert "Not checked: the index of 2 of the batches" in done.stderr
    assert "Not checked: rows and contents" in run("--db", store.path, "--quick").stderr


_INTERRUPTED = """
import os, signal, sys
from bridge.__main__ import main
from viewer.store.check import files, statements
statements._OPCODES = 1
sys.argv = ["tracen", "check", "--db", sys.argv[1]]
watched = files.watched
def interrupting(connection, look):
    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        look()
    return watched(connection, interrupt)
files.watched = interrupting
main()
"""
"""Presses Ctrl-C within a statement of SQLite's."""


def test_check_that_is_interrupted_is_silent(tmp_path: Path) -> None:
    """Also in a statement that takes long: it ends at once, of the signal."""
    store = filled(tmp_path / "t.db")
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(store.path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
