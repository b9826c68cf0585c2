"""Figures for the operator, as Prometheus reads them. Labels are closed sets: nothing a sender writes is one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

logger = logging.getLogger("tracen.store")

SLOW_COMMIT_S = 2.0
"""Worth a line: senders wait some ten seconds."""
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_ASSEMBLY_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class _Count(Collector):
    """A counter that is kept elsewhere."""

    def __init__(self, name: str, help: str, read: Callable[[], float]) -> None:
        self._name, self._help, self._read = name, help, read

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._name, self._help, value=self._read())


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "tracen_requests",
            "Requests that are over, by door, signal and what became of them.",
            ["door", "signal", "outcome"],
            registry=registry,
        )
        self.in_flight = Gauge("tracen_requests_in_flight", "Requests not yet answered.", registry=registry)
        self.received_bytes = Counter(
            "tracen_received_bytes", "Bodies, after decompression.", registry=registry
        )
        self.accepted_spans = Counter(
            "tracen_accepted_spans", "Spans and log records that are on disk.", registry=registry
        )
        self.rejected_spans = Counter(
            "tracen_rejected_spans", "Spans refused out of requests that were taken.", registry=registry
        )
        self._commit = Histogram(
            "tracen_store_commit_seconds",
            "From the start of a group of writes until it is on disk.",
            buckets=_COMMIT_BUCKETS,
            registry=registry,
        )
        self._committed = Counter("tracen_store_writes", "Writes in those groups.", registry=registry)
        self.assembly = Histogram(
            "tracen_page_assembly_seconds",
            "Assembling the document of a page.",
            buckets=_ASSEMBLY_BUCKETS,
            registry=registry,
        )
        self._children: dict[tuple[str, str, str], Counter] = {}

    def count(self, door: str, signal: str, outcome: str) -> None:
        """Count a request that is over."""
        labels = (door, signal, outcome)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._requests.labels(*labels)
        child.inc()

    def committed(self, jobs: int, size: int, seconds: float) -> None:
        """Count one group of writes."""
        if seconds >= SLOW_COMMIT_S:
            logger.warning("a commit of %d writes took %.1f s", jobs, seconds)
        self._commit.observe(seconds)
        self._committed.inc(jobs)

    def watch(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Show what `read` returns when somebody looks."""
        Gauge(name, help, registry=self.registry).set_function(read)

    def watch_count(self, name: str, help: str, read: Callable[[], float]) -> None:
        """The same of what only grows."""
        self.registry.register(_Count(name, help, read))

    def text(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self.registry)
