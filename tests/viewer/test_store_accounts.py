"""The contract of a store's accounts, keys, sessions and tickets, run on every engine."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viewer.stores import NOW, OTHER_TRACE, TRACE, Open, batch, key_in, post
from viewer.store.base import NS_PER_S, KeyGone, Store, TooManyKeys
from viewer.store.people import NewKey, Scope, Subscription, Ticket, TicketKind

pytestmark = pytest.mark.anyio

HOUR_NS = 3600 * NS_PER_S


async def test_sign_up_makes_one_account_of_an_address(store: Store) -> None:
    """Addresses compare without case; of many at once one gets it."""
    made = await asyncio.gather(
        *(store.accounts.sign_up(email, "h", NOW, None) for email in ["a@b.example", "A@b.Example"] * 5)
    )
    (account,) = [one for one in made if one]
    assert account.has_password
    assert await store.accounts.by_email(" A@B.example ") == account
    assert await store.accounts.by_id(account.id) == account
    assert await store.accounts.all("", 10) == [account]
    assert await store.accounts.all(account.id, 10) == []


async def test_invitation_admits_once_and_only_whom_it_names(store: Store) -> None:
    """A ticket that does not fit is not used up, and makes no account."""
    accounts = store.accounts
    await accounts.add_ticket(Ticket(b"1" * 32, TicketKind.INVITATION, "ada@x.example", NOW + HOUR_NS))
    assert await accounts.sign_up("eve@x.example", "h", NOW, b"1" * 32) is None
    assert await accounts.sign_up("ada@x.example", "h", NOW + HOUR_NS, b"1" * 32) is None
    assert await accounts.by_email("eve@x.example") is None
    assert await accounts.sign_up("ada@x.example", "h", NOW, b"1" * 32) is not None
    assert await accounts.ticket(b"1" * 32, NOW) is None
    assert await accounts.sign_up("bob@x.example", "h", NOW, b"1" * 32) is None


async def test_ticket_is_taken_once(store: Store) -> None:
    """Of several callers one gets it, and it admits to nothing else."""
    accounts = store.accounts
    await accounts.add_ticket(Ticket(b"1" * 32, TicketKind.LOGIN, "7", NOW + 1))
    assert await accounts.take_ticket(b"1" * 32, TicketKind.INVITATION, NOW) is None
    taken = await asyncio.gather(*(accounts.take_ticket(b"1" * 32, TicketKind.LOGIN, NOW) for _ in range(5)))
    assert sum(ticket is not None for ticket in taken) == 1


async def test_password_ends_the_other_sessions(store: Store) -> None:
    """Whoever knew the old one is out; whoever changed it stays."""
    account = await store.accounts.create("ada@x.example", NOW)
    for session_id in (b"a" * 32, b"b" * 32):
        await store.accounts.open_session(session_id, account.id, NOW)
    assert await store.accounts.password_hash(account.id) is None
    await store.accounts.set_password(account.id, "h1", b"a" * 32)
    assert await store.accounts.password_hash(account.id) == "h1"
    assert await store.accounts.session(b"a" * 32) is not None
    assert await store.accounts.session(b"b" * 32) is None
    await store.accounts.rehash(account.id, "other", "h2")
    assert await store.accounts.password_hash(account.id) == "h1"
    await store.accounts.rehash(account.id, "h1", "h2")
    assert await store.accounts.password_hash(account.id) == "h2"


async def test_password_ends_the_links_that_log_in(store: Store) -> None:
    """Whoever had an older one does not get in by it; invitations and other accounts' links stay."""
    accounts = store.accounts
    ada, bob = [await accounts.create(f"{name}@x.example", NOW) for name in ("ada", "bob")]
    await accounts.add_ticket(Ticket(b"1" * 32, TicketKind.LOGIN, ada.id, NOW + 9))
    await accounts.add_ticket(Ticket(b"2" * 32, TicketKind.LOGIN, bob.id, NOW + 9))
    await accounts.add_ticket(Ticket(b"3" * 32, TicketKind.INVITATION, ada.id, NOW + 9))
    await accounts.set_password(ada.id, "h1", None)
    assert await accounts.ticket(b"1" * 32, NOW) is None
    assert await accounts.ticket(b"2" * 32, NOW) is not None
    assert await accounts.ticket(b"3" * 32, NOW) is not None


