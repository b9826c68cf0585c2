"""The contract of a store, run on every engine: another engine is another entry in ENGINES."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from tests.viewer.stores import MANY_BYTES, NOW, OTHER_TRACE, TRACE, Open, accepted, batch, key_in, post
from viewer.store.base import (
    NS_PER_S,
    BodyKind,
    Document,
    IdempotencyConflict,
    Limit,
    LimitReached,
    Store,
)
from viewer.store.people import NewKey

pytestmark = pytest.mark.anyio

NAMES = ["a", "c"]

# -- accounts and keys ---------------------------------------------------------------------------------


async def test_store_is_empty_until_the_first_account(store: Store) -> None:
    """The first start is told from later ones by the accounts."""
    assert await store.accounts.is_empty()
    await store.accounts.create("ada@example.com", NOW)
    assert not await store.accounts.is_empty()


async def test_account_is_one_per_email_whatever_its_case(store: Store) -> None:
    """Emails compare without case and surrounding space."""
    first = await store.accounts.create("Ada@Example.com", NOW)
    assert await store.accounts.create(" ada@example.COM", NOW + 1) == first


async def test_key_is_found_by_its_hash_until_revoked(store: Store) -> None:
    """A revoked key is still known, and says so."""
    account = await store.accounts.create("ada@example.com", NOW)
    key = await store.accounts.add_key(account.id, NewKey(b"\x07" * 32, "laptop"), NOW)
    assert await store.accounts.key(b"\x07" * 32) == key
    assert await store.accounts.key(b"\x08" * 32) is None
    await store.accounts.revoke_key(key.account_id, key.id, NOW)
    found = await store.accounts.key(b"\x07" * 32)
    assert found is not None
    assert found.revoked


async def test_key_hash_is_unique_and_a_refusal_leaves_neighbours_alone(store: Store) -> None:
    """One job that fails in a group commit costs the others nothing."""
    account = await store.accounts.create("ada@example.com", NOW)
    key = await store.accounts.add_key(account.id, NewKey(b"\x07" * 32), NOW)
    outcomes = await asyncio.gather(
        store.append(batch(key, b"one", TRACE)),
        store.accounts.add_key(account.id, NewKey(b"\x07" * 32), NOW),
        store.append(batch(key, b"two", TRACE)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], Exception)
    page = await store.page_of(key.account_id, TRACE, NOW)
    assert page is not None
    assert [body for _, body in (await store.telling(page, MANY_BYTES)).bodies] == [b"one", b"two"]


# -- batches and pages ---------------------------------------------------------------------------------


async def test_batches_are_told_in_order_of_arrival_after_a_restart(open_store: Open) -> None:
    """What append has returned from is there after the store was closed and opened again."""
    store = open_store()
    key = await key_in(store)
    for body in (b"one", b"\x00two", b"three"):
        await store.append(batch(key, body, TRACE, OTHER_TRACE))
    await store.close()

    store = open_store()
    page = await store.page_of(key.account_id, OTHER_TRACE, NOW)
    assert page is not None
    telling = await store.telling(page, MANY_BYTES)
    await store.close()
    assert telling.bodies == tuple((BodyKind.OTLP_PROTOBUF, body) for body in (b"one", b"\x00two", b"three"))


async def test_telling_stops_after_so_many_bytes(store: Store) -> None:
    """Bodies are whole and in order; those left out are counted, and the version is that of all."""
    key = await key_in(store)
    for body in (b"12345", b"67", b"890"):
        page = await store.append(batch(key, body, TRACE))
    assert page is not None
    whole = await store.telling(page, MANY_BYTES)
    for max_bytes, count in ((0, 1), (4, 1), (5, 2), (6, 2), (7, 3), (10, 3)):
        telling = await store.telling(page, max_bytes)
        assert telling.bodies == whole.bodies[:count]
        assert (telling.version, telling.omitted) == (whole.version, 3 - count)


async def test_page_of_a_trace_is_one_for_ever(open_store: Open) -> None:
    """Whoever asks, how often and in parallel, before and after a restart: the same page."""
    store = open_store()
    key = await key_in(store)
    made = await store.append(batch(key, b"one", TRACE))
    assert made is not None
    pages = await asyncio.gather(*(store.page_of(key.account_id, TRACE, NOW + i) for i in range(10)))
    await store.close()
    store = open_store()
    assert {*pages, await store.page_of(key.account_id, TRACE, NOW), await store.page(made.id)} == {made}
    await store.close()


async def test_page_is_answered_by_append_for_one_trace_alone(store: Store) -> None:
    """Pages of a request with several traces wait until somebody asks."""
    key = await key_in(store)
    assert await store.append(batch(key, b"one", TRACE, OTHER_TRACE)) is None
    assert await store.page_of(key.account_id, TRACE, NOW) is not None


async def test_page_is_none_where_nothing_was_received(store: Store) -> None:
    """Asking does not make a page."""
    key = await key_in(store)
    assert await store.page_of(key.account_id, TRACE, NOW) is None
    assert await store.page("6c1dc117-4987-4f8e-ab27-8c4254502db9") is None
    assert await store.page("\x00'") is None


async def test_page_of_another_account_with_the_same_trace_id_is_another(store: Store) -> None:
    """Trace ids are chosen by clients: they never lead into somebody else's data."""
    ada, eve = await key_in(store, "ada@example.com"), await key_in(store, "eve@example.com")
    hers = await store.append(batch(ada, b"secret", TRACE))
    assert await store.page_of(eve.account_id, TRACE, NOW) is None
    eves = await store.append(batch(eve, b"mine", TRACE))
    assert hers is not None
    assert eves is not None
    assert eves.id != hers.id
    assert (await store.telling(eves, MANY_BYTES)).bodies == ((BodyKind.OTLP_PROTOBUF, b"mine"),)


