"""The contract of a store that keeps who may see a page, and what its owner has masked there."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viewer.stores import NOW, OTHER_TRACE, TRACE, Open, batch, key_in, post
from viewer.store.base import NS_PER_S, RESERVATIONS, Page, Sharing, Store
from viewer.store.people import Key

pytestmark = pytest.mark.anyio

PRIVATE = Sharing(is_private=True)
CANARY = "canary-7c41e9"


async def appended(store: Store, key: Key, trace: bytes = TRACE) -> Page:
    page = await store.append(batch(key, b"spans", trace))
    assert page is not None
    return await found(store, page.id)


async def found(store: Store, page_id: str) -> Page:
    page = await store.page(page_id)
    assert page is not None
    return page


async def private_key_in(store: Store) -> Key:
    """A key of an account whose traces begin as private ones when they come over OTLP."""
    key = await key_in(store)
    await store.accounts.set_otlp_private(key.account_id, True)
    return key


async def test_sharing_and_masks_are_kept(open_store: Open) -> None:
    """Over a restart; any text can be masked, and both can be taken back."""
    store = open_store()
    page = await appended(store, await key_in(store))
    chosen = Sharing(True, NOW + 5, True)
    masks = ("a\nb", "\x00\ud800", "naïve 🙂", '"quoted" \\')
    await store.set_sharing(page, chosen)
    await store.set_masks(page, masks)
    await store.close()
    store = open_store()
    kept = replace(page, is_private=True, shared_until_ns=NOW + 5, is_indexed=True, masks=masks)
    assert await store.page(page.id) == kept
    assert await store.page_of(page.account_id, TRACE, NOW) == kept
    await store.set_sharing(kept, Sharing())
    await store.set_masks(kept, ())
    assert await store.page(page.id) == page
    await store.close()


# -- how pages begin -----------------------------------------------------------------------------------


async def test_posted_page_is_public_whatever_the_account_prefers(store: Store) -> None:
    """Who posts asks for a link to give away; what comes over OTLP later changes nothing."""
    key = await private_key_in(store)
    outcome = await store.post(post(key, TRACE))
    assert not (await found(store, outcome.page_id)).is_private
    assert not (await appended(store, key)).is_private


async def test_page_of_otlp_begins_as_its_account_prefers(store: Store) -> None:
    """With one trace in a request or several; a post changes nothing later, nor does another preference."""
    key = await private_key_in(store)
    alone = await appended(store, key)
    await store.append(batch(key, b"spans", OTHER_TRACE, b"\x03" * 16))
    among_others = await store.page_of(key.account_id, OTHER_TRACE, NOW)
    assert among_others is not None
    await store.accounts.set_otlp_private(key.account_id, False)
    await store.post(post(key, TRACE))
    for page in (alone, among_others):
        assert page.is_private
        assert await store.page(page.id) == page
    assert not (await appended(store, key, b"\x04" * 16)).is_private
    assert not (await appended(store, await key_in(store, "eve@example.com"))).is_private


async def test_reserved_page_is_decided_by_what_fills_it(store: Store) -> None:
    """A post makes it public, OTLP what its account prefers, in a request of its own or among others."""
    key = await private_key_in(store)
    traces = [bytes([n]) * 16 for n in range(5, 9)]
    pages = [await store.reserve(key.account_id, trace, NOW, RESERVATIONS) for trace in traces]
    await store.accounts.set_otlp_private(key.account_id, False)
    assert not any([(await found(store, page.id)).is_private for page in pages])
    await store.accounts.set_otlp_private(key.account_id, True)
    assert all([(await found(store, page.id)).is_private for page in pages])
    posted, alone, among_others, _ = traces
    await store.post(post(key, posted))
    await store.append(batch(key, b"spans", alone))
    await store.append(batch(key, b"spans", among_others, OTHER_TRACE))
    await store.accounts.set_otlp_private(key.account_id, False)
    told = [(await found(store, page.id)).is_private for page in pages]
    assert told == [False, True, True, False]
    assert (await found(store, pages[3].id)).waits_since_ns == NOW


async def test_decision_about_a_page_that_waits_stands(store: Store) -> None:
    """Whatever fills it, and whatever the account prefers."""
    key = await private_key_in(store)
    page = await store.reserve(key.account_id, TRACE, NOW, RESERVATIONS)
    await store.set_sharing(page, Sharing())
    assert not (await appended(store, key)).is_private
    page = await store.reserve(key.account_id, OTHER_TRACE, NOW, RESERVATIONS)
    await store.set_sharing(page, PRIVATE)
    await store.post(post(key, OTHER_TRACE))
    assert (await found(store, page.id)).is_private


# -- another link --------------------------------------------------------------------------------------


async def test_reissued_page_has_another_id_and_all_else(open_store: Open) -> None:
    """Its saved document too; the old id says that it was withdrawn, after a restart as well."""
    store = open_store()
    key = await key_in(store)
    page = await appended(store, key)
    await store.set_masks(page, (CANARY,))
    edition = await store.save_document(page, 1, "m", {"a": b"1"})
    page = await found(store, page.id)
    new = await store.reissue(page, NOW)
    assert new == replace(page, id=new.id)
    assert new.id != page.id
    await store.close()
    store = open_store()
    old = await found(store, page.id)
    assert (old.withdrawn, old.account_id, old.masks) == (True, page.account_id, ())
    assert await store.page_of(key.account_id, TRACE, NOW) == new == await store.page(new.id)
    document = await store.document(new, "m", ["a"])
    assert document is not None
    assert (document.edition, document.parts) == (edition, {"a": b"1"})
    newest = await store.reissue(new, NOW)
    assert [(await found(store, p.id)).withdrawn for p in (page, new, newest)] == [True, True, False]
    await store.close()


async def test_reissue_at_once_makes_one_link(store: Store) -> None:
    """A button that was pressed twice withdraws no link that somebody was just given."""
    page = await appended(store, await key_in(store))
    made = await asyncio.gather(*(store.reissue(page, NOW) for _ in range(5)))
    assert len({new.id for new in made}) == 1


async def test_what_was_under_way_lands_on_the_reissued_page(store: Store) -> None:
    """Who looked the page up before saves its document, and decides about it, all the same."""
    page = await appended(store, await key_in(store))
    new = await store.reissue(page, NOW)
    await store.save_document(page, 1, "m", {"a": b"1"})
    await store.set_sharing(page, PRIVATE)
    await store.set_masks(page, (CANARY,))
    assert await store.document(new, "m", ["a"]) is not None
    assert await store.page(new.id) == replace(new, is_private=True, masks=(CANARY,))


async def test_idempotency_key_is_answered_with_the_link_that_holds(store: Store) -> None:
    """After any number of others."""
    key = await key_in(store)
    outcome = await store.post(post(key, TRACE, idempotency_key="k"))
    page = await found(store, outcome.page_id)
    for _ in range(2):
        page = await store.reissue(page, NOW)
    again = await store.post(post(key, os.urandom(16), idempotency_key="k"))
    assert (again.page_id, again.replayed) == (page.id, True)


async def test_deleted_page_keeps_nothing_of_its_owner(store: Store, tmp_path: Path) -> None:
    """What was masked is in no file any more, nor is the document; it has no other link, and takes no new mask."""
    page = await appended(store, await key_in(store))
    await store.set_masks(page, (CANARY,))
    page = await store.reissue(page, NOW)
    await store.save_document(page, 1, "m", {"a": CANARY.encode()})
    await store.delete(page, NOW)
    await store.set_masks(page, ("other",))
    assert await store.reissue(page, NOW) == await store.page(page.id)
    deleted = await found(store, page.id)
    assert (deleted.deleted, deleted.masks) == (True, ())
    assert await store.document(page, "m", ["a"]) is None
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert CANARY.encode() not in on_disk


async def test_closed_account_leaves_no_document_and_no_mask(store: Store, tmp_path: Path) -> None:
    """What was made of its traces is removed with them."""
    key = await key_in(store)
    page = await appended(store, key)
    await store.set_masks(page, (CANARY,))
    await store.save_document(page, 1, "m", {"a": CANARY.encode()})
    await store.accounts.close_account(key.account_id, NOW)
    while await store.purge(NOW + 120 * NS_PER_S):
        pass
    await store.check_writable()  # the logs are emptied between two writes
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert CANARY.encode() not in on_disk


async def test_mask_that_is_taken_back_is_in_no_file(store: Store, tmp_path: Path) -> None:
    """It says what nobody was to read: the log does not keep it until something is deleted."""
    page = await appended(store, await key_in(store))
    await store.set_masks(page, (CANARY,))
    await store.set_masks(page, ())
    await store.check_writable()
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert CANARY.encode() not in on_disk
