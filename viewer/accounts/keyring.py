"""Makes and replaces the keys of accounts, up to as many as one may have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from viewer.keys import new_key, new_secret
from viewer.store.base import NS_PER_S
from viewer.store.people import Accounts, Key, Scope

MAX_KEYS = 50
"""Of an account, those that are valid."""
OVERLAP_NS = 24 * 3600 * NS_PER_S
"""A key that was replaced works for so long."""


class TooManyKeys(Exception):
    """The account has as many keys as it may."""

    def __init__(self) -> None:
        super().__init__(f"An account has at most {MAX_KEYS} keys: revoke one that is no longer used.")


class AccountGone(Exception):
    """The account was deleted meanwhile."""


def refusal_of(keys: Sequence[Key], now_ns: int) -> str:
    """Why an account with these keys gets no other; "" where it does."""
    count = sum(key.is_valid_at(now_ns) for key in keys)
    return str(TooManyKeys()) if count >= MAX_KEYS else ""


class Keyring:
    """The secrets it returns are told nobody else, and kept nowhere."""

    def __init__(self, accounts: Accounts, clock_ns: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock_ns = clock_ns
        self._counting = asyncio.Lock()

    async def add(self, account_id: str, label: str, scopes: frozenset[Scope]) -> str:
        """Make a key; return its secret. Raises TooManyKeys, AccountGone, StoreUnavailable."""
        secret = new_secret()
        async with self._counting:
            await self._check_room(account_id)
            try:
                await self._accounts.add_key(account_id, new_key(secret, label, scopes), self._clock_ns())
            except LookupError:
                raise AccountGone from None
        return secret

    async def rotate(self, account_id: str, key_id: str) -> str | None:
        """Make a key in the place of another, and return its secret; None where the account has no such key.

        Raises TooManyKeys, StoreUnavailable.
        """
        secret = new_secret()
        async with self._counting:
            await self._check_room(account_id)
            now_ns = self._clock_ns()
            key = await self._accounts.rotate_key(
                account_id, key_id, new_key(secret), now_ns, now_ns + OVERLAP_NS
            )
        return secret if key else None

    async def revoke(self, account_id: str, key_id: str) -> bool:
        """Refuse a key from now on; False where the account has no such key."""
        return await self._accounts.revoke_key(account_id, key_id, self._clock_ns())

    async def _check_room(self, account_id: str) -> None:
        if refusal_of(await self._accounts.keys_of(account_id), self._clock_ns()):
            raise TooManyKeys