async def test_document_is_valid_until_a_newer_batch_arrives(store: Store) -> None:
    """A page is assembled once per telling, and anew under another meaning."""
    key = await key_in(store)
    page = await store.append(batch(key, b"one", TRACE))
    assert page is not None
    assert await store.document(page, "1", NAMES) is None
    first = await store.telling(page, MANY_BYTES)
    await store.save_document(page, first.version, "1", {"a": b"assembled", "b": b""})
    saved = await store.document(page, "1", NAMES)
    assert saved is not None
    assert saved.parts == {"a": b"assembled"}
    assert await store.document(page, "2", NAMES) is None

    await store.append(batch(key, b"two", TRACE))
    assert await store.document(page, "1", NAMES) is None
    second = await store.telling(page, MANY_BYTES)
    edition = await store.save_document(page, second.version, "1", {"a": b"newer"})
    await store.save_document(page, first.version, "1", {"a": b"older, late"})
    saved = await store.document(page, "1", NAMES)
    assert saved == Document(edition, {"a": b"newer"})


async def test_document_of_many_parts_is_seen_whole(store: Store) -> None:
    """More parts and bytes than are written in one go; only those that were asked for are read."""
    page = await store.append(batch(await key_in(store), b"one", TRACE))
    assert page is not None
    parts = {f"part-{n}": bytes([n]) * 100_000 for n in range(50)}
    for _ in range(2):  # the second one replaces the first
        await store.save_document(page, 1, "1", parts)
    saved = await store.document(page, "1", list(parts))
    assert saved is not None
    assert saved.parts == parts
    some = await store.document(page, "1", ["part-7", "none"])
    assert some is not None
    assert some.parts == {"part-7": parts["part-7"]}


async def test_progress_grows_with_what_arrives(store: Store) -> None:
    """Batches and posts both; the time is the newest one's."""
    key = await key_in(store)
    page = await store.append(batch(key, b"one", TRACE))
    assert page is not None
    first = await store.progress(page)
    assert first.received_ns == NOW
    assert first.version == (await store.telling(page, MANY_BYTES)).version
    await store.append(replace(batch(key, b"two", TRACE), received_ns=NOW + 5))
    second = await store.progress(page)
    assert second.version > first.version
    assert second.received_ns == NOW + 5


