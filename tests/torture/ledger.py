"""What was sent, what was acknowledged, where it is shown: by this a server is judged.

Filled by several threads while a server is running; what it knows outlives every server.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.torture.deliveries import Delivery, Door, Span
from tests.torture.doors import Pages, Shown

GONE = 410


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(slots=True)
class _Trace:
    """`sent` by name; of them `acknowledged` names. `is_deleted` is the acknowledged deletion."""

    door: Door
    sent: dict[str, Span] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    url: str | None = None
    is_deleted: bool = False


class Ledger:
    """Of one database, over all of its servers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces: dict[str, _Trace] = {}
        self._recent: list[str] = []
        self.counts: Counter[str] = Counter()

    def sending(self, delivery: Delivery) -> None:
        """Note what will be on the wire from now on; sending again changes nothing."""
        with self._lock:
            for trace, spans in delivery.spans_by_trace.items():
                known = self._traces.setdefault(trace, _Trace(delivery.door))
                known.sent.update({span.name: span for span in spans})

    def acknowledged(self, delivery: Delivery, url: str | None) -> None:
        """Note an answer of success; `url` is the one that it named. Raises Violation."""
        if (url is None) != (delivery.trace_of_answer is None):
            raise Violation(f"{delivery.name}: the answer names {url}, of {delivery.trace_count} traces")
        with self._lock:
            for trace, spans in delivery.spans_by_trace.items():
                self._traces[trace].acknowledged.update(span.name for span in spans)
                self._recent.append(trace)
            if url is not None and delivery.trace_of_answer is not None:
                self._keep_url(delivery.trace_of_answer, url)
            self.counts["requests"] += 1
            self.counts["spans"] += sum(len(spans) for spans in delivery.spans_by_trace.values())

    def url_of(self, trace: str) -> str | None:
        """Where the trace is shown, as far as any answer has told, unless it was deleted."""
        with self._lock:
            known = self._traces[trace]
            return None if known.is_deleted else known.url

    def deleted(self, trace: str) -> None:
        """Note that the deletion was acknowledged."""
        with self._lock:
            self._traces[trace].is_deleted = True
            self.counts["deletions"] += 1

    def traces(self) -> list[str]:
        """All that anything was acknowledged of."""
        with self._lock:
            return [trace for trace, known in self._traces.items() if known.acknowledged]

    def recent(self, count: int) -> list[str]:
        """Those of the newest acknowledgements."""
        with self._lock:
            return list(dict.fromkeys(reversed(self._recent[-count:])))

    def check(self, trace: str, pages: Pages) -> None:
        """Compare a trace's page with what is known of it. Raises Violation.

        May run while more is sent: what was acknowledged before it began must be there, and nothing that was not
        sent when it ended. Not beside a deletion of the trace that is not acknowledged yet.
        """
        with self._lock:
            known = self._traces[trace]
            acknowledged, is_deleted = set(known.acknowledged), known.is_deleted
        url = known.url
        if known.door is not Door.POST:
            status, url = pages.find(trace)
            if _is_gone(trace, status, is_deleted):
                return
            if url is None:
                raise Violation(f"trace {trace}: lost, by-otel answers {status}")
            with self._lock:
                self._keep_url(trace, url)
        if url is None:
            raise Violation(f"trace {trace}: acknowledged without a URL")
        status, shown = pages.read(url)
        if _is_gone(trace, status, is_deleted):
            return
        if status != 200:
            raise Violation(f"trace {trace}: lost, {url} answers {status}")
        with self._lock:
            sent = dict(known.sent)
            self.counts["pages"] += 1
        _compare(trace, shown, acknowledged, sent)

    def _keep_url(self, trace: str, url: str) -> None:
        known = self._traces[trace]
        if known.url is not None and known.url != url:
            raise Violation(f"trace {trace}: its URL was {known.url} and is {url}")
        known.url = url


def _is_gone(trace: str, status: int, is_deleted: bool) -> bool:
    if is_deleted and status != GONE:
        raise Violation(f"trace {trace}: was deleted, and answers {status}")
    return is_deleted


def _compare(trace: str, shown: Sequence[Shown], acknowledged: set[str], sent: dict[str, Span]) -> None:
    times_by_name = Counter(name for name, _ in shown)
    if lost := sorted(acknowledged - times_by_name.keys()):
        raise Violation(f"trace {trace}: {len(lost)} acknowledged spans are lost: {lost[:5]}")
    if twice := [name for name, times in times_by_name.items() if times > 1]:
        raise Violation(f"trace {trace}: shown more than once: {twice[:5]}")
    if strange := sorted(times_by_name.keys() - sent.keys()):
        raise Violation(f"trace {trace}: shows what was never sent of it: {strange[:5]}")
    if damaged := [name for name, text in shown if text != sent[name].text]:
        raise Violation(f"trace {trace}: shown with another text: {damaged[:5]}")
