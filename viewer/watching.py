"""Tells the readers of a page that more of its trace has arrived. One look at the store serves all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from viewer.store.base import Page, Progress, Store, StoreUnavailable

LOOK_EVERY_S = 1.0
MAX_READERS = 200
"""Of all pages together; each holds a connection."""
MAX_READERS_OF_PAGE = 50


MaySee = Callable[[Page, Progress], bool]
"""Whether a reader may hear more of a page, as it is by then."""


class TooManyReaders(StoreUnavailable):
    """As many pages are watched as can be."""


@dataclass(eq=False, slots=True)
class _Watch:
    """One page and those who wait for news of it."""

    page: Page
    progress: Progress
    readers: int = 0
    is_gone: bool = False
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    looking: asyncio.Task[None] | None = None


class Watcher:
    """Watches the pages that somebody has open."""

    def __init__(self, store: Store, look_every_s: float = LOOK_EVERY_S) -> None:
        self._store = store
        self._look_every_s = look_every_s
        self._watch_by_page: dict[str, _Watch] = {}
        self._readers = 0
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """End every watch: the server ends."""
        self._ended.set()
        for watch in tuple(self._watch_by_page.values()):
            if watch.looking:
                watch.looking.cancel()

    def check_room(self, page: Page) -> None:
        """Raise TooManyReaders where one more can not be served."""
        watch = self._watch_by_page.get(page.id)
        if self._readers >= MAX_READERS or (watch and watch.readers >= MAX_READERS_OF_PAGE):
            raise TooManyReaders("too many pages are open", 30)

    async def changes(
        self, page: Page, timeout_s: float, may_see: MaySee = lambda page, progress: True
    ) -> AsyncGenerator[Progress | None]:
        """Yield how far the trace has come: now, at each change, and None after `timeout_s` without any.

        Ends where the page is gone or `may_see` denies it, `timeout_s` after that at the latest, or the server ends.
        """
        self._readers += 1
        try:
            watch = await self._watch_of(page)
            watch.readers += 1
            try:
                async for progress in self._told(watch, timeout_s, may_see):
                    yield progress
            finally:
                watch.readers -= 1
                if not watch.readers:
                    self._watch_by_page.pop(page.id, None)
                    if watch.looking:
                        watch.looking.cancel()
        finally:
            self._readers -= 1

    async def _watch_of(self, page: Page) -> _Watch:
        if page.id not in self._watch_by_page:
            new = _Watch(page, await self._store.progress(page))
            self._watch_by_page.setdefault(page.id, new)
        watch = self._watch_by_page[page.id]
        watch.page = page  # as it is now
        if watch.looking is None or watch.looking.done():
            watch.looking = asyncio.create_task(self._look(watch))
        return watch

    async def _told(
        self, watch: _Watch, timeout_s: float, may_see: MaySee
    ) -> AsyncGenerator[Progress | None]:
        def is_over() -> bool:
            return watch.is_gone or self._ended.is_set() or not may_see(watch.page, watch.progress)

        seen = watch.progress
        yield seen
        while not is_over():

            def is_news(seen: Progress = seen) -> bool:
                return is_over() or watch.progress != seen

            async with watch.news:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(watch.news.wait_for(is_news), timeout_s)
            if is_over():
                return
            now = watch.progress  # what comes while the reader takes this is news again
            yield None if now == seen else now
            seen = now

    async def _look(self, watch: _Watch) -> None:
        try:
            while not watch.is_gone:
                await asyncio.sleep(self._look_every_s)
                with contextlib.suppress(StoreUnavailable):  # the next look may succeed
                    progress = await self._store.progress(watch.page)
                    if progress.received_ns < watch.progress.received_ns:
                        progress = watch.progress  # it is being deleted: that is told when it is done
                    page = await self._store.page(watch.page.id)
                    watch.is_gone = page is None or page.deleted or page.withdrawn
                    if watch.is_gone or page is None or (page, progress) != (watch.page, watch.progress):
                        watch.page, watch.progress = page or watch.page, progress
                        async with watch.news:
                            watch.news.notify_all()
        finally:
            async with watch.news:
                watch.news.notify_all()
