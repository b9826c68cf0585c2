"""One file of a spool: locked by the process that has it, appended to, and read by the next when that one is dead.

Knows which of its spans still wait. Files are named by chance, made for the owner alone, and never reached through
a symbolic link. Nothing here is thread-safe, logs, or tells the time. Errors: OSError, and BadJournal for a
file that is none of ours or is damaged at its start.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tracen_otel.journal_lines import (
    FORMAT,
    Header,
    SpanLine,
    checked,
    header_line,
    header_of,
    page_line,
    taken_line,
)
from tracen_otel.threads import new_thread

SUFFIX = ".tracen-spool"
BAD_SUFFIX = ".bad"
_MAX_HEADER_BYTES = 8192
_FLAGS = (
    os.O_RDWR
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe must not keep us waiting
    | getattr(os, "O_BINARY", 0)
)

_fd_by_path: dict[str, int] = {}
"""What this process has open. A fork copies descriptors, and with them the parent's locks: the child lets go."""


class BadJournal(ValueError):
    """A file with a journal's name that is none."""


class Place(NamedTuple):
    """Where a span stands in the file, and the Unix second it was journaled at."""

    offset: int
    length: int
    second: int


class Journal:
    """An open, locked journal."""

    def __init__(self, path: Path, header: Header, size: int) -> None:
        self.path = path
        self.header = header
        self.size: int = size
        self.live: dict[str, dict[str, Place]] = {}
        """The spans that wait, by trace and by span id."""
        self.live_bytes: int = 0
        self.has_page: set[str] = set()
        self.damaged: int = 0
        """Whole lines that could not be read."""
        self.touched_s: float = 0.0
        """When it was written to for the last time (Unix time), as far as the next process knows."""
        self._header_bytes = len(header_line(header))

    @classmethod
    def create(cls, folder: Path, header: Header) -> Journal:
        """Make a journal that is this process's."""
        for _ in range(3):
            path = folder / f"{header.made_s:011d}-{secrets.token_hex(8)}{SUFFIX}"
            fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            _fd_by_path[str(path)] = fd
            journal = cls(path, header, 0)
            try:
                if _lock(fd):
                    journal._write(header_line(header))
                    if _is_still(path, fd):  # not taken for an abandoned one before it was locked
                        return journal
            except OSError:
                journal.remove()
                raise
            journal.close()
        raise OSError(f"no journal could be locked in {folder}")

    @classmethod
    def adopt(cls, path: Path) -> Journal | None:
        """Take over the journal of a process that is dead; None where it is held, gone, or somebody else's.

        Raises BadJournal; then the file is not locked any more.
        """
        if str(path) in _fd_by_path:
            return None
        try:
            fd = os.open(path, _FLAGS)
        except (FileNotFoundError, PermissionError):
            return None
        except OSError as error:  # a symbolic link, a folder
            raise BadJournal(f"{path.name} can not be opened: {error.strerror}") from None
        _fd_by_path[str(path)] = fd
        try:
            if _is_ours(fd) and _lock(fd) and _is_still(path, fd):
                return _read(path, fd)
        except BaseException:
            _close(path)
            raise
        _close(path)
        return None

    @property
    def spans(self) -> int:
        """How many spans wait."""
        return sum(map(len, self.live.values()))

    def append(self, lines: Collection[SpanLine]) -> None:
        """Write spans with one write; either all of them are in the journal or, with an OSError, none."""
        offset = self.size
        self._write(b"".join([line.line for line in lines]))
        for line in lines:
            self._index(line.trace_id, line.span_id, Place(offset, len(line.line), line.second))
            offset += len(line.line)

    def mark_page(self, trace_id: str) -> None:
        """Note that this trace has a page."""
        if trace_id not in self.has_page:
            self.has_page.add(trace_id)
            self._write(page_line(trace_id))

    def take(self, trace_id: str, span_ids: Collection[str] | None = None) -> None:
        """Note that spans (None: all so far) of a trace are taken care of. OSError: noted until the process ends."""
        waiting = self.live.get(trace_id)
        gone = list(waiting or ()) if span_ids is None else [i for i in span_ids if i in (waiting or ())]
        if not waiting or not gone:
            return
        for span_id in gone:
            self.live_bytes -= waiting.pop(span_id).length
        if not waiting:
            del self.live[trace_id]
        if self.live:
            self._write(taken_line(trace_id, gone if waiting else ()))
        else:
            self._clear()

    def line_at(self, place: Place) -> bytes:
        """Read a span's line as it stands in the file."""
        fd = self._fd()
        os.lseek(fd, place.offset, os.SEEK_SET)
        pieces, missing = [], place.length
        while missing and (piece := os.read(fd, missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def sync(self) -> None:
        """Have the disk hold what was written. Raises OSError, also once the journal is closed."""
        fd = self._fd()
        if fd < 0:
            raise OSError(errno.EBADF, "the journal is closed", str(self.path))
        os.fsync(fd)

    def close(self) -> None:
        """Unlock; what waits is the next process's."""
        _close(self.path)

    def remove(self) -> None:
        """Unlock and delete. Emptied first: who opened it meanwhile finds nothing."""
        with suppress(OSError):
            os.ftruncate(self._fd(), 0)
        _close(self.path)
        with suppress(OSError):
            self.path.unlink()

    def _fd(self) -> int:
        return _fd_by_path.get(str(self.path), -1)  # closed, or a parent's: every call then says EBADF

    def _index(self, trace_id: str, span_id: str, place: Place) -> None:
        spans = self.live.setdefault(trace_id, {})
        known = spans.pop(span_id, None)
        self.live_bytes += place.length - (known.length if known else 0)
        spans[span_id] = place

    def _write(self, data: bytes) -> None:
        fd, left = self._fd(), memoryview(data)
        try:
            while left:
                left = left[os.write(fd, left) :]
        except (
            BaseException
        ):  # also what a signal handler raises: the next line must not join half of this one
            with suppress(OSError):
                os.ftruncate(fd, self.size)
            raise
        self.size += len(data)

    def _clear(self) -> None:
        self.has_page.clear()
        os.ftruncate(self._fd(), self._header_bytes)
        self.size = self._header_bytes


def _read(path: Path, fd: int) -> Journal:
    """Read a locked file up to its last whole line; what a crash left of another is cut off."""
    status = os.fstat(fd)
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        first = file.readline(_MAX_HEADER_BYTES)
        if not first:  # its process died before it wrote anything
            return Journal(path, Header("", "", "", 0, format=0), 0)
        try:
            journal = Journal(path, header_of(first), len(first))
        except ValueError:
            raise BadJournal(
                f"{path.name} is no journal of a Tracen spool, or its start is damaged"
            ) from None
        if journal.header.format == FORMAT:
            _index_lines(journal, file)
            if journal.size != status.st_size:
                os.ftruncate(fd, journal.size)
    journal.touched_s = status.st_mtime
    return journal


def _index_lines(journal: Journal, lines: Iterable[bytes]) -> None:
    for line in lines:
        if not line.endswith(b"\n"):
            return
        words = checked(line)
        if words is None:
            journal.damaged += 1
        else:
            _index_line(journal, words, len(line))
        journal.size += len(line)


def _index_line(journal: Journal, words: list[bytes], length: int) -> None:
    kind, trace_id = words[0], words[1].decode()
    if kind == b"s":
        journal._index(trace_id, words[2].decode(), Place(journal.size, length, int(words[3])))
    elif kind == b"p":
        journal.has_page.add(trace_id)
    elif kind == b"t":
        waiting = journal.live.get(trace_id, {})
        named = b" ".join(words[2:]).decode().split()
        for span_id in named or list(waiting):
            if place := waiting.pop(span_id, None):
                journal.live_bytes -= place.length
        if not waiting:
            journal.live.pop(trace_id, None)


def paths_in(folder: Path) -> Iterator[Path]:
    """What is named like a journal, the oldest first."""
    with suppress(FileNotFoundError):
        yield from sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))


