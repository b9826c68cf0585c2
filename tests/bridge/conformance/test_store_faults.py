"""A disk that is full, files that are gone or broken: nothing is acknowledged that is not kept."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2
import pytest

from tests.bridge.conformance.clients import names, over_grpc, over_http
from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.processes import TracenProcess, running_tracen, serve_command, start_tracen
from tests.viewer.samples import PLAIN

DISK_BYTES = 6 * 1024 * 1024


def large(trace_id: bytes) -> bytes:
    return protobuf((trace_id, fresh_id(8), "x" * 500_000))


def refused_to_start(db: Path) -> str:
    """What a server says that can not open its files; it must end with 2 and leave them alone."""
    before = {path: path.read_bytes() for path in db.parent.iterdir() if path.suffix != ".lock"}
    ended = subprocess.run(serve_command(db), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(path.read_bytes() == content for path, content in before.items())
    return ended.stderr


def keyed(tracen: TracenProcess) -> httpx2.Client:
    """A client that sends the local account's key."""
    headers = {"x-tracen-key": tracen.key}
    return httpx2.Client(base_url=tracen.http, headers=headers, trust_env=False, timeout=60)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs root, to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_is_answered_as_retryable_and_survived(small_disk: Path) -> None:
    """503 and UNAVAILABLE with a wait, pages still open, nothing acknowledged is lost; with space again it goes on."""
    with running_tracen(small_disk / "t.db") as tracen, keyed(tracen) as client:
        kept = []
        while True:
            trace_id = fresh_id()
            answer = over_http(tracen, large(trace_id))
            if answer.status != 200:
                break
            kept.append(trace_id)
            assert len(kept) < 100
        assert (answer.status, answer.retry_after_s) == (503, 2)
        over = over_grpc(tracen, large(fresh_id()))
        assert (over.status, over.retry_after_s) == (grpc.StatusCode.UNAVAILABLE, 2)
        posted = client.post("/api/traces", json=PLAIN | {"response": "x" * 500_000})
        assert (posted.status_code, posted.json()["retry_after"]) == (503, 2)
        assert posted.json()["detail"] == "The store is busy or full; this was not done, try again."
        assert kept
        assert all(len(names(tracen, one)) == 1 for one in kept[:3])
        assert httpx2.get(f"{tracen.http}/readyz", trust_env=False).status_code in (200, 503)
        mount = ["mount", "-o", f"remount,size={8 * DISK_BYTES}", str(small_disk)]
        subprocess.run(mount, check=True)
        trace_id = fresh_id()
        assert over_http(tracen, large(trace_id)).status == 200
        assert len(names(tracen, trace_id)) == 1


