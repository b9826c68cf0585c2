"""Spans on disk until their trace is published, so that a killed program's traces are delivered by the next one.

Each process appends to journals of its own, and takes over those of dead processes for the same endpoint and key.
What `append` has taken survives the death of the process; a power cut may cost what the system had not written
yet. Nothing here raises for what a disk does, waits for a network, or knows a payload; the key is never written.
A disk that hangs keeps those waiting who asked it for something, and everybody else for a bounded time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tracen_otel.journal import BAD_SUFFIX, BadJournal, Journal, close_all, make_folder, paths_in
from tracen_otel.journal_lines import Header, SpanLine, SpanLines
from tracen_otel.left import LeftTrace, places_of, read_portion
from tracen_otel.model import Span
from tracen_otel.turns import Turns

MAX_BYTES = 64 * 1024 * 1024
MAX_AGE_S = 7 * 86400
LOOK_EVERY_S = 60.0
FULL = "the spool is full"
TOO_OLD = "older than 7 days in the spool"
UNREADABLE = "unreadable in the spool"
"""Reasons for drops."""
_JOURNALS = 16
"""That MAX_BYTES are divided into: a whole journal is dropped at a time, and deleted when none of it waits."""
_SMALL = 32
"""A dead process's journal of less than this share of MAX_BYTES is moved to our own: it costs no open file."""
_OVERHEAD_BYTES = 512  # of a new journal
_MAX_PAGES_KNOWN = 10_000
_REST_S = 60.0
_STRANGERS_EVERY_S = 3600.0
_SAY_AFTER_S = 86400.0
_WAIT_S = 1.0
"""For a disk that does not answer; after the first to wait in vain nobody does until it answers again."""

_logger = logging.getLogger("tracen_otel")


