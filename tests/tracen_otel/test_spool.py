"""Spans on disk: what a dead process leaves is delivered once, and no disk and no stranger's file does harm."""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tracen_otel.made_spans import TRACE_ID, span
from tracen_otel.journal import SUFFIX
from tracen_otel.journal_lines import SpanLines
from tracen_otel.model import Event, Scope, Span, SpanKind, StatusCode
from tracen_otel.spool import FULL, LOOK_EVERY_S, MAX_AGE_S, TOO_OLD, UNREADABLE, LeftTrace, Spool

ENDPOINT, KEY = "http://127.0.0.1:8000", "tracen_sk_test0000000000000000000000000000"
DAY_S = 86400.0


@dataclass
class House:
    """A folder in which processes come and go; `now_s` is their clock. A process that dies is one that unlocks."""

    folder: Path
    now_s: float = 1_790_000_000.0
    dropped: Counter[str] = field(default_factory=Counter)
    max_bytes: int = 4 * 1024 * 1024

    def spool(self, endpoint: str = ENDPOINT, key: str = KEY) -> Spool:
        return Spool(
            self.folder, endpoint, key, self.on_drop, max_bytes=self.max_bytes, clock=lambda: self.now_s
        )

    def on_drop(self, reason: str, spans: int) -> None:
        self.dropped[reason] += spans

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.exists() else []

    def the_file(self) -> Path:
        [file] = self.files()
        return file

    def size(self) -> int:
        return sum(file.stat().st_size for file in self.files())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "spool")


def trace_id(number: int) -> str:
    return f"{number:032x}"


def spans_of(trace: int, *numbers: int, text: str = "hello") -> list[Span]:
    """Spans of a trace; span 1 is its root."""
    return [
        replace(
            span(f"{n:016x}", None if n == 1 else f"{1:016x}", attributes={"output.value": text}),
            trace_id=trace_id(trace),
        )
        for n in numbers
    ]


def everything_left(spool: Spool) -> list[LeftTrace]:
    """Deliver all that dead processes left."""
    spool.adopt()
    left = []
    while trace := spool.next_left():
        left.append(trace)
        spool.take(trace.trace_id, trace.span_ids, has_page=True)
    return left


def told(left: list[LeftTrace]) -> dict[int, list[int]]:
    """Span numbers by trace number."""
    return {int(trace.trace_id, 16): sorted(int(i, 16) for i in trace.span_ids) for trace in left}


# -- from one process to the next ---------------------------------------------------------------------


def test_what_was_not_taken_is_left_to_the_next_process(house: House) -> None:
    """Spans that wait when a process ends are another's to deliver, as they were; those that were taken are not."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.append(spans_of(2, 1))
    first.append(spans_of(3, 1, 2, 3))
    first.take(trace_id(1), [f"{n:016x}" for n in (1, 2)], has_page=True)
    assert first.close() == 4

    left = everything_left(house.spool())

    assert told(left) == {2: [1], 3: [1, 2, 3]}
    assert list(left[1].spans) == spans_of(3, 1, 2, 3)
    assert not any(trace.has_page for trace in left)


def test_spool_of_what_is_delivered_is_empty(house: House) -> None:
    """When everything is published no file stays, neither of this process nor of the dead."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    second = house.spool()
    second.append(spans_of(2, 1))
    second.take(trace_id(2), [f"{1:016x}"], has_page=True)

    assert told(everything_left(second)) == {1: [1]}
    assert second.close() == 0
    assert house.files() == []


def test_nothing_is_made_before_there_is_a_span(house: House) -> None:
    """A program that is set up and traces nothing leaves no folder behind."""
    spool = house.spool()
    spool.append([])
    spool.adopt()
    assert spool.next_left() is None
    spool.close()

    assert not house.folder.exists()


def test_journal_of_a_process_that_lives_is_its_own(house: House) -> None:
    """Nobody takes what somebody holds, however often they look."""
    alive, other = house.spool(), house.spool()
    alive.append(spans_of(1, 1))

    assert everything_left(other) == []
    alive.close()
    assert everything_left(other) == []  # it looks once a minute
    house.now_s += LOOK_EVERY_S
    assert told(everything_left(other)) == {1: [1]}


