"""Other commands find the server of a file, and no server that has gone."""

from __future__ import annotations

import fcntl
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO

import click
import pytest

from bridge.console import DEFAULT_BASE_URL
from bridge.presence import Doors, Untold, find, look
from bridge.whereabouts import whereabouts
from tests.processes import TracenProcess, serve_command, start_tracen
from viewer.store.aside import only_one
from viewer.store.base import StoreUnusable
from viewer.store.files import Files


@pytest.mark.parametrize("end", [TracenProcess.stop, TracenProcess.kill], ids=["sigterm", "kill-9"])
def test_a_server_is_found_for_as_long_as_it_runs(
    tmp_path: Path, end: Callable[[TracenProcess], object]
) -> None:
    """Under the addresses of its ready line; a crash leaves nothing that is believed."""
    db = tmp_path / "t.db"
    assert find(str(db)) is None
    tracen = start_tracen(db)
    try:
        assert find(str(db)) == Doors(
            tracen.http, tracen.otlp_grpc, tracen.otlp_http, tracen.http, tracen.pid
        )
        end(tracen)
        assert find(str(db)) is None
    finally:
        tracen.kill()
        tracen.close()


def test_a_second_server_that_is_refused_takes_nothing_from_the_first(tmp_path: Path) -> None:
    """It looks at the lock without emptying it."""
    db = tmp_path / "t.db"
    tracen = start_tracen(db)
    try:
        doors = find(str(db))
        refused = subprocess.run(serve_command(db), capture_output=True, timeout=60)
        assert refused.returncode == 2
        assert doors is not None
        assert find(str(db)) == doors
    finally:
        tracen.stop()
        tracen.close()


# -- servers of other releases -------------------------------------------------------------------------

ADDRESSES = {"http": "http://127.0.0.1:1", "otlp_grpc": "127.0.0.1:2", "otlp_http": "http://127.0.0.1:3"}


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Holds a store's lock as a server does, with what it tells; returns the store's name."""
    with (tmp_path / "t.db.lock").open("wb") as lock:

        def held(text: str) -> str:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            lock.truncate()
            lock.write(text.encode())
            lock.flush()
            return str(tmp_path / "t.db")

        yield held


def test_server_of_another_release_is_found_by_what_both_know(hold: Callable[[str], str]) -> None:
    """One that tells more, and one that tells less."""
    known = Doors("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:1", 0)
    assert look(hold(json.dumps(ADDRESSES | {"metrics": "http://127.0.0.1:4"}))) == known
    told = find(hold(json.dumps(ADDRESSES | {"pid": 77, "base_url": "https://a.example"})))
    assert told == replace(known, base_url="https://a.example", pid=77)
    assert find(hold(json.dumps(ADDRESSES | {"pid": "1; x", "base_url": 7}))) == known


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"http": 7}', '{"url": "http://127.0.0.1:1"}'])
def test_server_that_does_not_tell_where_it_is_gets_no_other_in_its_place(
    hold: Callable[[str], str], text: str
) -> None:
    """Its key would go to whoever has the usual address."""
    db = hold(text)
    assert find(db) is None
    with pytest.raises(Untold, match=r"can not be read from .*t\.db\.lock"):
        look(db)
    with pytest.raises(click.UsageError, match="name it with --endpoint"):
        whereabouts(None, db)
    assert whereabouts("http://127.0.0.1:7/", db).endpoint == "http://127.0.0.1:7"


def test_usual_address_is_asked_only_where_no_server_has_the_file(tmp_path: Path) -> None:
    """And the home of nobody is a word of its own, no traceback."""
    assert whereabouts(None, str(tmp_path / "t.db")).endpoint == DEFAULT_BASE_URL
    with pytest.raises(click.BadParameter, match="there is no user ~nobody-of-that-name here"):
        whereabouts(None, "~nobody-of-that-name/t.db")


# -- who looks keeps nobody out ------------------------------------------------------------------------


@pytest.fixture
def looked_at(tmp_path: Path) -> Iterator[Path]:
    """A store that others look at all the time, as `tracen stop` does until its server is gone."""
    db, is_over = tmp_path / "t.db", threading.Event()
    Files(db)

    def keep_looking() -> None:
        while not is_over.is_set():
            look(str(db))

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            threads.submit(keep_looking)
        yield db
        is_over.set()


def test_server_starts_while_others_look_for_it(looked_at: Path) -> None:
    """They have a share of the lock for a moment, and are not taken for a server."""
    for _ in range(200):
        Files(looked_at).take_lock().close()


def test_share_that_is_kept_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """Whoever looks may be stopped in the middle of it; by a server and by a backup."""
    files = Files(tmp_path / "t.db")
    for take in (files.take_lock, lambda: only_one(files.main)):
        with files.lock.open("rb") as share:
            fcntl.flock(share, fcntl.LOCK_SH)
            threading.Timer(0.3, share.close).start()
            with take():
                pass


def test_of_servers_that_start_at_once_one_has_the_store(tmp_path: Path) -> None:
    """Neither does each refuse the other, nor are both let in."""
    db = tmp_path / "t.db"
    Files(db)

    def taken(number: int) -> IO[bytes] | None:
        try:
            return Files(db).take_lock()
        except StoreUnusable:
            return None

    with ThreadPoolExecutor(4) as threads:
        for _ in range(50):
            (lock,) = filter(None, threads.map(taken, range(4)))
            lock.close()