class Spool:
    """The spool of one exporter in one process; a fork child makes a new one. Thread-safe.

    `append` on the exporting thread, before the spans are held in memory; `take` when a trace's spans are
    published or given up. `adopt` and `next_left` on the sender's thread. `on_drop` is told what is lost.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        endpoint: str,
        key: str,
        on_drop: Callable[[str, int], None],
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = Path(os.path.abspath(folder))
        self._endpoint = endpoint
        self._key_mark = hashlib.sha256(b"tracen spool\0" + key.encode()).hexdigest()[:16]
        self._bytes_tag = hashlib.sha256(b"tracen spool bytes\0" + key.encode()).hexdigest()[:32]
        self._lines = SpanLines(self._bytes_tag)
        self._on_drop = on_drop
        self._max_bytes = max_bytes
        self._clock = clock
        self._owed: deque[tuple[str, Collection[str], bool]] = deque(maxlen=10_000)
        """What was taken while it was somebody else's turn: done in the next."""
        self._closed = False
        self._turns = Turns(_WAIT_S)  # guards all below
        self._own: list[Journal] = []
        self._current: Journal | None = None
        self._adopted: list[Journal] = []
        self._left: dict[str, None] = {}
        """Traces that nobody has in memory, in the order in which they are delivered."""
        self._pages: dict[str, None] = {}
        self._look_again_s: dict[Path, float] = {}
        """When files that are for another endpoint or key are looked at again."""
        self._look_at_s = 0.0
        self._rests_until_s = 0.0
        self._said: set[str] = set()

    # -- what this process does -----------------------------------------------------------------------

    def append(self, spans: Iterable[Span]) -> None:
        """Write spans down: they are on disk when this returns. A disk at fault is warned of once."""
        now_s = self._clock()
        if self._closed or 0 < self._rests_until_s - now_s <= _REST_S:
            return
        lines = list(self._written(spans, int(now_s)))
        size = sum(len(line.line) for line in lines)
        if size > self._max_bytes:
            self._say("a batch of spans is not spooled: %d bytes are more than the spool may hold", size)
            return
        try:
            with self._turn() as is_ours:
                if is_ours and lines and not self._closed:
                    self._append(lines, size)
            if not is_ours and self._turns.is_stuck:  # else a signal came while this thread was in here
                raise TimeoutError(f"the disk has not answered for {_WAIT_S:.0f} s")
        except OSError as error:
            self._rest(error)

    def take(self, trace_id: str, span_ids: Collection[str], *, has_page: bool) -> None:
        """Forget spans that are published, or that nobody wants; `has_page` tells which.

        Where that can not be written down now, it is in the next turn, or the next run delivers them again.
        """
        self.take_later(trace_id, span_ids, has_page=has_page)
        with self._turn():
            pass  # each turn begins with what is owed

    def take_later(self, trace_id: str, span_ids: Collection[str], *, has_page: bool) -> None:
        """Forget spans without asking the disk now: for those who hold a lock that others wait for."""
        self._owed.append((trace_id, tuple(span_ids), has_page))

    def expect_page(self, trace_id: str) -> None:
        """Have a trace published whatever is at work in it: its URL has been given to somebody."""
        self.take(trace_id, (), has_page=True)

    def let_go(self, trace_id: str) -> int:
        """Deliver a trace from disk, as the memory has no room for it; answer how many spans there are.

        Asked under a lock of others, it does nothing at the disk; where no turn is to be had, what is known is enough.
        """
        with self._turns.turn():
            owed = (span_ids for other, span_ids, _ in self._owed.copy() if other == trace_id)
            live = (journal.live.get(trace_id, ()) for journal in self._journals())
            waiting = set().union(*live).difference(*owed)
            if waiting:
                self._left[trace_id] = None
            return len(waiting)

    def hold_back(self, trace_id: str) -> None:
        """Leave a trace to the memory again: all that waits of it is there, too."""
        self._left.pop(trace_id, None)  # nothing that needs a turn

    def close(self) -> int:
        """Leave what waits to the next process; answer how many spans that are, and take nothing from now on.

        0 where a disk does not answer, or a signal handler asks amid a turn: then who has that closes the files.
        """
        self._closed = True
        with self._turn() as is_ours:
            return sum(journal.spans for journal in self._own) if is_ours else 0

    # -- what dead processes left ---------------------------------------------------------------------

    def adopt(self) -> None:
        """Look, once in LOOK_EVERY_S, for journals whose processes are dead, and take them over."""
        now_s = self._clock()
        if self._closed or 0 < self._look_at_s - now_s <= LOOK_EVERY_S:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        try:
            self._look(now_s)
        except OSError as error:
            self._say("the spool can not be looked through: %s", error)

    def next_left(self) -> LeftTrace | None:
        """Answer what is to be delivered from disk next, and again until it is taken; None: nothing waits.

        A large trace comes in parts, which have to be taken one after the other.
        """
        with self._turn() as is_ours:
            while is_ours and (trace_id := next(iter(self._left), None)):
                if spans := self._read(trace_id):
                    return LeftTrace(trace_id, spans, self._has_page(trace_id))
                self._left.pop(trace_id, None)
            return None

    # -- turns ----------------------------------------------------------------------------------------

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Have the files to ourselves, or answer False; the last to have them closes them."""
        parting: list[Journal] = []
        try:
            with self._turns.turn() as is_ours:
                if not is_ours:
                    yield False
                    return
                try:
                    self._take_owed()
                    yield True
                    self._take_owed()  # of a signal handler, after which there may be no other turn
                finally:
                    if self._closed:
                        parting = self._journals()
                        self._own, self._adopted, self._current = [], [], None
        finally:
            if parting:
                close_all(parting, _WAIT_S)

    def _take_owed(self) -> None:
        while self._owed:
            trace_id, span_ids, has_page = self._owed.popleft()
            if has_page:
                self._know_page(trace_id)
            self._take(trace_id, span_ids)
            if has_page:
                self._mark_page(trace_id)

    # -- journals -------------------------------------------------------------------------------------

    def _journals(self) -> list[Journal]:
        return [*self._adopted, *self._own]

    def _written(self, spans: Iterable[Span], second: int) -> Iterator[SpanLine]:
        for span in spans:
            with suppress(TypeError, ValueError, RecursionError):  # it is still published from memory
                yield self._lines.write(span, second)

    def _append(self, lines: Sequence[SpanLine], size: int) -> None:
        journal = self._writable(size)
        for trace_id in {line.trace_id for line in lines} & self._pages.keys():
            journal.mark_page(trace_id)
        journal.append(lines)

    def _writable(self, size: int) -> Journal:
        """Answer the journal to write to, a new one where the last has had its share."""
        self._make_room(size + _OVERHEAD_BYTES)
        current = self._current
        if current is None or (current.live and current.size + size > self._max_bytes // _JOURNALS):
            journal = self._current = self._new_journal()
            if current is not None:
                self._tidy(current)
            return journal
        return current

    def _new_journal(self) -> Journal:
        make_folder(self._folder)
        journal = Journal.create(self._folder, self._header())
        self._own.append(journal)
        return journal

    def _header(self) -> Header:
        return Header(self._endpoint, self._key_mark, self._bytes_tag, int(self._clock()))

    def _make_room(self, size: int) -> None:
        """Drop whole journals, those of the dead first, then the oldest."""
        while sum(journal.size for journal in self._journals()) + size > self._max_bytes:
            journals = self._journals()
            if not journals:
                return
            self._evict(journals[0])

    def _evict(self, journal: Journal) -> None:
        """Spans that are in memory as well are not lost by this."""
        lost = sum(len(spans) for trace_id, spans in journal.live.items() if trace_id in self._left)
        if lost:
            self._on_drop(FULL, lost)
        self._discard(journal)

    def _discard(self, journal: Journal) -> None:
        journal.remove()
        self._adopted = [other for other in self._adopted if other is not journal]
        self._own = [other for other in self._own if other is not journal]
        if self._current is journal:
            self._current = None

    def _take(self, trace_id: str, span_ids: Collection[str] | None) -> None:
        for journal in self._journals():
            with suppress(OSError):  # a mark that is not written costs a post that changes nothing
                journal.take(trace_id, span_ids)
            if journal is self._current:
                continue
            if not journal.live:
                self._discard(journal)
            elif journal in self._own:
                self._tidy(journal)

    def _tidy(self, journal: Journal) -> None:
        """Move the little that waits in a journal, so that one long trace keeps none alive."""
        if self._current is not None and journal.live_bytes * 4 < journal.size:
            self._move(journal, self._current)

    def _move(self, journal: Journal, target: Journal) -> None:
        with suppress(OSError):  # it stays where it is; what is in both is one to the server
            for trace_id in journal.live.keys() & journal.has_page:
                target.mark_page(trace_id)
            target.append(
                [
                    SpanLine(trace_id, span_id, place.second, journal.line_at(place))
                    for trace_id, places in journal.live.items()
                    for span_id, place in places.items()
                ]
            )
            self._discard(journal)

    def _know_page(self, trace_id: str) -> None:
        self._pages[trace_id] = None
        if len(self._pages) > _MAX_PAGES_KNOWN:
            del self._pages[next(iter(self._pages))]

    def _mark_page(self, trace_id: str) -> None:
        for journal in self._journals():
            if trace_id in journal.live:
                with suppress(OSError):
                    journal.mark_page(trace_id)

    def _has_page(self, trace_id: str) -> bool:
        return trace_id in self._pages or any(trace_id in journal.has_page for journal in self._journals())

    def _read(self, trace_id: str) -> tuple[Span, ...]:
        places = places_of(trace_id, self._journals())
        if places and places[-1].place.second < self._clock() - MAX_AGE_S:
            self._on_drop(TOO_OLD, len(places))
            self._take(trace_id, None)
            return ()
        spans, unreadable = read_portion(places)
        if unreadable:
            self._on_drop(UNREADABLE, len(unreadable))
            self._take(trace_id, unreadable)
        return spans

    # -- looking --------------------------------------------------------------------------------------

    def _look(self, now_s: float) -> None:
        """Files are read without the lock: nobody else here takes any over."""
        for path in paths_in(self._folder):
            if 0 < self._look_again_s.get(path, 0.0) - now_s <= _STRANGERS_EVERY_S:
                continue
            try:
                journal = Journal.adopt(path)
            except BadJournal as error:
                self._set_aside(path, error)
                continue
            if journal is None:
                continue
            if self._is_for_us(journal.header):
                self._welcome(journal)
            else:
                self._leave_alone(journal, now_s)

    def _is_for_us(self, header: Header) -> bool:
        return header == replace(self._header(), made_s=header.made_s)

    def _welcome(self, journal: Journal) -> None:
        with self._turn() as is_ours:
            if not is_ours:
                journal.close()  # the next look finds it again
                return
            if journal.damaged:
                self._on_drop(UNREADABLE, journal.damaged)
            if self._closed or not journal.live:
                (journal.close if journal.live else journal.remove)()
                return
            self._adopted.append(journal)
            self._left.update(dict.fromkeys(journal.live))
            self._make_room(0)
            if journal in self._adopted and journal.size < self._max_bytes // _SMALL:
                with suppress(OSError):
                    self._move(journal, self._writable(journal.live_bytes))

    def _leave_alone(self, journal: Journal, now_s: float) -> None:
        """It is for another endpoint or key, or of another version; unless nobody came for it."""
        quiet_s = now_s - journal.touched_s
        if journal.size == 0 or quiet_s > MAX_AGE_S:
            if journal.spans:
                self._on_drop(TOO_OLD, journal.spans)
            journal.remove()
            return
        journal.close()
        self._look_again_s[journal.path] = now_s + _STRANGERS_EVERY_S
        if quiet_s > _SAY_AFTER_S:
            self._say(
                "the spool holds spans for another endpoint or key (%s): a program with that one delivers them",
                journal.header.endpoint,
            )

    def _set_aside(self, path: Path, error: BadJournal) -> None:
        with suppress(OSError):
            path.rename(path.with_name(path.name + BAD_SUFFIX))
        self._say("a file of the spool is set aside: %s", error)

    # -- what goes wrong ------------------------------------------------------------------------------

    def _rest(self, error: OSError) -> None:
        """Go on without a spool for a while; what is written so far stays."""
        self._rests_until_s = self._clock() + _REST_S
        with self._turn() as is_ours:
            if is_ours and self._current and not self._current.live:
                self._discard(self._current)
            self._current = None if is_ours else self._current
        self._say("spans are not spooled for now, and lost if the program is killed: %s", error)

    def _say(self, message: str, detail: object) -> None:
        """Warn, once of each thing. Never under the lock: a log handler may do what it likes."""
        if message not in self._said:
            self._said.add(message)
            _logger.warning(message, detail)