# -- posts: idempotency and the limit ------------------------------------------------------------------


async def test_post_lands_on_the_page_of_its_trace(store: Store) -> None:
    """A payload and a batch of the same account and OTel trace share one page."""
    key = await key_in(store)
    page = await store.append(batch(key, b"spans", TRACE))
    outcome = await store.post(post(key, TRACE, body=b"{payload}"))
    assert page is not None
    assert outcome.page_id == page.id
    assert [kind for kind, _ in (await store.telling(page, MANY_BYTES)).bodies] == [
        BodyKind.OTLP_PROTOBUF,
        BodyKind.PAYLOAD,
    ]


async def test_idempotency_key_replays_the_answer_without_counting(store: Store) -> None:
    """Fifty parallel retries of one request are one page and one request of the limit."""
    key = await key_in(store)
    posts = [post(key, os.urandom(16), idempotency_key="k") for _ in range(50)]
    outcomes = await asyncio.gather(*(store.post(p) for p in posts))
    assert len({outcome.page_id for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert (await store.quota(key.id, Limit(), NOW)).remaining == 99


async def test_idempotency_key_is_replayed_when_the_limit_is_used_up(store: Store) -> None:
    """A retry of what was accepted is answered, whatever came since."""
    key = await key_in(store)
    first = await store.post(post(key, idempotency_key="k"))
    assert await accepted(store, *(post(key, os.urandom(16)) for _ in range(99))) == 99
    assert (await store.post(post(key, os.urandom(16), idempotency_key="k"))).page_id == first.page_id


async def test_idempotency_key_with_another_body_is_a_conflict(store: Store) -> None:
    """The first answer stands, and another account's keys are its own."""
    ada, eve = await key_in(store, "ada@example.com"), await key_in(store, "eve@example.com")
    first = await store.post(post(ada, idempotency_key="k"))
    with pytest.raises(IdempotencyConflict):
        await store.post(post(ada, idempotency_key="k", body=b"other"))
    assert (await store.post(post(eve, idempotency_key="k", body=b"other"))).page_id != first.page_id


async def test_limit_is_exact_under_parallel_posts(store: Store) -> None:
    """Of 200 posts at once exactly 100 are accepted; another key is not touched."""
    key, other = await key_in(store), await key_in(store)
    assert await accepted(store, *(post(key, os.urandom(16)) for _ in range(200))) == 100
    assert await accepted(store, post(other)) == 1


async def test_limit_survives_a_restart(open_store: Open) -> None:
    """After 60 requests and a restart 40 are left."""
    store = open_store()
    key = await key_in(store)
    assert await accepted(store, *(post(key, os.urandom(16)) for _ in range(60))) == 60
    await store.close()
    store = open_store()
    assert await accepted(store, *(post(key, os.urandom(16)) for _ in range(100))) == 40
    await store.close()


async def test_limit_lets_in_whoever_waits_exactly_as_told(store: Store) -> None:
    """One nanosecond before the second is up it is refused, then accepted."""
    key = await key_in(store)
    assert await accepted(store, *(post(key, os.urandom(16), NOW + i) for i in range(100))) == 100
    with pytest.raises(LimitReached) as refused:
        await store.post(post(key, OTHER_TRACE, NOW + 1_500_000_000))
    reset_s = refused.value.quota.reset_s
    assert reset_s == 3599
    assert await accepted(store, post(key, OTHER_TRACE, NOW + 3600 * NS_PER_S - 1)) == 0
    assert await accepted(store, post(key, OTHER_TRACE, NOW + 1_500_000_000 + reset_s * NS_PER_S)) == 1


async def test_readiness_is_a_real_write(store: Store) -> None:
    """check_writable returns on a healthy store."""
    await store.check_writable()
    await store.check_writable()
