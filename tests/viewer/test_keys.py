"""Keys: how they look, that typos are told apart, that a revocation takes effect within a second."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from viewer.keys import (
    Authenticator,
    Unauthenticated,
    create_key,
    is_well_formed,
    new_secret,
    secret_of,
    sha256_of,
)
from viewer.store.sqlite import SqliteStore


def test_key_has_prefix_30_random_digits_and_a_checksum() -> None:
    """The published shape, for secret scanners; no two are alike."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(re.fullmatch(r"tracen_sk_[0-9A-Za-z]{36}", secret) for secret in secrets)
    assert all(is_well_formed(secret) for secret in secrets)


@given(st.integers(10, 45), st.sampled_from("0aZ"))
def test_key_with_one_digit_changed_is_malformed(position: int, digit: str) -> None:
    """The checksum finds every single typo."""
    secret = new_secret()
    typo = secret[:position] + digit + secret[position + 1 :]
    assert is_well_formed(typo) == (typo == secret)


@given(st.text(max_size=60))
def test_key_of_any_other_text_is_malformed(text: str) -> None:
    """Nothing raises, and noise is no key."""
    assert not is_well_formed(text)


@pytest.mark.parametrize(
    ("tracen_key", "authorization", "secret"),
    [
        ("k", None, "k"),
        (None, "Bearer k", "k"),
        (None, "bearer  k ", "k"),
        ("k", "Bearer other", "k"),
        (None, "Basic k", None),
        (None, "k", None),
        (None, None, None),
        ("", "", None),
    ],
)
def test_secret_is_found_in_either_header(
    tracen_key: str | None, authorization: str | None, secret: str | None
) -> None:
    """X-Tracen-Key wins over Authorization: Bearer."""
    sent = {"x-tracen-key": tracen_key, "authorization": authorization}
    assert secret_of({name: text for name, text in sent.items() if text is not None}) == secret


@pytest.mark.anyio
async def test_key_revoked_is_refused_within_a_second(tmp_path: Path) -> None:
    """The store is asked again after a second of trust."""
    store = SqliteStore(tmp_path / "t.db")
    now_s = 100.0
    keys = Authenticator(store, lambda: now_s)
    secret = await create_key(store, "ada@example.com", 0)
    key = await keys.key_of(secret)
    await store.accounts.revoke_key(key.account_id, key.id, 0)
    now_s += 1.0
    with pytest.raises(Unauthenticated, match="revoked"):
        await keys.key_of(secret)
    assert (await store.accounts.key(sha256_of(secret))) is not None
    await store.close()
