"""Spans by trace, from the first that ended until the trace is published; later, those that came late.

Plain bookkeeping: time is an argument, nothing here waits, locks, logs or sends. What does not fit is
published early or dropped, and then told to `on_drop`. Of too many traces or spans the trace that was quiet for
longest goes; of too much text the largest, as one agent with a long history would else cost all others, then itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from itertools import count

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id

from tracen_otel.model import Span
from tracen_otel.readable import is_local_root, text_chars_of
from tracen_otel.unwanted import UnwantedTraces

_TOO_LATE = "too late for their trace"
_TOO_MUCH_TEXT = "too much text"
_MOST_STALE = 1_000
"""Entries in the heap of when to look, beyond two for each trace, before they are sorted out."""

OnDrop = Callable[[str, int], None]
"""Takes a reason and a number of spans."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is held in a user's process, and how long."""

    traces: int = 1000
    spans: int = 20_000
    spans_per_trace: int = 10_000
    text_chars: int = 32 * 1024 * 1024
    """Of all attribute values together: an LLM span may hold a book. What waits beyond it is published early, and
    until it is, there may be twice as much; where traces are published once, what is beyond it is dropped."""
    late_linger_s: float = 3.0
    """After a late span, so that several of them cost one post; twice as long each time it was published."""
    longest_linger_s: float = 300.0
    idle_s: float = 600.0
    """After the last span of a trace whose root never came: it is published as it is."""
    age_s: float = 6 * 3600.0
    """After the last span of a trace that could not be published."""
    remembered: int = 10_000
    """Ids of traces that were published, or not wanted."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A trace that is due: everything it has so far.

    `is_left`: a dead process's, or one there was no room for, from the spool; such spans are redacted already.
    `has_page`: its spans join a page, whatever is at work in them.
    """

    trace_id: int
    spans: tuple[ReadableSpan | Span, ...]
    is_left: bool = False
    has_page: bool = False


@dataclass(slots=True)
class _Held:
    """`due_s` is None while the trace is on its way and nothing has come meanwhile."""

    touched_s: float
    spans: list[ReadableSpan] = field(default_factory=list)
    text_chars: int = 0
    due_s: float | None = None
    ended: bool = False
    is_early: bool = False
    """It is due before its root ended, as there is no room for it: spans that come do not put that off."""
    has_page: bool = False
    taken: int = 0
    """How often it was on its way: what comes afterwards is late."""
    on_its_way: int = 0
    """How many spans, the first ones."""
    sent: int = 0
    """How many spans, the first ones, may have a page that no other telling joins: they are sent again as they were."""


@dataclass(frozen=True, slots=True)
class _Gone:
    """What is remembered of a trace of which nothing is held any more."""

    has_page: bool
    taken: int


