"""Passwords: which are taken, how they are kept and compared. Knows no account, no request and no store.

argon2id with OWASP's least parameters (19 MiB, 2 passes, 1 lane). Each hash takes that memory, so two are made at a
time, a few more wait, and whoever comes then is asked to come back.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from viewer.store.base import StoreUnavailable

T = TypeVar("T")

MIN_LENGTH = 8
"""Characters (NIST SP 800-63B, 3.1.1.2); any rule of what they must be makes people choose worse ones."""
MAX_BYTES = 1024
"""As UTF-8. All of them count: nothing is cut off."""
AT_ONCE = 2
MAX_WAITING = 50
RETRY_AFTER_S = 3
_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1
_SALT_BYTES, _HASH_BYTES = 16, 32


class WrongPassword(ValueError):
    """A password that nobody may choose; the message says why."""


def normalized(password: str) -> str:
    """The same text however a keyboard composes its characters: NFC, as RFC 8265 4.2.2 has it for passwords."""
    return unicodedata.normalize("NFC", password)


def check_length(password: str) -> None:
    """Refuse what is too long to be hashed, before anything is done with it. Raises WrongPassword."""
    size = len(password.encode())
    if size > MAX_BYTES:
        raise WrongPassword(f"This password has {size:,} bytes; {MAX_BYTES:,} are the most.")


def check_new(password: str, email: str) -> None:
    """Refuse what is guessed first. Raises WrongPassword."""
    check_length(password)
    if len(normalized(password)) < MIN_LENGTH:
        raise WrongPassword(f"Use {MIN_LENGTH} characters or more; 15 are better.")
    folded = normalized(password).casefold()
    if folded in (email.casefold(), email.casefold().partition("@")[0]):
        raise WrongPassword("This is your email address, which others know too. Choose another password.")
    if folded in _common():
        raise WrongPassword("This is one of the passwords that are tried first. Choose another one.")


@cache
def _common() -> frozenset[str]:
    """Those of the most frequent passwords that are long enough; most people never need the list in memory."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

    return frozenset(password for password in FREQUENCY_LISTS["passwords"] if len(password) >= MIN_LENGTH)


class Passwords:
    """Hashes and compares, within the memory that there is. `hasher` differs in tests alone."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(
            _PASSES, _MEMORY_KIB, _LANES, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
        )
        self._nobodys = _hash_of_nothing(self._hasher)
        self._threads = ThreadPoolExecutor(AT_ONCE, "tracen-passwords")
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return what is kept of a password. Raises StoreUnavailable where too many wait."""
        return await self._beside(lambda: self._hasher.hash(normalized(password)))

    async def matches(
        self, password: str, kept: str | None, check: Callable[[], None] = lambda: None
    ) -> bool:
        """Tell whether this is the password of a hash; with None the same work is done for nothing.

        `check` is called when the turn has come, just before: it may raise, for what has failed meanwhile.
        """

        def verify() -> bool:
            try:
                return self._hasher.verify(kept or self._nobodys, normalized(password))
            except (VerificationError, InvalidHashError):
                return False

        return await self._beside(verify, check)

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than one would be now."""
        return self._hasher.check_needs_rehash(kept)

    async def check_new(self, password: str, email: str) -> None:
        """See `check_new`; the list of common passwords is read beside the event loop."""
        await self._beside(lambda: check_new(password, email))

    async def _beside(self, work: Callable[[], T], check: Callable[[], None] = lambda: None) -> T:
        """Run on one of the few threads. argon2 lets others run meanwhile."""
        if self._waiting >= AT_ONCE + MAX_WAITING:
            raise StoreUnavailable("too many passwords are being compared", RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with self._turns:
                check()
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash that no password has, made without hashing: to compare with it takes as long as with any other."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