async def test_sessions_are_found_touched_and_forgotten(store: Store, open_store: Open) -> None:
    """They outlast a restart, and end when they are old."""
    account = await store.accounts.create("ada@x.example", NOW)
    await store.accounts.open_session(b"a" * 32, account.id, NOW)
    await store.accounts.touch_session(b"a" * 32, NOW + 5)
    await store.close()
    again = open_store()
    session = await again.accounts.session(b"a" * 32)
    assert session is not None
    assert (session.account.id, session.created_ns, session.seen_ns) == (account.id, NOW, NOW + 5)
    await again.accounts.expire_sessions(NOW, NOW + 6, NOW)
    assert await again.accounts.session(b"a" * 32) is None
    await again.close()


async def test_keys_are_listed_revoked_and_rotated_by_their_owner_alone(store: Store) -> None:
    """Another account's key is as if there were none."""
    accounts = store.accounts
    ada, eve = await accounts.create("ada@x.example", NOW), await accounts.create("eve@x.example", NOW)
    key = await accounts.add_key(ada.id, NewKey(b"1" * 32, "ci", "tr…1", frozenset({Scope.WRITE})), NOW)
    assert await accounts.keys_of(ada.id) == [key]
    assert await accounts.keys_of(eve.id) == []
    assert not await accounts.revoke_key(eve.id, key.id, NOW)
    assert await accounts.rotate_key(eve.id, key.id, NewKey(b"2" * 32), NOW, NOW + HOUR_NS) is None
    new = await accounts.rotate_key(ada.id, key.id, NewKey(b"2" * 32, hint="tr…2"), NOW + 1, NOW + HOUR_NS)
    assert new is not None
    assert (new.label, new.scopes, new.hint, new.expires_ns) == ("ci", key.scopes, "tr…2", None)
    old = await accounts.key(b"1" * 32)
    assert old is not None
    assert old.is_valid_at(NOW + HOUR_NS - 1)
    assert not old.is_valid_at(NOW + HOUR_NS)
    assert (
        await accounts.rotate_key(ada.id, key.id, NewKey(b"3" * 32), NOW + HOUR_NS, NOW + 2 * HOUR_NS) is None
    )
    assert await accounts.revoke_key(ada.id, key.id, NOW)
    assert not await accounts.revoke_key(ada.id, key.id, NOW)
    assert await accounts.keys_of(ada.id) == [new]
    await accounts.touch_key(new.id, NOW + 9)
    assert (await accounts.keys_of(ada.id))[0].last_used_ns == NOW + 9


async def test_key_can_be_made_with_an_end(store: Store) -> None:
    """From then on it is refused; its successor has none."""
    account = await store.accounts.create("ada@x.example", NOW)
    key = await store.accounts.add_key(account.id, NewKey(b"1" * 32, expires_ns=NOW + HOUR_NS), NOW)
    assert key.expires_ns == NOW + HOUR_NS
    assert key.is_valid_at(NOW + HOUR_NS - 1)
    assert not key.is_valid_at(NOW + HOUR_NS)
    new = await store.accounts.rotate_key(account.id, key.id, NewKey(b"2" * 32), NOW, NOW + 2 * HOUR_NS)
    assert new is not None
    assert new.expires_ns is None


async def test_key_hits_are_counted_by_key(store: Store) -> None:
    """What the settings page shows as requests this hour."""
    key = await key_in(store)
    await store.post(post(key, os.urandom(16), NOW))
    await store.post(post(key, os.urandom(16), NOW + 5))
    assert await store.accounts.key_hits(key.account_id, NOW) == {key.id: 1}
    assert await store.accounts.key_hits(key.account_id, NOW - 1) == {key.id: 2}


