"""A spool among crashes, strangers' files, full disks and too little room: nothing of it harms the program."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.tracen_otel.spool_house import (
    DAY_S,
    House,
    everything_left,
    spans_of,
    told,
    trace_id,
)
from tracen_otel.journal import SUFFIX
from tracen_otel.spool import FULL, UNREADABLE


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "spool")


# -- what crashes and strangers leave -----------------------------------------------------------------


def test_line_that_is_torn_at_any_byte_costs_itself_alone(house: House) -> None:
    """Wherever a crash cuts the last span off, all before it are delivered, and writing goes on."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    whole = house.the_file().stat().st_size
    first.append(spans_of(2, 1, text="naïve"))
    first.close()
    file = house.the_file()
    content = file.read_bytes()
    for length in range(whole, len(content)):
        file.write_bytes(content[:length])
        second = house.spool()
        second.adopt()
        left = second.next_left()
        assert left is not None
        second.take(left.trace_id, left.span_ids[:1], has_page=True)
        second.close()

        assert told(everything_left(house.spool())) == {1: [2]}, length

    assert house.dropped == {}


def test_damaged_line_costs_itself_alone(house: House) -> None:
    """A disk's mistake in one span is counted; the others are delivered."""
    first = house.spool()
    for n in (1, 2, 3):
        first.append(spans_of(1, n, text=f"text {n}"))
    first.close()
    file = house.the_file()
    file.write_bytes(file.read_bytes().replace(b"text 2", b"\0\0\0\0\0\0"))

    assert told(everything_left(house.spool())) == {1: [1, 3]}
    assert house.dropped == {UNREADABLE: 1}


