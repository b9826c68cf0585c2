"""Who owns traces: accounts, their keys, sessions and tickets, as records, and what a store promises of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an account has paid for, or an operator has given it. `until_ns`: None for no end."""

    plan: str = ""
    is_active: bool = False
    until_ns: int | None = None
    customer_id: str = ""
    """The account's name at whoever takes the money; "" for none."""
    told_ns: int = 0
    """When that was last told: what is older than it changes nothing."""

    def is_active_at(self, now_ns: int) -> bool:
        return self.is_active and (self.until_ns is None or now_ns < self.until_ns)


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns keys and traces. `id` is short, and means nothing outside the store.

    `email` is as the store compares it. `has_password`: its owner can log in with one.
    """

    id: str
    email: str
    created_ns: int = 0
    has_password: bool = False
    otlp_is_private: bool = False
    """Traces that come over OTLP begin as private ones."""
    subscription: Subscription = Subscription()


class Scope(StrEnum):
    """What a key may do."""

    WRITE = "write"
    """Send traces, and ask where they are shown."""
    READ = "read"
    """List and read the traces of its account; with WRITE as well, delete them."""


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is kept: never the secret, only its SHA-256.

    `hint` is what is shown of the secret: its first and last digits. `plan` and `subscription` are the account's.
    """

    id: str
    account_id: str
    revoked: bool = False
    plan: str = ""
    scopes: frozenset[Scope] = ALL_SCOPES
    label: str = ""
    hint: str = ""
    created_ns: int = 0
    last_used_ns: int | None = None
    expires_ns: int | None = None
    """Refused from then on; None: never."""
    subscription: Subscription = Subscription()

    def is_valid_at(self, now_ns: int) -> bool:
        return not self.revoked and (self.expires_ns is None or now_ns < self.expires_ns)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is told of a key when it is made."""

    sha256: bytes
    label: str = ""
    hint: str = ""
    scopes: frozenset[Scope] = ALL_SCOPES
    expires_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has logged in. `id` is the SHA-256 of the token that the browser holds."""

    id: bytes
    account: Account
    created_ns: int
    seen_ns: int


class TicketKind(StrEnum):
    """What a ticket admits to."""

    LOGIN = "login"
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A link that admits once, until `expires_ns`.

    `subject`: the account's id, or the address that is invited; "" where anybody is.
    """

    sha256: bytes
    kind: TicketKind
    subject: str
    expires_ns: int


class Accounts(Protocol):
    """Accounts and what opens them. Rules of `viewer.store.base.Store` hold: all may be called concurrently, time is
    an argument, what raises has changed nothing, what has returned survives a crash.

    An account that was deleted MUST be unknown to every method at once, and so are its keys and sessions.
    """

    async def is_empty(self) -> bool:
        """Tell whether there has never been an account."""
        ...

    async def create(self, email: str, now_ns: int) -> Account:
        """Return the account of `email`, made now, without a password, if there is none.

        Emails compare without case.
        """
        ...

    async def sign_up(
        self, email: str, password_hash: str, now_ns: int, ticket: bytes | None
    ) -> Account | None:
        """Make an account; None where there is one. `ticket` (SHA-256 of an invitation) is used up with it.

        Returns None as well, and makes nothing, where the ticket is no valid invitation of this address.
        """
        ...

    async def by_email(self, email: str) -> Account | None:
        """Look an account up by address."""
        ...

    async def by_id(self, account_id: str) -> Account | None:
        """Look an account up."""
        ...

    async def by_customer(self, customer_id: str) -> Account | None:
        """Look an account up by its name at whoever takes the money."""
        ...

    async def all(self, after_id: str, limit: int) -> list[Account]:
        """List accounts in the order in which they were made, after an id ("" for the start)."""
        ...

    async def password_hash(self, account_id: str) -> str | None:
        """Return the hash of an account's password; None where it has none."""
        ...

    async def set_password(self, account_id: str, password_hash: str, keep: bytes | None) -> None:
        """Change the password and end every session of the account but `keep`."""
        ...

    async def rehash(self, account_id: str, old_hash: str, new_hash: str) -> None:
        """Replace the hash of the same password, unless it was changed meanwhile. Sessions go on."""
        ...

    async def set_otlp_private(self, account_id: str, is_private: bool) -> None:
        """Choose how traces begin that come over OTLP from now on."""
        ...

    async def set_subscription(self, account_id: str, subscription: Subscription) -> bool:
        """Set the subscription, unless a newer `told_ns` is there; whether it was set."""
        ...

    async def close_account(self, account_id: str, now_ns: int) -> None:
        """Delete an account: keys and sessions are refused and its pages are gone at once, its address is free again.

        What it owns is removed by `Store.purge`.
        """
        ...

    # -- keys

    async def add_key(self, account_id: str, new: NewKey, now_ns: int, at_most: int | None = None) -> Key:
        """Add a key to an account. `sha256` (32 bytes) MUST be unique over all accounts.

        Raises TooManyKeys where `key_count` is `at_most` or more; of many at once no more get one.
        """
        ...

    async def key_count(self, account_id: str, now_ns: int) -> int:
        """Count the keys of an account that are valid, or with which something was accepted within the last hour.

        Who could revoke a key and take another at once would have no limit.
        """
        ...

    async def key(self, sha256: bytes) -> Key | None:
        """Look a key up, revoked and expired ones included."""
        ...

    async def keys_of(self, account_id: str, *, with_revoked: bool = False) -> list[Key]:
        """List the keys of an account, newest first; `with_revoked`: those that were revoked lately too."""
        ...

    async def key_hits(self, account_id: str, since_ns: int) -> dict[str, int]:
        """Count the accepted requests of each key of an account since then, by key id."""
        ...

    async def revoke_key(self, account_id: str, key_id: str, now_ns: int) -> bool:
        """Refuse a key of the account from now on; False where it has no such key, or it was revoked already."""
        ...

    async def rotate_key(
        self,
        account_id: str,
        key_id: str,
        new: NewKey,
        now_ns: int,
        until_ns: int,
        at_most: int | None = None,
    ) -> Key | None:
        """Add a key in the place of another, which is valid until then; None where the account has no such key.

        Raises TooManyKeys as `add_key` does.
        """
        ...

    async def touch_key(self, key_id: str, now_ns: int) -> None:
        """Note that a key was used."""
        ...

    # -- sessions and tickets

    async def open_session(self, session_id: bytes, account_id: str, now_ns: int) -> None:
        """Begin a session. `session_id` is the SHA-256 of its token."""
        ...

    async def session(self, session_id: bytes) -> Session | None:
        """Look a session up; whether it is too old is for the caller to say."""
        ...

    async def touch_session(self, session_id: bytes, now_ns: int) -> None:
        """Note that a session goes on."""
        ...

    async def end_session(self, session_id: bytes) -> None:
        """End a session. Unknown: nothing happens."""
        ...

    async def end_other_sessions(self, account_id: str, keep: bytes) -> int:
        """End every session of an account but one; how many they were."""
        ...

    async def expire_sessions(self, created_before_ns: int, seen_before_ns: int, now_ns: int) -> None:
        """Forget sessions that began, or were last seen, before then, tickets that have expired, and keys that
        were revoked some days ago.
        """
        ...

    async def add_ticket(self, ticket: Ticket) -> None:
        """Keep a ticket."""
        ...

    async def ticket(self, sha256: bytes, now_ns: int) -> Ticket | None:
        """Look up a ticket that is still valid."""
        ...

    async def take_ticket(self, sha256: bytes, kind: TicketKind, now_ns: int) -> Ticket | None:
        """Use a ticket up: of several callers one gets it."""
        ...
