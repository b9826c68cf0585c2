"""The contract of a store that is looked after: what deleting, taking apart and expiring may change."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.viewer.stores import MANY_BYTES, NOW, Open, key_in, post
from tracen_otel.otlp import Encoding, decode_spans
from viewer.store.base import NS_PER_S, Batch, BodyKind, Page, RecentTrace, Store
from viewer.store.people import Key

pytestmark = pytest.mark.anyio

CANARY = "canary-5f1d2c"
LATER = NOW + 3600 * NS_PER_S


def trace(number: int) -> bytes:
    return number.to_bytes(16, "big")


def request(traces: dict[int, str], size: int = 40_000) -> bytes:
    """An OTLP request with one span of `size` bytes for each trace, named as given."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number, name in traces.items():
        span = spans.add(trace_id=trace(number), span_id=trace(number)[8:], name=name)
        span.attributes.add(key="text").value.string_value = name + "x" * size
    body: bytes = message.SerializeToString()
    return body


async def sent(store: Store, key: Key, traces: dict[int, str], at_ns: int = NOW) -> None:
    ids = frozenset(trace(number) for number in traces)
    await store.append(Batch(key.account_id, BodyKind.OTLP_PROTOBUF, request(traces), ids, at_ns))


async def page_of(store: Store, key: Key, number: int) -> Page:
    page = await store.page_of(key.account_id, trace(number), NOW)
    assert page is not None
    return page


async def names_of(store: Store, page: Page) -> list[str]:
    telling = await store.telling(page, MANY_BYTES)
    return [
        span.name
        for kind, body in telling.bodies
        if kind is BodyKind.OTLP_PROTOBUF
        for span in decode_spans(body, Encoding.PROTOBUF, page.otel_trace_id.hex())
    ]


async def finish(step: object, *args: int) -> int:
    """Call a step until nothing is left to do; returns how often there was."""
    count = 0
    while await step(*args):  # type: ignore[operator]
        count += 1
    return count


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


# -- deleting ------------------------------------------------------------------------------------------


async def test_delete_takes_one_trace_out_of_a_batch_of_several(store: Store, tmp_path: Path) -> None:
    """Its bytes are in no file any more; its neighbours are as they were."""
    key = await key_in(store)
    await sent(store, key, {1: "kept", 2: CANARY, 3: "kept too"})
    await sent(store, key, {2: CANARY})
    page, neighbour = await page_of(store, key, 2), await page_of(store, key, 1)
    version = (await store.telling(page, MANY_BYTES)).version
    await store.save_document(page, version, "m", {"head": CANARY.encode()})
    assert CANARY.encode() in bytes_on_disk(tmp_path)
    await store.delete(page, NOW)
    assert CANARY.encode() not in bytes_on_disk(tmp_path)
    deleted = await store.page(page.id)
    assert deleted is not None
    assert deleted.deleted
    assert await names_of(store, neighbour) == ["kept"]
    assert (await store.telling(deleted, MANY_BYTES)).bodies == ()


async def test_delete_takes_posted_payloads_as_well(store: Store, tmp_path: Path) -> None:
    """Whichever door they came through."""
    key = await key_in(store)
    outcome = await store.post(post(key, trace(1), body=f'{{"prompt": "{CANARY}"}}'.encode()))
    page = await store.page(outcome.page_id)
    assert page is not None
    await store.delete(page, NOW)
    assert CANARY.encode() not in bytes_on_disk(tmp_path)


async def test_many_are_deleted_at_once(store: Store, tmp_path: Path) -> None:
    """More than one transaction takes, of batches they share with others and of posts, each wiped; no others."""
    key, other = await key_in(store), await key_in(store, "bob@example.com")
    numbers = range(1, 31)
    for first in numbers[::3]:
        await sent(store, key, dict.fromkeys(range(first, first + 3), CANARY) | {first + 100: "kept"})
    outcome = await store.post(post(key, trace(40), body=f'{{"prompt": "{CANARY}"}}'.encode()))
    await sent(store, other, {1: "another account's"})
    posted = await store.page(outcome.page_id)
    assert posted
    doomed = [*[await page_of(store, key, number) for number in numbers], posted]
    await store.delete_many(doomed, LATER)
    assert CANARY.encode() not in bytes_on_disk(tmp_path)
    assert [page for page in doomed if not (await store.page(page.id) or page).deleted] == []
    assert await names_of(store, await page_of(store, key, 101)) == ["kept"]
    assert await names_of(store, await page_of(store, other, 1)) == ["another account's"]
    await store.delete_many((), LATER)


