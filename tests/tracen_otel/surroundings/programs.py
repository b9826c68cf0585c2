"""Programs under test as processes of their own, with everything they start; they never outlive a test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tracen_otel.scripted_server import KEY, ScriptedServer

REPOSITORY = Path(__file__).parents[3]
STRICT = ("-X", "dev", "-W", "error")
PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Program:
    """A running process whose output goes to files: no full pipe ever stops it."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()

    def wait(self) -> int:
        """Wait for the end; answers the exit status."""
        return self.process.wait(PATIENCE_S)

    def terminate(self) -> int:
        """SIGTERM to this process alone, then wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


@contextlib.contextmanager
def running(
    command: Iterable[str], folder: Path, environment: dict[str, str], name: str = "program"
) -> Iterator[Program]:
    """A program for the length of a block; what is left of its process group afterwards is killed."""
    out, err = folder / f"{name}.stdout", folder / f"{name}.stderr"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            [*command],
            env={"PYTHONPATH": str(REPOSITORY), "PATH": os.defpath, "HOME": str(folder), **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            start_new_session=True,
        )
    try:
        yield Program(process, out, err)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def environment_of(endpoint: str, processor: str = "batch", **more: str) -> dict[str, str]:
    return {"TRACEN_ENDPOINT": endpoint, "TRACEN_KEY": KEY, "TEST_PROCESSOR": processor, **more}


def python(code: str, *options: str) -> list[str]:
    """The command line of a few lines of Python, run strictly unless told otherwise."""
    return [sys.executable, *(options or STRICT), "-c", code]


def run_to_end(code: str, folder: Path, environment: dict[str, str], *options: str) -> tuple[int, str, str]:
    """Run a few lines of Python; answers exit status, stdout and stderr."""
    with running(python(code, *options), folder, environment) as program:
        status = program.wait()
    return status, program.stdout, program.stderr


def wait_for(claim: Callable[[], object], what: str) -> None:
    """Wait until `claim` answers something true."""
    end_s = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < end_s, f"waited in vain for {what}"
        time.sleep(0.02)


def pages(server: ScriptedServer) -> list[list[str]]:
    """The steps' names of every post, sorted: a trace told twice is there twice."""
    return sorted(sorted(step["name"] for step in post.payload["steps"]) for post in [*server.requests])


def pages_of(names: Iterable[str]) -> list[list[str]]:
    """What `pages` is when each of these agents' runs was published once, with each span once."""
    return sorted(sorted([f"agent {name}", f"LLM {name}", f"TOOL {name}"]) for name in names)
