"""A spool's folder in which processes come and go, on a clock of the test's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.tracen_otel.made_spans import span
from tracen_otel.left import LeftTrace
from tracen_otel.model import Span
from tracen_otel.spool import Spool

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
