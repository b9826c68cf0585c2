"""`tracen forward` as processes of their own: what it refuses, and what it tells beside a server and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.load import SMALL, Load, over_grpc
from tests.bridge.forwarding.strict_tracen import KEY, strict_tracen
from tests.processes import running_tracen

TIMEOUT_S = 60


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `tracen …` to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=inherited | environment,
    )


def test_forward_says_what_keeps_it_from_starting(tmp_path: Path) -> None:
    """No endpoint, no key, the reverse, an endpoint that is this very server: exit code 2, in one line."""
    db = ("--db", str(tmp_path / "t.db"))
    ports = ("--port", "18431", "--otlp-grpc-port", "0", "--otlp-http-port", "0")
    for arguments, words in (
        (("forward", *db), "--to URL"),
        (("forward", "--to", "http://127.0.0.1:9", *db), "TRACEN_FORWARD_KEY"),
        (("serve", "--forward-key", "secret-key", *db), "deliver where?"),
        (("forward", "--json", *db), "--status"),
        (("forward", "--to", "http://localhost:18431", "--key", "k", *ports, *db), "this very server"),
        (("forward", "--status", *db), "no store"),
    ):
        done = run(*arguments)
        assert done.returncode == 2, done
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert "secret-key" not in done.stderr


def test_status_is_told_beside_the_server_and_without_it(tmp_path: Path) -> None:
    """In words and as JSON; a second server on the file is told where the flag belongs."""
    db = tmp_path / "t.db"
    with strict_tracen() as strict:
        flags = ("--forward-to", strict.endpoint, "--forward-key", KEY, "--forward-quiet", "1")
        with running_tracen(db, *flags) as tracen:
            over_grpc(tracen)(Load(SMALL, spans=3, traces=3, requests=1).bodies[0])
            deadline = time.monotonic() + TIMEOUT_S
            while len(strict.pages) < 3:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            (told,) = json.loads(run("forward", "--status", "--json", TRACEN_DB=str(db)).stdout)
            assert (told["is_running"], told["to"]) == (True, strict.endpoint)
            second = run("forward", "--to", strict.endpoint, "--key", KEY, "--db", str(db))
            assert second.returncode == 2
            assert "--forward-to to that `tracen serve`" in second.stderr
        status = run("forward", "--status", "--db", str(db))
        assert "delivered    3\n" in status.stdout
        assert KEY not in status.stdout + db.with_suffix(".stderr").read_text()


def test_status_beside_a_server_that_does_not_deliver(tmp_path: Path) -> None:
    """What waits goes when there is one that does; a target for which nothing waits is told no more."""
    db = tmp_path / "t.db"
    for url in ("http://127.0.0.1:9/mistyped", "http://127.0.0.1:9"):
        with running_tracen(db, "--forward-to", url, "--forward-key", KEY):
            pass
    with running_tracen(db):
        told = json.loads(run("forward", "--status", "--json", TRACEN_DB=str(db)).stdout)
    assert [(one["to"], one["is_running"]) for one in told] == [("http://127.0.0.1:9", False)]


def test_status_of_a_store_that_delivers_nothing(tmp_path: Path) -> None:
    """Says so, and makes no file."""
    db = tmp_path / "t.db"
    assert run("accounts", "create", "ada@team.example", "--db", str(db)).returncode == 0
    status = run("forward", "--status", "--db", str(db))
    assert (status.returncode, status.stdout) == (0, "")
    assert "--forward-to" in status.stderr
    assert json.loads(run("forward", "--status", "--json", "--db", str(db)).stdout) == []
    assert not list(tmp_path.glob("*-forward"))


def test_endpoint_is_forgotten_that_is_delivered_to_no_more(tmp_path: Path) -> None:
    """Not beside a server, which writes the same file; nor one that is not known, nor without a word in a pipe."""
    db, mistyped, used = tmp_path / "t.db", "http://127.0.0.1:9/mistyped", "http://127.0.0.1:9"
    with running_tracen(db, "--forward-to", mistyped, "--forward-key", KEY):
        pass
    with running_tracen(db, "--forward-to", used, "--forward-key", KEY) as tracen:
        for url in (used, mistyped):
            done = run("forward", "--forget", url, "--yes", "--db", str(db))
            assert (done.returncode, done.stdout) == (1, "")
            assert (
                f"{tracen.http} has this store, and writes its queue: end it (`tracen stop --db {db}`)"
                in done.stderr
            )
    for url, flags, code, words in (
        ("http://127.0.0.1:9/other", ("--yes",), 2, mistyped),
        (mistyped, (), 2, "give --yes"),
        (f"{mistyped}/", ("--yes",), 0, "is forgotten"),
        (mistyped, ("--yes",), 2, "nothing is kept"),
    ):
        done = run("forward", "--forget", url, *flags, "--db", str(db))
        assert (done.returncode, words in done.stderr) == (code, True), done
    assert mistyped.encode() not in (tmp_path / "t.db-forward").read_bytes()
