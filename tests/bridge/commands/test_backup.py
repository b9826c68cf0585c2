"""`tracen backup` as a process: beside a server, on a full disk, ended at any point."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.bridge.conformance.test_store_faults import small_disk
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess, running_tracen, serve_command
from tests.viewer.keeping.whole import back_up, filled, findings, page_ids
from viewer.store.aside import put_back
from viewer.store.base import StoreUnusable
from viewer.store.check import Depth

__all__ = ["small_disk"]

TIMEOUT_S = 60


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bridge", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=TIMEOUT_S)
    assert "Traceback" not in finished.stderr
    return finished


def send(tracen: TracenProcess, trace_id: bytes) -> int:
    headers = {"x-tracen-key": tracen.key, "content-type": "application/json"}
    url = f"{tracen.otlp_http}/v1/traces"
    body = json_body(json_span(trace_id))
    return httpx2.post(url, content=body, headers=headers, trust_env=False, timeout=TIMEOUT_S).status_code


def is_shown(tracen: TracenProcess, trace_id: bytes) -> bool:
    url = f"{tracen.http}/api/traces/by-otel/{trace_id.hex()}"
    return httpx2.get(url, headers={"x-tracen-key": tracen.key}, trust_env=False).status_code == 200


def test_backup_beside_a_server_under_load_is_served_at_once(tmp_path: Path) -> None:
    """With each trace that was acknowledged before it began; its path is what is printed."""
    backup = tmp_path / "nightly.db"
    acknowledged: list[bytes] = []
    is_over = threading.Event()

    def keep_sending() -> None:
        while not is_over.is_set():
            trace_id = fresh_id()
            if send(tracen, trace_id) == 200:
                acknowledged.append(trace_id)

    with running_tracen(tmp_path / "t.db") as tracen:
        sender = threading.Thread(target=keep_sending)
        sender.start()
        before: list[bytes] = []
        for _ in range(2):  # the second one replaces the first
            before = list(acknowledged)
            done = run("backup", backup, "--db", tracen.db)
            assert (done.returncode, done.stdout) == (0, f"{backup}\n"), done.stderr
            assert "2 files, copied and checked in" in done.stderr
        is_over.set()
        sender.join(TIMEOUT_S)
        key = tracen.key
    with running_tracen(backup) as again:
        again.key = key
        assert before
        assert not [trace_id for trace_id in before[-20:] if not is_shown(again, trace_id)]


def test_backup_has_what_waits_to_be_delivered(tmp_path: Path) -> None:
    """The queue goes along, is checked, and goes on from the copy."""
    target = "http://127.0.0.1:9"
    forwarding = ("--forward-to", target, "--forward-key", "tracen_sk_of_another_server")
    backup = tmp_path / "nightly.db"

    def waiting(db: Path) -> int:
        (told,) = json.loads(run("forward", "--status", "--json", "--db", db).stdout)
        assert told["to"] == target
        count: int = told["waiting"]
        return count

    with running_tracen(tmp_path / "t.db", *forwarding) as tracen:
        assert [send(tracen, fresh_id()) for _ in range(3)] == [200] * 3
        until_s = time.monotonic() + TIMEOUT_S
        while waiting(tracen.db) < 3:
            assert time.monotonic() < until_s
            time.sleep(0.1)
        done = run("backup", backup, "--db", tracen.db)
        assert "3 files, copied and checked in" in done.stderr
    assert run("check", "--db", backup).returncode == 0
    assert waiting(backup) == 3
    with running_tracen(backup, *forwarding):
        assert waiting(backup) == 3


def test_backup_on_a_full_disk_leaves_what_was_there(small_disk: Path, tmp_path: Path) -> None:
    """Exit code 1; the old one is as it was, alone, and the message says how much room it takes."""
    store = filled(tmp_path / "t.db")
    assert run("backup", small_disk / "b.db", "--db", store.path).returncode == 0
    before = {path: path.read_bytes() for path in small_disk.iterdir()}
    (small_disk / "film").write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))
    refused = run("backup", small_disk / "b.db", "--db", store.path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "to spare; what was there before is as it was" in refused.stderr
    (small_disk / "film").unlink()
    assert {path: path.read_bytes() for path in small_disk.iterdir()} == before


# -- ended at any point --------------------------------------------------------------------------------

_ENDED = """
import os, signal, sys
number, event, part, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
def heard(name, values):
    global count
    if name in event.split("|") and part in str(values[0]):
        count -= 1
        if count == 0:
            os.kill(os.getpid(), number)
