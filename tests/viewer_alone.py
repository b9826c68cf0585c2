"""The viewer alone, over a file that `tracen serve` has: `python -m tests.viewer_alone FILE`, until SIGTERM.

For tests of what must hold over several processes. Nobody needs to run Tracen like that on SQLite.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from viewer.app import create_app
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.engines import open_store

STOP_TIMEOUT_S = 20


class _Server(uvicorn.Server):
    """Says where it is once it accepts."""

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets=None)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"ready http=http://127.0.0.1:{port}\n")
        sys.stdout.flush()


def main(db: str) -> None:
    """Serve until a signal."""
    store = open_store(db, exclusive=False)
    requests = Requests(Metrics(), time.time_ns)
    settings = Settings(base_url="http://tracen.test")
    app = create_app(store, settings, Authenticator(store, time.monotonic), requests)
    _Server(uvicorn.Config(app, "127.0.0.1", 0, lifespan="off", ws="none", log_level="warning")).run()


@contextlib.contextmanager
def running_viewers(db: Path, count: int) -> Iterator[list[str]]:
    """The addresses of `count` such processes, for the length of a block."""
    command = [sys.executable, "-m", "tests.viewer_alone", str(db)]
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.wait, STOP_TIMEOUT_S)
            stack.callback(process.terminate)
            started.append(process)
        lines = [process.stdout.readline() if process.stdout else "" for process in started]
        assert all(line.startswith("ready http=") for line in lines), lines
        yield [line.split("http=", 1)[1].strip() for line in lines]


if __name__ == "__main__":
    main(sys.argv[1])
