"""API keys: how they look, how they are checked. The secret is shown once and kept only as its SHA-256.

`tracen_sk_` + 30 random base62 digits (178 bits) + 6 base62 digits of their CRC32, so that a typo, or a
secret scanner's find, is told apart without asking the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import string
import time
import zlib
from collections.abc import Callable, Mapping

from viewer.store.base import NS_PER_S, Store, StoreUnavailable
from viewer.store.people import ALL_SCOPES, Key, NewKey, Scope

PREFIX = "tracen_sk_"
CHALLENGE = 'Bearer realm="tracen"'
"""What WWW-Authenticate asks for with a 401."""
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH, _CHECKSUM_LENGTH = 30, 6
_TRUSTED_FOR_S = 1.0
_NOTED_NS = 60 * NS_PER_S
"""Between two notes that a key was used."""


class Unauthenticated(Exception):
    """No key, or none that is valid now; the message says which."""


class ScopeMissing(Exception):
    """The key is good, but not for this."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"this key may not {scope}: it was made without the scope `{scope}`")
        self.scope = scope


def new_secret() -> str:
    """Make the text of a new key."""
    random = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_LENGTH))
    return PREFIX + random + _checksum(random)


def sha256_of(secret: str) -> bytes:
    """What is kept of a key: a fast hash is enough for 178 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def is_well_formed(secret: str) -> bool:
    """Tell by prefix, length and checksum alone whether this can be a key."""
    random = secret[len(PREFIX) : -_CHECKSUM_LENGTH]
    return (
        secret.startswith(PREFIX)
        and len(random) == _RANDOM_LENGTH
        and secret.isascii()
        and _checksum(random) == secret[-_CHECKSUM_LENGTH:]
    )


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def hint_of(secret: str) -> str:
    """What is shown of a key once it is kept: enough to tell it from others, too little to guess it."""
    random = secret.removeprefix(PREFIX)
    return f"{PREFIX}{random[:4]}…{random[-4:]}"


def new_key(secret: str, label: str = "", scopes: frozenset[Scope] = ALL_SCOPES) -> NewKey:
    """What a store is told of a new key."""
    return NewKey(sha256_of(secret), label, hint_of(secret), scopes)


async def create_key(store: Store, email: str, now_ns: int, label: str = "") -> str:
    """Create a key, and the account if there is none; return the secret, which nobody can read again."""
    account = await store.accounts.create(email, now_ns)
    secret = new_secret()
    await store.accounts.add_key(account.id, new_key(secret, label), now_ns)
    return secret


class Authenticator:
    """Turns the secret of a request into its Key; asks the store at most once a second and key."""

    def __init__(
        self, store: Store, monotonic_s: Callable[[], float], clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._store = store
        self._monotonic_s = monotonic_s
        self._clock_ns = clock_ns
        self._trusted: dict[str, tuple[float, Key]] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def key_of(self, secret: str | None, scope: Scope | None = Scope.WRITE) -> Key:
        """Return the valid key of `secret`; raises Unauthenticated, or ScopeMissing where it may not do this."""
        key = await self._valid_key(secret)
        if scope is not None and scope not in key.scopes:
            raise ScopeMissing(scope)
        return key

    async def _valid_key(self, secret: str | None) -> Key:
        if not secret:
            raise Unauthenticated("no key: send it as X-Tracen-Key or as Authorization: Bearer")
        now_s = self._monotonic_s()
        trusted = self._trusted.get(secret)
        if trusted and now_s < trusted[0]:
            return trusted[1]
        self._trusted.pop(secret, None)
        if not is_well_formed(secret):
            raise Unauthenticated(f"this is no Tracen key: expected {PREFIX} and 36 letters and digits")
        key = await self._store.accounts.key(sha256_of(secret))
        now_ns = self._clock_ns()
        if key is None or not key.is_valid_at(now_ns):
            raise Unauthenticated("the key is unknown, expired or revoked")
        if now_ns - (key.last_used_ns or 0) > _NOTED_NS:
            self._note_use(key, now_ns)
        if len(self._trusted) >= 10_000:
            self._trusted.clear()
        self._trusted[secret] = (now_s + _TRUSTED_FOR_S, key)
        return key

    def _note_use(self, key: Key, now_ns: int) -> None:
        """Beside the request: it need not wait, and must not fail with it."""

        async def note() -> None:
            with contextlib.suppress(StoreUnavailable):
                await self._store.accounts.touch_key(key.id, now_ns)

        task = asyncio.create_task(note())
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)


def secret_of(headers: Mapping[str, str]) -> str | None:
    """The secret from the two headers that may carry it, by their names in small letters; `X-Tracen-Key` wins."""
    if tracen_key := headers.get("x-tracen-key"):
        return tracen_key.strip()
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
