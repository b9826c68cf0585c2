"""Rounds of kill -9: load, a kill at a random moment, a restart on the same files, and a look at what is left.

Several lanes run side by side, each with a database, a ledger and random generators of its own.
"""

from __future__ import annotations

import random
import shutil
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import TracenProcess, start_tracen
from tests.torture.databases import check_integrity
from tests.torture.deliveries import Delivery, Door, Script, trace_id
from tests.torture.doors import BASE_URL, ConnectionLost, Pages, Refused, sender
from tests.torture.ledger import Ledger, Violation

KILL_AFTER_S = (0.010, 0.300)
"""Of load."""
ROUNDS_PER_DATABASE = 250
"""Then everything is looked at, and a new one is begun."""
_SAMPLE = 6
_LARGE_SHARE, _WIDE_SHARE, _DELETING_SHARE = 0.1, 0.25, 0.25
_ROUNDS_WITH_SAME_TRACES = 3
_COMMON_TRACES = 6
_MAX_PER_ROUND = 200
"""Requests of one sender."""
_JOIN_S = 120
_SENDERS = (Door.GRPC, Door.HTTP_PROTOBUF, Door.HTTP_JSON, Door.POST, Door.GRPC)
_SERVE = ("--base-url", BASE_URL, "--requests-per-hour", "1000000")


@dataclass(slots=True)
class Figures:
    """Of all lanes. `restart_s` are from the start of a process to its ready line, after a kill."""

    rounds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    restart_s: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        counts = self.counts
        return [
            f"{self.rounds} kills, {counts['requests']} requests acknowledged with {counts['spans']} spans that "
            f"were looked for, {counts['resent']} sent again, {counts['replays']} replayed, "
            f"{counts['deletions']} deletions; {counts['pages']} pages compared",
            f"restart: median {statistics.median(self.restart_s):.2f} s, longest {max(self.restart_s):.2f} s",
        ]


class KillFailed(AssertionError):
    """A round broke a promise; says which, how to do it again, and where the files are."""


