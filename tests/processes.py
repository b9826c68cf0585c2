"""Tracen as a process of its own, as users run it, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"ready http=(\S+) otlp-grpc=(\S+) otlp-http=(\S+)\n")
STOP_TIMEOUT_S = 20


@dataclass(slots=True)
class TracenProcess:
    """A running `tracen serve`. Addresses as in its ready line; `key` is the local account's."""

    process: subprocess.Popen[str]
    db: Path
    http: str
    otlp_grpc: str
    otlp_http: str
    key: str

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def peak_kb(self) -> int:
        """What was resident at most (proc(5), VmHWM)."""
        return int(Path(f"/proc/{self.pid}/status").read_text().split("VmHWM:")[1].split()[0])

    def create_key(self, account: str) -> str:
        """What `tracen keys create` prints, beside the running server."""
        command = [
            sys.executable,
            "-m",
            "bridge",
            "keys",
            "create",
            "--account",
            account,
            "--db",
            str(self.db),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def stop(self) -> int:
        """SIGTERM, then wait; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)

    def close(self) -> None:
        """Let go of the pipe of a server that has ended."""
        assert self.process.stdout is not None
        self.process.stdout.close()

    def kill(self) -> None:
        """SIGKILL: what a crash looks like."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)


def serve_command(db: Path, *more: str) -> list[str]:
    """The command line of a server on free ports."""
    ports = ["--port", "0", "--otlp-grpc-port", "0", "--otlp-http-port", "0"]
    return [sys.executable, "-m", "bridge", "serve", "--db", str(db), *ports, *more]


def start_tracen(
    db: Path, *more: str, key: str = "", environment: Mapping[str, str] | None = None
) -> TracenProcess:
    """Start a server, wait until its doors are open. `key`: that of an earlier start on the same file."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
    told_in = db.with_suffix(".stderr")
    with told_in.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            serve_command(db, *more),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=inherited | dict(environment or {}),
        )
    assert process.stdout is not None
    ready = READY.fullmatch(process.stdout.readline())
    told = told_in.read_text(encoding="utf-8")
    if ready is None:
        process.kill()
        raise AssertionError(f"tracen serve did not start: {told}")
    found = re.search(r"tracen_sk_\w+", told)
    return TracenProcess(process, db, ready[1], ready[2], ready[3], found[0] if found else key)


@contextlib.contextmanager
def running_tracen(db: Path, *more: str) -> Iterator[TracenProcess]:
    """A server for the length of a block; it must then end in order."""
    tracen = start_tracen(db, *more)
    try:
        yield tracen
        assert tracen.stop() == 0, db.with_suffix(".stderr").read_text()
    finally:
        if tracen.process.poll() is None:
            tracen.kill()
        tracen.close()