def test_dead_processes_journal_is_taken_over_by_one(house: House) -> None:
    """Of two processes that look, one delivers; dies that one too, the other does."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.close()
    second, third = house.spool(), house.spool()
    second.adopt()
    assert second.next_left() is not None

    assert everything_left(third) == []
    second.close()
    house.now_s += LOOK_EVERY_S
    assert told(everything_left(third)) == {1: [1, 2]}


def test_late_spans_know_that_their_trace_has_a_page(house: House) -> None:
    """They join it in the next run, whatever is at work in them; also when they came while it was published."""
    first = house.spool()
    first.append(spans_of(1, 1, 2))
    first.append(spans_of(2, 1))
    first.take(trace_id(1), [f"{1:016x}"], has_page=True)
    first.take(trace_id(2), [f"{1:016x}"], has_page=True)
    first.append(spans_of(2, 2))
    first.append(spans_of(3, 1))
    first.expect_page(trace_id(3))
    first.close()
    second = house.spool()
    second.adopt()
    second.close()  # moved to a journal of its own

    left = everything_left(house.spool())

    assert {number: trace.has_page for number, trace in zip(told(left), left, strict=True)} == {
        1: True,
        2: True,
        3: True,
    }


def test_trace_that_the_memory_lets_go_is_delivered_from_disk(house: House) -> None:
    """What there is no room for in memory is not lost; what was never spooled is not promised."""
    spool = house.spool()
    spool.append(spans_of(1, 1, 2))
    spool.append(spans_of(2, 1))

    assert spool.let_go(trace_id(1)) == 2
    assert spool.let_go(trace_id(9)) == 0
    assert told(everything_left(spool)) == {1: [1, 2]}


def test_left_trace_stays_until_it_is_taken(house: House) -> None:
    """A delivery that fails is tried again, by whoever is there then."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    second = house.spool()
    second.adopt()

    assert second.next_left() == second.next_left() != None  # noqa: E711 - both are the same trace
    second.close()
    assert told(everything_left(house.spool())) == {1: [1]}