def torture(
    rounds: int,
    seed: int,
    folder: Path,
    lanes: int,
    on_round: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """Play rounds, spread over lanes; the files are in `folder`, and stay there when it raises KillFailed."""
    figures, lock, stop = Figures(), threading.Lock(), threading.Event()

    def play(number: int) -> None:
        lane = Lane(seed, number, folder / f"lane-{number}")
        try:
            for _ in range(number, rounds, lanes):
                if stop.is_set():
                    return
                restart_s = lane.play_round()
                with lock:
                    figures.rounds += 1
                    if restart_s:
                        figures.restart_s.append(restart_s)
                    on_round(figures)
            lane.finish()
            with lock:
                figures.counts += lane.counts
        except BaseException as error:
            stop.set()
            raise KillFailed(f"{lane.where}: {error}\nthe files are kept in {lane.folder}") from error

    with ThreadPoolExecutor(lanes) as pool:
        for played in [pool.submit(play, number) for number in range(lanes)]:
            played.result()
    return figures


class Lane:
    """One database and its servers, one after the other."""

    def __init__(self, seed: int, number: int, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self._seed = f"{seed}-{number}"
        self._told_seed = f"--seed {seed}, lane {number}"
        self._rng = random.Random(self._seed)
        self._round = 0
        self._begin()

    @property
    def where(self) -> str:
        return f"{self._told_seed}, round {self._round}"

    def _begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._ledger = Ledger()
        self._key = ""
        self._unanswered: dict[int, Delivery] = {}  # by sender
        self._posted: list[tuple[Delivery, str]] = []
        self._undeleted: list[str] = []
        self._rounds_here = 0

    def play_round(self) -> float | None:
        """Start, look, load, kill. Returns how long the start took, unless it was a database's first."""
        self._round += 1
        self._rounds_here += 1
        is_first = not self._key
        started_s = time.perf_counter()
        tracen = self._start()
        start_s = time.perf_counter() - started_s
        try:
            self._look(tracen, self._ledger.recent(_SAMPLE))
            self._load_and_kill(tracen)
        finally:
            self._end(tracen)
        if self._rounds_here == ROUNDS_PER_DATABASE:
            self.finish()
            self._begin()
        return None if is_first else start_s

    def finish(self) -> None:
        """Send again what was not answered, then look at every page, and at the files."""
        if not self._key:
            return
        tracen = self._start()
        try:
            for delivery in self._unanswered.values():
                self._ledger.acknowledged(delivery, sender(tracen, delivery.door)(delivery))
            self._look(tracen, self._ledger.traces())
            if tracen.stop() != 0:
                raise Violation("SIGTERM did not end the server in order")
        finally:
            self._end(tracen)
        check_integrity(self.folder / "tracen.db")
        self.counts += self._ledger.counts

    def _start(self) -> TracenProcess:
        tracen = start_tracen(self.folder / "tracen.db", *_SERVE, key=self._key)
        if self._key and tracen.key != self._key:
            tracen.kill()
            raise Violation("the server forgot its key, and made a new one")
        self._key = tracen.key
        return tracen

    def _end(self, tracen: TracenProcess) -> None:
        if tracen.process.poll() is None:
            tracen.kill()
        assert tracen.process.stdout is not None
        tracen.process.stdout.close()
        told = tracen.db.with_suffix(".stderr").read_text()
        if any(word in told for word in ("Traceback", "ERROR", "CRITICAL")):
            raise Violation(f"the server complains: {told[-2_000:]}")

    def _look(self, tracen: TracenProcess, traces: Sequence[str]) -> None:
        pages = Pages(tracen)
        while self._undeleted:
            self._delete(pages, self._undeleted[-1])
            self._undeleted.pop()
        for trace in traces:
            self._ledger.check(trace, pages)

    def _delete(self, pages: Pages, trace: str) -> None:
        url = self._ledger.url_of(trace)
        if url is None:
            return
        status = pages.delete(url)
        if status != 204:
            raise Violation(f"trace {trace}: the deletion is answered with {status}")
        self._ledger.deleted(trace)

    # -- load ------------------------------------------------------------------------------------------

    def _load_and_kill(self, tracen: TracenProcess) -> None:
        load = _Load()
        rng = random.Random(f"{self._seed}-traces-{self._round // _ROUNDS_WITH_SAME_TRACES}")
        common = [trace_id(rng) for _ in range(_COMMON_TRACES)]
        kill_after_s = self._rng.uniform(*KILL_AFTER_S)
        for number, door in enumerate(_SENDERS):
            name = f"{self._seed}-{self._round}-{number}"
            script = Script(door, name, random.Random(name), common)
            load.add(lambda number=number, script=script: self._send(tracen, load, number, script))  # type: ignore[misc]
        load.add(lambda: self._read(tracen, load))
        load.begin()
        time.sleep(kill_after_s)
        load.is_killed.set()
        tracen.kill()
        load.end()

    def _send(self, tracen: TracenProcess, load: _Load, number: int, script: Script) -> None:
        """Send until the server is gone: first what was not answered by the last one."""
        rng = random.Random(f"{self._seed}-{self._round}-kinds-{number}")
        waiting = [self._unanswered[number]] if number in self._unanswered else []
        self.counts["resent"] += len(waiting)
        if script.door in (Door.GRPC, Door.HTTP_PROTOBUF):
            if rng.random() < _LARGE_SHARE:
                waiting.append(script.large())
            if rng.random() < _WIDE_SHARE:
                waiting.append(script.wide())
        send = sender(tracen, script.door)
        load.wait_for_all()
        for _ in range(_MAX_PER_ROUND):
            delivery = waiting.pop(0) if waiting else script.next()
            self._unanswered[number] = delivery
            self._ledger.sending(delivery)
            url = send(delivery)
            self._ledger.acknowledged(delivery, url)
            del self._unanswered[number]
            if url is not None and script.door is Door.POST:
                self._replay(send, delivery, url, rng)

    def _replay(
        self, send: Callable[[Delivery], str | None], new: Delivery, url: str, rng: random.Random
    ) -> None:
        """Now and then send an answered POST again: the answer must be the same for ever."""
        self._posted.append((new, url))
        if rng.random() < 0.3:
            delivery, first_url = rng.choice(self._posted)
            again_url = send(delivery)
            if again_url != first_url:
                raise Violation(f"{delivery.name}: replayed, answered {first_url}, then {again_url}")
            self.counts["replays"] += 1

    def _read(self, tracen: TracenProcess, load: _Load) -> None:
        """Look at pages until the server is gone; in some rounds delete a trace."""
        rng = random.Random(f"{self._seed}-{self._round}-reads")
        pages = Pages(tracen)
        load.wait_for_all()
        if rng.random() < _DELETING_SHARE and (traces := self._ledger.traces()):
            self._undeleted.append(rng.choice(traces))
            self._delete(pages, self._undeleted[-1])
            self._undeleted.pop()
        while not load.is_killed.is_set():
            for trace in self._ledger.recent(4) or [""]:
                if not trace:
                    time.sleep(0.002)
                elif url := self._ledger.url_of(trace):
                    self._ledger.check(trace, pages)
                    if pages.look_at(url) not in (200, 410):
                        raise Violation(f"trace {trace}: its page is not shown")


class _Load:
    """Threads that begin together and end when the server is killed."""

    def __init__(self) -> None:
        self.is_killed = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._barrier: threading.Barrier | None = None

    def add(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=self._run, args=(work,), daemon=True))

    def begin(self) -> None:
        """Start them; returns when all are about to send."""
        self._barrier = threading.Barrier(len(self._threads) + 1)
        for thread in self._threads:
            thread.start()
        self.wait_for_all()

    def wait_for_all(self) -> None:
        assert self._barrier is not None
        self._barrier.wait(_JOIN_S)

    def end(self) -> None:
        """Raises what a thread raised, which must not be for want of a server that is still there."""
        for thread in self._threads:
            thread.join(_JOIN_S)
        if self._errors:
            raise self._errors[0]
        if any(thread.is_alive() for thread in self._threads):
            raise Violation("a request to a server that is gone does not end")

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except ConnectionLost as error:
            if not self.is_killed.is_set():
                self._errors.append(Refused(f"no answer before the kill: {error}"))
        except BaseException as error:
            self._errors.append(error)
            if self._barrier is not None:
                self._barrier.abort()
