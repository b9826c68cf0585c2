"""`make bench-peers`: the same requests to Phoenix and MLflow, beside Tracen in one run. Their install takes minutes.

CPU is counted until a server has come to rest: Phoenix and MLflow answer before everything is stored.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.__main__ import cpu_s
from tests.bench.load import SMALL, Load, llm_attributes, over_http, send_all
from tests.processes import running_tracen

CONNECTIONS = 8
PEER_REQUESTS, TRACEN_REQUESTS = 8, 200
READY_S, REST_S, MAX_REST_S = 180, 2.0, 180.0


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children (proc(5): `children` of each thread)."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(OSError):
            total += cpu_s(one)
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return total


def at_rest(pid: int) -> float:
    """CPU seconds once none are used any more."""
    used, deadline = tree_cpu_s(pid), time.monotonic() + MAX_REST_S
    while True:
        time.sleep(REST_S)
        now = tree_cpu_s(pid)
        if now - used < 0.1 * REST_S or time.monotonic() > deadline:
            return now
        used = now


@contextlib.contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    """A peer's server; its pid once the port answers."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | environment, stdout=quiet, stderr=quiet)
    try:
        deadline = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/")
                connection.getresponse().read()
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[0]} does not start")
            time.sleep(0.5)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def poster(port: int, headers: dict[str, str]) -> Callable[[bytes], None]:
    """A connection of its own to `/v1/traces`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    sent = {"content-type": "application/x-protobuf"} | headers

    def send(body: bytes) -> None:
        connection.request("POST", "/v1/traces", body, sent)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"HTTP {answer.status} {told[:200]!r}")

    return send


def rate(pid: int, load: Load, connect: Callable[[], Callable[[bytes], None]]) -> float:
    """Acknowledged spans per CPU second."""
    before = at_rest(pid)
    send_all(connect, load.bodies, CONNECTIONS)
    return load.spans * load.requests / (at_rest(pid) - before)


def phoenix(bin_folder: Path, folder: Path, loads: list[Load]) -> list[float]:
    port = free_port()
    environment = {
        "PHOENIX_WORKING_DIR": str(folder / "phoenix"),
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_HOST": "127.0.0.1",
    }
    with running([str(bin_folder / "phoenix"), "serve"], port, environment) as pid:
        return [rate(pid, load, lambda: poster(port, {})) for load in loads]


def mlflow(bin_folder: Path, folder: Path, loads: list[Load]) -> list[float]:
    port = free_port()
    store = f"sqlite:///{folder / 'mlflow.db'}"
    command = [str(bin_folder / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", store, "--workers", "1"]
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    with running(command, port, environment) as pid:
        return [rate(pid, load, lambda: poster(port, {"x-mlflow-experiment-id": "0"})) for load in loads]


def tracen(folder: Path, loads: list[Load]) -> list[float]:
    with running_tracen(folder / "tracen.db") as server:
        return [rate(server.pid, load, lambda: over_http(server)) for load in loads]


def main() -> None:
    bin_folder = Path(sys.argv[1])
    table = Table("spans per CPU second, HTTP", "small", "LLM (2 kB)")
    few = [Load(SMALL, requests=PEER_REQUESTS), Load(llm_attributes(), requests=PEER_REQUESTS)]
    many = [Load(SMALL, requests=TRACEN_REQUESTS), Load(llm_attributes(), requests=TRACEN_REQUESTS)]
    with tempfile.TemporaryDirectory() as name, Console(stderr=True).status("measuring") as status:
        folder = Path(name)
        measurements: dict[str, Callable[[], list[float]]] = {
            "Phoenix": lambda: phoenix(bin_folder, folder, few),
            "MLflow": lambda: mlflow(bin_folder, folder, few),
            "Tracen": lambda: tracen(folder, many),
        }
        for label, measure in measurements.items():
            status.update(f"measuring {label}")
            table.add_row(label, *(f"{figure:,.0f}" for figure in measure()))
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    main()
