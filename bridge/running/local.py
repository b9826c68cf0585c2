"""The server of a store on this machine: the one that runs, or one that is started for the run."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from bridge import presence
from bridge.presence import Doors
from bridge.running.hold import Hold
from bridge.running.log import log_of, opened_log

logger = logging.getLogger("tracen.running")

_USUAL_PORTS = {"--port": 8000, "--otlp-grpc-port": 4317, "--otlp-http-port": 4318}
_READY = re.compile(r"ready http=(\S+) otlp-grpc=(\S+) otlp-http=(\S+)")
_OF_PROGRAMS = ("TRACEN_KEY", "TRACEN_ENDPOINT")
"""Nothing that a server reads: a key would stand in its environment for an hour."""
_CLEAR = "tracen: "
"""So begins what keeps a server from starting and was foreseen; anything else is worth reading in full."""
_MAX_WORDS = 100_000
_TRIES = 3
_END_TIMEOUT_S = 20.0
STAYS_S = 3600
"""For so long a server that was started goes on after the last run that wanted it to."""


class NoServer(Exception):
    """No server can be had; the message says why."""


@dataclass(slots=True)
class LocalServer:
    """Where the server of a store is. `process` is there where it was started for this run.

    `is_for_runs`: it was started for this one or another, and ends with the last of them, or STAYS_S later where one
    says that it `stays`.
    """

    doors: Doors
    process: subprocess.Popen[str] | None = None
    is_for_runs: bool = False
    stays: bool = False
    stays_until_s: int = 0
    """Until then it goes on whatever this run wants: an earlier one had it stay."""


@contextmanager
def local_server(db: str) -> Iterator[LocalServer]:
    """The server of a store for the length of a block, started if there is none. Raises NoServer.

    One that was started ends with the last run that uses it, unless that sets `stays`.
    """
    try:
        hold = Hold(db)
    except OSError as error:  # a folder of somebody else, whose server is not ours to end
        if (doors := presence.find(db)) is None:
            raise NoServer(f"{db}: {error.strerror or error}") from None
        yield LocalServer(doors)
        return
    server: LocalServer | None = None
    try:
        server = _found_or_started(db)
        if server.process is not None:
            hold.tell(server.process.pid)
        server.is_for_runs = hold.is_of(server.doors.pid)
        server.stays_until_s = hold.until_s() if server.is_for_runs else 0
        yield server
    finally:
        if server is not None and server.stays:
            hold.stay_until(int(time.time()) + STAYS_S)
        elif hold.is_the_last() and server is not None and server.process is not None:
            _end(server.process)
        hold.release()


def _found_or_started(db: str) -> LocalServer:
    """Another run may be starting one at the same time."""
    why = ""
    for number in range(_TRIES):
        if (doors := presence.find(db)) is not None:
            return LocalServer(doors)
        try:
            return _started(db, _ports(are_usual=number == 0))
        except NoServer as error:
            why = str(error)
            time.sleep(0.2 * (number + 1))  # until whoever was quicker has told where it is
    if (doors := presence.find(db)) is not None:
        return LocalServer(doors)
    raise NoServer(f"Tracen can not be started: {why}")


def _started(db: str, ports: list[str]) -> LocalServer:
    command = [sys.executable, "-P", "-m", "bridge.running.held_server", os.path.abspath(db)]
    command += ["--host", "127.0.0.1", *ports]
    with _log(db) as log:
        begins_at = log.tell()
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={name: value for name, value in os.environ.items() if name not in _OF_PROGRAMS},
            start_new_session=True,  # a terminal's Ctrl-C is for the program
        )
        assert process.stdout is not None  # noqa: S101 - a pipe
        with process.stdout as lines:
            ready = _READY.match(lines.readline())
        if ready is None:
            process.kill()
            process.wait()
            raise NoServer(_last_words(db, begins_at))
    doors = presence.find(db)
    logger.debug("started %s; its log: %s", ready[0], log_of(db))
    return LocalServer(doors or Doors(ready[1], ready[2], ready[3], ready[1], process.pid), process)


def _log(db: str) -> IO[bytes]:
    try:
        return opened_log(db)
    except OSError as error:
        logger.debug("no log: %s: %s", log_of(db), error.strerror)
        return open(os.devnull, "wb", buffering=0)


def _last_words(db: str, begins_at: int) -> str:
    """Why a server did not start, from what it said since then; others may be starting one and write as well."""
    lines: list[str] = []
    with contextlib.suppress(OSError), log_of(db).open("rb") as log:
        log.seek(begins_at)
        lines = [
            line.strip()
            for line in log.read(_MAX_WORDS).decode(errors="replace").splitlines()
            if line.strip()
        ]
    clear = [line.removeprefix(_CLEAR) for line in lines if line.startswith(_CLEAR)]
    return clear[-1] if clear else f"{(lines or ['it ended without a word'])[-1]}; its log is {log_of(db)}"


def _ports(*, are_usual: bool) -> list[str]:
    """The usual ones where they are free, so that URLs hold for `tracen serve` as well; else free ones."""
    return [
        word
        for option, port in _USUAL_PORTS.items()
        for word in (option, str(port if are_usual and _is_free(port) else 0))
    ]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
