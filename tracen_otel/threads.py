"""A thread that runs, also where gevent makes threads into greenlets of whichever thread starts them.

A program that was patched after its tracing was set up (gunicorn's gevent workers with --preload) exports on a
real thread that the batch processor started before. A greenlet of that thread would never get its turn.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol


class RunningThread(Protocol):
    """What an outbox asks of its sender. `start` raises RuntimeError where no thread can be had."""

    def start(self) -> None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...


def new_thread(run: Callable[[], object], name: str) -> RunningThread:
    """Make a daemon thread that is not started yet."""
    if not is_patched() or _runs_greenlets():
        return threading.Thread(target=run, name=name, daemon=True)
    return _NativeThread(run, sys.modules["gevent.monkey"].get_original)


def is_patched() -> bool:
    """Tell whether gevent makes threads into greenlets in this program."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _runs_greenlets() -> bool:
    """Tell whether the calling thread is the one whose loop gevent keeps running: the main thread."""
    return bool(sys.modules["gevent"].get_hub().main_hub)


class _NativeThread:
    """A thread of the operating system, started beneath the patch."""

    def __init__(self, run: Callable[[], object], original: Callable[[str, str], Any]) -> None:
        self._run = run
        self._start = original("_thread", "start_new_thread")
        self._running = original("_thread", "allocate_lock")()

    def start(self) -> None:
        self._running.acquire()
        try:
            self._start(self._run_and_tell, ())
        except BaseException:
            self._running.release()
            raise

    def _run_and_tell(self) -> None:
        try:
            self._run()
        finally:
            self._running.release()

    def is_alive(self) -> bool:
        return bool(self._running.locked())

    def join(self, timeout: float | None = None) -> None:
        if self._running.acquire(timeout=-1 if timeout is None else timeout):
            self._running.release()
