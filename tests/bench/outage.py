"""`make bench-collector`: examples/collector/collector.yaml as it stands, through an outage of Tracen.

Its queue is filled, the Collector killed twice on the way, then Tracen comes back and every page is looked at. Takes
some minutes and some gigabytes of disk.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

from tests.bench.__main__ import cpu_s
from tests.bench.footprint import MB, most_on_disk, now, queue_mb, watched
from tests.bench.load import EXPORT, Load, llm_attributes
from tests.bench.scale import Stamped
from tests.interop.collector import DROPPED, ConfiguredCollector, configured_collector, require_collector
from tests.interop.ports import port_flags
from tests.processes import TracenProcess, start_tracen

CONNECTIONS = 4
SPANS, TRACES, TEXT_BYTES = 64, 4, 16_000
"""Of a request of 1 MiB: four agents' runs of 16 model calls."""
LARGE_CONNECTIONS, LARGE_REQUESTS = 8, 16
LARGE_SPANS = 3_700
"""Of a request of nearly 64 MiB."""
SMALL_REQUESTS = 5_000
FULL = "queue is full"
REST_S = 10.0
PATIENCE_S = 900.0

Row = tuple[str, str]


def conversations(spans: int, traces: int, text_bytes: int = TEXT_BYTES) -> Load:
    """A request of model calls with a text of its own in each."""
    load = Load({}, spans=spans, traces=traces, requests=1)
    request = ExportTraceServiceRequest.FromString(load.bodies[0])
    for span in request.resource_spans[0].scope_spans[0].spans:
        for key, value in llm_attributes(text_bytes).items():
            told = span.attributes.add(key=key).value
            if isinstance(value, int):
                told.int_value = value
            else:
                told.string_value = value
    load.bodies[0] = request.SerializeToString()
    return load


