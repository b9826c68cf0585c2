"""Where a run's spans go: a server that runs, one that is started, one that is somewhere else; and with which key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3

from bridge import presence
from bridge.running.hold import Hold, wait_until_let_go
from tests.bridge.running.runs import PYTHON, SPAN, TIMEOUT_S, Runner, clean_environment, run_command
from tests.processes import TracenProcess, running_tracen
from viewer.accounts.addresses import LOCAL
from viewer.store.engines import open_store
from viewer.store.people import Key

GOES_ON = (
    SPAN
    + "import time\nprint('ready', flush=True)\nsys.stdin.readline()\nwith tracer.start_as_current_span('late'): pass\n"
)


def local_keys(db: Path) -> list[Key]:
    """The valid keys of the local account."""

    async def ask() -> list[Key]:
        store = open_store(str(db), exclusive=False)
        account = await store.accounts.by_email(LOCAL)
        found = await store.accounts.keys_of(account.id) if account else []
        await store.close()
        return found

    return asyncio.run(ask())


def begin(db: Path, *words: str, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a run on a store."""
    return subprocess.Popen(
        run_command("--db", str(db), *options, "--", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        cwd=db.parent,
    )


def wait_gone(db: Path) -> None:
    """Until no server has a store."""
    end_s = time.monotonic() + TIMEOUT_S
    while presence.find(str(db)) is not None:
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Path]:
    """A store without a server, in which none may be left."""
    (tmp_path / "program.py").write_text(GOES_ON)
    path = tmp_path / "tracen.db"
    yield path
    wait_gone(path)


def test_server_is_started_and_ends_with_the_run(db: Path) -> None:
    """The URL answers while it is there, and after `tracen serve`; the key is no longer one."""
    run = begin(db, PYTHON, "program.py", "first", options=("--json", "--no-stay"))
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    (key,) = local_keys(db)
    assert key.label == f"tracen run {Path(PYTHON).name} program.py"
    assert key.expires_ns is not None
    assert 23 * 3600 < (key.expires_ns - key.created_ns) / 1e9 < 25 * 3600
    out, err = run.communicate("\n", timeout=TIMEOUT_S)
    assert run.returncode == 0, err
    titles = [json.loads(line)["title"] for line in out.splitlines()]
    assert titles == ["first", "late"]
    assert f"`tracen serve --db {db}` shows them again" in err
    assert "tracen_sk_" not in err + out
    assert local_keys(db) == []
    page = json.loads(out.splitlines()[0])["url"].rpartition("/")[2]
    with running_tracen(db) as again:
        assert urllib3.request("GET", f"{again.http}/traces/{page}", timeout=60).status == 200


def test_runs_at_once_share_a_server_and_see_their_own_traces(db: Path) -> None:
    """It ends with the last one, whoever has started it."""
    first = begin(db, PYTHON, "program.py", "first", options=("--json", "--no-stay"))
    assert first.stdout is not None
    first.stdout.readline()
    doors = presence.find(str(db))
    second = begin(db, PYTHON, "program.py", "second", options=("--json", "--no-stay"))
    assert second.stdout is not None
    second.stdout.readline()
    out, err = first.communicate("\n", timeout=TIMEOUT_S)
    assert [json.loads(line)["title"] for line in out.splitlines()] == ["first", "late"], err
    assert presence.find(str(db)) == doors
    out, err = second.communicate("\n", timeout=TIMEOUT_S)
    assert [json.loads(line)["title"] for line in out.splitlines()] == ["second", "late"], err
    assert f"`tracen serve --db {db}` shows them again" in err


def test_server_ends_when_the_run_is_killed(db: Path) -> None:
    """The kernel lets go for it; the program goes on, as its own master."""
    run = begin(db, PYTHON, "-c", "import sys; print('ready', flush=True); sys.stdin.readline()")
    assert run.stdout is not None
    run.stdout.readline()
    assert presence.find(str(db)) is not None
    run.kill()
    wait_gone(db)
    run.communicate(timeout=TIMEOUT_S)


