"""The pages of traces, made at the first question: what was received over OTLP alone may have none before."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from viewer.store import pages, tellings
from viewer.store.base import Page
from viewer.store.splitting import Read
from viewer.store.trace_index import TraceIndex
from viewer.store.writer import Writer


class TracePages:
    """Looks pages up by trace, however many at once: in one reading, and one writing where some are missing."""

    def __init__(self, writer: Writer, read: Read, index: TraceIndex) -> None:
        self._writer = writer
        self._read = read
        self._index = index

    async def of(self, account_id: str, made_ns_by_trace: Mapping[bytes, int]) -> dict[bytes, Page]:
        """Pages by OTel trace id; one that is made now is as of the time given. None for what is not there."""

        def read(connection: sqlite3.Connection) -> tuple[dict[bytes, Page], list[bytes]]:
            found, missing = dict[bytes, Page](), list[bytes]()
            for otel_trace_id in made_ns_by_trace:
                page = pages.of_trace(connection, account_id, otel_trace_id)
                if page is not None:
                    found[otel_trace_id] = page
                elif tellings.was_received(connection, self._index, account_id, otel_trace_id):
                    missing.append(otel_trace_id)
            return found, missing

        found, missing = await self._read(read)
        if not missing:
            return found

        def make(connection: sqlite3.Connection) -> dict[bytes, Page]:
            return {
                one: pages.made_of_otlp(connection, account_id, one, made_ns_by_trace[one]) for one in missing
            }

        return found | await self._writer.submit(make)
