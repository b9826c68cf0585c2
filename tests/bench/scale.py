"""`make bench-scale`: ingest into a store that already holds ten million spans, beside ingest into an empty one.

Takes some minutes and some gigabytes.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
from rich.console import Console
from rich.progress import Progress

from tests.bench.__main__ import cpu_s
from tests.bench.load import SMALL, Load, over_grpc
from tests.processes import TracenProcess, running_tracen

CONNECTIONS = 8
ROUND, TURNS = 400, 11
"""Requests of one measurement, and how often it is made."""


class Stamped:
    """Bodies with fresh ids, made by overwriting those of one body in place."""

    def __init__(self, load: Load) -> None:
        self._body = bytearray(load.bodies[0])
        ids = set(_ids_in(load))
        self._places = [at for one in ids for at in _places(load.bodies[0], one)]
        self.trace_ids = load.trace_ids

    def body(self, number: int) -> bytes:
        """The body of one request; two numbers share no id."""
        body, stamp = bytearray(self._body), number.to_bytes(4, "big")
        for at in self._places:
            body[at : at + 4] = stamp
        return bytes(body)

    def trace_id(self, number: int, index: int) -> str:
        """The id (hex) of a trace in the body of `number`."""
        return (number.to_bytes(4, "big") + self.trace_ids[index][4:]).hex()


def _ids_in(load: Load) -> Iterator[bytes]:
    from tracen_otel.otlp import Encoding, decode_spans

    for span in decode_spans(load.bodies[0], Encoding.PROTOBUF):
        yield bytes.fromhex(span.trace_id)
        yield bytes.fromhex(span.span_id)


def _places(body: bytes, one: bytes) -> Iterator[int]:
    at = body.find(one)
    while at >= 0:
        yield at
        at = body.find(one, at + len(one))


def send(tracen: TracenProcess, stamped: Stamped, numbers: range, told: Callable[[int], None]) -> None:
    """Send the requests of `numbers`, each once, over several connections."""
    waiting, lock = iter(numbers), threading.Lock()

    def work() -> None:
        deliver = over_grpc(tracen)
        while True:
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            deliver(stamped.body(number))
            told(1)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cpu_used(tracen: TracenProcess, stamped: Stamped, numbers: range) -> float:
    """CPU seconds of the server for these requests."""
    before = cpu_s(tracen.pid)
    send(tracen, stamped, numbers, lambda _: None)
    return cpu_s(tracen.pid) - before


def first_views_ms(tracen: TracenProcess, stamped: Stamped, requests: int) -> list[float]:
    """Pages of random traces that nobody opened yet, by the clock."""
    rng, took = random.Random(1), []
    with httpx2.Client(trust_env=False, headers={"x-tracen-key": tracen.key}) as client:
        for _ in range(50):
            trace_id = stamped.trace_id(rng.randrange(1, requests), rng.randrange(len(stamped.trace_ids)))
            where = client.get(f"{tracen.http}/api/traces/by-otel/{trace_id}").raise_for_status().json()
            started = time.perf_counter()
            client.get(where["url"]).raise_for_status()
            took.append((time.perf_counter() - started) * 1000)
    return sorted(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=10_000_000)
    options = parser.parse_args()
    load = Load(SMALL, requests=1)
    stamped = Stamped(load)
    requests = options.spans // load.spans
    out = Console(highlight=False)
    bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty())
    with tempfile.TemporaryDirectory() as name, bar:
        folder = Path(name)
        with running_tracen(folder / "full.db") as full, running_tracen(folder / "empty.db") as empty:
            task = bar.add_task("filling", total=requests)
            send(full, stamped, range(1, 1 + requests), lambda n: bar.update(task, advance=n))
            # In turns, so that both meet the same machine. The index is merged every 2,048 requests.
            used = {full.pid: 0.0, empty.pid: 0.0}
            for turn in range(TURNS):
                start = 1 + requests + turn * ROUND
                for tracen in (empty, full):
                    used[tracen.pid] += cpu_used(tracen, stamped, range(start, start + ROUND))
            views = first_views_ms(full, stamped, requests)
            size = sum(path.stat().st_size for path in folder.glob("full.db*")) / 1e9
    sent = TURNS * ROUND * load.spans
    rates = sent / used[empty.pid], sent / used[full.pid]
    out.print(
        f"make bench-scale · {os.cpu_count()} cores, {load.spans} spans of {load.traces} traces a request"
    )
    out.print(f"into an empty store: {rates[0]:,.0f} spans per CPU second of the server")
    out.print(
        f"with {options.spans:,} spans in it ({size:.1f} GB): {rates[1]:,.0f}, {rates[1] / rates[0]:.0%}"
    )
    out.print(f"first view of a page then: {views[25]:.0f} ms (median of 50), {views[-1]:.0f} ms at most")


if __name__ == "__main__":
    main()
