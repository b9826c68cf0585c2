"""Work that takes long enough to keep others waiting is done beside the event loop, by its size.

Python runs one thread at a time, and some of what large bodies need (`json.loads`, protobuf) does not let another
run before it is done. So large work has a process of its own, which ends with it and gives its memory back.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from viewer.store.base import StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

SMALL_BYTES = 64 * 1024
"""Done on the spot: a few milliseconds."""
MEDIUM_BYTES = 4 * 1024 * 1024
"""Done in a thread: to start a process takes longer."""
_MASKING = 8
MAX_WAITING = 16
"""Of one size; beyond, callers are asked to come back."""
RETRY_AFTER_S = 5


@dataclass(slots=True)
class _Queue:
    name: str
    workers: int
    waiting: int = 0
    pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.workers, self.name)


_MEDIUM, _LARGE = _Queue("tracen-medium", 2), _Queue("tracen-large", 1)
_processes: set[subprocess.Popen[bytes]] = set()


def size_with_masks(size: int, masks: Collection[str]) -> int:
    """What work on `size` bytes counts as in which texts are masked that an owner chose: never done on the spot.

    Each character is looked at a few times in Python itself, which takes about as long as all else together on eight.
    """
    return max(_MASKING * size, SMALL_BYTES + 1) if masks else size


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
        run = partial(_run_apart, work, args, kwargs) if queue is _LARGE else partial(work, *args, **kwargs)
        return await loop.run_in_executor(queue.pool, run)
    finally:
        queue.waiting -= 1


def stop() -> None:
    """End the processes that are at work: nobody waits for them any more."""
    for process in tuple(_processes):
        process.terminate()


# -- a process for one piece of work -------------------------------------------------------------------


def _run_apart(work: Callable[..., T], args: Any, kwargs: Any) -> T:
    """Run in a process of its own; called on a thread, which sleeps meanwhile."""
    with _started() as process:
        _processes.add(process)
        try:
            outcome, error = _exchanged(process, (work, args, kwargs))
        except (EOFError, OSError, pickle.UnpicklingError):
            # It was ended from outside: by stop(), or for want of memory.
            raise StoreUnavailable("large work was ended before it was done", RETRY_AFTER_S) from None
        finally:
            _processes.discard(process)
    if error is not None:
        raise error
    result: T = outcome
    return result


def _started() -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "viewer.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    except OSError as error:  # no more descriptors, processes or memory for now
        raise StoreUnavailable(f"large work can not be begun: {error}", RETRY_AFTER_S) from None


def _exchanged(process: subprocess.Popen[bytes], task: Any) -> Any:
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101
    with process.stdin:
        pickle.dump(task, process.stdin, pickle.HIGHEST_PROTOCOL)
    return pickle.load(process.stdout)  # noqa: S301 - written by our own child
