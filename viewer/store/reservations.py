"""Pages whose URL was handed out ahead of their traces, statement by statement.

`pages.reserved_ns` is when a URL was asked for last; null once something of the trace has come. A page that is
deleted before keeps it, and is given up like any other: nobody makes room, or rows for ever, by deleting. A batch
of several traces leaves FILE alone, which is why `Waited` remembers for which of them a page waits. What it forgets
costs nothing: whether something was received is looked up again before a reservation is given up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from viewer.store import pages, posts, tellings
from viewer.store.base import NS_PER_S, Limit, Page, ReservationsUsedUp
from viewer.store.trace_index import TraceIndex

SWEPT = 100
"""Reservations that are looked over in one write."""


class Waited:
    """The traces that pages wait for, by account: more of them than there are does no harm."""

    def __init__(self) -> None:
        self._traces: dict[str, set[bytes]] = {}

    def load(self, main: sqlite3.Connection) -> None:
        """Read again what was reserved when the store was last open."""
        sql = "select account_id, otel_trace_id from pages where reserved_ns is not null"
        for account_id, otel_trace_id in main.execute(sql):
            self.add(str(account_id), otel_trace_id)

    def add(self, account_id: str, otel_trace_id: bytes) -> None:
        self._traces.setdefault(account_id, set()).add(otel_trace_id)

    def among(self, account_id: str, otel_trace_ids: frozenset[bytes]) -> frozenset[bytes]:
        """Those of some traces that a page waits for."""
        waited = self._traces.get(account_id)
        return otel_trace_ids & waited if waited else frozenset()

    def forget(self, account_id: str, otel_trace_ids: Iterable[bytes]) -> None:
        waited = self._traces.get(account_id)
        if waited:
            waited.difference_update(otel_trace_ids)
            if not waited:
                self._traces.pop(account_id, None)


class Reservations:
    """Makes reservations and gives them up, on the writer's thread: there nothing arrives meanwhile."""

    def __init__(self, index: TraceIndex, bodies: sqlite3.Connection) -> None:
        self._index = index
        self._bodies = bodies

    def reserve(
        self, main: sqlite3.Connection, account_id: str, otel_trace_id: bytes, now_ns: int, limit: Limit
    ) -> Page:
        """See `viewer.store.base.Store.reserve`."""
        page = pages.of_trace(main, account_id, otel_trace_id)
        if page is None and self._was_received(main, account_id, otel_trace_id):
            return pages.made_of_otlp(main, account_id, otel_trace_id, now_ns)
        if page is None:
            _require_room(main, account_id, now_ns, limit)
            return pages.reserved(main, account_id, otel_trace_id, now_ns)
        if page.waits_since_ns is not None:
            sql = "update pages set reserved_ns = max(reserved_ns, ?) where id = ?"
            main.execute(sql, (now_ns, page.id))
        return page

    def sweep(self, main: sqlite3.Connection, reserved_before_ns: int) -> list[tuple[str, bytes]]:
        """Give up some old reservations, less those whose trace has come; both are returned, as account and trace."""
        sql = """select id, account_id, otel_trace_id from pages where reserved_ns is not null
                 and reserved_ns <= ? order by reserved_ns limit ?"""
        swept: list[tuple[str, bytes]] = []
        for page_id, account, otel_trace_id in main.execute(sql, (reserved_before_ns, SWEPT)).fetchall():
            if self._was_received(main, str(account), otel_trace_id):
                sql = f"update pages set {pages.FILLED_BY_OTLP} where id = ?"  # noqa: S608 - constants
                main.execute(sql, (page_id,))
            else:
                main.execute("delete from pages where id = ?", (page_id,))
            swept.append((str(account), otel_trace_id))
        return swept

    def _was_received(self, main: sqlite3.Connection, account_id: str, otel_trace_id: bytes) -> bool:
        if posts.newest_of_trace(main, account_id, otel_trace_id)[0]:
            return True
        candidates = self._index.candidates(main, int(account_id), otel_trace_id)
        return any(tellings.head(self._bodies, n, account_id, otel_trace_id) for n in candidates)


def has_older(connection: sqlite3.Connection, reserved_before_ns: int) -> bool:
    """Tell whether `sweep` would find any."""
    sql = "select 1 from pages where reserved_ns is not null and reserved_ns <= ? limit 1"
    return connection.execute(sql, (reserved_before_ns,)).fetchone() is not None


def fill(connection: sqlite3.Connection, account_id: str, otel_trace_ids: Iterable[bytes]) -> None:
    """Note that something of traces has come over OTLP: their pages wait no more."""
    sql = f"""update pages set {pages.FILLED_BY_OTLP} where otel_trace_id = ? and account_id = ?
              and reserved_ns is not null"""  # noqa: S608 - constants
    connection.executemany(sql, [(trace, int(account_id)) for trace in otel_trace_ids])


def _require_room(connection: sqlite3.Connection, account_id: str, now_ns: int, limit: Limit) -> None:
    """Raise ReservationsUsedUp where as many of an account wait as may."""
    since_ns = now_ns - limit.window_s * NS_PER_S
    sql = """select count(*), coalesce(min(reserved_ns), ?) from pages where account_id = ?
             and reserved_ns is not null and reserved_ns > ?"""
    count, oldest_ns = connection.execute(sql, (now_ns, int(account_id), since_ns)).fetchone()
    if count >= limit.count:
        raise ReservationsUsedUp(limit, max(1, -(-(oldest_ns - since_ns) // NS_PER_S)))
