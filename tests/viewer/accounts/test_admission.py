"""Who is let in where many try at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.viewer.accounts.site import EMAIL, PASSWORD
from tests.viewer.stores import NOW
from viewer.accounts.admission import Admission, Admitted, Attempt, NotAdmitted
from viewer.accounts.passwords import AT_ONCE, Passwords
from viewer.accounts.throttle import Throttle, Throttled
from viewer.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

HERE = "192.0.2.1"


@pytest.fixture
async def admission(tmp_path: Path) -> AsyncIterator[Admission]:
    """A door with one account behind it, at which time stands still."""
    store = SqliteStore(tmp_path / "t.db")
    passwords = Passwords(PasswordHasher(1, 8, 1))
    admission = Admission(store.accounts, passwords, Throttle(lambda: NOW), lambda: NOW)
    await admission.sign_up(Attempt(EMAIL, PASSWORD, HERE), None)
    yield admission
    await store.close()


@pytest.mark.parametrize("email", [EMAIL, "nobody@team.example"])
async def test_guesses_at_once_are_as_few_as_one_after_the_other(admission: Admission, email: str) -> None:
    """Each is checked when its turn has come: of fifty, five are compared, and what was under way by then."""
    guesses = (admission.log_in(Attempt(email, f"wrong {n}", HERE)) for n in range(50))
    refused = Counter(type(one) for one in await asyncio.gather(*guesses, return_exceptions=True))
    assert refused.keys() == {NotAdmitted, Throttled}
    assert 5 <= refused[NotAdmitted] < 5 + AT_ONCE


async def test_owners_at_once_are_let_in(admission: Admission) -> None:
    """What has not failed keeps nobody waiting."""
    let_in = await asyncio.gather(*(admission.log_in(Attempt(EMAIL, PASSWORD, HERE)) for _ in range(50)))
    assert all(isinstance(one, Admitted) for one in let_in)
