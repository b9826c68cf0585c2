"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import TracenProcess, running_tracen


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(scope="session")
def tracen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A real `tracen serve` on a fresh file. Its limit is wide: the limit is tested on servers of its own."""
    db = tmp_path_factory.mktemp("tracen") / "tracen.db"
    with running_tracen(db, "--requests-per-hour", "100000") as process:
        yield process