def filled(client: httpx2.Client) -> list[str]:
    """Share runs until the disk takes no more, not even a small one; the ids of their pages."""
    page_ids: list[str] = []
    for size in (400_000, 40_000, 4_000):
        while True:
            answer = client.post("/api/traces", json=PLAIN | {"prompt": os.urandom(size // 2).hex()})
            if answer.status_code != 200:
                assert (answer.status_code, answer.json()["retry_after"]) == (503, 2)
                break
            page_ids.append(answer.json()["trace_id"])
            assert len(page_ids) < 1_000
    return page_ids


def test_deleting_goes_on_where_the_disk_is_full(small_disk: Path) -> None:
    """Who shared too much can take it back, and whoever runs the server can make room: what follows is kept again."""
    subprocess.run(["mount", "-o", f"remount,size={6 * DISK_BYTES}", str(small_disk)], check=True)
    often = ("--requests-per-hour", "10000")
    with running_tracen(small_disk / "t.db", *often) as tracen, keyed(tracen) as client:
        page_ids = filled(client)
        held = (small_disk / "t.db-reserve").stat().st_blocks
        assert held > 0
        for page_id in page_ids[-3:] + page_ids[:20]:
            assert client.delete(f"/api/traces/{page_id}").status_code == 204
            assert client.get(f"/traces/{page_id}").status_code == 410
        assert (small_disk / "t.db-reserve").stat().st_blocks == held
        assert over_http(tracen, large(fresh_id())).status == 200


@pytest.mark.parametrize("name", ["t.db", "t.db-bodies"])
def test_file_deleted_while_serving_is_noticed(tmp_path: Path, name: str) -> None:
    """What would go into a file that nobody can open again is not acknowledged."""
    with running_tracen(tmp_path / "t.db") as tracen:
        assert over_http(tracen, protobuf((fresh_id(), fresh_id(8), "kept"))).status == 200
        (tmp_path / name).unlink()
        refused = over_http(tracen, protobuf((fresh_id(), fresh_id(8), "lost")))
        assert (refused.status, refused.retry_after_s) == (503, 2)
        assert httpx2.get(f"{tracen.http}/readyz", trust_env=False).status_code == 503


# -- files that can not be opened ----------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The files of a server that was used and ended."""
    db = tmp_path / "files" / "t.db"
    db.parent.mkdir()
    with running_tracen(db) as tracen:
        assert over_http(tracen, protobuf((fresh_id(), fresh_id(8), "kept"))).status == 200
    db.with_suffix(".stderr").unlink()
    return db


def test_missing_bodies_are_named(store: Path) -> None:
    """A database without its bodies would show empty pages."""
    Path(f"{store}-bodies").unlink()
    assert "t.db-bodies: missing" in refused_to_start(store)


def test_bodies_of_another_database_are_named(store: Path) -> None:
    """Copied together from two places."""
    other = store.parent / "other.db"
    with running_tracen(other) as tracen:
        assert over_http(tracen, protobuf((fresh_id(), fresh_id(8), "other"))).status == 200
    shutil.copy(f"{other}-bodies", f"{store}-bodies")
    assert "does not belong" in refused_to_start(store)


def test_emptied_database_beside_its_bodies_is_refused(store: Path) -> None:
    """A file of no bytes is what a failed copy leaves."""
    store.write_bytes(b"")
    assert "t.db: empty or missing" in refused_to_start(store)


@pytest.mark.parametrize("name", ["t.db", "t.db-bodies"])
def test_broken_file_is_named(store: Path, name: str) -> None:
    """Its first page is not SQLite's any more."""
    path = store.parent / name
    path.write_bytes(b"\xff" * 100 + path.read_bytes()[100:])
    assert name in refused_to_start(store)


@pytest.mark.parametrize(("name", "of"), [("t.db", "tracen"), ("t.db-bodies", "tracen-bodies")])
def test_file_of_a_newer_release_is_refused(store: Path, name: str, of: str) -> None:
    """A schema that this release does not know is not written to."""
    connection = sqlite3.connect(store.parent / name)
    with connection:
        connection.execute("insert into _sqlite_migrations (migration_set, name) values (?, 'new')", (of,))
    connection.close()
    assert "newer Tracen" in refused_to_start(store)


# -- ending --------------------------------------------------------------------------------------------


def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    """The first waits for what is in flight: here a request whose body never comes."""
    tracen = start_tracen(tmp_path / "t.db")
    host, _, port = tracen.otlp_http.removeprefix("http://").partition(":")
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-tracen-key: {tracen.key}\r\ncontent-length: 9\r\n"
    head += "content-type: application/x-protobuf\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode())
        time.sleep(0.5)
        tracen.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert tracen.process.poll() is None
        tracen.process.send_signal(signal.SIGTERM)
        assert tracen.process.wait(5) == 1
    tracen.close()


def test_sigterm_under_load_loses_nothing(tmp_path: Path) -> None:
    """What was acknowledged until the last moment is on its page after a restart."""
    tracen = start_tracen(tmp_path / "t.db")
    acknowledged: list[bytes] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            trace_id = fresh_id()
            try:
                answer = over_http(tracen, protobuf((trace_id, fresh_id(8), "span")))
            except httpx2.TransportError:
                return
            if answer.status == 200:
                acknowledged.append(trace_id)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + 60
    while len(acknowledged) <= 10 and time.monotonic() < give_up:  # a busy machine takes its time
        time.sleep(0.1)
    time.sleep(0.5)
    assert tracen.stop() == 0
    stop.set()
    for thread in threads:
        thread.join()
    tracen.close()
    assert len(acknowledged) > 10
    again: TracenProcess = start_tracen(tmp_path / "t.db", key=tracen.key)
    assert all(names(again, trace_id) == ["span"] for trace_id in acknowledged[-50:])
    assert again.stop() == 0
    again.close()


def test_page_broken_in_the_middle_is_told(store: Path) -> None:
    """What is read at the start is read with an eye on errors: a message, and no traceback."""
    path = Path(f"{store}-bodies")
    content = path.read_bytes()
    path.write_bytes(content[:16384] + b"\xff" * (len(content) - 16384))
    assert "malformed" in refused_to_start(store)
