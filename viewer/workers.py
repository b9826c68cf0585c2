"""Work that takes long enough to keep others waiting is done beside the event loop, by its size.

Python runs one thread at a time, and some of what large bodies need (`json.loads`, protobuf) does not let another
run before it is done. So large work has a process of its own, which ends with it and gives its memory back.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, ParamSpec, TypeVar

from viewer.store.base import StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

SMALL_BYTES = 64 * 1024
"""Done on the spot: a few milliseconds."""
MEDIUM_BYTES = 4 * 1024 * 1024
"""Done in a thread: to start a process takes longer."""
MAX_WAITING = 16
"""Of one size; beyond, callers are asked to come back."""
RETRY_AFTER_S = 5
_NICE = 5
"""What is large has waited already: ingest and small pages come first."""


@dataclass(slots=True)
class _Queue:
    name: str
    workers: int
    waiting: int = 0
    pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.workers, self.name)


_MEDIUM, _LARGE = _Queue("tracen-medium", 2), _Queue("tracen-large", 1)
_processes: set[BaseProcess] = set()


async def run_sized(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work`, which has to do with `size` bytes: a function of a module, since it may run in another process.

    Raises what the work raises, and StoreUnavailable where too much already waits.
    """
    if size <= SMALL_BYTES:
        return work(*args, **kwargs)
    queue = _MEDIUM if size <= MEDIUM_BYTES else _LARGE
    if queue.waiting >= MAX_WAITING:
        raise StoreUnavailable("too much work of this size is waiting", RETRY_AFTER_S)
    queue.waiting += 1
    try:
        loop = asyncio.get_running_loop()
        run = work if queue is _MEDIUM else lambda *a, **k: _run_apart(work, a, k)
        return await loop.run_in_executor(queue.pool, lambda: run(*args, **kwargs))
    finally:
        queue.waiting -= 1


def stop() -> None:
    """End the processes that are at work: nobody waits for them any more."""
    for process in tuple(_processes):
        process.terminate()


# -- a process for one piece of work -------------------------------------------------------------------


def _run_apart(work: Callable[..., T], args: Any, kwargs: Any) -> T:
    """Run in a new process; called on a thread, which sleeps meanwhile."""
    context = multiprocessing.get_context("spawn")  # a fork would inherit sockets, locks and gRPC's threads
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs,), daemon=True)
    process.start()
    _processes.add(process)
    theirs.close()
    try:
        ours.send((work, args, kwargs))
        outcome, error = ours.recv()
    except (EOFError, OSError):  # ended from outside: by stop(), or for want of memory
        raise StoreUnavailable("large work was ended before it was done", RETRY_AFTER_S) from None
    finally:
        _processes.discard(process)
        ours.close()
        process.join()
    if error is not None:
        raise error
    result: T = outcome
    return result


def _child(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server ends us
    os.nice(_NICE)
    with contextlib.suppress(EOFError, OSError):  # the server was killed: nobody waits
        work, args, kwargs = pipe.recv()
        try:
            outcome, error = work(*args, **kwargs), None
        except Exception as raised:  # told to the caller
            outcome, error = None, raised
        pipe.send((outcome, error))
