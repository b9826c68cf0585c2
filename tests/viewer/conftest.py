"""A store of each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.viewer.stores import ENGINES, Open
from viewer.store.base import Store


@pytest.fixture(params=ENGINES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store each time it is called."""
    return lambda: ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Store]:
    store = open_store()
    yield store
    await store.close()
