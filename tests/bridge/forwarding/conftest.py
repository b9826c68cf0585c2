"""Endpoints, and forwarding to them, at a time that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.forwarding.terms import Terms
from tests.bridge.forwarding.own_tracen import OwnTracen
from tests.bridge.forwarding.source import Source
from tests.bridge.forwarding.strict_tracen import KEY, RunningStrictTracen, strict_tracen
from tests.viewer.accounts.portal import Clock
from viewer.store.base import NS_PER_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strict(clock: Clock) -> Iterator[RunningStrictTracen]:
    with strict_tracen(clock_s=lambda: clock() / NS_PER_S) as service:
        yield service


@pytest.fixture
async def source(tmp_path: Path, strict: RunningStrictTracen, clock: Clock) -> AsyncIterator[Source]:
    """Forwarding to the strict endpoint."""
    made = await Source(tmp_path, Terms(strict.endpoint, KEY), clock).open()
    yield made
    await made.close()


@pytest.fixture
def own(tmp_path: Path, clock: Clock) -> Iterator[OwnTracen]:
    service = OwnTracen(tmp_path, 100, clock)
    yield service
    service.end()


@pytest.fixture
async def to_own(tmp_path: Path, own: OwnTracen, clock: Clock) -> AsyncIterator[Source]:
    """Forwarding to our own service."""
    made = await Source(tmp_path, Terms(own.endpoint, own.key), clock).open()
    yield made
    await made.close()