@given(content=st.binary(max_size=300), start=st.integers(0, 200))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_file_of_any_content_harms_nobody(
    content: bytes, start: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A journal that is overwritten in any way is read as far as it can be, or set aside; the next works."""
    house = House(tmp_path_factory.mktemp("any") / "spool")
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.close()
    file = house.the_file()
    file.write_bytes(file.read_bytes()[:start] + content)
    second = house.spool()
    second.append(spans_of(2, 1))
    everything_left(second)
    second.close()

    assert told(everything_left(house.spool())) == {2: [1]}


def test_what_is_no_journal_is_set_aside_and_told_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Other files with a journal's name are renamed, links are not followed, and delivery goes on."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    precious = house.folder.parent / "precious"
    precious.write_bytes(house.the_file().read_bytes())
    (house.folder / f"0{SUFFIX}").write_text("my own notes\n")
    (house.folder / f"1{SUFFIX}").symlink_to(precious)
    (house.folder / f"2{SUFFIX}").mkdir()
    os.mkfifo(house.folder / f"3{SUFFIX}")
    (house.folder / f"4{SUFFIX}").touch()
    (house.folder / "other.txt").write_text("left alone")

    second = house.spool()
    with caplog.at_level(logging.WARNING):
        assert told(everything_left(second)) == {1: [1]}
    second.close()

    names = [file.name for file in house.files()]
    assert names == [*(f"{n}{SUFFIX}.bad" for n in range(4)), "other.txt"]
    assert precious.exists()
    assert len(caplog.records) == 1


# -- room ---------------------------------------------------------------------------------------------


def test_spool_never_exceeds_its_bound_and_drops_the_oldest(house: House) -> None:
    """What is written and not published stays below the bound; what dead processes left goes first, and is counted."""
    house.max_bytes = 200_000
    for run in range(5):
        spool = house.spool()
        spool.adopt()
        for n in range(1, 11):
            spool.append(spans_of(100 * run + n, 1, text="x" * 10_000))
            assert house.size() <= house.max_bytes
        spool.close()

    left = everything_left(house.spool())

    assert {400 + n for n in range(1, 11)} <= told(left).keys()
    assert house.dropped[FULL] == 50 - len(left)


def test_many_small_journals_become_few(house: House) -> None:
    """A program that dies again and again while the server is down leaves neither many files nor many open ones."""
    for n in range(1, 31):
        spool = house.spool()
        spool.append(spans_of(n, 1))
        spool.adopt()
        assert len(house.files()) <= 2
        spool.close()

    assert told(everything_left(house.spool())) == {n: [1] for n in range(1, 31)}


def test_long_trace_keeps_no_dead_weight(house: House) -> None:
    """A trace that goes on for long costs about its own bytes, not those of everything published meanwhile."""
    house.max_bytes = 16 * 50_000
    spool = house.spool()
    for n in range(1, 201):
        spool.append(spans_of(1, n))
        spool.append(spans_of(n + 1, 1, text="x" * 10_000))
        spool.take(trace_id(n + 1), [f"{1:016x}"], has_page=True)

    assert house.size() < 250_000
    assert spool.close() == 200
    assert sorted(told(everything_left(house.spool()))[1]) == list(range(1, 201))


def test_spool_of_published_traces_does_not_grow(house: House) -> None:
    """When each trace is published before the next, the file is as long as its header."""
    spool = house.spool()
    sizes = set()
    for n in range(1, 20):
        spool.append(spans_of(n, 1, 2))
        spool.take(trace_id(n), [f"{i:016x}" for i in (1, 2)], has_page=True)
        sizes.add(house.size())

    assert len(sizes) == 1
    spool.close()


def test_batch_larger_than_the_spool_is_published_from_memory_alone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It costs a warning, and the next batch is spooled."""
    house.max_bytes = 5_000
    spool = house.spool()
    spool.append(spans_of(1, 1, text="x" * 5_000))
    spool.append(spans_of(2, 1))

    assert spool.close() == 1
    assert len(caplog.records) == 1


# -- disks --------------------------------------------------------------------------------------------


def a_file(folder: Path) -> None:
    folder.write_text("in the way")


def a_link(folder: Path) -> None:
    folder.parent.joinpath("real").mkdir()
    folder.symlink_to(folder.parent / "real")


@pytest.mark.parametrize("obstacle", [a_file, a_link])
def test_folder_that_can_not_be_used_is_told_once(
    house: House, obstacle: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The program goes on without a spool; where the obstacle goes away, with one."""
    obstacle(house.folder)
    spool = house.spool()
    for _ in range(3):
        spool.append(spans_of(1, 1))
        house.now_s += 61
    assert len([r for r in caplog.records if "not spooled for now" in r.getMessage()]) == 1

    house.folder.unlink()
    spool.append(spans_of(2, 1))
    assert spool.close() == 1


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs /dev/full and RLIMIT_FSIZE as on Linux"
)
def test_full_disk_leaves_what_was_written_whole(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A write that ends in the middle is taken back; when there is room again spans are spooled again."""
    import resource
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = house.spool()
    spool.append(spans_of(1, 1))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (house.size() + 100, limits[1]))
        spool.append(spans_of(2, 1, text="x" * 1000))
        house.now_s += 1
        spool.append(spans_of(3, 1))  # it rests
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    house.now_s += 61
    spool.append(spans_of(4, 1))
    spool.close()

    assert told(everything_left(house.spool())) == {1: [1], 4: [1]}
    assert [os.strerror(errno.EFBIG) in message for message in caplog.messages] == [True]


def test_clock_that_jumps_back_stops_nothing(house: House) -> None:
    """A spool that rests, or has just looked, is not asleep for the year that a clock was wrong."""
    a_file(house.folder)
    spool = house.spool()
    spool.append(spans_of(1, 1))
    spool.adopt()
    house.folder.unlink()
    house.now_s -= 365 * DAY_S
    first = house.spool()
    first.append(spans_of(2, 1))
    first.close()

    spool.append(spans_of(3, 1))
    assert told(everything_left(spool)) == {2: [1]}
    assert spool.close() == 1
