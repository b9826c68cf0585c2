"""What the exporter did and what it lost: counts, and one warning a minute for each reason.

Counting logs nothing, so it is allowed under a lock; `report` logs, and a log handler may do what it likes.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_logger = logging.getLogger("tracen_otel")
REPORT_EVERY_S = 60.0
_MAX_REASONS = 50
OTHER = "other reasons"
"""What is counted together: a reason may hold a server's own words, of which there are as many as it likes."""
_LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class Counts:
    """`published` and `skipped` are traces (one published again counts again); `dropped` is spans by reason.

    `skipped` are traces without a step that `only` asks for; `retries` are posts tried again.
    """

    published: int = 0
    skipped: int = 0
    retries: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


class Tally:
    """Counts of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._reported_at_s: dict[str, float] = {}

    def count(self, what: str) -> None:
        """Count one of what `Counts` has a number for."""
        with self._lock:
            self._counts[what] += 1

    def drop(self, reason: str, spans: int) -> None:
        """Count spans that nobody will see; reasons beyond the first 50 together, as OTHER."""
        with self._lock:
            is_known = reason in self._dropped or len(self._dropped) < _MAX_REASONS
            self._dropped[reason if is_known else OTHER] += spans

    def report(self, now_s: float, *, last: bool = False) -> None:
        """Warn of drops not warned of yet: a reason once in REPORT_EVERY_S, or all the last time."""
        for reason, spans in self._take_unreported(now_s, last):
            _logger.warning("spans dropped: %d (%s)", spans, reason)

    def next_report_s(self) -> float | None:
        """Answer when a warning that had to wait may go out; None: none waits."""
        with self._lock:
            return min(
                (self._may_report_s(reason) for reason in self._dropped - self._reported), default=None
            )

    def counts(self) -> Counts:
        """Answer the counts so far."""
        with self._lock:
            return Counts(**self._counts, dropped=dict(self._dropped))

    def _take_unreported(self, now_s: float, last: bool) -> list[tuple[str, int]]:
        with self._lock:
            unreported = self._dropped - self._reported
            lines = [
                (reason, n) for reason, n in unreported.items() if last or now_s >= self._may_report_s(reason)
            ]
            for reason, spans in lines:
                self._reported[reason] += spans
                self._reported_at_s[reason] = now_s
            return lines

    def _may_report_s(self, reason: str) -> float:
        return self._reported_at_s.get(reason, _LONG_AGO) + REPORT_EVERY_S