def make_folder(folder: Path) -> None:
    """Make the folder of a spool, for its owner alone. Raises OSError where it can not be one."""
    if folder.is_symlink():
        raise OSError(f"{folder} is a symbolic link; give the folder itself")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def close_all(journals: Sequence[Journal], wait_s: float) -> None:
    """Leave what waits in journals to the next process, and delete the others; waits at most `wait_s`.

    On a thread of its own: files whose disk does not answer keep no program from ending.
    """
    thread = new_thread(lambda: _close_all(journals, sync=True), "tracen-spool")
    try:
        thread.start()
    except RuntimeError:  # an interpreter that ends starts no thread; the system writes what it has
        _close_all(journals, sync=False)
        return
    thread.join(wait_s)


def _close_all(journals: Sequence[Journal], *, sync: bool) -> None:
    for journal in journals:
        if not journal.live:
            journal.remove()
            continue
        if sync:
            with suppress(OSError):
                journal.sync()
        journal.close()


def _is_ours(fd: int) -> bool:
    """Tell whether a file is this user's. Raises BadJournal where it is no file."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise BadJournal("not a regular file with one name")
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _is_still(path: Path, fd: int) -> bool:
    """Tell whether a path leads to the open file: it may have been deleted before the lock was ours."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _close(path: Path) -> None:
    fd = _fd_by_path.pop(str(path), None)
    if fd is not None:
        with suppress(OSError):
            os.close(fd)


def _let_go_in_child() -> None:
    for fd in _fd_by_path.values():
        with suppress(OSError):
            os.close(fd)
    _fd_by_path.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)

if sys.platform == "win32":
    import msvcrt

    _FAR = 2**30
    """Windows keeps others from reading what is locked, so a byte far beyond the end is."""

    def _lock(fd: int) -> bool:
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
