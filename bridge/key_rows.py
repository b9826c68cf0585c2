"""Keys as `tracen keys` lists and names them: rows of a store in, words out. Prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from viewer.front.sample import EMAIL
from viewer.keys import PREFIX, hint_of, is_well_formed
from viewer.logs import one_line
from viewer.store.base import Store
from viewer.store.people import Account, Key

TITLES = ("ACCOUNT", "KEY", "LABEL", "SCOPES", "MADE", "LAST USED", "STATE")
_MANY = 1_000
_LEAST = len(PREFIX) + 4
"""Of a key, to tell which one is meant: as much as is kept of its beginning."""


class NotOne(Exception):
    """What was given names no key, or several; the message says what would."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key and the address of its account."""

    email: str
    key: Key


async def rows_of(store: Store, email: str, *, with_revoked: bool = False) -> list[KeyRow]:
    """The keys of one account, or of all of them, newest first within each; those of the example are nobody's."""
    accounts = [await store.accounts.by_email(email)] if email else await _all(store)
    return [
        KeyRow(account.email, key)
        for account in accounts
        if account is not None and account.email != EMAIL
        for key in await store.accounts.keys_of(account.id, with_revoked=with_revoked)
    ]


async def _all(store: Store) -> list[Account]:
    found: list[Account] = []
    while some := await store.accounts.all(found[-1].id if found else "", _MANY):
        found += some
    return found


def the_one(rows: Sequence[KeyRow], name: str) -> KeyRow:
    """The key that is meant. Raises NotOne, which repeats nothing of a name that may be a whole key."""
    found = [row for row in rows if row.key.id == name]
    if not found and name.startswith(PREFIX):
        if len(name) < _LEAST:
            raise NotOne(f"expected {PREFIX} and at least 4 digits of a key, got fewer")
        hint = hint_of(name) if is_well_formed(name) else name if "…" in name else name[:_LEAST]
        found = [row for row in rows if row.key.hint.startswith(hint)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotOne(
            f"{len(found)} keys begin so; give one as `tracen keys list` shows it, or its id (--json)"
        )
    raise NotOne("there is no such key, or it was revoked already; `tracen keys list` shows all")


def hint_told(row: KeyRow) -> str:
    """`tracen_sk_4Fq2…9aBc (laptop, ada@team.example)`."""
    label = one_line(row.key.label)
    return f"{row.key.hint} ({f'{label}, ' if label else ''}{row.email})"


def cells(row: KeyRow, now_ns: int) -> tuple[str, ...]:
    """As a table has them; "-" where there is nothing."""
    key = row.key
    scopes = ",".join(sorted(key.scopes))
    label = one_line(key.label)
    used = _day(key.last_used_ns)
    return (
        row.email,
        key.hint or "-",
        label or "-",
        scopes or "-",
        _day(key.created_ns),
        used,
        _state(key, now_ns),
    )


def as_object(row: KeyRow, now_ns: int) -> dict[str, Any]:
    """As --json has them; times are ISO 8601, or null."""
    key = row.key
    return {
        "id": key.id,
        "account": row.email,
        "key": key.hint,
        "label": key.label,
        "scopes": sorted(key.scopes),
        "created_at": _moment(key.created_ns),
        "last_used_at": _moment(key.last_used_ns),
        "expires_at": _moment(key.expires_ns),
        "is_valid": key.is_valid_at(now_ns),
        "is_revoked": key.revoked,
    }


def _state(key: Key, now_ns: int) -> str:
    if not key.is_valid_at(now_ns):
        return "revoked" if key.revoked else "expired"
    return f"valid until {_day(key.expires_ns)}" if key.expires_ns is not None else "valid"


def _day(at_ns: int | None) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d") if at_ns else "-"


def _moment(at_ns: int | None) -> str | None:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).isoformat().replace("+00:00", "Z") if at_ns else None
