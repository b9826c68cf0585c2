"""A power cut at any moment loses nothing that was acknowledged: every file is synced before the answer."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import TracenProcess, start_tracen
from tests.torture.deliveries import Delivery, Door, Script, trace_id
from tests.torture.doors import BASE_URL, Pages, sender
from tests.torture.power import Disk, Operation, build_shim, compiler, read_log

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler on Linux")

CUTS, READ_AFTER_CUT = 40, 12
REQUESTS = 120
START_OPTIONS = ("--requests-per-hour", "1000000", "--base-url", BASE_URL)

ROWS = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("pragma journal_mode = wal")
c.execute(f"pragma synchronous = {sys.argv[2]}")
c.execute("create table t (n)")
for n in range(50):
    c.execute("insert into t values (?)", (n,))
import os
os._exit(0)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


def preloaded(shim: Path, log: Path, folder: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(shim),
        "TRACEN_UNSYNCED_LOG": str(log),
        "TRACEN_UNSYNCED_FOLDER": str(folder),
    }


@pytest.mark.parametrize(("synchronous", "rows"), [("full", 50), ("off", 0)])
def test_shim_loses_what_was_not_synced(shim: Path, tmp_path: Path, synchronous: str, rows: int) -> None:
    """The layer itself: SQLite keeps every row with FULL, and none without."""
    folder, image = tmp_path / "live", tmp_path / "image"
    folder.mkdir()
    image.mkdir()
    environment = os.environ | preloaded(shim, tmp_path / "log", folder)
    command = [sys.executable, "-c", ROWS, str(folder / "t.db"), synchronous]
    subprocess.run(command, check=True, env=environment)
    disk = Disk()
    for operation in read_log(tmp_path / "log"):
        disk.do(operation)
    disk.save(image, None)
    assert rows_in(image / "t.db") == rows


def rows_in(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        (count,) = connection.execute("select count(*) from t").fetchone()
    except sqlite3.OperationalError:  # not even the table
        return 0
    finally:
        connection.close()
    return int(count)


def test_power_cut_loses_nothing_that_was_acknowledged(shim: Path, tmp_path: Path) -> None:
    """Of unsynced writes nothing is there, or some sectors: the server starts, and every page is whole."""
    folder, log = tmp_path / "live", tmp_path / "log"
    folder.mkdir()
    tracen = start_tracen(folder / "t.db", *START_OPTIONS, environment=preloaded(shim, log, folder))
    ready_at = log.stat().st_size
    acknowledged = send_noting(tracen, log)
    tracen.kill()
    tracen.close()
    assert len(acknowledged) == REQUESTS
    operations = read_log(log)
    rng = random.Random(1)
    for number, at in enumerate(sorted(rng.randrange(ready_at, operations[-1].end) for _ in range(CUTS))):
        image = tmp_path / f"image-{number}"
        image.mkdir()
        cut(operations, at, image, rng if number % 2 else None)
        expected = [one for one in acknowledged if one.at <= at]
        looked_up = rng.sample(expected, min(len(expected), 4))
        check(image, tracen.key, expected[-READ_AFTER_CUT:] + looked_up)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A request that was answered; `at` is the length of the shim's log when that was heard of."""

    at: int
    delivery: Delivery
    url: str | None


def send_noting(tracen: TracenProcess, log: Path) -> list[Acknowledged]:
    """Send through every door at once, traces of its own and common ones; now and then 8 MiB."""
    acknowledged: list[Acknowledged] = []
    common = [trace_id(random.Random(0)) for _ in range(3)]

    def work(door: Door) -> None:
        script, send = Script(door, door.name, random.Random(door.name), common), sender(tracen, door)
        for number in range(REQUESTS // len(Door)):
            is_large = number % 20 == 10 and door is not Door.POST
            delivery = script.large() if is_large else script.next()
            url = send(delivery)
            acknowledged.append(Acknowledged(log.stat().st_size, delivery, url))

    threads = [threading.Thread(target=work, args=(door,)) for door in Door]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(acknowledged, key=lambda one: one.at)


def cut(operations: list[Operation], at: int, image: Path, rng: random.Random | None) -> None:
    disk = Disk()
    for operation in operations:
        if operation.end > at:
            break
        disk.do(operation)
    disk.save(image, rng)


def check(image: Path, key: str, expected: Sequence[Acknowledged]) -> None:
    tracen = start_tracen(image / "t.db", *START_OPTIONS, key=key)
    assert tracen.key == key, "the first account is gone"
    pages = Pages(tracen)
    for one in expected:
        for trace, spans in one.delivery.spans_by_trace.items():
            url = one.url if one.delivery.door is Door.POST else pages.find(trace)[1]
            assert url is not None, f"{one.delivery.name}: no page of {trace}"
            status, shown = pages.read(url)
            assert status == 200
            assert len(shown) == len(set(shown)), f"{one.delivery.name}: a step twice"
            assert {(span.name, span.text) for span in spans} <= set(shown), one.delivery.name
    assert tracen.stop() == 0
    tracen.close()
    for name in ("t.db", "t.db-bodies", "t.db-search"):
        connection = sqlite3.connect(image / name)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        connection.close()
