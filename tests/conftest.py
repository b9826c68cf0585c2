"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.processes import TracenProcess, running_tracen
from tests.viewer.stores import ENGINES, Open
from viewer.store.base import Store

# A shell starts what runs in its background with SIGINT ignored, and the commands under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(params=ENGINES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store each time it is called."""
    return lambda: ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Store]:
    store = open_store()
    yield store
    await store.close()