def test_server_goes_on_for_who_looks_and_ends_when_it_is_stopped(db: Path) -> None:
    """The URL answers once the run is over, also for the next run; the exit code is the program's."""
    program = SPAN + "raise SystemExit(3)"
    for name in ("first", "second"):
        run = begin(db, PYTHON, "-c", program, name, options=("--json",))
        out, err = run.communicate(timeout=TIMEOUT_S)
        assert run.returncode == 3, err
        assert f"`tracen stop --db {db}` ends it" in err
        assert urllib3.request("GET", json.loads(out)["url"], timeout=60).status == 200
    stop = [PYTHON, "-P", "-m", "bridge", "stop", "--db", str(db)]
    first = subprocess.run(stop, env=clean_environment(), capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (first.returncode, first.stdout) == (0, "")
    assert re.fullmatch(r"The server at http://127\.0\.0\.1:\d+ \(process \d+\) has ended\.\n", first.stderr)
    assert presence.find(str(db)) is None
    assert stat.S_IMODE(Path(f"{db}.runs").stat().st_mode) == 0o600
    again = subprocess.run(stop, env=clean_environment(), capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (again.returncode, again.stderr) == (
        1,
        f"tracen: no server runs on {db}; --db names another store\n",
    )


def test_server_that_stays_ends_once_it_is_late_enough(tmp_path: Path) -> None:
    """Not before, and not while somebody holds it; without a wish it ends at once."""
    db = str(tmp_path / "t.db")
    hold = Hold(db)
    hold.tell(os.getpid())
    hold.stay_until(int(time.time()) + 1)
    hold.release()
    began_s = time.time()
    wait_until_let_go(db).close()
    assert time.time() >= int(began_s) + 1


def test_hold_is_the_last_once_others_have_let_go(tmp_path: Path) -> None:
    """In any order."""
    db = str(tmp_path / "t.db")
    first, second = Hold(db), Hold(db)
    assert not first.is_the_last()
    first.release()
    assert second.is_the_last()
    second.release()


def test_running_server_is_used_with_a_key_of_the_run(runner: Runner) -> None:
    """Its own server goes on, its keys are as before."""
    before = local_keys(runner.tracen.db)
    done = runner.python(SPAN)
    assert done.traces[0]["url"].startswith(runner.tracen.http)
    assert "serve" not in done.err
    assert local_keys(runner.tracen.db) == before


def test_given_key_tells_what_is_new(runner: Runner) -> None:
    """Traces that came with it before are not the run's."""
    key = runner.tracen.create_key("given@example.com")
    given = {"TRACEN_ENDPOINT": runner.tracen.http, "TRACEN_KEY": key}
    first = runner.python(SPAN, "first", environment=given)
    second = runner.python(SPAN, "second", environment=given)
    assert [[trace["title"] for trace in done.traces] for done in (first, second)] == [["first"], ["second"]]


def test_there_must_be_somewhere_to_send_to(tracen: TracenProcess, tmp_path: Path) -> None:
    """Told before the program is run."""
    db = str(tmp_path / "none.db")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        unreachable = f"http://127.0.0.1:{mute.getsockname()[1]}"
    (tmp_path / "folder").mkdir()
    for options, said in (
        (("--endpoint", unreachable, "--key", "k"), "can not be reached"),
        (("--endpoint", tracen.http, "--key", "wrong"), "refuses the key"),
        (("--endpoint", tracen.http, "--db", db), "TRACEN_KEY"),
        (("--endpoint", f"{tracen.http}/elsewhere", "--key", "k"), "404"),
        (
            (
                "--endpoint",
                "nonsense",
            ),
            "nonsense",
        ),
        (("--db", str(tmp_path / "folder")), "folder"),
        (("--protocol", "carrier-pigeon"), "carrier-pigeon"),
    ):
        ended = subprocess.run(
            run_command("--db", db, *options, "--", "echo", "was run"),
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=TIMEOUT_S,
        )
        assert ended.returncode == 2, (options, ended.stderr)
        assert said in ended.stderr
        assert "was run" not in ended.stdout
        assert "Traceback" not in ended.stderr
    assert not os.path.exists(db)


def test_key_is_sent_to_no_server_that_was_not_named(db: Path) -> None:
    """Whoever listens at the usual address may be anybody; the store's own server refuses it."""
    asked: list[str] = []
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 8000)) as anybody:
        anybody.settimeout(0.0)
        run = begin(db, "true", options=("--key", "tracen_sk_of_another_service", "--no-stay"))
        _, err = run.communicate(timeout=TIMEOUT_S)
        with contextlib.suppress(BlockingIOError):
            asked.append(str(anybody.accept()))
        assert run.returncode == 2
        assert "Give --endpoint too, or unset it" in err
    assert not asked


def test_stop_signals_only_the_server(tmp_path: Path) -> None:
    """A number that a server in a container told is that of anybody here."""
    db = tmp_path / "t.db"
    with running_tracen(db) as tracen, subprocess.Popen(["sleep", "60"]) as anybody:
        try:
            doors = presence.find(str(db))
            assert doors is not None
            presence.tell(str(db), replace(doors, pid=anybody.pid))
            command = [PYTHON, "-P", "-m", "bridge", "stop", "--db", str(db)]
            ended = subprocess.run(
                command, env=clean_environment(), capture_output=True, text=True, timeout=TIMEOUT_S
            )
            assert (ended.returncode, anybody.poll(), tracen.process.poll()) == (1, None, None)
            assert "stop it where it was started" in ended.stderr
        finally:
            anybody.kill()


def test_server_is_one_of_runs_only_if_it_is_that_process(tmp_path: Path) -> None:
    """Its number may be somebody else's by now, while `tracen serve` has the store."""
    db = tmp_path / "t.db"
    with running_tracen(db):
        hold = Hold(str(db))
        hold.tell(os.getpid())
        hold.release()
        run = begin(db, "true")
        _, err = run.communicate(timeout=TIMEOUT_S)
        assert "Tracen goes on" not in err
        assert "serve" not in err


def test_started_server_makes_no_key_that_nobody_sees(db: Path) -> None:
    """Where a key is given, and no store is there yet."""
    run = begin(db, "true", options=("--key", "tracen_sk_wrong"))
    run.communicate(timeout=TIMEOUT_S)
    assert local_keys(db) == []


def test_run_during_an_earlier_ones_hour_tells_how_long_it_is(db: Path) -> None:
    """It goes on, whatever the later one wants."""
    for options, told in (
        (("--stay",), "for an hour"),
        (("--no-stay",), "for 60 minutes, as an earlier run"),
    ):
        run = begin(db, "true", options=options)
        _, err = run.communicate(timeout=TIMEOUT_S)
        assert told in err
    stop = [PYTHON, "-P", "-m", "bridge", "stop", "--db", str(db)]
    subprocess.run(stop, env=clean_environment(), check=True, timeout=TIMEOUT_S)
