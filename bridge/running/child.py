"""A program as if nothing were around it: our stdin, stdout, stderr and terminal, our signals, its exit code.

It stays in our process group: what a terminal sends (Ctrl-C, Ctrl-Z, a new size) reaches it by itself, and so does
what `timeout` or a supervisor sends to the group. What was sent to us alone is passed on.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn, Self

from bridge.running.executable import by_shell, unstarted
from bridge.running.witness import Witness, witness_of

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_OF_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: with an exit code, or by a signal (0: by none)."""

    code: int
    signal: int = 0

    def told(self) -> str:
        """In words."""
        if not self.signal:
            return f"exit code {self.code}"
        try:
            return f"killed by {signal.Signals(self.signal).name}"
        except ValueError:
            return f"killed by signal {self.signal}"

    def repeat(self) -> NoReturn:
        """End as it ended: who waits for us sees no difference."""
        sys.stdout.flush()
        sys.stderr.flush()
        if self.signal:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core is enough
            if self.signal != signal.SIGKILL:
                signal.signal(self.signal, signal.SIG_DFL)
            os.kill(os.getpid(), self.signal)
        sys.exit(self.code)


def run_child(path: str, words: Sequence[str], environment: Mapping[str, str]) -> Ending:
    """Run a program until it ends. Raises NotStarted."""
    with (
        witness_of(_PASSED_ON) as witness,
        _Relay(witness).installed() as relay,
        _terminal_restored() as restore,
    ):
        relay.begin(_started(path, words, environment))
        status = relay.wait()
        if status < 0:
            restore()
    return Ending(128 - status, -status) if status < 0 else Ending(status)


def _started(path: str, words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(words, executable=path, env=environment)  # noqa: S603 - what the user asks for
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise unstarted(error, path) from None
    try:
        return subprocess.Popen(by_shell(path, words), env=environment)  # noqa: S603
    except OSError as error:
        raise unstarted(error, path) from None


class _Relay:
    """Passes signals on that were sent to us alone. Those that come while the program starts wait for it."""

    def __init__(self, witness: Witness | None) -> None:
        self._witness = witness
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    @contextmanager
    def installed(self) -> Iterator[Self]:
        """Ours for the length of a block. What is ignored here, as after nohup, is left so, and so it is there."""
        before: dict[signal.Signals, Any] = {}
        for number in _PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, self._on_signal)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def begin(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        while self._early:  # whoever sent it to the group did so before the program was there
            child.send_signal(self._early.pop(0))

    def wait(self) -> int:
        assert self._child is not None  # noqa: S101 - begun
        return self._child.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._child is None:
            self._early.append(number)
        elif not self._has_it_already(number):
            self._child.send_signal(number)

    def _has_it_already(self, number: int) -> bool:
        if self._witness is not None and self._witness.heard(number):
            return True
        if self._witness is not None and self._witness.is_there:
            return False
        return number in _OF_THE_TERMINAL and is_in_foreground()


@contextmanager
def children_waited_for() -> Iterator[None]:
    """Where whoever started us ignores SIGCHLD, the kernel would throw exit codes away."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def is_in_foreground() -> bool:
    """Whether a terminal sends its signals to our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


@contextmanager
def _terminal_restored() -> Iterator[Any]:
    """Yields what gives a terminal its modes back: a program that is killed can not do that any more."""
    try:
        modes = termios.tcgetattr(0)
    except (termios.error, OSError):
        yield lambda: None
        return

    def restore() -> None:
        if is_in_foreground():  # others would be stopped for that
            termios.tcsetattr(0, termios.TCSADRAIN, modes)

    yield restore
