"""What is done to rows, words and dues of the lists together: each in one transaction on FILE-search."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set

from viewer.store import dues, shards, summaries
from viewer.store.catalogue import Summarised
from viewer.store.dues import Trace, Wanted
from viewer.store.summaries import Label, Row


def rows(
    account_id: int,
    expression: str,
    least: int,
    below: int,
    limit: int,
    connection: sqlite3.Connection,
) -> list[Row]:
    """Rows of an account between places whose words are as asked, newest first."""
    connection.execute("begin")  # words and rows are of one moment
    try:
        if not expression:
            return summaries.newest(connection, account_id, least, below, limit)
        places = shards.find(connection, expression, least, below, limit)
        return list(summaries.at_places(connection, account_id, places))
    finally:
        connection.execute("rollback")


def save(connection: sqlite3.Connection, items: Mapping[Trace, Summarised]) -> None:
    """Put summaries in the lists, in place of older ones."""
    added: defaultdict[int, dict[int, str]] = defaultdict(dict)
    labels: Counter[Label] = Counter()
    for trace, item in items.items():
        dues.drop(connection, trace, item.version)
        old = summaries.place_of(connection, *trace)
        if old is not None:
            shards.take(connection, old.shard, old.place, old.kept, for_good=item.summary is None)
            summaries.remove(connection, old)
            labels.subtract(old.labels)
        if item.summary is None:
            continue
        summary = summaries.fitted(item.summary)
        place = summaries.new_place(connection, item, summary.started_ns, old)
        shard = old.shard if old is not None else shards.open_shard(connection)
        kept = summaries.kept(trace[0], summary, item.text)
        summaries.insert(connection, item, summary, place, shard, kept)
        labels.update(summaries.labels_of(trace[0], summary))
        added[shard][place] = kept
    summaries.count_labels(connection, labels)
    for shard, places in added.items():
        shards.add(connection, shard, places)


def withdraw(connection: sqlite3.Connection, traces: Iterable[Trace], *, is_due: bool = False) -> Set[int]:
    """Take traces out of the lists, and let them be due; returns the shards that had their words.

    `is_due`: also those that are not there.
    """
    touched: set[int] = set()
    labels: Counter[Label] = Counter()
    for trace in traces:
        old = summaries.place_of(connection, *trace)
        if old is not None:
            shards.take(connection, old.shard, old.place, old.kept, for_good=True)
            summaries.remove(connection, old)
            labels.subtract(old.labels)
            touched.add(old.shard)
        if old is not None or is_due:
            dues.put(connection, [Wanted(*trace, 0, old.received_ns if old is not None else 0)])
    summaries.count_labels(connection, labels)
    return touched


def settle(connection: sqlite3.Connection, traces: Iterable[Trace]) -> None:
    """Let traces be due no more: they are deleted."""
    for trace in traces:
        dues.drop(connection, trace, 1 << 62)
