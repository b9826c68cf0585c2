"""Keeps the lists of traces as new as what was received: a task beside the doors, in nobody's way.

What is due, and in which order, is the catalogue's; here each trace is assembled as its page would be, without saving
that: a page that nobody opens takes no room.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tracen_otel.redact import Redaction
from viewer.store.base import NS_PER_S, Store, StoreUnavailable, Telling
from viewer.store.catalogue import Due, Summarised, Summary
from viewer.synopsis import summary_of, text_of
from viewer.tellings import MAX_READ_BYTES, meaning_of, trace_of, unassembled
from viewer.workers import run_sized, size_with_masks

logger = logging.getLogger("tracen.summariser")

IDLE_S = 0.25
"""Between two looks for what has come: a new trace is in the list within a second."""
GROUP = 50
GROUP_S = 0.5
"""Traces that are saved together, and how long the first of them waits for the others."""
_FRESH_NS = 5 * NS_PER_S
_REST_WHILE_RECEIVING, _REST = 4.0, 1.0
"""Times as long as it worked; more while traces come in, of which the newest came less than _FRESH_NS ago."""
_LEAST_PAUSE_NS, _MOST_PAUSE_NS = NS_PER_S, 600 * NS_PER_S
_PAUSE = 20
"""A trace that grows is not summarised again for so many times as long as it took."""
_TRIES = 3
_UNAVAILABLE_S = 2.0


class Summariser:
    """Runs for as long as the store is open."""

    def __init__(self, store: Store, clock_ns: Callable[[], int], *, redacts: bool = True) -> None:
        self._catalogue = store.catalogue
        self._clock_ns = clock_ns
        self._redacts = redacts
        self._failures: dict[tuple[str, bytes], int] = {}

    async def run(self) -> None:
        """Work for ever."""
        while True:
            try:
                count = await self.work()
            except StoreUnavailable as error:
                logger.warning("put off: %s", error)
                await asyncio.sleep(_UNAVAILABLE_S)
            except Exception:  # whatever it was: the next round begins with what is on disk
                logger.exception("unexpected error while traces were listed")
                await asyncio.sleep(_UNAVAILABLE_S)
            else:
                await asyncio.sleep(0 if count else IDLE_S)

    async def work(self) -> int:
        """Summarise a group of what is due; how many there were. Raises StoreUnavailable."""
        dues = await self._catalogue.due(GROUP, self._clock_ns())
        rest = self._rest(dues)
        done: list[Summarised] = []
        began_s = time.perf_counter()
        for due in dues:
            started_s = time.perf_counter()
            item = await self._summarised(due)
            if item is not None:
                done.append(item)
            if time.perf_counter() - began_s > GROUP_S:
                await self._save(done)
                done, began_s = [], time.perf_counter()
            await asyncio.sleep((time.perf_counter() - started_s) * rest)
        await self._save(done)
        return len(dues)

    async def _save(self, done: Sequence[Summarised]) -> None:
        """All together; where something in them can not be kept, that alone is not listed."""
        try:
            await self._catalogue.save(done)
        except StoreUnavailable:
            raise
        except Exception:
            logger.exception("a summary can not be kept")
            if len(done) == 1:
                await self._catalogue.save([replace(done[0], summary=None)])
                return
            for item in done:
                await self._save([item])

    def _rest(self, dues: Sequence[Due]) -> float:
        newest_ns = max((due.received_ns for due in dues), default=0)
        return _REST_WHILE_RECEIVING if self._clock_ns() - newest_ns < _FRESH_NS else _REST

    async def _summarised(self, due: Due) -> Summarised | None:
        """What is made of a trace; None where that has to be tried again."""
        trace, started_s = (due.account_id, due.otel_trace_id), time.perf_counter()
        try:
            item = await self._made_of(due, started_s)
        except Exception as error:  # one odd trace must not keep the others waiting
            failures = self._failures.pop(trace, 0) + 1
            if failures < _TRIES:
                self._failures[trace] = failures
                return None
            logger.warning("a trace is listed without its content: %s", error)
            return self._item(due, due.version, _unassembled(due.otel_trace_id.hex()), started_s)
        self._failures.pop(trace, None)
        return item

    async def _made_of(self, due: Due, started_s: float) -> Summarised:
        if due.page is not None and due.page.deleted:
            return Summarised(due, due.version, None)
        telling = await self._catalogue.telling(due, MAX_READ_BYTES)
        if not telling.bodies:
            return Summarised(due, due.version, None)
        masks = due.page.masks if due.page is not None else ()
        size = size_with_masks(sum(len(body) for _, body in telling.bodies), masks)
        told = await run_sized(size, synopsis, telling, due.otel_trace_id.hex(), self._redacts, masks)
        return self._item(due, telling.version, told, started_s)

    def _item(self, due: Due, version: int, told: tuple[Summary, str], started_s: float) -> Summarised:
        took_ns = int((time.perf_counter() - started_s) * NS_PER_S)
        pause_ns = min(max(_LEAST_PAUSE_NS, _PAUSE * took_ns), _MOST_PAUSE_NS)
        return Summarised(due, version, *told, self._clock_ns() + pause_ns)


def synopsis(
    telling: Telling, otel_trace_id: str, redacts: bool, masks: tuple[str, ...] = ()
) -> tuple[Summary, str]:
    """What the list tells of a trace, and what of it is searched."""
    try:
        trace = trace_of(telling, otel_trace_id, Redaction(redacts), masks)
        return summary_of(trace, meaning_of(masks, redacts=redacts)), text_of(trace)
    except Exception:  # the wall before the list: one odd trace costs the others nothing
        logger.exception("a trace can not be assembled for the list")
        return _unassembled(otel_trace_id)


def _unassembled(otel_trace_id: str) -> tuple[Summary, str]:
    return summary_of(unassembled(otel_trace_id)), ""
