"""Delivery: traces that are due go out one at a time on a thread of its own, paused while the server is down.

Belongs to one process; a fork child makes a new one. Knows neither payloads nor HTTP.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from tracen_otel.client import TracenError
from tracen_otel.pending import Parcel, PendingTraces
from tracen_otel.published import PublishedTrace
from tracen_otel.retry import backoff_s
from tracen_otel.suppression import instrumentation_suppressed
from tracen_otel.tally import REPORT_EVERY_S, Tally
from tracen_otel.threads import RunningThread, new_thread

_logger = logging.getLogger("tracen_otel")
_FIRST_PAUSE_S = 2.0
_MOST_PAUSE_S = 60.0
_LOOK_EVERY_S = 60.0
_KNOWN_DOWN_CLOSE_S = 1.0
_T = TypeVar("_T")
_ENDED = "the program ended before they could be published"

Publish = Callable[[Parcel, float], PublishedTrace | None]
"""Takes a parcel and the seconds it may take. None: not wanted. Raises TracenError."""


class Outbox:
    """Holds spans until their trace is due and publishes it. Thread-safe.

    `stopping` is set when no more time is left; whoever waits inside `publish` should wait on it.
    """

    def __init__(
        self,
        pending: PendingTraces,
        tally: Tally,
        publish: Publish,
        on_published: Callable[[PublishedTrace], None],
        *,
        timeout_s: float,
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pending = pending
        self._tally = tally
        self._publish = publish
        self._on_published = on_published
        self._timeout_s = timeout_s
        self._stopping = stopping
        self._clock = clock
        self._changed = threading.Condition()  # guards all below, and `pending`
        self._sender: RunningThread | None = None
        self._sender_ident: int | None = None
        self._in_flight: Parcel | None = None
        self._closes_at_s: float | None = None
        self._paused_until_s = float("-inf")
        self._server_asked = False
        self._failures = 0
        self._warned_at_s: dict[str, float] = {}
        self._left_waits = True
        """Until `next_left` has answered None."""
        self.first: Callable[[], None] = lambda: None
        """What is to be done on the sender's thread before it delivers."""
        self.next_left: Callable[[], Parcel | None] = lambda: None
        """Answers what a dead process left to deliver, the same until it is settled. Sender's thread."""
        self.on_settled: Callable[[Parcel, bool], None] = lambda parcel, is_published: None
        """Told of a parcel that is published, not wanted, or given up; not of one to be tried again."""

    def add(self, spans: Sequence[ReadableSpan]) -> bool:
        """Take spans that ended; False after `close`. Never waits for the network."""
        with self._changed:
            if self._closes_at_s is not None:
                return False
            ended = [self._hold(span) for span in spans]
            self._start_sender()
            if any(ended):  # others fall due long after the sender's next look
                self._changed.notify_all()
        return True

    def is_open(self, trace_id: int, *, has_ended_spans: bool) -> bool:
        """Tell whether a trace goes on. One of which nothing is held is over, if it had spans that ended."""
        with self._changed:
            held = self._pending.is_open(trace_id)
        return not has_ended_spans if held is None else held

    def ids_of(self, trace_id: int) -> frozenset[str]:
        """Which spans of a trace are held (16 hex digits)."""
        with self._changed:
            return self._pending.ids_of(trace_id)

    def settle(self, trace_ids: Collection[int], timeout_s: float) -> None:
        """Wait until these traces, if they have ended, are published or can not be for now."""
        if not self._is_sender():
            self._wait_until(lambda: self._is_paused() or not self._is_about(trace_ids), timeout_s)

    def _is_about(self, trace_ids: Collection[int]) -> bool:
        in_flight = self._in_flight is not None and self._in_flight.trace_id in trace_ids
        return in_flight or any(self._pending.is_due(trace_id) for trace_id in trace_ids)

    def _hold(self, span: ReadableSpan) -> bool:
        try:
            return self._pending.add(span, self._clock())
        except Exception:  # what is no span, in whatever way, must not cost its neighbours
            self._tally.drop("unreadable", 1)
            return False

    def drain(self, timeout_s: float) -> bool:
        """Publish every ended trace now and wait; False when time runs out or the server is not up to it."""
        if self._is_sender():
            return False  # asked from `on_published`: the sender can not wait for itself
        with self._changed:
            self._pending.hasten(self._clock(), unfinished=False)
            self._changed.notify_all()
        self._wait_until(lambda: self._is_idle() or self._is_paused(), timeout_s)
        with self._changed:
            return self._is_idle()

    def close(self, timeout_s: float) -> None:
        """Publish what is held, finished or not, for at most `timeout_s`; then give up on the rest."""
        with self._changed:
            if self._closes_at_s is not None:
                return
            now_s = self._clock()
            if self._failures:
                timeout_s = min(timeout_s, _KNOWN_DOWN_CLOSE_S)  # a server known to be down delays no exit
            self._closes_at_s = now_s + timeout_s
            self._pending.hasten(now_s, unfinished=True)
            if not self._server_asked:
                self._paused_until_s = now_s
            self._changed.notify_all()
        end_s = time.monotonic() + timeout_s
        if not self._is_sender():
            self._wait_until(self._is_through, timeout_s)
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
            self._pending.drop_all(_ENDED)
            if self._in_flight is not None:
                self._drop_in_flight(self._in_flight)
        self._join_sender(end_s - time.monotonic())
        self._tally.report(self._clock(), last=True)

    def _drop_in_flight(self, parcel: Parcel) -> None:
        lost = 0 if parcel.is_left else len(parcel.spans) - self._pending.kept(parcel.trace_id)
        if lost > 0:
            self._tally.drop(_ENDED, lost)

    def _is_through(self) -> bool:
        """Whether a program that ends has nothing more to wait for; what a dead one left is worth waiting for, too."""
        if self._is_paused() and (self._server_asked or self._is_idle()):
            return True
        return self._is_idle() and not self._left_waits

    def _join_sender(self, timeout_s: float) -> None:
        """It may be about to log; one that waits for an answer is left behind."""
        if self._sender is not None and not self._is_sender():
            self._sender.join(max(0.0, timeout_s))

    def deliver_due(self, until: Callable[[], bool] = lambda: False) -> None:
        """Publish what is due on the calling thread until nothing is, or `until` says so."""
        with instrumentation_suppressed():
            while not until() and (parcel := self._take()) is not None:
                self._deliver(parcel)

    # -- waiting --------------------------------------------------------------------------------------

    def _wait_until(self, done: Callable[[], bool], timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        with self._changed:
            if self._start_sender():
                self._changed.wait_for(done, timeout_s)
                return
        self.deliver_due(until=lambda: done() or time.monotonic() >= end_s)

    def _is_idle(self) -> bool:
        due_s = self._pending.next_due_s()
        in_flight = self._in_flight is not None and not self._in_flight.is_left
        return not in_flight and (due_s is None or due_s > self._clock())

    def _is_paused(self) -> bool:
        return self._in_flight is None and self._clock() < self._paused_until_s

    def _start_sender(self) -> bool:
        """False where no thread can be had: from Python 3.12 on, an interpreter that ends starts none."""
        if self._sender is None or not self._sender.is_alive():
            sender = new_thread(self._run, "tracen-exporter")
            try:
                sender.start()
            except RuntimeError:
                return False
            self._sender = sender
        return True

    # -- the sender thread ----------------------------------------------------------------------------

    def _is_sender(self) -> bool:
        return self._sender is not None and threading.get_ident() == self._sender_ident

    def _run(self) -> None:
        self._sender_ident = threading.get_ident()
        while not self._stopping.is_set():
            self._beside(self.first)
            self.deliver_due(until=self._stopping.is_set)
            self._tally.report(self._clock())
            with self._changed:
                if not self._stopping.is_set():
                    self._changed.wait(self._nap_s())

    def _beside(self, work: Callable[[], _T]) -> _T | None:
        try:
            return work()
        except Exception as error:  # the outer wall: it costs no trace that is in memory, and no program
            _logger.warning("%s in the exporter, beside its deliveries", type(error).__name__)
            return None

    def _nap_s(self) -> float:
        """Until something falls due, a warning may go out, or it is time to forget old traces."""
        now_s = self._clock()
        due_s, report_s = self._pending.next_due_s(), self._tally.next_report_s()
        next_s = now_s + _LOOK_EVERY_S
        if due_s is not None:
            next_s = min(next_s, max(due_s, self._paused_until_s))
        if report_s is not None:
            next_s = min(next_s, report_s)
        if self._left_waits:
            next_s = min(next_s, self._paused_until_s)
        return max(0.0, next_s - now_s)

    def _take(self) -> Parcel | None:
        with self._changed:
            now_s = self._clock()
            self._pending.expire(now_s)
            if now_s < self._paused_until_s:
                return None
            self._in_flight = self._pending.take(now_s)
            if self._in_flight is not None:
                return self._in_flight
        left = self._beside(self.next_left)
        with self._changed:
            self._in_flight = left
            self._left_waits = left is not None
            self._changed.notify_all()
            return left

    def _deliver(self, parcel: Parcel) -> None:
        try:
            published = self._publish(parcel, self._allowed_s())
            self._succeeded(parcel, published)
        except TracenError as error:
            self._failed(parcel, error)
        except Exception as error:  # the outer wall: a bug of ours costs a trace, never the user's program
            self._give_up(parcel, f"{type(error).__name__} in the exporter")
        finally:
            with self._changed:
                self._in_flight = None
                self._changed.notify_all()

    def _allowed_s(self) -> float:
        if self._closes_at_s is None:
            return self._timeout_s
        return min(self._timeout_s, max(0.0, self._closes_at_s - self._clock()))

    def _succeeded(self, parcel: Parcel, published: PublishedTrace | None) -> None:
        """Count it before the disk is asked to forget it: a disk that hangs makes nothing unpublished."""
        with self._changed:
            self._tally.count("skipped" if published is None else "published")
            if not parcel.is_left:
                if published is None:
                    self._pending.release(parcel)
                else:
                    self._pending.settle(parcel, has_page=True)
            if published is not None:
                self._failures = 0
                self._server_asked = False
        if published is not None:
            self._on_published(published)  # before those who wait for the trace are told that it is through
        with self._changed:
            self._in_flight = None
            self._changed.notify_all()
        self.on_settled(parcel, published is not None)

    def _give_up(self, parcel: Parcel, reason: str) -> None:
        """Count what is lost, once: it is not sent again with what comes late."""
        self._tally.drop(reason, len(parcel.spans))
        self.on_settled(parcel, False)
        if not parcel.is_left:
            with self._changed:
                self._pending.settle(parcel, has_page=False)

    def _failed(self, parcel: Parcel, error: TracenError) -> None:
        """Put the trace back and leave the server alone for a while, or give up on it."""
        if not error.retryable:
            self._give_up(parcel, error.reason)
            if error.hint:
                self._warn("a trace is refused: %s", error)
            return
        with self._changed:
            if self._stopping.is_set():
                return  # counted when it was
            now_s = self._clock()
            self._failures += 1
            self._server_asked = error.retry_after_s is not None
            pause_s = backoff_s(self._failures, first_s=_FIRST_PAUSE_S, most_s=_MOST_PAUSE_S)
            pause_s = max(pause_s, error.retry_after_s or 0.0)
            self._paused_until_s = now_s + pause_s
            self._tally.count("retries")
            if not parcel.is_left and not self._pending.put_back(
                parcel, now_s, may_have_arrived=error.may_have_arrived
            ):
                lost = len(parcel.spans) - self._pending.kept(parcel.trace_id)
                if lost > 0:
                    self._tally.drop("too many traces", lost)
        self._warn("a trace is not published yet: %s; next try in %.0f s", error, pause_s)

    def _warn(self, message: str, *details: object) -> None:
        """Log a warning, each message once in REPORT_EVERY_S."""
        now_s = self._clock()
        if now_s - self._warned_at_s.get(message, float("-inf")) >= REPORT_EVERY_S:
            self._warned_at_s[message] = now_s
            _logger.warning(message, *details)
