"""The contract of a queue of deliveries: what is under way, and what is gone with its trace."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viewer.delivery_scene import HOUR_NS, LATER, Scene, opened_scene, outgoing
from tests.viewer.stores import NOW, Open
from viewer.store.base import NS_PER_S, Limit, StoreUnusable
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(open_store: Open) -> AsyncIterator[Scene]:
    async with opened_scene(open_store) as made:
        yield made


# -- under way -----------------------------------------------------------------------------------------


async def test_what_is_under_way_survives_a_restart_to_the_byte(scene: Scene) -> None:
    """Body, key and version; in doubt once it was attempted, and first then, whatever else is due."""
    await scene.send(1)
    await scene.feed()
    await scene.send(2)
    await scene.feed(NOW + 1)
    await scene.queue.put_off((await scene.due())[0], LATER + 1)
    delivery, nothing = await scene.due()
    assert (nothing, int.from_bytes(delivery.otel_trace_id, "big")) == (None, 2)
    sent = outgoing(delivery, b"\x00 any bytes \xff" * 1_000)
    await scene.queue.begin(delivery, sent)
    await scene.restart()
    assert (await scene.due())[1] == sent
    await scene.queue.attempt(delivery, LATER)
    await scene.restart()
    found = await scene.queue.next(LATER + 1, newest_first=False, counted_since_ns=LATER)
    assert found is not None
    assert found[1] == replace(sent, in_doubt=True)
    assert await scene.next(LATER + 1) == 2


async def test_delivered_trace_waits_again_for_what_came_meanwhile(scene: Scene) -> None:
    """The version that was sent is what counts, not when the answer came; the page is remembered."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.send(1)
    await scene.feed(LATER)
    await scene.queue.deliver(delivery, "page", LATER)
    again, under_way = await scene.due(LATER + 10 * NS_PER_S)
    assert under_way is None
    assert (again.page_id, again.delivered_version, again.is_extended) == ("page", delivery.arrived, True)
    assert again.arrived > again.delivered_version
    await scene.queue.settle(again, again.arrived)
    assert await scene.next(LATER + HOUR_NS) is None


async def test_trace_that_was_delivered_often_waits_longer(scene: Scene) -> None:
    """Twice as long after each time: a trace that never ends does not use up the limit."""
    at_ns, waits = NOW, []
    for _ in range(6):
        await scene.send(1)
        await scene.feed(at_ns)
        waits.append(0)
        while await scene.next(at_ns) is None:
            at_ns += NS_PER_S
            waits[-1] += 1
        await scene.deliver(at_ns)
    assert waits == [2, 4, 8, 16, 32, 64]


async def test_another_form_is_made_of_what_is_withdrawn(scene: Scene) -> None:
    """Smaller, or of the documented fields alone, from then on."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.withdraw(delivery, max_bytes=1_000)
    await scene.queue.withdraw(delivery, is_documented_only=True)
    delivery, under_way = await scene.due()
    assert (under_way, delivery.max_bytes, delivery.is_documented_only) == (None, 1_000, True)


@pytest.mark.parametrize("way", ["delete", "mask"])
async def test_what_is_under_way_is_gone_with_its_trace(scene: Scene, tmp_path: Path, way: str) -> None:
    """From every file, when it is deleted, and when more of it is masked; whether it was in doubt is remembered."""
    canary = bytes(range(256)) * 40
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery, canary))
    await scene.queue.attempt(delivery, LATER)
    piece = _compressed(canary)
    assert _holds(tmp_path, piece)
    if way == "delete":
        await scene.store.delete(await scene.page(1), NOW)
    else:
        await scene.store.set_masks(await scene.page(1), ["word"])
    assert not _holds(tmp_path, piece)
    found, under_way = await scene.due()
    assert (under_way, found.is_uncertain) == (None, True)


async def test_what_was_delivered_is_gone_when_its_trace_is_deleted(scene: Scene, tmp_path: Path) -> None:
    """The log of the file may have held it since."""
    canary = bytes(range(256)) * 40
    await scene.send(1)
    await scene.feed()
    await scene.deliver(body=canary)
    await scene.store.delete(await scene.page(1), NOW)
    assert not _holds(tmp_path, _compressed(canary))


def _compressed(body: bytes) -> bytes:
    import zlib

    return zlib.compress(body, 1)[20:60]


def _holds(folder: Path, piece: bytes) -> bool:
    return any(piece in path.read_bytes() for path in folder.iterdir())


async def test_what_is_put_last_waits_behind_all_others_even_in_doubt(scene: Scene) -> None:
    """It keeps its bytes; while a limit is used up it goes only if its last attempt was cut short."""
    await scene.send(1)
    await scene.send(2)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.queue.attempt(delivery, LATER)
    await scene.queue.missed(delivery, LATER)
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER) is None
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER - 1) is not None
    await scene.queue.put_last(delivery, LATER, "it fails")
    assert (await scene.queue.standing(LATER)).reasons == {(DeliveryState.WAITING, "it fails"): 1}
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER - 1) is None
    assert await scene.next() == 2
    await scene.deliver()
    last, under_way = await scene.due()
    assert (last.behind, last.tries) == (1, 0)
    assert under_way == replace(outgoing(delivery), in_doubt=True)
    await scene.queue.attempt(last, LATER)
    assert await scene.queue.next(LATER, newest_first=False, counted_since_ns=LATER) is not None


async def test_nothing_is_attempted_that_is_not_under_way(scene: Scene) -> None:
    """Its trace was deleted a moment ago: it is told, and nothing is counted."""
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery))
    await scene.store.delete(await scene.page(1), NOW)
    assert not await scene.queue.attempt(delivery, LATER)
    assert await scene.queue.wait_ns((Limit(1),), LATER) == 0


async def test_many_are_held_back_and_released_together(scene: Scene) -> None:
    """In one write each."""
    await scene.send(1, 2, 3)
    await scene.feed()
    await scene.queue.set_aside((await scene.due())[0], DeliveryState.HELD, "private", LATER)
    await scene.queue.set_aside((await scene.due())[0], DeliveryState.HELD, "private", LATER)
    due = await scene.queue.held(LATER, 10)
    await scene.queue.hold_back(due, "still private", LATER + HOUR_NS)
    assert await scene.queue.held(LATER, 10) == []
    await scene.queue.release(due, LATER)
    assert (await scene.queue.standing(LATER)).counts[DeliveryState.WAITING] == 3


# -- where FILE-forward fails --------------------------------------------------------------------------


async def test_deleting_does_not_depend_on_the_queue(scene: Scene, tmp_path: Path) -> None:
    """The page is gone, retention goes on and a mask is set, though FILE-forward can not be written."""
    for number in (1, 2, 3):
        await scene.send(number)
    await scene.feed()
    forward = next(tmp_path.glob("*-forward"))
    forward.rename(tmp_path / "elsewhere")
    await scene.store.delete(await scene.page(1), NOW)
    await scene.store.set_masks(await scene.page(2), ["word"])
    await scene.store.mark_opened(await scene.page(2), NOW)
    while await scene.store.expire(NOW + HOUR_NS, NOW + HOUR_NS):
        pass
    assert [(await scene.page(number)).deleted for number in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize("way", ["delete", "mask"])
async def test_next_start_removes_what_could_not_be_forgotten(
    scene: Scene, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From every file; that it could not is said, and by no trace of its own."""
    canary = bytes(range(256)) * 40
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery, canary))
    forward = next(tmp_path.glob("*-forward"))
    forward.rename(tmp_path / "elsewhere")
    if way == "delete":
        await scene.store.delete(await scene.page(1), NOW)
    else:
        await scene.store.set_masks(await scene.page(1), ["word"])
    assert "the next start removes it" in caplog.text
    (tmp_path / "elsewhere").rename(forward)
    await scene.restart()
    assert not _holds(tmp_path, _compressed(canary))


