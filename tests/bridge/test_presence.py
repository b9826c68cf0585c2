"""Other commands find the server of a file, and no server that has gone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.presence import Doors, find
from tests.processes import TracenProcess, serve_command, start_tracen


@pytest.mark.parametrize("end", [TracenProcess.stop, TracenProcess.kill], ids=["sigterm", "kill-9"])
def test_a_server_is_found_for_as_long_as_it_runs(
    tmp_path: Path, end: Callable[[TracenProcess], object]
) -> None:
    """Under the addresses of its ready line; a crash leaves nothing that is believed."""
    db = tmp_path / "t.db"
    assert find(str(db)) is None
    tracen = start_tracen(db)
    try:
        assert find(str(db)) == Doors(
            tracen.http, tracen.otlp_grpc, tracen.otlp_http, tracen.http, tracen.pid
        )
        end(tracen)
        assert find(str(db)) is None
    finally:
        tracen.kill()
        tracen.close()


def test_a_second_server_that_is_refused_takes_nothing_from_the_first(tmp_path: Path) -> None:
    """It looks at the lock without emptying it."""
    db = tmp_path / "t.db"
    tracen = start_tracen(db)
    try:
        doors = find(str(db))
        refused = subprocess.run(serve_command(db), capture_output=True, timeout=60)
        assert refused.returncode == 2
        assert doors is not None
        assert find(str(db)) == doors
    finally:
        tracen.stop()
        tracen.close()
