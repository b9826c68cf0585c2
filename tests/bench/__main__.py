"""Prints the figures: start-up, memory, ingest per server CPU second, conversion and pages per CPU second."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from tests.bench.assembly import (
    assembly,
    assembly_of_llm_spans,
    conversion_of_long_texts,
    conversion_of_small_trace,
)
from tests.bench.listing import traces_of_an_account
from tests.bench.load import SMALL, Load, llm_attributes, over_grpc, over_http, send_all
from tests.bench.my_traces import page_of_an_account
from tests.bench.pressure import beside_a_huge_page, peak_memory, single_traces
from tests.processes import TracenProcess, running_tracen, start_tracen
from tracen_otel import payload
from tracen_otel.assemble import assemble_all
from tracen_otel.otlp import Encoding, decode_spans
from viewer.document import Document, encode
from viewer.store.batches import each_id
from viewer.trace_page import render_trace
from viewer.view import View

CONNECTIONS = 8
CPU_TICKS = os.sysconf("SC_CLK_TCK")

Row = tuple[str, str, str]


def cpu_s(pid: int) -> float:
    """User and system time of a process so far (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CPU_TICKS


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def start_up(folder: Path) -> list[Row]:
    """From process start to the ready line, on a fresh file, and what is resident then."""
    ready_s, resident = [], []
    for number in range(5):
        started = time.perf_counter()
        tracen = start_tracen(folder / f"start-{number}.db")
        ready_s.append(time.perf_counter() - started)
        resident.append(resident_mb(tracen.pid))
        tracen.stop()
    return [
        ("serve: ready (median of 5)", f"{statistics.median(ready_s):.2f} s", "under 1.5 s"),
        ("serve: resident when idle", f"{max(resident):.0f} MB", "under 100 MB"),
    ]


def ingest(
    folder: Path,
    name: str,
    load: Load,
    connect: Callable[[TracenProcess], Callable[[bytes], None]],
    target: str,
) -> Row:
    """Acknowledged spans per CPU second of the server; every one must be in the store afterwards."""
    db = folder / f"{name.replace(' ', '-').replace('/', '-')}.db"
    with running_tracen(db) as tracen:
        before, started = cpu_s(tracen.pid), time.perf_counter()
        send_all(lambda: connect(tracen), load.bodies, CONNECTIONS)
        wall_s, used_s = time.perf_counter() - started, cpu_s(tracen.pid) - before
    lost = len(set(load.trace_ids) - stored_traces(db))
    spans = load.spans * load.requests
    per_cpu, per_wall = spans / used_s, spans / wall_s
    return (
        f"ingest: {name}",
        f"{per_cpu:,.0f} /CPU s ({per_wall:,.0f} /s, {lost} traces lost)",
        target,
    )


def stored_traces(db: Path) -> set[bytes]:
    """The traces in a store's files, read without the server."""
    connection = sqlite3.connect(f"{db}-bodies")
    ids = b"".join(row[0] for row in connection.execute("select otel_trace_ids from batches"))
    connection.close()
    return set(each_id(ids))


def conversion(name: str, load: Load) -> Row:
    """OTLP bytes → spans → traces → payloads, per CPU second of one process."""
    started = time.process_time()
    spans = decode_spans(load.bodies[0], Encoding.PROTOBUF)
    for trace in assemble_all(spans):
        payload.encode(trace)
    return (f"convert: {name}", f"{load.spans / (time.process_time() - started):,.0f} spans/CPU s", "")


def page(steps: int) -> Row:
    """Rendering one page, in CPU milliseconds."""
    load = Load(llm_attributes(), spans=steps, traces=1, requests=1)
    (trace,) = assemble_all(decode_spans(load.bodies[0], Encoding.PROTOBUF))
    parts = encode(trace)
    started = time.process_time()
    for _ in range(5):
        document = Document("edition", parts)
        html = render_trace(document, View("x"), base_url="http://127.0.0.1")
    used_ms = (time.process_time() - started) * 1000 / 5
    return (f"page: {steps} LLM steps", f"{used_ms:.1f} CPU ms, {len(html) / 1000:.0f} kB", "")


def first_view(folder: Path) -> Row:
    """A page that nobody opened yet, out of a store of other traces, and again from the cache."""
    load = Load(llm_attributes(), requests=20)
    with running_tracen(folder / "view.db") as tracen, httpx2.Client(trust_env=False) as client:
        send_all(lambda: over_grpc(tracen), load.bodies, CONNECTIONS)
        headers = {"x-tracen-key": tracen.key}
        where = client.get(
            f"{tracen.http}/api/traces/by-otel/{load.trace_ids[700].hex()}", headers=headers
        ).json()
        timings_ms = []
        for _ in range(2):
            started = time.perf_counter()
            client.get(where["url"]).raise_for_status()
            timings_ms.append((time.perf_counter() - started) * 1000)
    return ("page: 8 steps, first and second view", "{:.0f} ms, {:.0f} ms".format(*timings_ms), "")


def main() -> None:
    console = Console(stderr=True)
    table = Table("measured", "figure", "target")
    small, llm = Load(SMALL), Load(llm_attributes())
    with tempfile.TemporaryDirectory() as name, console.status("measuring") as status:
        folder = Path(name)
        measurements: list[Callable[[], Row]] = [
            lambda: ingest(folder, "small spans over gRPC", small, over_grpc, "at least 300,000 /CPU s"),
            lambda: ingest(folder, "small spans over HTTP", small, over_http, "at least 300,000 /CPU s"),
            lambda: ingest(folder, "LLM spans (2 kB) over gRPC", llm, over_grpc, "at least 120,000 /CPU s"),
            lambda: ingest(folder, "LLM spans (2 kB) over HTTP", llm, over_http, "at least 120,000 /CPU s"),
            lambda: single_traces(folder, cpu_s),
            lambda: peak_memory(folder),
            lambda: beside_a_huge_page(folder),
            lambda: conversion("small spans", small),
            lambda: conversion("LLM spans (2 kB)", llm),
            conversion_of_small_trace,
            conversion_of_long_texts,
            lambda: assembly(100_000),
            lambda: assembly(1_000_000),
            assembly_of_llm_spans,
            lambda: page(100),
            lambda: page(1000),
            lambda: first_view(folder),
        ]
        rows = start_up(folder)
        for number, measure in enumerate(measurements, 1):
            status.update(f"measuring {number} of {len(measurements)}")
            rows.append(measure())
        status.update("measuring the list of a million traces")
        rows += traces_of_an_account(folder)
        rows += page_of_an_account(folder / "listing.db")
    for row in rows:
        table.add_row(*row)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("grpcio", "protobuf", "uvicorn", "starlette")
    )
    out = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    out.print(f"make bench · {machine}, SQLite {sqlite3.sqlite_version}, {libraries}")
    sent = f"{small.requests} requests of {small.spans} spans in {small.traces} traces"
    out.print(f"ingest: {sent}, {CONNECTIONS} connections, acknowledged after fsync")
    out.print(table)


if __name__ == "__main__":
    main()
