"""Tells signals that our whole process group was sent from those that were sent to us alone.

Nothing in a signal says so: neither its sender (a shell's `kill`, `timeout` and a supervisor may be in our group or
not) nor a terminal. So a process is put into the group that does nothing but hear what comes: the witness.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_WAIT_S = 0.25
"""For so long the witness is asked; `timeout` signals us first, and then the group."""
_READY = b"\0"
_PROGRAM = """
import os, signal, sys
numbers = [int(word) for word in sys.argv[1:]]
os.set_blocking(1, False)
signal.set_wakeup_fd(1, warn_on_full_buffer=False)
for number in numbers:
    signal.signal(number, lambda *about: None)
signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
os.write(1, b"\\0")
os.read(0, 1)
"""
"""Writes each signal's number, until whoever started it is gone."""


class Witness:
    """The process that hears what the group is sent."""

    def __init__(self, numbers: Sequence[int]) -> None:
        """Begin to hear, before this returns. Raises OSError."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # until it is ready
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-I", "-S", "-c", _PROGRAM, *(str(int(number)) for number in numbers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                bufsize=0,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        self._heard_s: dict[int, float] = {}
        self._pipe = self._process.stdout.fileno()
        self.is_there = os.read(self._pipe, 1) == _READY

    def heard(self, number: int) -> bool:
        """Whether the group was sent a signal that has just come. May be asked again while it is being asked."""
        since_s = time.monotonic() - _WAIT_S
        end_s = since_s + 2 * _WAIT_S
        while True:
            rest_s = end_s - time.monotonic()
            if (
                self.is_there
                and select.select([self._pipe], [], [], 0 if rest_s < 0 else min(rest_s, 0.01))[0]
            ):
                self._listen()
            if self._heard_s.get(number, 0.0) > since_s:
                return True
            if rest_s < 0 or not self.is_there:
                return False

    def _listen(self) -> None:
        told = os.read(self._pipe, 1024)
        self.is_there = bool(told)
        for number in told:
            self._heard_s[number] = time.monotonic()

    def end(self) -> None:
        """Hear no more."""
        self.is_there = False
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None  # noqa: S101 - a pipe
            pipe.close()
        self._process.wait()


@contextmanager
def witness_of(numbers: Sequence[int]) -> Iterator[Witness | None]:
    """A witness for the length of a block; None where none can be had."""
    try:
        witness = Witness(numbers)
    except OSError:
        yield None
        return
    try:
        yield witness
    finally:
        witness.end()
