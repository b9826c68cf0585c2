"""The server that stays after a run: what it says is kept where somebody looks, and it is in nobody's way."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import presence
from bridge.running.held_server import leave_folder
from bridge.running.hold import held_pid
from bridge.running.log import MAX_BYTES
from tests.bridge.running.runs import CHECKOUT, PYTHON, SPAN, TIMEOUT_S, clean_environment, run_command
from viewer.store.engines import open_store


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Path]:
    """A store of which no server is left."""
    path = tmp_path / "tracen.db"
    yield path
    stop(path)


def run(db: Path, *words: str, options: tuple[str, ...] = ("--stay",), **environment: str) -> tuple[int, str]:
    """Run a program in the folder of a store; its exit code, and what it and we said."""
    ended = subprocess.run(
        run_command("--db", db.name, *options, "--", *words),
        capture_output=True,
        text=True,
        env=clean_environment(**environment),
        cwd=db.parent,
        timeout=TIMEOUT_S,
    )
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr


def stop(db: Path) -> str:
    """`tracen stop`, and what it said."""
    command = [PYTHON, "-P", "-m", "bridge", "stop", "--db", str(db)]
    return subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(), timeout=TIMEOUT_S
    ).stderr


def kill(db: Path) -> int:
    """Have the server end without a word."""
    pid = held_pid(str(db))
    os.kill(pid, signal.SIGKILL)
    end_s = time.monotonic() + TIMEOUT_S
    while presence.find(str(db)) is not None:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    return pid


def log_of(db: Path) -> Path:
    return Path(f"{db}.runs.log")


def test_what_a_server_says_is_in_a_log_that_its_owner_alone_reads(db: Path) -> None:
    """From its start to its end, without what was sent to it; --verbose names it."""
    code, err = run(db, PYTHON, "-c", SPAN, "a secret title", options=("--verbose",))
    assert code == 0, err
    assert f"its log: {log_of(db)}" in err
    assert stop(db).endswith(") has ended.\n")
    said = log_of(db).read_text()
    assert log_of(db).stat().st_mode & 0o777 == 0o600
    assert f"serving from {db}" in said
    assert said.splitlines()[-1].endswith("ended")
    assert "secret" not in said
    assert "tracen_sk_" not in said


def test_server_is_in_no_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk could not be unmounted for an hour; files that settings name are those of the folder all the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACEN_TLS_CERT", "chain.pem")
    monkeypatch.setenv("TRACEN_TLS_KEY", "/etc/key.pem")
    leave_folder()
    assert Path.cwd() == Path("/")
    assert os.environ["TRACEN_TLS_CERT"] == str(tmp_path / "chain.pem")
    assert os.environ["TRACEN_TLS_KEY"] == "/etc/key.pem"


def test_key_that_nobody_would_see_is_not_made(db: Path) -> None:
    """Nor written into the log, where the store is there and holds no account yet."""
    asyncio.run(open_store(str(db)).close())
    assert run(db, "true", options=("--key", "tracen_sk_wrong"))[0] == 2
    assert log_of(db).exists()
    said = log_of(db).read_text()
    assert "serving from" in said
    assert "tracen_sk_" not in said
    assert "/login/link" not in said


def test_server_that_died_is_told_with_its_log(db: Path) -> None:
    """By `tracen stop`; the next run has a server again, and one that ended in order is no death."""
    run(db, "true")
    pid = kill(db)
    said = stop(db)
    assert f"(process {pid}) did not end in order: its log is {log_of(db)}" in said
    code, err = run(db, PYTHON, "-c", SPAN)
    assert (code, "tracen: 1 trace" in err) == (0, True), err
    assert stop(db).endswith(") has ended.\n")
    assert stop(db) == f"tracen: no server runs on {db}; --db names another store\n"


def test_server_that_dies_during_a_run_is_told_at_its_end(db: Path) -> None:
    """The exit code is the program's; nobody is told that pages are there."""
    run(db, "true")
    code, err = run(db, "sh", "-c", f"kill -9 {held_pid(str(db))}; sleep 1; exit 3")
    assert code == 3
    assert f"its log is {log_of(db)}" in err
    assert "goes on" not in err


def test_why_no_server_can_be_started_is_told(db: Path) -> None:
    """What was foreseen in a sentence of its own."""
    code, err = run(db, "true", TRACEN_LOG_LEVEL="loud")
    assert code == 2
    (line,) = err.splitlines()
    assert "loud" in line
    assert not os.path.exists(f"{db}.lock") or presence.find(str(db)) is None


BOUNDED = """
import os, sys, threading
from bridge.running import log
db, = sys.argv[1:]
file = log.opened_log(db)
os.dup2(file.fileno(), 2)
log.turn(db)
assert not os.path.exists(log.log_of(db).with_name(log.log_of(db).name + ".1"))
for turn in range(3):
    sys.stderr.write(f"{turn}\\n" * (log.MAX_BYTES // 2 + 1))
    log.turn(db)
sys.stderr.write("then\\n")
os.remove(log.log_of(db))
log.turn(db)
sys.stderr.write("last\\n")
"""


def test_log_is_bounded_and_goes_on_where_it_was_removed(db: Path) -> None:
    """What it said before that is kept once; what is said after it is in the file of that name."""
    command = [PYTHON, "-c", BOUNDED, str(db)]
    subprocess.run(command, check=True, env=clean_environment(), cwd=CHECKOUT, timeout=TIMEOUT_S)
    assert log_of(db).read_text() == "last\n"
    before = Path(f"{log_of(db)}.1")
    assert before.read_text() == "2\n" * (MAX_BYTES // 2 + 1)
    assert before.stat().st_mode & 0o777 == log_of(db).stat().st_mode & 0o777 == 0o600


def test_log_that_can_not_be_written_keeps_nobody_from_running(db: Path) -> None:
    """A link of somebody else's, or a folder: nothing is written there."""
    elsewhere = db.parent / "elsewhere"
    elsewhere.write_text("mine")
    log_of(db).symlink_to(elsewhere)
    code, err = run(db, PYTHON, "-c", SPAN)
    assert (code, "tracen: 1 trace" in err) == (0, True), err
    assert elsewhere.read_text() == "mine"