async def test_delete_outlives_a_restart(open_store: Open) -> None:
    """A deleted trace is not found again in the batches."""
    store = open_store()
    key = await key_in(store)
    await sent(store, key, {1: "kept", 2: "deleted"})
    page = await page_of(store, key, 2)
    await store.delete(page, NOW)
    await store.close()
    store = open_store()
    deleted = await store.page(page.id)
    assert deleted is not None
    assert deleted.deleted
    assert await names_of(store, deleted) == []
    assert await names_of(store, await page_of(store, key, 1)) == ["kept"]
    await store.close()


async def test_delete_is_of_one_account(store: Store) -> None:
    """Two accounts may use the same OTel trace id."""
    ada, eve = await key_in(store), await key_in(store, "eve@example.com")
    await sent(store, ada, {1: "ada's"})
    await sent(store, eve, {1: "eve's"})
    await store.delete(await page_of(store, ada, 1), NOW)
    assert await names_of(store, await page_of(store, eve, 1)) == ["eve's"]


# -- taking apart --------------------------------------------------------------------------------------


async def test_compact_changes_nothing_that_is_seen(store: Store) -> None:
    """Same spans in the same order; only then a page reads its own alone."""
    key = await key_in(store)
    for number in range(3):
        await sent(store, key, {1: f"one {number}", 2: f"two {number}", 3: f"three {number}"})
    pages = [await page_of(store, key, number) for number in (1, 2, 3)]
    before = [await names_of(store, page) for page in pages]
    versions = [(await store.telling(page, MANY_BYTES)).version for page in pages]
    assert await finish(store.compact, LATER) >= 3
    assert [await names_of(store, page) for page in pages] == before
    tellings = [await store.telling(page, MANY_BYTES) for page in pages]
    assert [telling.version for telling in tellings] == versions
    assert all(len(body) < 41_000 for telling in tellings for _, body in telling.bodies)


async def test_compact_leaves_what_came_just_now(store: Store) -> None:
    """The rest of a trace may be on its way; ingest comes first."""
    key = await key_in(store)
    await sent(store, key, {1: "one", 2: "two"}, at_ns=LATER)
    await finish(store.compact, LATER)
    telling = await store.telling(await page_of(store, key, 1), MANY_BYTES)
    assert len(telling.bodies[0][1]) > 80_000


# -- expiring ------------------------------------------------------------------------------------------


async def test_expire_spares_what_was_looked_at_or_posted(store: Store, tmp_path: Path) -> None:
    """Of one batch: 1 was opened, 2 was posted as well, 3 has spans of later, 4 nobody asked for."""
    key = await key_in(store)
    await sent(store, key, {1: "opened", 2: "posted", 3: "lasting", 4: CANARY})
    await sent(store, key, {3: "later"}, at_ns=LATER)
    await store.mark_opened(await page_of(store, key, 1), NOW)
    await store.post(post(key, trace(2)))
    await finish(store.expire, LATER, LATER)
    assert [await names_of(store, await page_of(store, key, n)) for n in (1, 2)] == [["opened"], ["posted"]]
    assert await names_of(store, await page_of(store, key, 3)) == ["lasting", "later"]
    assert await store.page_of(key.account_id, trace(4), NOW) is None
    assert CANARY.encode() not in bytes_on_disk(tmp_path)


async def test_expire_takes_a_trace_whole_once_its_last_spans_are_old(store: Store) -> None:
    """From every batch that told of it; a page of it that nobody opened says that it is gone."""
    key = await key_in(store)
    await sent(store, key, {1: "first", 2: "other"})
    await sent(store, key, {1: "second"})
    page = await page_of(store, key, 1)
    await finish(store.expire, LATER, LATER)
    expired = await store.page(page.id)
    assert expired is not None
    assert expired.deleted
    assert await names_of(store, expired) == []
    assert await store.stored_bytes(key.account_id) == 0


# -- what is known of an account -----------------------------------------------------------------------


