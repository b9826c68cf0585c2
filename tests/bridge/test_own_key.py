"""A key that a command makes for itself ends with it, or after a day."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from bridge.console import on_store
from bridge.own_key import LASTS_NS, own_key
from viewer.accounts.addresses import LOCAL
from viewer.store.base import Store
from viewer.store.people import Key


def keys_in(db: Path) -> list[Key]:
    """The valid keys of the local account."""

    async def ask(store: Store) -> list[Key]:
        account = await store.accounts.by_email(LOCAL)
        assert account is not None
        return [key for key in await store.accounts.keys_of(account.id) if not key.revoked]

    return on_store(str(db), ask)


@pytest.mark.parametrize("is_kept", [False, True])
def test_key_is_revoked_unless_somebody_still_sends_with_it(tmp_path: Path, is_kept: bool) -> None:
    """Also where the command fails; one that is kept has its end."""
    db = tmp_path / "t.db"
    with contextlib.suppress(OSError), own_key(str(db), "a test") as own:
        (key,) = keys_in(db)
        assert key.label == "a test"
        assert key.expires_ns is not None
        assert abs(key.expires_ns - key.created_ns - LASTS_NS) < 60 * 10**9
        assert own.secret not in repr(own)
        own.is_kept = is_kept
        raise OSError("failed")
    assert len(keys_in(db)) == is_kept