sys.addaudithook(heard)
from bridge.__main__ import main
sys.argv = ["tracen", *sys.argv[5:]]
main()
"""
"""Runs the command, and sends it a signal just before it does something to a file for the nth time."""


def ended(
    number: int, event: str, part: str, count: int, *arguments: object
) -> subprocess.CompletedProcess[str]:
    told = [str(number), event, part, str(count), *map(str, arguments)]
    return subprocess.run(
        [sys.executable, "-c", _ENDED, *told], capture_output=True, text=True, timeout=TIMEOUT_S
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_backup_that_is_ended_tidies_up(tmp_path: Path, number: signal.Signals) -> None:
    """It says nothing, dies of the signal, and leaves the old copy as it was."""
    store = filled(tmp_path / "t.db")
    assert run("backup", tmp_path / "b.db", "--db", store.path).returncode == 0
    before = {path: path.read_bytes() for path in tmp_path.glob("b.db*")}
    done = ended(
        number, "sqlite3.connect", "progress-bodies", 1, "backup", tmp_path / "b.db", "--db", store.path
    )
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")
    assert {path: path.read_bytes() for path in tmp_path.glob("b.db*")} == before


def test_backup_that_is_killed_while_it_copies_leaves_the_old_one(tmp_path: Path) -> None:
    """What it leaves says what it is, and the next one removes it."""
    store = filled(tmp_path / "t.db")
    first = ("backup", tmp_path / "b.db", "--db", store.path)
    killed = ended(signal.SIGKILL, "sqlite3.connect", "progress-bodies", 1, *first)
    assert killed.returncode == -signal.SIGKILL
    assert {path.name for path in tmp_path.glob("b.db*")} >= {"b.db.backup-in-progress", "b.db.lock"}
    assert run(*first).returncode == 0
    assert {path.name for path in tmp_path.glob("b.db*")} == {"b.db", "b.db-bodies", "b.db.lock"}
    assert not findings(tmp_path / "b.db")


@pytest.mark.parametrize("broken", [b"", bytes(20_480)], ids=["empty", "zeros"])
def test_restore_that_is_ended_puts_a_broken_store_back_with_its_log(tmp_path: Path, broken: bytes) -> None:
    """It may be all that is left of what was committed last."""
    store = filled(tmp_path / "t.db")
    back_up(store.path, tmp_path / "b.db")
    store.path.write_bytes(broken)
    log = tmp_path / "t.db-wal"
    log.write_bytes(b"the last commits")
    restoring = ("backup", store.path, "--db", tmp_path / "b.db", "--force")
    done = ended(signal.SIGTERM, "os.rename", "progress", 1, *restoring)
    assert done.returncode == -signal.SIGTERM
    assert log.read_bytes() == b"the last commits"
    assert not list(tmp_path.glob("*.backup-*"))


_KILLED_IN_TURN = """
import os, shutil, signal, sys
from pathlib import Path
from viewer.store.backup import copied, put_in_place
source, place, target = map(Path, sys.argv[1:4])
count = None
def heard(name, values):
    global count
    if count is not None and name in ("os.rename", "os.remove") and os.path.lexists(values[0]):
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(heard)
for number in range(1, 40):
    state = Path(f"{place}-{number}")
    shutil.copytree(place, state)
    child = os.fork()
    if not child:
        count = number
        with copied(source, state / target, lambda *told: None) as copy:
            put_in_place(copy)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        sys.exit(0)