async def test_stored_bytes_are_those_of_the_account(open_store: Open) -> None:
    """Counted as they come and go, and again after a restart."""
    store = open_store()
    ada, eve = await key_in(store), await key_in(store, "eve@example.com")
    await sent(store, ada, {1: "one", 2: "two"})
    await store.post(post(ada, trace(3), body=b"x" * 100))
    expected = len(request({1: "one", 2: "two"})) + 100
    assert (await store.stored_bytes(ada.account_id), await store.stored_bytes(eve.account_id)) == (
        expected,
        0,
    )
    await store.close()
    store = open_store()
    assert await store.stored_bytes(ada.account_id) == expected
    await store.delete(await page_of(store, ada, 1), NOW)
    assert 100 < await store.stored_bytes(ada.account_id) < expected / 2 + 200
    await store.close()


async def test_recent_traces_are_listed_once_newest_first(store: Store) -> None:
    """By what came last of each, over pages of any size, less what was deleted."""
    key, other = await key_in(store), await key_in(store, "eve@example.com")
    await sent(store, other, {1: "not ada's"}, at_ns=NOW)
    await sent(store, key, {1: "a", 2: "b", 3: "c"}, at_ns=NOW + 1)
    await sent(store, key, {4: "d"}, at_ns=NOW + 2)
    await store.post(post(key, trace(5), at_ns=NOW + 3))
    await sent(store, key, {2: "b again", 6: "e"}, at_ns=NOW + 4)
    await store.delete(await page_of(store, key, 4), NOW)
    every = await store.recent_traces(key.account_id, None, 100)
    times = {2: NOW + 4, 6: NOW + 4, 5: NOW + 3, 1: NOW + 1, 3: NOW + 1}
    assert {int.from_bytes(t.otel_trace_id, "big"): t.received_ns for t in every} == times
    assert [t.received_ns for t in every] == sorted(times.values(), reverse=True)
    for size in (1, 2, 3):
        paged = list[RecentTrace]()
        while found := await store.recent_traces(key.account_id, paged[-1] if paged else None, size):
            paged += found
        assert paged == every


@pytest.mark.parametrize("seed", range(10))
async def test_list_goes_on_whatever_comes_and_goes_between_its_pages(store: Store, seed: int) -> None:
    """What was there all the time is listed once, in order; nothing is listed twice. Times repeat, as in a burst."""
    key, rng = await key_in(store), random.Random(seed)
    for _ in range(12):
        names = {rng.randrange(40): "a" for _ in range(rng.randint(1, 6))}
        await sent(store, key, names, at_ns=NOW + rng.randrange(4))
    stays = {t.otel_trace_id: t for t in await store.recent_traces(key.account_id, None, 100)}
    paged = list[RecentTrace]()
    last = None
    while found := await store.recent_traces(key.account_id, last, rng.randint(1, 4)):
        paged, last = paged + found, found[-1]
        for number in rng.sample(range(40), 4):
            moved = trace(number)
            stays.pop(moved, None)
            if rng.random() < 0.3:
                await sent(store, key, {number: "again"}, at_ns=NOW + 10 + len(paged))
            elif page := await store.page_of(key.account_id, moved, NOW):
                await store.delete(page, NOW)
    ids = [t.otel_trace_id for t in paged]
    assert len(ids) == len(set(ids))
    assert [t for t in paged if t.otel_trace_id in stays] == list(stays.values())


async def test_many_traces_are_all_found(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the index is in memory, being merged, merged, and after a restart; ids that share a start included."""
    monkeypatch.setattr("viewer.store.trace_index.MERGE_ROWS", 500)
    monkeypatch.setattr("viewer.store.trace_index.CHUNK_ROWS", 64)
    store = open_store()
    key, other = await key_in(store), await key_in(store, "eve@example.com")
    rng = random.Random(1)
    expected: dict[bytes, list[bytes]] = {}
    for number in range(60):
        traces = {rng.randbytes(1) * 8 + rng.randbytes(1) + bytes(7) for _ in range(40)}
        body = os.urandom(50)
        owner = key if number % 3 else other
        await store.append(
            Batch(owner.account_id, BodyKind.OTLP_PROTOBUF, body, frozenset(traces), NOW + number)
        )
        if owner is key:
            for one in traces:
                expected.setdefault(one, []).append(body)
        if number % 7 == 0:
            await assert_found(store, key, expected)
    await store.close()
    store = open_store()
    await assert_found(store, key, expected)
    await store.close()


async def assert_found(store: Store, key: Key, expected: dict[bytes, list[bytes]]) -> None:
    for otel_trace_id, bodies in expected.items():
        page = await store.page_of(key.account_id, otel_trace_id, NOW)
        assert page is not None
        assert [body for _, body in (await store.telling(page, MANY_BYTES)).bodies] == bodies