class PendingTraces:
    """The traces a process is in the middle of. Not thread-safe.

    What comes after a trace was published is published by itself: the server joins it to the page. With
    `republish=False` a trace is published once, a little later, and what comes afterwards is dropped.
    """

    def __init__(self, bounds: Bounds, on_drop: OnDrop, *, republish: bool = True) -> None:
        self._bounds = bounds
        self._on_drop = on_drop
        self._republish = republish
        self._held_by_trace: dict[int, _Held] = {}
        """In order of the last span: the first is the one that was quiet for longest."""
        self._gone: dict[int, _Gone] = {}
        self._unwanted = UnwantedTraces()
        self._due: list[tuple[float, int, int]] = []
        """A heap of when to look at a trace, in order: never later than it falls due, sometimes earlier."""
        self._order = count()
        self._spans = 0
        self._text_chars = 0
        self.kept: Callable[[int], int] = lambda trace_id: 0
        """Asked of a trace that there is no room or no time for: how many of its spans are kept elsewhere."""
        self.on_refuse: Callable[[ReadableSpan], None] = lambda span: None
        """Told of a span that is not held, and counted as dropped."""

    def publish_once(self) -> None:
        """From now on publish every trace once: the server can not join late spans to their page."""
        self._republish = False

    def is_due(self, trace_id: int) -> bool:
        """Tell whether a trace that has ended waits to be published."""
        held = self._held_by_trace.get(trace_id)
        return held is not None and held.due_s is not None and held.ended

    def is_open(self, trace_id: int) -> bool | None:
        """Tell whether a trace goes on: its root has not ended. None: nothing is held of it."""
        held = self._held_by_trace.get(trace_id)
        return None if held is None else not held.ended

    def ids_of(self, trace_id: int) -> frozenset[str]:
        """Answer which spans of a trace are held (16 hex digits)."""
        held = self._held_by_trace.get(trace_id)
        contexts = [span.get_span_context() for span in held.spans] if held else []
        return frozenset(format_span_id(context.span_id) for context in contexts if context)

    def __len__(self) -> int:
        """How many traces are held."""
        return len(self._held_by_trace)

    def add(self, span: ReadableSpan, now_s: float) -> bool:
        """Hold a span that ended; answer whether a trace falls due at once or soon: one that has ended, or is large."""
        context = span.get_span_context()
        if context is None:
            self._on_drop("no context", 1)
            return False
        if self._is_too_late(context.trace_id):
            self._refuse([span], _TOO_LATE)
            return False
        ended = self._hold(context.trace_id, span, text_chars_of(span), is_local_root(span), now_s)
        self._make_room()
        return self._publish_early(now_s) or ended

    def _is_too_late(self, trace_id: int) -> bool:
        if self._republish:
            return False
        held = self._held_by_trace.get(trace_id)
        if held is None:
            return trace_id in self._gone and trace_id not in self._unwanted
        return held.taken > 0

    def _hold(self, trace_id: int, span: ReadableSpan, text_chars: int, root: bool, now_s: float) -> bool:
        held = self._held_by_trace.pop(trace_id, None)
        if held is None:
            held = self._held_anew(trace_id, now_s)
        self._held_by_trace[trace_id] = held
        held.touched_s = now_s
        if len(held.spans) < self._bounds.spans_per_trace or root:
            self._append(held, span, text_chars)
        else:
            self._refuse([span], "too many spans in one trace")
        held.ended = held.ended or root
        due_s = now_s + self._delay_s(held, root)
        if (held.ended or held.is_early) and held.due_s is not None:
            due_s = min(due_s, held.due_s)  # never put off again, however many spans come
        self._fall_due(trace_id, held, due_s)
        return held.ended

    def _held_anew(self, trace_id: int, now_s: float) -> _Held:
        """Begin with what was not wanted of a trace: what comes now may tell otherwise."""
        gone = self._gone.get(trace_id)
        if gone is None:
            return _Held(now_s)
        held = _Held(now_s, ended=True, has_page=gone.has_page, taken=gone.taken)
        for span in self._unwanted.reclaim(trace_id):
            held.taken = gone.taken if self._republish else 0  # it has not been published
            self._append(held, span, text_chars_of(span))
        return held

    def _fall_due(self, trace_id: int, held: _Held, due_s: float) -> None:
        """Note when a trace falls due; where it was noted for earlier, it is looked at then, and noted anew."""
        if held.due_s is None or due_s < held.due_s:
            heappush(self._due, (due_s, next(self._order), trace_id))
        held.due_s = due_s
        if len(self._due) > 2 * len(self._held_by_trace) + _MOST_STALE:
            self._due = self._notes_that_hold()

    def _notes_that_hold(self) -> list[tuple[float, int, int]]:
        """The heap without what is stale, of which one trace that is due for long and not taken may keep much."""
        notes: dict[int, tuple[float, int, int]] = {}
        for note in sorted(self._due):
            held = self._held_by_trace.get(note[2])
            if held is not None and held.due_s is not None and note[0] <= held.due_s:
                notes.setdefault(note[2], note)
        return list(notes.values())

    def _refuse(self, spans: Sequence[ReadableSpan], reason: str) -> None:
        self._on_drop(reason, len(spans))
        for span in spans:
            self.on_refuse(span)

    def _append(self, held: _Held, span: ReadableSpan, text_chars: int) -> None:
        held.spans.append(span)
        held.text_chars += text_chars
        self._spans += 1
        self._text_chars += text_chars

    def _delay_s(self, held: _Held, root: bool) -> float:
        if not held.ended:
            return self._bounds.idle_s
        if root and not held.taken and self._republish:
            return 0.0
        return min(self._bounds.late_linger_s * 2.0 ** max(held.taken - 1, 0), self._bounds.longest_linger_s)

    def take(self, now_s: float) -> Parcel | None:
        """Answer the trace that has been due for longest, if any is; it is then on its way."""
        due_s = self.next_due_s()
        if due_s is None or due_s > now_s:
            return None
        _, _, trace_id = heappop(self._due)
        held = self._held_by_trace[trace_id]
        held.due_s = None
        held.taken += 1
        held.on_its_way = held.sent or len(held.spans)
        return Parcel(trace_id, tuple(held.spans[: held.on_its_way]), has_page=held.has_page)

    def put_back(self, parcel: Parcel, now_s: float, *, may_have_arrived: bool = False) -> bool:
        """Make a trace that could not be published due again; answer whether it is still held.

        `may_have_arrived`: it may have a page that no other telling of it joins, so it is sent again as it was.
        """
        held = self._held_by_trace.get(parcel.trace_id)
        if held is None:
            return False
        held.taken -= 1
        held.on_its_way = 0
        if may_have_arrived:
            held.sent = len(parcel.spans)
        self._fall_due(parcel.trace_id, held, now_s)
        return True

    def release(self, parcel: Parcel) -> None:
        """Forget a trace that nobody wants, in a while, unless more of it has come meanwhile."""
        held = self._held_by_trace.get(parcel.trace_id)
        if held is None:
            return
        if held.due_s is None:
            self._forget(parcel.trace_id)
            if not held.has_page:  # else they have been counted as too late
                self._unwanted.keep(parcel.trace_id, held.spans, held.text_chars, held.touched_s)
        else:
            held.taken -= 1
            held.on_its_way = 0

    def settle(self, parcel: Parcel, *, has_page: bool) -> None:
        """Let go of spans that are published, or lost; what has come meanwhile is late."""
        held = self._held_by_trace.get(parcel.trace_id)
        if held is None:
            return
        held.has_page = held.has_page or has_page
        late = held.spans[len(parcel.spans) :]
        if late and has_page and not self._republish:
            self._refuse(late, _TOO_LATE)
            late = []
        if not late:
            held.due_s = None
            self._forget(parcel.trace_id)
            return
        self._keep(held, late)
        held.sent = held.on_its_way = 0
        if held.due_s is None:  # they have waited for the others
            self._fall_due(parcel.trace_id, held, held.touched_s)

    def hasten(self, now_s: float, *, unfinished: bool) -> None:
        """Make every ended trace with something to publish due now; `unfinished` ones too, if wanted."""
        for trace_id, held in self._held_by_trace.items():
            if held.due_s is not None and (held.ended or held.taken or unfinished):
                self._fall_due(trace_id, held, min(held.due_s, now_s))

    def next_due_s(self) -> float | None:
        """Answer when the next trace falls due; None: no trace waits."""
        while self._due:
            look_s, order, trace_id = self._due[0]
            held = self._held_by_trace.get(trace_id)
            if held is None or held.due_s is None or held.due_s < look_s:
                heappop(self._due)  # gone, on its way, or noted for earlier
            elif held.due_s > look_s:
                heapreplace(self._due, (held.due_s, order, trace_id))
            else:
                return look_s
        return None

    def expire(self, now_s: float) -> None:
        """Give up on traces that could not be published for `age_s`."""
        self._unwanted.expire(now_s)
        while self._held_by_trace:
            trace_id, held = next(iter(self._held_by_trace.items()))
            if held.due_s is None or now_s - held.touched_s <= self._bounds.age_s:
                return
            self._drop(trace_id, "not published for hours")

    def drop_all(self, reason: str) -> None:
        """Give up on every trace that has something to publish."""
        for trace_id, held in list(self._held_by_trace.items()):
            if len(held.spans) > held.on_its_way:
                self._drop(trace_id, reason)

    def _make_room(self) -> None:
        while reason := self._full():
            waiting = (i for i, held in self._held_by_trace.items() if held.due_s is not None)
            most = waiting if reason != _TOO_MUCH_TEXT else sorted(waiting, key=self._chars_of, reverse=True)
            first = next(iter(most), None)
            if first is None:
                return
            self._drop(first, reason)

    def _full(self) -> str:
        if len(self._held_by_trace) > self._bounds.traces:
            return "too many traces"
        if self._spans > self._bounds.spans:
            return "too many spans"
        most_chars = self._bounds.text_chars * (2 if self._republish else 1)
        return _TOO_MUCH_TEXT if self._text_chars > most_chars else ""

    def _publish_early(self, now_s: float) -> bool:
        """Have the largest traces published now if there is too much text in those that could wait.

        Answers whether there are any. What comes later joins their pages.
        """
        if self._text_chars <= self._bounds.text_chars or not self._republish:
            return False
        waiting = [
            i for i, held in self._held_by_trace.items() if held.due_s is not None and held.due_s > now_s
        ]
        excess = sum(map(self._chars_of, waiting)) - self._bounds.text_chars
        early = False
        for trace_id in sorted(waiting, key=self._chars_of, reverse=True):
            if excess <= 0:
                break
            held = self._held_by_trace[trace_id]
            held.is_early = early = True
            self._fall_due(trace_id, held, now_s)
            excess -= held.text_chars
        return early

    def _chars_of(self, trace_id: int) -> int:
        return self._held_by_trace[trace_id].text_chars

    def _forget(self, trace_id: int) -> _Held:
        held = self._held_by_trace.pop(trace_id)
        self._spans -= len(held.spans)
        self._text_chars -= held.text_chars
        if held.due_s is None:
            self._gone.pop(trace_id, None)
            self._gone[trace_id] = _Gone(held.has_page, held.taken)
            if len(self._gone) > self._bounds.remembered:
                del self._gone[next(iter(self._gone))]
        return held

    def _drop(self, trace_id: int, reason: str) -> None:
        """Lose what waits of a trace; what is on its way stays until it is told what became of it."""
        held = self._held_by_trace[trace_id]
        on_its_way = held.on_its_way
        lost = len(held.spans) - on_its_way
        if on_its_way:
            self._keep(held, held.spans[:on_its_way])
            held.due_s = None
        else:
            self._forget(trace_id)
        lost -= max(0, self.kept(trace_id) - on_its_way)
        if lost > 0:
            self._on_drop(reason, lost)

    def _keep(self, held: _Held, spans: list[ReadableSpan]) -> None:
        text_chars = sum(map(text_chars_of, spans))
        self._spans -= len(held.spans) - len(spans)
        self._text_chars -= held.text_chars - text_chars
        held.spans, held.text_chars = spans, text_chars
