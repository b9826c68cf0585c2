"""API keys: how they look, how they are checked. The secret is shown once and kept only as its SHA-256.

`tracen_sk_` + 30 random base62 digits (178 bits) + 6 base62 digits of their CRC32, so that a typo, or a
secret scanner's find, is told apart without asking the store.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from collections.abc import Callable

from viewer.store.base import Key, Store

PREFIX = "tracen_sk_"
CHALLENGE = 'Bearer realm="tracen"'
"""What WWW-Authenticate asks for with a 401."""
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH, _CHECKSUM_LENGTH = 30, 6
_TRUSTED_FOR_S = 1.0


class Unauthenticated(Exception):
    """No key, or none that is valid now; the message says which."""


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


async def create_key(store: Store, email: str, now_ns: int, label: str = "") -> str:
    """Create a key, and the account if there is none; return the secret, which nobody can read again."""
    account = await store.create_account(email, now_ns)
    secret = new_secret()
    await store.add_key(account.id, sha256_of(secret), label, now_ns)
    return secret


class Authenticator:
    """Turns the secret of a request into its Key; asks the store at most once a second and key."""

    def __init__(self, store: Store, monotonic_s: Callable[[], float]) -> None:
        self._store = store
        self._monotonic_s = monotonic_s
        self._trusted: dict[str, tuple[float, Key]] = {}

    async def key_of(self, secret: str | None) -> Key:
        """Return the valid key of `secret`; raises Unauthenticated."""
        if not secret:
            raise Unauthenticated("no key: send it as X-Tracen-Key or as Authorization: Bearer")
        now_s = self._monotonic_s()
        trusted = self._trusted.get(secret)
        if trusted and now_s < trusted[0]:
            return trusted[1]
        self._trusted.pop(secret, None)
        if not is_well_formed(secret):
            raise Unauthenticated(f"this is no Tracen key: expected {PREFIX} and 36 letters and digits")
        key = await self._store.key(sha256_of(secret))
        if key is None or key.revoked:
            raise Unauthenticated("the key is unknown or revoked")
        if len(self._trusted) >= 10_000:
            self._trusted.clear()
        self._trusted[secret] = (now_s + _TRUSTED_FOR_S, key)
        return key


def secret_of(tracen_key: str | None, authorization: str | None) -> str | None:
    """The secret from the two headers that may carry it; `X-Tracen-Key` wins."""
    if tracen_key:
        return tracen_key.strip()
    scheme, _, secret = (authorization or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