def test_large_trace_comes_in_parts(house: House) -> None:
    """No delivery has to hold more than some megabytes of a trace, and the parts together are all of it."""
    house.max_bytes = 64 * 1024 * 1024
    first = house.spool()
    for n in range(1, 11):
        first.append(spans_of(1, n, text="x" * 1_000_000))
    first.close()

    left = everything_left(house.spool())

    assert [len(trace.spans) for trace in left] == [4, 4, 2]
    assert sorted(i for trace in left for i in trace.span_ids) == [f"{n:016x}" for n in range(1, 11)]
    assert [trace.has_page for trace in left] == [False, True, True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork_child_neither_holds_nor_writes_its_parents_journal(house: House) -> None:
    """A child that outlives its parent does not keep the parent's spans from being delivered."""
    parent = house.spool()
    parent.append(spans_of(1, 1))
    begin, end = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        parent.append(spans_of(2, 1))
        os.write(begin[1], b".")
        os.read(end[0], 1)
        os._exit(0)
    try:
        os.read(begin[0], 1)
        parent.close()
        assert told(everything_left(house.spool())) == {1: [1]}
    finally:
        os.write(end[1], b".")
        os.waitpid(pid, 0)
        for fd in (*begin, *end):
            os.close(fd)


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


# -- whose spans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [("https://elsewhere.example", KEY), (ENDPOINT, "tracen_sk_other")])
def test_spans_go_to_the_endpoint_and_key_they_were_meant_for_alone(
    house: House, other: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """A program with another endpoint or key leaves them, says so after a day, and drops them after a week."""
    first = house.spool()
    first.append(spans_of(1, 1))
    first.close()
    os.utime(house.the_file(), (house.now_s, house.now_s))
    stranger = house.spool(*other)
    assert everything_left(stranger) == []
    assert caplog.messages == []

    house.now_s += 2 * DAY_S
    for _ in range(3):
        assert everything_left(stranger) == []
        house.now_s += 3601
    assert len(caplog.messages) == 1
    assert told(everything_left(house.spool())) == {1: [1]}


def test_spans_that_nobody_comes_for_are_dropped_after_a_week(house: House) -> None:
    """Neither those of another key nor our own wait for ever."""
    first, other = house.spool(), house.spool(key="tracen_sk_other")
    first.append(spans_of(1, 1))
    other.append(spans_of(2, 1, 2))
    first.close()
    other.close()
    for file in house.files():
        os.utime(file, (house.now_s, house.now_s))
    house.now_s += MAX_AGE_S + 1

    spool = house.spool()
    assert everything_left(spool) == []
    spool.close()
    assert house.dropped == {TOO_OLD: 3}
    assert house.files() == []


def test_files_are_the_owners_alone_and_hold_no_key(house: House) -> None:
    """Folder and files are closed to others, and the key stands nowhere."""
    spool = house.spool()
    spool.append(spans_of(1, 1))

    assert stat.S_IMODE(house.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(house.the_file().stat().st_mode) == 0o600
    assert KEY.encode() not in house.the_file().read_bytes()
    spool.close()


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


# -- lines --------------------------------------------------------------------------------------------

texts = st.text(st.characters(), max_size=20)
surrogates = st.text(st.characters(categories=["Cs", "Lu", "Cc"]), max_size=5)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | texts
    | surrogates
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
attributes = st.dictionaries(texts, values, max_size=5)
nanoseconds = st.integers(0, 2**64 - 1)
made_spans = st.builds(
    Span,
    trace_id=st.just(TRACE_ID),
    span_id=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    name=texts,
    parent_id=st.none() | st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    kind=st.sampled_from(SpanKind),
    start_ns=nanoseconds,
    end_ns=nanoseconds,
    status=st.sampled_from(StatusCode),
    status_message=texts,
    attributes=attributes,
    events=st.lists(st.builds(Event, texts, nanoseconds, attributes, values), max_size=3).map(tuple),
    scope=st.builds(Scope, texts, texts),
    resource=attributes,
    dropped_attributes=st.integers(0, 1000),
    dropped_events=st.integers(0, 1000),
)


@given(made_spans)
@settings(max_examples=200)
def test_span_comes_back_as_it_was(told_span: Span) -> None:
    """Every value an attribute can have survives, bytes and NaN and halves of characters too, on one line."""
    lines = SpanLines("0123456789abcdef")

    line = lines.write(told_span, 1_790_000_000).line
    again = lines.read(line)

    assert line.index(b"\n") == len(line) - 1
    assert repr(again) == repr(told_span)  # NaN equals nothing
    assert again is not None
    assert type(again.kind) is SpanKind
    assert type(again.status) is StatusCode


@given(made_spans, st.data())
@settings(max_examples=100)
def test_line_with_any_byte_changed_is_not_believed(told_span: Span, data: st.DataObject) -> None:
    """A checksum stands before every span."""
    lines = SpanLines("0123456789abcdef")
    line = bytearray(lines.write(told_span, 1).line)
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] ^= data.draw(st.integers(1, 255))

    assert lines.read(bytes(line)) is None


# -- any history --------------------------------------------------------------------------------------


histories = st.lists(
    st.tuples(st.sampled_from(["span", "take", "die", "let go", "deliver"]), st.integers(1, 4)), max_size=40
)


@given(history=histories)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_each_span_is_taken_or_left(
    history: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After any run of ends, deliveries and deaths, what was not taken is there, and what was taken is not."""
    house = House(tmp_path_factory.mktemp("history") / "spool", max_bytes=200_000)
    numbers = count(1)
    waiting: dict[int, set[int]] = {}
    spool = house.spool()
    for event, trace in history:
        if event == "span":
            number = next(numbers)
            spool.append(spans_of(trace, number, text="x" * 500))
            waiting.setdefault(trace, set()).add(number)
        elif event == "take":
            some = sorted(waiting.get(trace, ()))[:2]
            spool.take(trace_id(trace), [f"{n:016x}" for n in some], has_page=trace % 2 == 0)
            waiting.get(trace, set()).difference_update(some)
        elif event == "let go":
            assert spool.let_go(trace_id(trace)) == len(waiting.get(trace, ()))
        elif event == "die":
            spool.close()
            spool = house.spool()
            spool.adopt()
        else:
            for found, spans in told(everything_left(spool)).items():
                assert set(spans) == waiting.pop(found)
    spool.close()

    assert told(everything_left(house.spool())) == {t: sorted(spans) for t, spans in waiting.items() if spans}
    assert house.dropped == {}