sys.exit("it never came to its end")
"""
"""Writes a backup over each of many copies of a folder, killed before one rename or removal later each time."""


@pytest.mark.parametrize("is_replaced", [True, False], ids=["over another", "the first"])
def test_backup_that_is_killed_in_the_last_moment_is_one_or_the_other(
    tmp_path: Path, is_replaced: bool
) -> None:
    """Killed before each rename and removal in turn: nobody opens half a copy, and the next one puts it right."""
    store, place = filled(tmp_path / "t.db"), tmp_path / "place"
    place.mkdir()
    if is_replaced:
        back_up(store.path, place / "b.db")
    arguments = [str(store.path), str(place), "b.db"]
    subprocess.run([sys.executable, "-c", _KILLED_IN_TURN, *arguments], check=True, timeout=TIMEOUT_S)
    states = list(tmp_path.glob("place-*"))
    assert len(states) > 4
    wanted = {page.id for page in store.pages}
    for state in states:
        target = state / "b.db"
        _check_nobody_opens_half(target, wanted)
        put_back(target)
        assert {path.name for path in state.glob("b.db*")} in (
            {"b.db", "b.db-bodies", "b.db.lock"},
            {"b.db.lock"},
        )
        assert is_replaced <= target.exists()
        assert not target.exists() or not findings(target, Depth.STRUCTURE)


def _check_nobody_opens_half(target: Path, wanted: set[str]) -> None:
    """What a server would make of the files as they lie there: all, nothing, or a message."""
    aside = target.parent / "aside"
    shutil.copytree(target.parent, aside)
    is_new = not list(aside.glob("b.db.backup-replaced*")) and not (aside / "b.db").exists()
    try:
        assert page_ids(aside / "b.db") == (set() if is_new else wanted)
    except StoreUnusable as error:
        assert "--repair` puts it right" in str(error)  # noqa: PT017 - one of two outcomes
    shutil.rmtree(aside)


def test_server_does_not_start_where_a_restore_was_cut_short(tmp_path: Path) -> None:
    """It would make an empty store in front of the old one. The repair that is named puts that back."""
    store = filled(tmp_path / "t.db")
    back_up(store.path, tmp_path / "b.db")
    killed = ended(
        signal.SIGKILL, "os.rename", "progress", 1, "backup", store.path, "--db", tmp_path / "b.db"
    )
    assert killed.returncode == -signal.SIGKILL
    assert not store.path.exists()
    served = subprocess.run(serve_command(store.path), capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (served.returncode, served.stdout) == (2, "")
    repair = served.stderr.partition("`tracen ")[2].partition("`")[0]
    assert repair == f"check --db {store.path} --repair"
    assert not store.path.exists()
    assert run(*repair.split()).returncode == 0
    assert page_ids(store.path) == {page.id for page in store.pages}
    with running_tracen(store.path):
        pass


# -- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("b.db", "--db", "no.db"), 2, "there is no store no.db"),
        (("b.db", "--db", "letter.txt"), 2, "letter.txt is no store of Tracen"),
        (("b.db", "--db", "postgresql://user:secret@db/x"), 2, "expected a SQLite file, got postgresql://…"),
        (("letter.txt", "--db", "t.db"), 2, "is there and no backup of Tracen; --force writes over it"),
        (("b.db", "--db", "half.db"), 2, "half.db-bodies is missing, a part of"),
        (("b.db", "--db", "."), 2, "is a folder; give the file of a store"),
        (("b.db", "--db", ""), 2, "is a folder; give the file of a store"),
        (("", "--db", "t.db"), 2, "got an empty name"),
        (("t.db", "--db", "t.db"), 2, "a part of the store itself"),
        ((".", "--db", "t.db"), 2, "is a folder"),
        ((), 2, "Missing argument 'FILE'"),
    ],
)
def test_backup_says_what_keeps_it_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """In words, with nothing on stdout, and no secret of an address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    filled(tmp_path / "t.db")
    Path("letter.txt").write_text("Dear Ada,")
    shutil.copy("t.db", "half.db")
    done = run("backup", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in " ".join(done.stderr.split())
    assert "secret" not in done.stderr


def test_backup_of_a_damaged_store_replaces_nothing(tmp_path: Path) -> None:
    """Unless it is told to; the damage is named as the store's own."""
    store = filled(tmp_path / "t.db")
    assert run("backup", tmp_path / "b.db", "--db", store.path).returncode == 0
    before = (tmp_path / "b.db-bodies").read_bytes()
    bodies = tmp_path / "t.db-bodies"
    content = bytearray(bodies.read_bytes())
    content[16384 : 2 * 16384] = bytes(16384)
    bodies.write_bytes(content)
    refused = run("backup", tmp_path / "b.db", "--db", store.path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the store is not as it should be" in refused.stderr
    assert f"{bodies} is damaged" in refused.stderr
    assert "--keep-damaged keeps the copy all the same" in refused.stderr
    assert (tmp_path / "b.db-bodies").read_bytes() == before
    assert run("backup", tmp_path / "b.db", "--db", store.path, "--force").returncode == 1
    assert run("backup", tmp_path / "b.db", "--db", store.path, "--keep-damaged").returncode == 0


def test_restoring_says_what_comes_back(tmp_path: Path) -> None:
    """Every time; a backup over an older one says nothing of it."""
    store = filled(tmp_path / "t.db")
    for _ in range(2):
        assert "deleted" not in run("backup", tmp_path / "b.db", "--db", store.path).stderr
    restored = run("backup", store.path, "--db", tmp_path / "b.db")
    assert "what was deleted since is there again, revoked keys work again" in restored.stderr


def test_backup_of_a_newer_release_says_what_to_update(tmp_path: Path) -> None:
    """As `tracen check` does."""
    store = filled(tmp_path / "t.db")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as newer:
        newer.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('tracen', 'future', '')"
        )
    refused = run("backup", tmp_path / "b.db", "--db", store.path)
    assert refused.returncode == 1
    assert (
        f"{store.path} was made by a newer Tracen (it has 'future'). Repair: update this one"
        in refused.stderr
    )


def test_backup_shows_how_far_it_is_in_a_terminal(tmp_path: Path) -> None:
    """A bar with bytes, on stderr."""
    store = filled(tmp_path / "t.db")
    reading, writing = pty.openpty()
    done = subprocess.run(
        command("backup", tmp_path / "b.db", "--db", store.path),
        stdout=subprocess.PIPE,
        stderr=writing,
        timeout=TIMEOUT_S,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(writing)
    told = os.read(reading, 100_000).decode()
    os.close(reading)
    assert done.stdout.decode() == f"{tmp_path / 'b.db'}\n"
    assert "copying" in told
    assert "kB" in told
