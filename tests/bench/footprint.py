"""What a Collector takes of memory and disk, looked at while it runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000


@dataclass(slots=True)
class Memory:
    """What a process has in memory, in MB: the most of it that was seen. `mapped` are pages of the queue's file."""

    own: float = 0
    mapped: float = 0

    def look(self, pid: int) -> None:
        """Look once; a process that has gone has none."""
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{pid}/status").read_text()
            own, mapped = (
                int(status.split(name)[1].split()[0]) * 1024 / MB for name in ("RssAnon:", "RssFile:")
            )
            self.own, self.mapped = max(self.own, own), max(self.mapped, mapped)

    def __str__(self) -> str:
        return f"{self.own:,.0f} MB, and {self.mapped:,.0f} MB of mapped files"


def now(pid: int) -> Memory:
    """What it has at this moment."""
    memory = Memory()
    memory.look(pid)
    return memory


@contextlib.contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """The peak over a block."""
    memory, stop = Memory(), threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            memory.look(pid)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()


def queue_mb(folder: Path) -> float:
    """What the files of the queue take on the disk, those of a compaction included."""
    sizes = []
    for path in (folder / "queue").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_blocks * 512)
    return sum(sizes) / MB


@contextlib.contextmanager
def most_on_disk(folder: Path) -> Iterator[list[float]]:
    """The largest size of the queue's files over a block, in MB."""
    most, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            most[0] = max(most[0], queue_mb(folder))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()
