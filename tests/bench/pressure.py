"""What a server under pressure shows: its memory under large requests, ingest beside a huge page, single traces."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import SMALL, Load, llm_attributes, over_grpc, over_http, send_all
from tests.processes import TracenProcess, running_tracen

Row = tuple[str, str, str]
LARGE_SPANS = 3_400
"""LLM spans in 8 MiB."""
STEPS = 100_000


def peak_memory(folder: Path) -> Row:
    """While 8 connections push requests of 8 MiB, 64 in all over each transport."""
    body = Load(llm_attributes(), spans=LARGE_SPANS, requests=1).bodies[0]
    peaks = []
    for name, connect in (("grpc", over_grpc), ("http", over_http)):
        with running_tracen(folder / f"memory-{name}.db") as tracen:
            send_all(partial(connect, tracen), [body] * 64, 8)
            peaks.append(tracen.peak_kb / 1000)
    told = f"{peaks[0]:.0f} MB gRPC, {peaks[1]:.0f} MB HTTP"
    return (f"memory: 8 connections, requests of {len(body) / 2**20:.0f} MiB", told, "at most 200 MB")


def single_traces(folder: Path, cpu_s: Callable[[int], float]) -> Row:
    """One request for each trace, of 8 small spans, over HTTP: each makes its page's row and carries its URL."""
    load = Load(SMALL, spans=8, traces=1, requests=4_000)
    with running_tracen(folder / "single.db") as tracen:
        before = cpu_s(tracen.pid)
        send_all(lambda: over_http(tracen), load.bodies, 8)
        used_s = cpu_s(tracen.pid) - before
    rate = f"{load.requests / used_s:,.0f} requests/CPU s"
    return ("ingest: 8 spans of one trace a request, HTTP", rate, "at least 3,000")


def beside_a_huge_page(folder: Path) -> Row:
    """Ingest of small spans over gRPC, 4 connections at a leisurely pace, while a page is assembled and shown."""
    with running_tracen(folder / "huge.db") as tracen, httpx2.Client(trust_env=False, timeout=600) as client:
        url = _huge_page(tracen, client)
        bodies = Load(SMALL, requests=200).bodies
        took_ms: list[float] = []
        stop = threading.Event()

        def ingest(first: int) -> None:
            send, number = over_grpc(tracen), first
            while not stop.is_set():
                started = time.perf_counter()
                send(bodies[number % len(bodies)])
                took_ms.append((time.perf_counter() - started) * 1000)
                number += 4
                time.sleep(0.02)

        threads = [threading.Thread(target=ingest, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        started = time.perf_counter()
        client.get(url).raise_for_status()
        page_s = time.perf_counter() - started
        stop.set()
        for thread in threads:
            thread.join()
    took_ms.sort()
    p99 = took_ms[int(len(took_ms) * 0.99)]
    told = f"p99 {p99:.0f} ms, at most {took_ms[-1]:.0f} ms ({page_s:.0f} s)"
    return (f"ingest: while a page of {STEPS:,} LLM steps is made", told, "p99 under 300 ms")


def _huge_page(tracen: TracenProcess, client: httpx2.Client) -> str:
    """The URL of a trace of STEPS steps that nobody opened yet."""
    load = Load(llm_attributes(600), spans=5_000, traces=1, requests=1)
    request = ExportTraceServiceRequest.FromString(load.bodies[0])
    send = over_grpc(tracen)
    for _ in range(STEPS // load.spans):
        for span in request.resource_spans[0].scope_spans[0].spans:
            span.span_id = os.urandom(8)
        send(request.SerializeToString())
    asked = f"{tracen.http}/api/traces/by-otel/{load.trace_ids[0].hex()}"
    url: str = client.get(asked, headers={"x-tracen-key": tracen.key}).json()["url"]
    return url
