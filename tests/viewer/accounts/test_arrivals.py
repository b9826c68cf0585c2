"""News of an account: each is told once, as soon as it is there, and whoever waits is ended in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import pytest

from tests.viewer.accounts.portal import Clock
from tests.viewer.stores import key_in, post
from viewer.accounts import arrivals
from viewer.accounts.arrivals import Arrivals, News, Subject
from viewer.metrics import Metrics
from viewer.requests import ACCEPTED, PARTIAL, Door, Requests
from viewer.store.base import NS_PER_S, Batch, BodyKind, Store, StoreUnavailable
from viewer.store.people import Key
from viewer.tellings import Documents
from viewer.watching import TooManyReaders

pytestmark = pytest.mark.anyio
HOME = "192.0.2.1"
SILENCE = News(None, None)
PAYLOAD = b"""{"prompt": "p", "response": "r", "provider": "openai", "model": "m", "status": "success", "steps": [],
               "title": "Weather"}"""


@dataclass
class Scene:
    """A store, what is told of requests, and somebody's key."""

    store: Store
    requests: Requests
    arrivals: Arrivals
    clock: Clock
    key: Key
    subject: Subject

    async def arrive(self, trace: bytes = b"\x01" * 16) -> None:
        """A trace comes, and its request ends."""
        self.clock.forward(1)
        await self.store.post(post(self.key, trace, self.clock.now_ns, PAYLOAD))
        self.end(ACCEPTED, "200")

    def refuse(self, message: str = "prompt: is required", outcome: str = "invalid_payload") -> None:
        """A request with the key is refused."""
        self.clock.forward(1)
        self.end(outcome, "422", message)

    def end(self, outcome: str, status: str, message: str = "") -> None:
        record = self.requests.begin(Door.POST, "traces", address=HOME)
        record.belongs_to(self.key)
        record.outcome, record.status, record.message = outcome, status, message
        self.requests.end(record)

    def changes(self, timeout_s: float = 60) -> AsyncGenerator[News | None]:
        return self.arrivals.changes(self.subject, timeout_s)


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    clock, key = Clock(), await key_in(store)
    requests = Requests(Metrics(), clock)
    account = await store.accounts.by_id(key.account_id)
    assert account
    documents = Documents(store, requests.metrics, redacts=True)
    news = Arrivals(store, documents, requests, "https://x.example", clock, rest_s=0)
    yield Scene(store, requests, news, clock, key, Subject(account, HOME))
    news.stop()


async def test_waiting_is_told_how_things_are_and_then_what_comes(scene: Scene) -> None:
    """Nothing, a refusal, a trace."""
    changes = scene.changes()
    assert await anext(changes) == SILENCE
    scene.refuse()
    refused = await anext(changes)
    assert refused
    assert refused.refused
    assert (refused.refused.status, refused.refused.reason) == ("422", "prompt: is required")
    assert refused.arrived is None
    await scene.arrive()
    arrived = await anext(changes)
    assert arrived
    assert arrived.arrived
    assert (arrived.arrived.heading, arrived.arrived.status) == ("Weather", "Succeeded")
    assert arrived.arrived.url.startswith("https://x.example/traces/")
    assert arrived.refused is None
    await changes.aclose()


async def test_same_news_are_told_once(scene: Scene) -> None:
    """That time has passed is no news."""
    await scene.arrive()
    changes = scene.changes()
    first = await anext(changes)
    assert first
    scene.clock.forward(1800)
    scene.end(ACCEPTED, "200")
    assert await anext(changes) is None
    await changes.aclose()


async def test_silence_is_told_too(scene: Scene) -> None:
    """So that a connection which nobody reads any more is found out."""
    changes = scene.changes(timeout_s=0.01)
    assert [await anext(changes), await anext(changes)] == [SILENCE, None]
    await changes.aclose()


async def test_request_taken_in_part_is_told_beside_its_trace(scene: Scene) -> None:
    """Both are true."""
    await scene.arrive()
    scene.end(PARTIAL, "200", "1 span has no id")
    news = await scene.arrivals.now(scene.subject)
    assert news.arrived
    assert news.refused
    assert news.refused.headline == "A request was taken in part"


async def test_private_trace_is_told_as_one(scene: Scene) -> None:
    """Its address opens nothing to whoever it is given to."""
    await scene.store.accounts.set_otlp_private(scene.key.account_id, True)
    for trace in (b"\x01" * 16, b"\x02" * 16):
        scene.clock.forward(1)
        await scene.store.append(
            Batch(scene.key.account_id, BodyKind.OTLP_JSON, b"{}", frozenset([trace]), scene.clock.now_ns)
        )
    private = (await scene.arrivals.now(scene.subject)).arrived
    assert private
    assert "you alone can open it" in private.readers
    await scene.arrive(b"\x03" * 16)
    public = (await scene.arrivals.now(scene.subject)).arrived
    assert public
    assert public.readers == "Whoever has its address can open it:"


async def test_what_came_before_is_no_news(scene: Scene) -> None:
    """A key that was just made has not been used by what came with another."""
    await scene.arrive()
    scene.refuse()
    later = Subject(scene.subject.account, HOME, scene.clock.now_ns + NS_PER_S)
    assert await scene.arrivals.now(later) == SILENCE
    scene.clock.forward(1)
    await scene.arrive(b"\x02" * 16)
    assert (await scene.arrivals.now(later)).arrived


async def test_store_that_is_busy_is_asked_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line stays open meanwhile."""
    changes = scene.changes()
    with monkeypatch.context() as busy:

        async def unavailable(*_: object) -> None:
            raise StoreUnavailable("busy")

        busy.setattr(scene.store, "recent_traces", unavailable)
        assert await anext(changes) is None
        await scene.arrive()
    told = await anext(changes)
    assert told
    assert told.arrived
    await changes.aclose()


async def test_one_more_page_ends_the_oldest(scene: Scene) -> None:
    """A page that was closed is found out late, and must not keep the next one out."""
    streams = [scene.changes() for _ in range(arrivals.MAX_STREAMS_OF_ACCOUNT + 1)]
    for stream in streams:
        assert await anext(stream) == SILENCE
    assert [news async for news in streams[0]] == []
    scene.refuse()
    for stream in streams[1:]:
        told = await anext(stream)
        assert told
        assert told.refused
        await stream.aclose()


async def test_all_pages_together_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a connection."""
    monkeypatch.setattr(arrivals, "MAX_STREAMS", 1)
    scene.arrivals.check_room()
    changes = scene.changes()
    await anext(changes)
    with pytest.raises(TooManyReaders):
        scene.arrivals.check_room()
    await changes.aclose()
    scene.arrivals.check_room()


async def test_streams_end_with_the_server(scene: Scene) -> None:
    """At once, however long they would have waited; one that comes after is ended as well."""
    changes = scene.changes()
    assert await anext(changes) == SILENCE
    waiting = asyncio.create_task(_rest(changes))
    await asyncio.sleep(0)
    scene.arrivals.stop()
    assert await asyncio.wait_for(waiting, 30) == []
    assert await _rest(scene.changes()) == []
    assert scene.arrivals.is_over()


async def _rest(changes: AsyncGenerator[News | None]) -> list[News | None]:
    return [news async for news in changes]
