"""A key of the local account for as long as a command runs, where it was given none. Knows nothing of servers."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bridge.console import file_named, on_store
from bridge.endings import undisturbed

if TYPE_CHECKING:
    from viewer.store.base import Store

logger = logging.getLogger("tracen.keys")

LASTS_NS = 24 * 3600 * 10**9
"""So that one that nobody revokes, as after a kill, is refused after a day."""


@dataclass(slots=True)
class OwnKey:
    """A key that was made. `is_kept`: it is not revoked at the end, for somebody still sends with it."""

    secret: str = field(repr=False)
    is_kept: bool = False


@contextmanager
def own_key(db: str, label: str) -> Iterator[OwnKey]:
    """Make a key for the length of a block. Ends the process with a message where the store can not be used."""
    from viewer.accounts.addresses import LOCAL
    from viewer.keys import new_key, new_secret

    key = OwnKey(new_secret())
    new = replace(new_key(key.secret, label), expires_ns=time.time_ns() + LASTS_NS)

    async def add(store: Store) -> tuple[str, str]:
        account = await store.accounts.create(LOCAL, time.time_ns())
        return account.id, (await store.accounts.add_key(account.id, new, time.time_ns())).id

    place = db if "://" in db else str(file_named(db))
    made: tuple[str, str] | None = None
    try:
        with undisturbed():  # from here on it is known what there is to revoke
            made = on_store(place, add, is_made=True)
        logger.debug("a key for this run was made: %s", new.hint)
        yield key
    finally:
        if made is not None and not key.is_kept:
            _revoke(place, *made)


def _revoke(db: str, account_id: str, key_id: str) -> None:
    with (
        undisturbed(),
        contextlib.suppress(SystemExit),
    ):  # said; how the command ended counts, and the key has an end
        on_store(db, lambda store: store.accounts.revoke_key(account_id, key_id, time.time_ns()))