async def test_first_start_that_broke_off_is_begun_again(scene: Scene, tmp_path: Path) -> None:
    """A crash after FILE-forward was made, and before it was named, keeps no later start from opening it."""
    forward = next(tmp_path.glob("*-forward"))
    await scene.store.close()
    connection = sqlite3.connect(forward)
    connection.executescript("delete from forward_file; delete from targets")
    connection.close()
    await scene.restart()
    await scene.send(1)
    assert await scene.feed() == 1


async def test_broken_queue_says_what_repairs_it(scene: Scene, tmp_path: Path) -> None:
    """The server does not begin without it: what was delivered would be delivered again."""
    forward = next(tmp_path.glob("*-forward"))
    await scene.store.close()
    for path in tmp_path.glob("*-forward*"):
        path.unlink()
    forward.write_bytes(b"no database, " * 1_000)
    with pytest.raises(StoreUnusable, match="restore it from a backup"):
        scene.open_store()
    forward.unlink()
    await scene.restart()


async def test_no_row_of_a_deleted_trace_stays(scene: Scene) -> None:
    """It counts as delivered no more, and its page elsewhere is not known here."""
    await scene.send(1)
    await scene.send(2)
    await scene.feed()
    await scene.deliver()
    await scene.deliver()
    await scene.store.delete(await scene.page(1), NOW)
    assert (await scene.queue.standing(LATER)).counts[DeliveryState.DELIVERED] == 1


async def test_trace_of_an_older_backup_waits_for_nothing(scene: Scene, tmp_path: Path) -> None:
    """FILE was restored, FILE-forward knows of batches that were lost: what is there is taken as it is."""
    await scene.send(1)
    await scene.feed()
    await scene.store.close()
    forward = next(tmp_path.glob("*-forward"))
    connection = sqlite3.connect(forward)
    connection.executescript("update deliveries set batch_id = 1000; update targets set batches = 1000")
    connection.close()
    await scene.restart()
    delivery, _ = await scene.due()
    assert delivery.arrived <= (await scene.store.progress(await scene.page(1))).version
    await scene.send(2)
    assert await scene.feed() == 1


async def test_nothing_is_left_of_a_target_that_is_forgotten(scene: Scene, tmp_path: Path) -> None:
    """From every file; another target's queue stays as it is."""
    canary = bytes(range(256)) * 40
    await scene.send(1)
    await scene.feed()
    delivery, _ = await scene.due()
    await scene.queue.begin(delivery, outgoing(delivery, canary))
    other = await scene.store.deliveries("https://other.example", NOW, with_past=True)
    assert not await scene.store.forget_deliveries("https://unknown.example")
    assert await scene.store.forget_deliveries("https://target.example/")
    assert not _holds(tmp_path, _compressed(canary))
    assert [one.target.url for one in await scene.store.delivery_standings(NOW)] == ["https://other.example"]
    assert len((await other.discover(10)).arrived) == 1
