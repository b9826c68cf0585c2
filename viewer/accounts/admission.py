"""Who is let in: sign-up and log-in as rules over accounts, passwords and what was tried before.

One answer of a sign-up or log-in does not tell whether an address has an account: the same work is done for one that
has none. Whoever signs up learns it by the next page, which opens or does not. Knows no form and no cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from viewer.accounts.passwords import Passwords
from viewer.accounts.throttle import Throttle, Throttled
from viewer.store.people import Account, Accounts, Ticket, TicketKind

_NOBODY = "0"
"""An account id that is never given."""
_ROWS = 3
"""That are written, one after the other, for who signs up: the account, its session, its first key."""


class NotAdmitted(Exception):
    """Address and password do not belong together; which of them is wrong is not told."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at the door. `email` is in the form that accounts are known by, `mark` what the browser brought."""

    email: str
    password: str
    network: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody who was let in. The browser that brings `mark` the next time is known to the account."""

    account: Account
    mark: str


class Admission:
    """Opens accounts to those who know their password, and makes new ones."""

    def __init__(
        self, accounts: Accounts, passwords: Passwords, throttle: Throttle, clock_ns: Callable[[], int]
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._throttle = throttle
        self._clock_ns = clock_ns

    async def log_in(self, attempt: Attempt) -> Admitted:
        """Let the owner of an account in. Raises NotAdmitted, Throttled, StoreUnavailable."""
        account = await self._accounts.by_email(attempt.email)
        kept = await self._accounts.password_hash(account.id if account else _NOBODY)
        mark = attempt.mark if kept and _is_mark_of(attempt.mark, kept) else ""

        def check() -> None:
            self._throttle.check(attempt.email, attempt.network, mark)

        check()  # before it waits for its turn; and again then, for others have failed meanwhile
        is_right = await self._passwords.matches(attempt.password, kept, check)
        if not is_right or account is None or kept is None:
            self._throttle.failed(attempt.email, attempt.network, mark)
            raise NotAdmitted
        self._throttle.succeeded(attempt.email, attempt.network, mark)
        if self._passwords.is_outdated(kept):
            old, kept = kept, await self._passwords.hash(attempt.password)
            await self._accounts.rehash(account.id, old, kept)
        return Admitted(account, mark_of(kept))

    async def sign_up(self, attempt: Attempt, invitation: bytes | None) -> Admitted | None:
        """Make an account, or let in who has one with this very password; else None.

        Either way it hashes once, compares once, and writes as much as if it had made one. Raises Throttled,
        StoreUnavailable.
        """
        self._throttle.count_sign_up(attempt.network)
        new_hash = await self._passwords.hash(attempt.password)
        if admitted := await self._owner(attempt):
            return admitted
        account = await self._accounts.sign_up(attempt.email, new_hash, self._clock_ns(), invitation)
        if account is None:
            for _ in range(_ROWS):
                await self._write_nothing()
            return None
        self._throttle.succeeded(attempt.email, attempt.network)
        return Admitted(account, mark_of(new_hash))

    async def known(self, account: Account) -> Admitted:
        """Somebody who came in by another way: by a link, or with a new password. Raises StoreUnavailable."""
        kept = await self._accounts.password_hash(account.id)
        return Admitted(account, mark_of(kept) if kept else "")

    async def _owner(self, attempt: Attempt) -> Admitted | None:
        """Whoever signs up again with the password that they have; a guess like any other."""
        try:
            return await self.log_in(attempt)
        except (NotAdmitted, Throttled):
            return None

    async def _write_nothing(self) -> None:
        """Take as long as a row that is kept: a ticket that has expired, and is swept up later."""
        await self._accounts.add_ticket(Ticket(os.urandom(32), TicketKind.LOGIN, _NOBODY, self._clock_ns()))


def mark_of(kept: str) -> str:
    """What a browser that has logged in keeps: it proves that, until the password changes, and opens nothing.

    The hash has 128 random bits of salt, so that nobody can try passwords against the mark.
    """
    return hmac.new(kept.encode(), b"tracen: a browser that has logged in before", hashlib.sha256).hexdigest()


def _is_mark_of(mark: str, kept: str) -> bool:
    return hmac.compare_digest(mark.encode(), mark_of(kept).encode())
