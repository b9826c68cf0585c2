"""The rows of the lists of traces, statement by statement, on the connections of FILE-search.

A row's id is its place: the start in milliseconds, then 20 bits for how long after it the trace came, moved on where
that place is taken. So the order of ids is that of the list, those that started together stand as they came, a time is
a range of ids, and a page of the list goes on below an id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import zstandard

from viewer.store.base import NS_PER_S, Page
from viewer.store.catalogue import MAX_CHOICES, MAX_LABEL, Choices, Outcome, Query, Summarised, Summary
from viewer.store.words import kept_of

_PLACE_BITS = 20
_PLACES = 1 << _PLACE_BITS
_NS_PER_MS = 1_000_000
_AT_ONCE = _PLACES // 2
"""The place in its millisecond of what came when that began."""
_EXACT_BITS = 13
"""Of a delay: what comes a second after its start is told apart to an eighth of a millisecond."""
_NEARBY = 256
"""Places beside a taken one that are tried in turn."""
_LEAST_NS = 631_152_000 * NS_PER_S
"""1990: what claims to be older has a clock that was never set."""
_MOST_AHEAD_NS = 24 * 3600 * NS_PER_S
_MAX_MS = (1 << 42) - 1
MAX_PLACE = (_MAX_MS + 1) << _PLACE_BITS
_MAX_INTEGER = (1 << 63) - 1
_MAX_TITLE = 300
_COMPRESSOR = zstandard.ZstdCompressor(level=3)
"""For the thread that writes."""

_SELECT = """select id, otel_trace_id, received_ns, title, outcome, provider, model, kinds, started_ns,
             latency_ns, input_tokens, output_tokens, step_count, first_ns, lacks_root, meaning from summaries"""
_INSERT = "insert into summaries values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


Label = tuple[int, str, str]
"""An account, a field by which its traces are filtered, and a value of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A trace of a known account in the list."""

    place: int
    otel_trace_id: bytes
    received_ns: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listed trace is, and what its shard has of it."""

    place: int
    shard: int
    received_ns: int
    kept: str
    labels: tuple[Label, ...]


def fitted(summary: Summary) -> Summary:
    """The summary as it can be kept: whatever a stranger sent, its texts are Unicode and its numbers have 64 bits.

    One that had to be changed for that has no meaning any more.
    """
    kept = Summary(
        title=_text(summary.title, _MAX_TITLE),
        outcome=summary.outcome,
        provider=_text(summary.provider, MAX_LABEL),
        model=_text(summary.model, MAX_LABEL),
        kinds=tuple(_text(kind, MAX_LABEL).replace(",", "") for kind in summary.kinds),
        started_ns=_integer(summary.started_ns),
        latency_ns=None if summary.latency_ns is None else _integer(summary.latency_ns),
        input_tokens=None if summary.input_tokens is None else _integer(summary.input_tokens),
        output_tokens=None if summary.output_tokens is None else _integer(summary.output_tokens),
        step_count=_integer(summary.step_count),
        first_ns=_integer(summary.first_ns),
        lacks_root=summary.lacks_root,
        meaning=summary.meaning,
    )
    return kept if kept == summary else replace(kept, meaning="")


def _text(text: str, limit: int) -> str:
    text = text[:limit]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _integer(number: int) -> int:
    return max(-_MAX_INTEGER, min(number, _MAX_INTEGER))


# -- one trace -----------------------------------------------------------------------------------------


