"""A spool whose disk does not answer, or that a signal handler asks amid a turn: nobody waits without a bound."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.tracen_otel.exporting import Program, Wire
from tests.tracen_otel.fates import Batch, Ended, Kind
from tests.tracen_otel.spool_house import House, everything_left, spans_of, told, trace_id
from tracen_otel.spool import Spool

BOUND_S = 5.0
"""What is promised is about two seconds; a disk that hangs in these tests does so until it is told not to."""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "spool")


@contextmanager
def hanging_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every write of this process hangs; the event is set when the first does. A real disk can not be told to."""
    hangs, answers = threading.Event(), threading.Event()
    write = os.write

    def hang(fd: int, data: Any) -> int:
        hangs.set()
        answers.wait(60)
        return write(fd, data)

    monkeypatch.setattr("tracen_otel.journal.os.write", hang)
    try:
        yield hangs
    finally:
        monkeypatch.setattr("tracen_otel.journal.os.write", write)
        answers.set()


@contextmanager
def append_that_hangs(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    writer = threading.Thread(target=spool.append, args=(spans_of(9, 1),))
    with hanging_disk(monkeypatch) as hangs:
        writer.start()
        assert hangs.wait(10)
        yield
    writer.join(10)


def at_once(ask: Callable[[], object]) -> object:
    began_s = time.monotonic()
    answer = ask()
    assert time.monotonic() - began_s < BOUND_S
    return answer


def test_everybody_but_the_writer_goes_on_while_a_write_hangs(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A thousand questions to a spool that hangs cost one wait together, and the answers are what is known."""
    spool = house.spool()
    spool.append(spans_of(1, 1, 2))
    with append_that_hangs(spool, monkeypatch):

        def ask() -> list[object]:
            kept = sum(spool.let_go(trace_id(n)) for n in range(1000))
            spool.take(trace_id(5), [f"{1:016x}"], has_page=True)
            spool.expect_page(trace_id(1))
            spool.append(spans_of(3, 1))
            spool.hold_back(trace_id(1))
            return [kept, spool.next_left(), spool.close()]

        assert at_once(ask) == [2, None, 0]

    assert any("has not answered" in message for message in caplog.messages)


def test_what_is_taken_while_a_write_hangs_is_written_down_when_it_does_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans published meanwhile are not delivered again; those that hung are there, and the files are left."""
    spool = house.spool()
    spool.append(spans_of(1, 1, 2))
    with append_that_hangs(spool, monkeypatch):
        spool.take(trace_id(1), [f"{1:016x}"], has_page=True)
        assert spool.close() == 0
        assert everything_left(house.spool()) == []  # still held

    left = everything_left(house.spool())
    assert told(left) == {1: [2], 9: [1]}
    assert [trace.has_page for trace in left] == [True, False]


def test_what_is_taken_for_later_is_not_promised_to_anybody(house: House) -> None:
    """Spans that were refused, and counted, under a lock in which no disk is waited for are not delivered, too."""
    spool = house.spool()
    spool.append(spans_of(1, 1, 2))
    spool.take_later(trace_id(1), [f"{2:016x}"], has_page=False)

    assert spool.let_go(trace_id(1)) == 1
    assert told(everything_left(spool)) == {1: [1]}


def test_shutdown_keeps_its_bound_while_the_disk_hangs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces that are given up at the end are counted or left on disk, one wait for all of them."""
    program = Program(Wire(None), "http://tracen.test", "tracen_sk_test", spool_dir=str(house.folder))  # type: ignore[arg-type]
    program._meet(Batch(tuple(Ended(n % 4, Kind.CHILD) for n in range(20))))
    spool = program._delivery.spool
    assert spool is not None
    with append_that_hangs(spool, monkeypatch):
        at_once(lambda: program._delivery.close(0))

    assert program._tally.counts().dropped == {}


def test_last_sync_of_a_disk_that_hangs_keeps_nobody_from_ending(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the files hold is the system's to write; only who waits for a power cut would wait."""
    answers = threading.Event()
    monkeypatch.setattr("tracen_otel.journal.os.fsync", lambda fd: answers.wait(60))
    spool = house.spool()
    spool.append(spans_of(1, 1))

    assert at_once(spool.close) == 1
    answers.set()


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="this system has no signals")
def test_signal_handler_amid_an_append_finds_a_spool_that_answers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nested call changes nothing half done; what it takes is taken, and what it closes is closed, afterwards."""
    spool = house.spool()
    spool.append(spans_of(1, 1))
    write, answers = os.write, []

    def handler(number: int, frame: object) -> None:
        spool.append(spans_of(3, 1))
        spool.take(trace_id(1), [f"{1:016x}"], has_page=True)
        answers.extend([spool.let_go(trace_id(2)), spool.next_left(), spool.close()])

    def interrupted(fd: int, data: Any) -> int:
        monkeypatch.setattr("tracen_otel.journal.os.write", write)
        signal.raise_signal(signal.SIGUSR1)
        return write(fd, data)

    before = signal.signal(signal.SIGUSR1, handler)
    monkeypatch.setattr("tracen_otel.journal.os.write", interrupted)
    try:
        at_once(lambda: spool.append(spans_of(2, 1)))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert answers == [0, None, 0]
    assert told(everything_left(house.spool())) == {2: [1]}


PROGRAM = """
import os, signal, sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tracen_otel import TracenSpanExporter, journal

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(TracenSpanExporter(only="all", shutdown_timeout=1)))
tracer = provider.get_tracer("test")

def end(number, frame):
    provider.shutdown()
    sys.exit(7)

def write_amid_a_signal(fd, data, write=os.write):
    signal.raise_signal(signal.SIGTERM)
    return write(fd, data)

signal.signal(signal.SIGTERM, end)
tracer.start_span("first").end()
os.write = write_amid_a_signal
tracer.start_span("second").end()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system delivers no SIGTERM")
def test_program_that_is_terminated_amid_an_append_ends(house: House) -> None:
    """A SIGTERM handler that shuts the provider down does not wait for the thread it interrupted: its own."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            "TRACEN_ENDPOINT": "http://127.0.0.1:9",
            "TRACEN_KEY": "tracen_sk_test0000000000000000000000000000",
            "TRACEN_SPOOL_DIR": str(house.folder),
            "PATH": "",
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 7, ended.stderr
    [trace] = everything_left(
        Spool(house.folder, "http://127.0.0.1:9", "tracen_sk_test0000000000000000000000000000", house.on_drop)
    )
    assert len(trace.spans) == 1
