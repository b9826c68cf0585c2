"""Work that takes long enough to keep others waiting is done beside the event loop, by its size.

Python runs one thread at a time, so more threads would not be faster; separate ones keep a huge page from
standing in front of an ordinary one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from viewer.store.base import StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

SMALL_BYTES = 64 * 1024
"""Done on the spot: a few milliseconds."""
MEDIUM_BYTES = 4 * 1024 * 1024
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


async def run_sized(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work`, which has to do with `size` bytes. Raises StoreUnavailable where too many already wait."""
    if size <= SMALL_BYTES:
        return work(*args, **kwargs)
    queue = _MEDIUM if size <= MEDIUM_BYTES else _LARGE
    if queue.waiting >= MAX_WAITING:
        raise StoreUnavailable("too much work of this size is waiting", RETRY_AFTER_S)
    queue.waiting += 1
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(queue.pool, lambda: work(*args, **kwargs))
    finally:
        queue.waiting -= 1