async def test_subscription_told_later_wins(store: Store) -> None:
    """Webhooks come in any order."""
    account = await store.accounts.create("ada@x.example", NOW)
    newer = Subscription("pro", True, NOW + HOUR_NS, "cus_1", 20)
    assert await store.accounts.set_subscription(account.id, newer)
    assert not await store.accounts.set_subscription(account.id, Subscription("", False, None, "cus_1", 10))
    found = await store.accounts.by_customer("cus_1")
    assert found is not None
    assert found.subscription == newer
    assert newer.is_active_at(NOW)
    assert not newer.is_active_at(NOW + HOUR_NS)
    assert await store.accounts.by_customer("") is None
    key = await store.accounts.add_key(account.id, NewKey(b"1" * 32), NOW)
    assert (key.plan, key.subscription.is_active_at(NOW)) == ("pro", True)


async def test_closed_account_is_unknown_at_once_and_purged_later(store: Store) -> None:
    """Keys, sessions and pages are gone with it; its address is free for somebody else."""
    key, other = await key_in(store), await key_in(store, "bob@example.com")
    await store.accounts.open_session(b"s" * 32, key.account_id, NOW)
    posted = await store.post(post(key, os.urandom(16)))
    page = await store.append(batch(key, b"canary", TRACE))
    kept = await store.append(batch(other, b"kept", TRACE))
    assert page is not None
    assert kept is not None
    await store.accounts.close_account(key.account_id, NOW)
    assert await store.accounts.by_id(key.account_id) is None
    assert await store.accounts.session(b"s" * 32) is None
    assert await store.accounts.keys_of(key.account_id) == []
    for page_id in (page.id, posted.page_id):
        found = await store.page(page_id)
        assert found is not None
        assert found.deleted
    while await store.purge(NOW + 120 * NS_PER_S):
        pass
    assert await store.stored_bytes(key.account_id) == 0
    assert (await store.telling(page, 1000)).bodies == ()
    assert len((await store.telling(kept, 1000)).bodies) == 1
    assert (await store.accounts.create("ada@example.com", NOW)).id != key.account_id
    assert not await store.accounts.is_empty()


async def test_closed_account_without_traces_is_in_no_file(store: Store, tmp_path: Path) -> None:
    """Its address, also where it was invited, and the names of its keys: the log does not keep them either."""
    canary = "canary-91e0"
    account = await store.accounts.sign_up(f"{canary}@x.example", "h", NOW, None)
    assert account is not None
    invitation = Ticket(b"1" * 32, TicketKind.INVITATION, account.email, NOW + HOUR_NS)
    await store.accounts.add_ticket(invitation)
    await store.accounts.add_key(account.id, NewKey(b"1" * 32, f"{canary} ci"), NOW)
    await store.accounts.close_account(account.id, NOW)
    await store.check_writable()  # the logs are emptied between two writes
    assert canary.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


async def test_expired_invitation_leaves_no_address(store: Store, tmp_path: Path) -> None:
    """Nobody who was invited and did not come is remembered."""
    canary = "canary-77ab@x.example"
    await store.accounts.add_ticket(Ticket(b"1" * 32, TicketKind.INVITATION, canary, NOW))
    await store.accounts.expire_sessions(NOW, NOW, NOW)
    await store.check_writable()
    assert canary.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


async def test_post_under_way_is_not_kept_once_its_key_is_gone(store: Store) -> None:
    """Revoked, expired, of another account, or of one that was closed: nothing is kept, and nothing is counted."""
    ada, bob = await key_in(store), await key_in(store, "bob@example.com")
    with pytest.raises(KeyGone):
        await store.post(replace(post(ada), account_id=bob.account_id))
    await store.accounts.revoke_key(bob.account_id, bob.id, NOW)
    with pytest.raises(KeyGone):
        await store.post(post(bob))
    await store.accounts.rotate_key(ada.account_id, ada.id, NewKey(b"2" * 32), NOW, NOW + 1)
    await store.post(post(ada))
    with pytest.raises(KeyGone):
        await store.post(post(ada, at_ns=NOW + 1))
    new = await store.accounts.key(b"2" * 32)
    assert new is not None
    await store.accounts.close_account(new.account_id, NOW)
    with pytest.raises(KeyGone):
        await store.post(post(new))
    assert await store.accounts.key_hits(new.account_id, 0) == {}
    assert await store.stored_bytes(bob.account_id) == 0