def version_of(connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> tuple[int, int]:
    """What the summary of a trace was made from, and until when the trace rests; zeros where it is not listed."""
    sql = "select version, rest_until_ns from summaries where otel_trace_id = ? and account_id = ?"
    return connection.execute(sql, (otel_trace_id, account_id)).fetchone() or (0, 0)


def made_from(connection: sqlite3.Connection, page: Page, version: int) -> Summary | None:
    """The summary of a page's trace, if it was made from this version."""
    sql = f"{_SELECT} where otel_trace_id = ? and account_id = ? and version = ?"
    row = connection.execute(sql, (page.otel_trace_id, int(page.account_id), version)).fetchone()
    return _row(row).summary if row is not None else None


def place_of(connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> Place | None:
    sql = """select id, shard, received_ns, kept, outcome, provider, model, kinds from summaries
             where otel_trace_id = ? and account_id = ?"""
    row = connection.execute(sql, (otel_trace_id, account_id)).fetchone()
    if row is None:
        return None
    place, shard, received_ns, kept, outcome, provider, model, kinds = row
    labels = labels_of(account_id, Summary("", Outcome(outcome), provider, model, _kinds(kinds)))
    return Place(place, shard, received_ns, zstandard.decompress(kept).decode(), tuple(labels))


def remove(connection: sqlite3.Connection, place: Place) -> None:
    """Take the row of a trace away. Its words are its shard's, its labels are counted apart."""
    connection.execute("delete from summaries where id = ?", (place.place,))


def insert(
    connection: sqlite3.Connection, item: Summarised, summary: Summary, place: int, shard: int, kept: str
) -> None:
    """Put the row of a trace in the list."""
    values = (
        place,
        int(item.due.account_id),
        item.due.otel_trace_id,
        item.version,
        item.due.received_ns,
        item.rest_until_ns,
        shard,
        summary.title,
        summary.outcome.value,
        summary.provider,
        summary.model,
        ",".join(summary.kinds),
        summary.started_ns,
        summary.latency_ns,
        summary.input_tokens,
        summary.output_tokens,
        summary.step_count,
        summary.first_ns,
        summary.lacks_root,
        summary.meaning,
        _COMPRESSOR.compress(kept.encode()),
    )
    connection.execute(_INSERT, values)


def kept(account_id: int, summary: Summary, text: str) -> str:
    """What a shard is told of a trace."""
    return kept_of(account_id, summary, text).encode("utf-8", "replace").decode()


# -- places --------------------------------------------------------------------------------------------


def new_place(connection: sqlite3.Connection, item: Summarised, started_ns: int, old: Place | None) -> int:
    """Where a trace belongs: where it was, for as long as its start is the same."""
    received_ns = item.due.received_ns
    if not _LEAST_NS <= started_ns <= received_ns + _MOST_AHEAD_NS:
        if old is not None:
            return old.place
        started_ns = received_ns
    least = _least_place(started_ns)
    if old is not None and least <= old.place < least + _PLACES:
        return old.place
    return _free_place(connection, least, received_ns)


def _free_place(connection: sqlite3.Connection, least: int, received_ns: int) -> int:
    """That of a time of arrival within a millisecond; where it is taken, on the side of that which came when.

    Where all beside it is taken too: behind all of the millisecond, and where that is full, of the next.
    """
    place = least + _AT_ONCE + _shortened(received_ns - (least >> _PLACE_BITS) * _NS_PER_MS)
    sql = "select received_ns from summaries where id = ?"
    there = connection.execute(sql, (place,)).fetchone()
    if there is None:
        return place
    if received_ns >= there[0]:
        nearby = range(place + 1, min(place + _NEARBY, least + _PLACES))
    else:
        nearby = range(place - 1, max(place - _NEARBY, least - 1), -1)
    free = (one for one in nearby if not _is_taken(connection, one))
    return next(free, None) or _last_place(connection, least)


def _shortened(delay_ns: int) -> int:
    """A delay in fewer bits and in the same order: a float of whole numbers, exact where it is small."""
    length = abs(delay_ns)
    exponent = max(0, length.bit_length() - _EXACT_BITS - 1)
    code = (exponent << _EXACT_BITS) + (length >> exponent)
    return code if delay_ns >= 0 else -code


def _is_taken(connection: sqlite3.Connection, place: int) -> bool:
    return connection.execute("select 1 from summaries where id = ?", (place,)).fetchone() is not None


def _last_place(connection: sqlite3.Connection, least: int) -> int:
    sql = "select max(id) from summaries where id >= ? and id < ?"
    while True:
        (last,) = connection.execute(sql, (least, least + _PLACES)).fetchone()
        place: int = least if last is None else last + 1
        if not _is_taken(connection, place):
            return place
        least += _PLACES


def _least_place(time_ns: int) -> int:
    return max(0, min(time_ns // _NS_PER_MS, _MAX_MS)) << _PLACE_BITS


def bounds(query: Query, before: int | None) -> tuple[int, int]:
    """The places that are asked for: from the first on, below the second."""
    least = 0 if query.since_ns is None else _least_place(query.since_ns)
    below = MAX_PLACE if query.until_ns is None else _least_place(query.until_ns)
    return least, below if before is None else max(0, min(below, before))


# -- many traces ---------------------------------------------------------------------------------------


def newest(connection: sqlite3.Connection, account_id: int, least: int, below: int, limit: int) -> list[Row]:
    """The rows of an account between places, newest first."""
    sql = f"""{_SELECT} indexed by idx_summaries_account_id
              where account_id = ? and id >= ? and id < ? order by id desc limit ?"""
    return [_row(row) for row in connection.execute(sql, (account_id, least, below, limit))]


def at_places(connection: sqlite3.Connection, account_id: int, places: Sequence[int]) -> Iterator[Row]:
    """The rows at some places, in their order, less those of another account."""
    sql = f"{_SELECT} where id = ? and account_id = ?"
    for place in places:
        row = connection.execute(sql, (place, account_id)).fetchone()
        if row is not None:
            yield _row(row)


def _row(row: tuple[Any, ...]) -> Row:
    place, otel_trace_id, received_ns, title, outcome, provider, model, kinds, *rest = row
    *numbers, lacks_root, meaning = rest
    more = (*numbers, bool(lacks_root), meaning)
    summary = Summary(title, Outcome(outcome), provider, model, _kinds(kinds), *more)
    return Row(place, otel_trace_id, received_ns, summary)


def _kinds(text: object) -> tuple[str, ...]:
    return tuple(str(text).split(",")) if text else ()


# -- what there is to filter by ------------------------------------------------------------------------


def labels_of(account_id: int, summary: Summary) -> Iterator[Label]:
    """What a trace is filtered by."""
    if summary.provider:
        yield account_id, "provider", summary.provider
    if summary.model:
        yield account_id, "model", summary.model
    for kind in summary.kinds:
        yield account_id, "kind", kind


def count_labels(connection: sqlite3.Connection, labels: Mapping[Label, int]) -> None:
    """Count traces that have labels, and those that no longer have them."""
    sql = """insert into choices values (?, ?, ?, ?)
             on conflict do update set traces = traces + excluded.traces"""
    connection.executemany(sql, [(*label, count) for label, count in labels.items() if count])
    sql = "delete from choices where account_id = ? and field = ? and value = ? and traces <= 0"
    connection.executemany(sql, [label for label, count in labels.items() if count < 0])


def choices(connection: sqlite3.Connection, account_id: int) -> Choices:
    """See `viewer.store.catalogue.Catalogue.choices`."""

    def commonest(field: str) -> tuple[str, ...]:
        sql = """select value from choices where account_id = ? and field = ? order by traces desc, value
                 limit ?"""
        return tuple(value for (value,) in connection.execute(sql, (account_id, field, MAX_CHOICES)))

    return Choices(commonest("provider"), commonest("model"), commonest("kind"))