@dataclass(slots=True)
class Senders:
    """Several connections that send one numbered request after the other, and what each was told."""

    body: Callable[[int], bytes]
    limit: int | None = None
    taken: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, collector: ConfiguredCollector, connections: int, enough: Callable[[], bool]) -> None:
        """Send until it is enough. A request is taken, refused, or without an answer, if its Collector is killed."""

        def work() -> None:
            options = [("grpc.max_send_message_length", 1 << 28), ("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(collector.grpc, options=options) as channel:
                while not enough():
                    with self._lock:
                        number = next(self._numbers)
                    if self.limit and number > self.limit:
                        return
                    self._send_one(channel, number)

        threads = [threading.Thread(target=work) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_one(self, channel: grpc.Channel, number: int) -> None:
        try:
            channel.unary_unary(EXPORT)(self.body(number), timeout=120)
        except grpc.RpcError as error:
            told = f"{error.code().name}: {error.details()}"
            with self._lock:
                self.refused[told] += 1
        else:
            with self._lock:
                self.taken.append(number)

    @property
    def is_refused(self) -> bool:
        """Whether the queue was full, for each connection about."""
        return sum(count for told, count in self.refused.items() if FULL in told) >= 4 * CONNECTIONS


@dataclass(slots=True)
class Outage:
    """A Tracen that is away, and the Collector in front of it, which is started as often as it is killed."""

    folder: Path
    ports: list[str] = field(default_factory=port_flags)
    rows: list[Row] = field(default_factory=list)
    tracen: TracenProcess = field(init=False)

    def __post_init__(self) -> None:
        self.tracen = start_tracen(self.folder / "t.db", *self.ports)
        self.away()

    def away(self) -> None:
        """Stop it: nothing listens at its address then."""
        assert self.tracen.stop() == 0
        self.tracen.close()

    def back(self) -> None:
        self.tracen = start_tracen(self.folder / "t.db", *self.ports, key=self.tracen.key)

    def collector(self) -> contextlib.AbstractContextManager[ConfiguredCollector]:
        """As the configuration's first lines start it."""
        environment = {
            "TRACEN_ENDPOINT": self.tracen.http,
            "TRACEN_KEY": self.tracen.key,
            "GOMEMLIMIT": "1GiB",
        }
        return configured_collector("collector.yaml", self.folder / "collector", environment)

    def fill(self, senders: Senders, size: int) -> None:
        """Send until the queue is full; half way, the Collector is killed under load and starts again."""
        with self.collector() as collector:
            half = int(1_073_741_824 / size / 2)
            killer = threading.Thread(target=kill_at, args=(collector, senders, half))
            killer.start()
            with watched(collector.process.pid) as memory:
                senders.send(collector, CONNECTIONS, lambda: collector.process.poll() is not None)
            killer.join()
        told = f"{len(senders.taken):,} requests; memory at most {memory}"
        self.rows.append(("taken until it is half full", told))
        senders.refused.clear()  # without an answer, when it was killed
        started = time.perf_counter()
        with self.collector() as collector:
            self.rows.append(("killed there: ready again", f"{time.perf_counter() - started:.1f} s"))
            started, before = time.perf_counter(), len(senders.taken)
            with watched(collector.process.pid) as memory:
                senders.send(collector, CONNECTIONS, lambda: senders.is_refused)
            rate = (len(senders.taken) - before) * size / MB / (time.perf_counter() - started)
            self.rows += [
                ("taken until it is full", f"{len(senders.taken):,} requests, {rate:,.0f} MB/s"),
                ("full: memory at most", str(memory)),
                ("full: its files", f"{queue_mb(self.folder / 'collector'):,.0f} MB"),
            ]
            self.rows += [(f"told {count} times", told) for told, count in senders.refused.items()]
            self.rest(collector)
            collector.process.kill()

    def rest(self, collector: ConfiguredCollector) -> None:
        """What it costs to wait."""
        before = cpu_s(collector.process.pid)
        time.sleep(REST_S)
        used = (cpu_s(collector.process.pid) - before) / REST_S
        memory = now(collector.process.pid)
        self.rows.append(("full, at rest: memory; CPU", f"{memory}; {used:.1%} of a core"))

    def restart_and_drain(self, senders: Senders) -> None:
        """Start the Collector, which was killed with a full queue, and then Tracen."""
        started = time.perf_counter()
        with contextlib.ExitStack() as stack:
            with most_on_disk(self.folder / "collector") as most:
                collector = stack.enter_context(self.collector())
            pid = collector.process.pid
            told = f"{time.perf_counter() - started:.1f} s, {now(pid)}; {most[0]:,.0f} MB on disk meanwhile"
            self.rows.append(("killed with a full queue: ready again", told))
            self.back()
            before, started = (cpu_s(pid), cpu_s(self.tracen.pid)), time.perf_counter()
            with watched(pid) as memory:
                drained = self.until_drained(len(senders.taken) * SPANS)
            took = drained - started
            used = cpu_s(pid) - before[0], cpu_s(self.tracen.pid) - before[1]
            self.rows += [
                ("Tracen is back: drained in", f"{took:.0f} s"),
                ("CPU for that", f"{used[0]:.1f} s of the Collector, {used[1]:.1f} s of Tracen"),
                ("memory at most meanwhile", f"{memory}; Tracen {self.tracen.peak_kb / 1000:.0f} MB"),
            ]
            self.compacted()
            time.sleep(REST_S)
            self.rows += [
                ("afterwards: memory", str(now(pid))),
                ("spans dropped, says its log", str(sum(map(len, collector.errors(DROPPED).values())))),
            ]

    def until_drained(self, spans: int) -> float:
        """When the last span came."""
        last, seen, deadline = time.perf_counter(), 0.0, time.monotonic() + PATIENCE_S
        while (seen < spans or time.perf_counter() - last < 5) and time.monotonic() < deadline:
            time.sleep(0.2)
            figures = httpx2.get(f"{self.tracen.http}/metrics", trust_env=False, timeout=60).text
            samples = (
                line for line in figures.splitlines() if line.startswith("tracen_accepted_spans_total")
            )
            count = sum(float(line.rpartition(" ")[2]) for line in samples)
            if count > seen:
                last, seen = time.perf_counter(), count
        return last

    def compacted(self) -> None:
        """How large the files are once the Collector has looked at them, as it does each five seconds."""
        started, folder = time.perf_counter(), self.folder / "collector"
        while queue_mb(folder) > 100 and time.perf_counter() - started < 30:
            time.sleep(0.2)
        told = f"{queue_mb(folder):,.1f} MB after {time.perf_counter() - started:.0f} s"
        self.rows.append(("its files then", told))

    def compare(self, senders: Senders, load: Load) -> None:
        """Hold every page of what was taken against what was sent."""
        expected = spans_by_trace(load)
        key = {"x-tracen-key": self.tracen.key}
        with (
            httpx2.Client(trust_env=False, timeout=120, headers=key) as client,
            ThreadPoolExecutor(CONNECTIONS) as pool,
        ):
            found = pool.map(
                lambda number: wrong_pages(client, self.tracen.http, number, expected), senders.taken
            )
            wrong = sum(found)
        pages = len(senders.taken) * len(expected)
        told = f"{pages:,} pages of {pages * SPANS // TRACES:,} spans: {wrong} not as sent"
        self.rows.append(("what was taken", told))


def kill_at(collector: ConfiguredCollector, senders: Senders, taken: int) -> None:
    """End the Collector as a crash does, while requests are on their way."""
    while len(senders.taken) < taken:
        time.sleep(0.005)
    collector.process.kill()


def spans_by_trace(load: Load) -> list[tuple[bytes, list[bytes]]]:
    """The ids in a body without the four bytes that are each request's own."""
    found: dict[bytes, list[bytes]] = {trace: [] for trace in load.trace_ids}
    request = ExportTraceServiceRequest.FromString(load.bodies[0])
    for span in request.resource_spans[0].scope_spans[0].spans:
        found[span.trace_id].append(span.span_id)
    return [(trace[4:], [span[4:] for span in spans]) for trace, spans in found.items()]


def wrong_pages(
    client: httpx2.Client, http: str, number: int, expected: Sequence[tuple[bytes, list[bytes]]]
) -> int:
    """How many pages of a request do not show each of its spans once."""
    stamp, wrong = number.to_bytes(4, "big"), 0
    for trace, spans in expected:
        found = client.get(f"{http}/api/traces/by-otel/{(stamp + trace).hex()}")
        steps = []
        if found.status_code != 404:
            steps = (
                client.get(f"{found.raise_for_status().json()['url']}.json")
                .raise_for_status()
                .json()["steps"]
            )
        wrong += sorted(step["id"] for step in steps) != sorted((stamp + span).hex() for span in spans)
    return wrong


def whole_outage(folder: Path) -> list[Row]:
    """Fill, kill, fill, kill, drain, compare."""
    load = conversations(SPANS, TRACES)
    senders, outage = Senders(Stamped(load).body), Outage(folder)
    outage.fill(senders, len(load.bodies[0]))
    try:
        outage.restart_and_drain(senders)
        outage.compare(senders, load)
    finally:
        if outage.tracen.process.poll() is None:
            outage.away()
    return outage.rows


def large_requests(folder: Path) -> list[Row]:
    """Many programs with as much to say as one request may carry, while Tracen is away."""
    body = conversations(LARGE_SPANS, 8).bodies[
        0
    ]  # the same each time: made beforehand, they come all at once
    senders, outage = Senders(lambda _: body, limit=LARGE_REQUESTS), Outage(folder)
    with outage.collector() as collector, watched(collector.process.pid) as memory:
        senders.send(collector, LARGE_CONNECTIONS, lambda: False)
        lives = collector.process.poll() is None
    size = f"{LARGE_REQUESTS} requests of {len(body) / 2**20:.0f} MiB"
    told = f"{len(senders.taken)} taken; " + "; ".join(f"{n}: {told}" for told, n in senders.refused.items())
    return [
        (f"{size}, {LARGE_CONNECTIONS} at a time", f"{told}; {'runs on' if lives else 'has ended'}"),
        ("memory at most", str(memory)),
    ]


def small_requests(folder: Path) -> list[Row]:
    """Requests as a program sends them with each trace that ends: 8 model calls of 2 kB, while Tracen is away."""
    load = conversations(8, 1, 2_000)
    senders, outage = Senders(Stamped(load).body, limit=SMALL_REQUESTS), Outage(folder)
    with outage.collector() as collector, watched(collector.process.pid) as memory:
        started, before = time.perf_counter(), cpu_s(collector.process.pid)
        senders.send(collector, CONNECTIONS, lambda: False)
        rate = len(senders.taken) / (time.perf_counter() - started)
        used = (cpu_s(collector.process.pid) - before) / SMALL_REQUESTS
        size = queue_mb(folder / "collector")
    sent = len(load.bodies[0]) * len(senders.taken) / MB
    name = f"{SMALL_REQUESTS:,} requests of {len(load.bodies[0]) / 1000:.0f} kB"
    return [
        (name, f"{rate:,.0f} a second, {used * 1000:.1f} ms CPU each"),
        ("files for that; memory", f"{size:,.0f} MB for {sent:,.0f} MB; {memory}"),
    ]


def main() -> None:
    phases = {"outage": whole_outage, "large": large_requests, "small": small_requests}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=f"of {', '.join(phases)}; all by default")
    names: list[str] = parser.parse_args().phases or list(phases)
    try:
        require_collector()
    except pytest.skip.Exception as error:
        sys.exit(str(error))
    table = Table("measured", "figure")
    with Console(stderr=True).status("measuring") as status:
        for name in names:
            status.update(f"measuring: {name}")
            with tempfile.TemporaryDirectory(prefix="otelcol-") as folder:
                for row in phases[name](Path(folder)):
                    table.add_row(*row)
            table.add_section()
    out = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140)
    out.print(
        f"make bench-collector · {os.cpu_count()} cores, {CONNECTIONS} connections over gRPC, fsync, GOMEMLIMIT=1GiB"
    )
    out.print(table)


if __name__ == "__main__":
    main()