async def test_batch_that_was_under_way_when_its_account_was_purged_is_removed(store: Store) -> None:
    """Ingest does not ask: the purge looks again, for a day."""
    key, other = await key_in(store), await key_in(store, "bob@example.com")
    await store.append(batch(other, b"kept", TRACE))
    await store.accounts.close_account(key.account_id, NOW)
    later = NOW + 120 * NS_PER_S
    assert await store.purge(later)
    assert not await store.purge(later)
    late = await store.append(batch(key, b"late", TRACE, OTHER_TRACE))
    assert late is None
    assert await store.purge(later + HOUR_NS)
    assert not await store.purge(later + HOUR_NS)
    assert await store.stored_bytes(key.account_id) == 0
    assert await store.stored_bytes(other.account_id) == 4


# -- as many keys as an account may have ---------------------------------------------------------------


async def test_revoked_key_counts_for_an_hour_after_its_last_post(store: Store) -> None:
    """Who revokes a key and makes another gets no more requests by it; one that was never used makes room."""
    key = await key_in(store)
    account_id, accounts = key.account_id, store.accounts
    await store.post(post(key))
    await accounts.revoke_key(account_id, key.id, NOW)
    unused = await accounts.add_key(account_id, NewKey(b"1" * 32), NOW, 2)
    with pytest.raises(TooManyKeys, match="at most 2 keys"):
        await accounts.add_key(account_id, NewKey(b"2" * 32), NOW, 2)
    with pytest.raises(TooManyKeys):
        await accounts.rotate_key(account_id, unused.id, NewKey(b"2" * 32), NOW, NOW + 1, 2)
    (kept,) = await accounts.keys_of(account_id)
    assert kept.expires_ns is None
    await accounts.revoke_key(account_id, unused.id, NOW)
    assert await accounts.key_count(account_id, NOW) == 1
    await accounts.add_key(account_id, NewKey(b"2" * 32), NOW, 2)
    assert await accounts.key_count(account_id, NOW + HOUR_NS) == 1
    await accounts.add_key(account_id, NewKey(b"3" * 32), NOW + HOUR_NS, 2)


async def test_keys_that_are_made_at_once_are_no_more_than_may_be(store: Store) -> None:
    """It is decided where they are written."""
    account = await store.accounts.create("ada@x.example", NOW)
    made = await asyncio.gather(
        *(store.accounts.add_key(account.id, NewKey(bytes([n]) * 32), NOW, 3) for n in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, TooManyKeys) for one in made) == 5
    assert len(await store.accounts.keys_of(account.id)) == 3


async def test_revoked_key_is_forgotten_after_some_days(store: Store, tmp_path: Path) -> None:
    """With its name and its requests; one that is not revoked stays."""
    key = await key_in(store)
    canary = "canary-3b2f"
    other = await store.accounts.add_key(key.account_id, NewKey(b"1" * 32, canary), NOW)
    for one in (key, other):
        await store.post(post(one, os.urandom(16)))
    await store.accounts.revoke_key(key.account_id, other.id, NOW)
    for days, is_there in ((1, True), (4, False)):
        now_ns = NOW + days * 24 * HOUR_NS
        await store.accounts.expire_sessions(now_ns, now_ns, now_ns)
        assert (await store.accounts.key(b"1" * 32) is not None) == is_there
    await store.check_writable()
    assert canary.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert await store.accounts.key_hits(key.account_id, 0) == {key.id: 1}
