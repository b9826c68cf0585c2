"""Makes and replaces the keys of accounts, up to as many as one may have."""

from __future__ import annotations

from collections.abc import Callable

from viewer.keys import new_key, new_secret
from viewer.store.base import NS_PER_S, TooManyKeys
from viewer.store.people import Accounts, Scope

MAX_KEYS = 50
"""Of an account, as `Accounts.key_count` counts them."""
OVERLAP_NS = 24 * 3600 * NS_PER_S
"""A key that was replaced works for so long."""


class AccountGone(Exception):
    """The account was deleted meanwhile."""


class Keyring:
    """The secrets it returns are told nobody else, and kept nowhere."""

    def __init__(self, accounts: Accounts, clock_ns: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock_ns = clock_ns

    async def refusal(self, account_id: str) -> str:
        """Why the account gets no other key now; "" where it does."""
        count = await self._accounts.key_count(account_id, self._clock_ns())
        return str(TooManyKeys(MAX_KEYS)) if count >= MAX_KEYS else ""

    async def add(self, account_id: str, label: str, scopes: frozenset[Scope]) -> str:
        """Make a key; return its secret. Raises TooManyKeys, AccountGone, StoreUnavailable."""
        secret = new_secret()
        try:
            await self._accounts.add_key(
                account_id, new_key(secret, label, scopes), self._clock_ns(), MAX_KEYS
            )
        except LookupError:
            raise AccountGone from None
        return secret

    async def rotate(self, account_id: str, key_id: str) -> str | None:
        """Make a key in the place of another, and return its secret; None where the account has no such key.

        Raises TooManyKeys, StoreUnavailable.
        """
        secret, now_ns = new_secret(), self._clock_ns()
        key = await self._accounts.rotate_key(
            account_id, key_id, new_key(secret), now_ns, now_ns + OVERLAP_NS, MAX_KEYS
        )
        return secret if key else None

    async def revoke(self, account_id: str, key_id: str) -> bool:
        """Refuse a key from now on; False where the account has no such key."""
        return await self._accounts.revoke_key(account_id, key_id, self._clock_ns())
