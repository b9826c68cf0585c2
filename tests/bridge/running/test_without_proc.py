"""Systems without /proc, and what stands in one that is: nothing is known of other processes, and nothing breaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.commands.stop import is_open_in
from bridge.running.notes import left_behind

NOTHING = Path("/nonexistent")
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")


def test_no_process_is_said_to_be_left_behind_where_none_can_be_seen(tmp_path: Path) -> None:
    """As on macOS; nor of an entry that is no process, or can not be read."""
    assert left_behind(tmp_path, NOTHING) == []
    proc = tmp_path / "proc"
    for name in ("12", "self", "34"):
        (proc / name).mkdir(parents=True)
    (proc / "12" / "environ").mkdir()
    (proc / "34" / "environ").write_bytes(f"A=b\0TRACEN_RUN={tmp_path}\0".encode())
    assert left_behind(tmp_path, proc) == [34]


def test_process_that_was_told_is_believed_where_it_can_not_be_asked(tmp_path: Path) -> None:
    """Else `tracen stop` would end nothing there."""
    assert is_open_in(os.getpid(), str(tmp_path / "lock"), NOTHING)


@needs_proc
def test_process_is_asked_where_it_can_be(tmp_path: Path) -> None:
    """Whether it has the lock open."""
    path = tmp_path / "lock"
    with path.open("w"):
        assert is_open_in(os.getpid(), str(path))
    assert not is_open_in(os.getpid(), str(path))
