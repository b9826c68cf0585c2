"""What is known of each target of deliveries, and what counts against its limit, statement by statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from viewer.store.base import NS_PER_S, Limit
from viewer.store.deliveries import HIT_MARGIN_NS, MAX_HOLD_NS, DeliveryState, Standing, Target, Troubled

LONGEST_WINDOW_S = 24 * 3600
"""Of a limit that is kept; hits are remembered for so long."""
_UNANSWERED = 1 << 62

MOST_TROUBLED = 100
_MOST_REASONS = 100

_TARGET = """select url, own_count, own_window_s, limit_count, limit_window_s, is_extended, hold_until_ns,
    hold_reason, failure, failure_ns, coalesce(succeeded_ns, 0), coalesce(failures, 0)
    from targets left join histories on target_id = id"""


def made(connection: sqlite3.Connection, url: str, newest: tuple[int, int], now_ns: int) -> int:
    """The id of a target, made now if it is not there; of batches and posts those after `newest` are delivered."""
    sql = "insert or ignore into targets (url, began_ns, resumed_ns, batches, posts) values (?, ?, ?, ?, ?)"
    connection.execute(sql, (url, now_ns, now_ns, *newest))
    target_id: int = connection.execute("select id from targets where url = ?", (url,)).fetchone()[0]
    connection.execute("insert or ignore into histories (target_id) values (?)", (target_id,))
    return target_id


def include_past(connection: sqlite3.Connection, target_id: int, accounts: str) -> None:
    """Look at everything that is there, once for the same `accounts`."""
    sql = "update histories set past = ? where target_id = ? and past is not ?"
    if connection.execute(sql, (accounts, target_id, accounts)).rowcount:
        sql = "update targets set batches = 0, posts = 0, has_past = 1 where id = ?"
        connection.execute(sql, (target_id,))


def resume(connection: sqlite3.Connection, target_id: int, own: Limit | None, now_ns: int) -> None:
    """Make sense of times that were written by a clock that has been set back since; try again what was not taken.

    `own` is the operator's limit.
    """
    sql = "update targets set resumed_ns = ?, own_count = ?, own_window_s = ? where id = ?"
    connection.execute(sql, (now_ns, own and own.count, own and own.window_s, target_id))
    sql = """update deliveries set first_ns = :now, last_ns = :now, due_ns = :now, rest_until_ns = 0
             where target_id = :id and last_ns > :now"""
    connection.execute(sql, {"now": now_ns, "id": target_id})
    sql = "update hits set answered_ns = ? where target_id = ? and answered_ns > ?"
    connection.execute(sql, (now_ns, target_id, now_ns))
    sql = "update targets set hold_until_ns = ? where id = ? and hold_until_ns > ?"
    connection.execute(sql, (now_ns + MAX_HOLD_NS, target_id, now_ns + MAX_HOLD_NS))
    sql = """update deliveries set due_ns = min(due_ns, :most), rest_until_ns = min(rest_until_ns, :most)
             where target_id = :id and (due_ns > :most or rest_until_ns > :most)"""
    connection.execute(sql, {"most": now_ns + MAX_HOLD_NS, "id": target_id})
    _try_again(connection, target_id, now_ns)


def _try_again(connection: sqlite3.Connection, target_id: int, now_ns: int) -> None:
    """The target may be another release by now, or have another operator's limits.

    What had a page keeps its form: where one with an OTel trace id was removed, another of that id is never shown.
    """
    sql = """update deliveries set due_ns = ?,
             is_documented_only = iif(state = 'refused' and rounds = 0, 0, is_documented_only),
             state = 'waiting', reason = '' where target_id = ? and state in ('late', 'refused')"""
    connection.execute(sql, (now_ns, target_id))
    sql = "update deliveries set max_bytes = null where target_id = ? and max_bytes is not null"
    connection.execute(sql, (target_id,))


def seen(connection: sqlite3.Connection, target_id: int) -> tuple[int, int]:
    """The newest batch and post that were looked at."""
    row: tuple[int, int] = connection.execute(
        "select batches, posts from targets where id = ?", (target_id,)
    ).fetchone()
    return row


def newest_seen(connection: sqlite3.Connection) -> tuple[int, int]:
    """The same over all targets, and of what was ever known of a trace."""
    sql = """select max(coalesce((select max(batches) from targets), 0),
                        coalesce((select max(batch_id) from deliveries), 0)),
                    max(coalesce((select max(posts) from targets), 0),
                        coalesce((select max(post_id) from deliveries), 0))"""
    row: tuple[int, int] = connection.execute(sql).fetchone()
    return row


def forget_unknown(connection: sqlite3.Connection, batch_id: int, post_id: int) -> None:
    """Wait for no batch and post behind these, which FILE has not: it was restored from a backup that is older.

    What comes has ids behind them all.
    """
    sql = """update deliveries set batch_id = iif(batch_id > :batch, 0, batch_id),
             post_id = iif(post_id > :post, 0, post_id) where batch_id > :batch or post_id > :post"""
    connection.execute(sql, {"batch": batch_id, "post": post_id})


def forget_trace(connection: sqlite3.Connection, account_id: int, otel_trace_id: bytes) -> None:
    """Keep nothing of a trace that was deleted; the courier looks at what waits of it, and finds that."""
    values = (otel_trace_id, account_id)
    sql = "delete from deliveries where otel_trace_id = ? and account_id = ? and state != 'waiting'"
    connection.execute(sql, values)
    sql = """update deliveries set page_id = '', page_url = '', digest = x'', delivered_version = 0,
             refused_digest = x'', refusal = '' where otel_trace_id = ? and account_id = ?"""
    connection.execute(sql, values)


def forget_target(connection: sqlite3.Connection, url: str) -> bool:
    """Keep nothing of a target; False where there is none."""
    row = connection.execute("select id from targets where url = ?", (url,)).fetchone()
    if row is None:
        return False
    sql = "delete from outgoing where delivery_id in (select id from deliveries where target_id = ?)"
    connection.execute(sql, row)
    for table in ("deliveries", "hits", "told_limits", "histories"):
        connection.execute(f"delete from {table} where target_id = ?", row)  # noqa: S608 - constants
    connection.execute("delete from targets where id = ?", row)
    return True


def set_seen(connection: sqlite3.Connection, target_id: int, batch_id: int, post_id: int) -> None:
    sql = "update targets set batches = ?, posts = ? where id = ?"
    connection.execute(sql, (batch_id, post_id, target_id))


def read(connection: sqlite3.Connection, target_id: int) -> Target:
    row = connection.execute(f"{_TARGET} where id = ?", (target_id,)).fetchone()
    sql = "select count, window_s from told_limits where target_id = ? order by window_s"
    return _target(row, tuple(Limit(*told) for told in connection.execute(sql, (target_id,)).fetchall()))


def _target(row: tuple[Any, ...], told_limits: tuple[Limit, ...]) -> Target:
    url, own_count, own_window_s, count, window_s, is_extended, *held, succeeded_ns, failures = row
    own = None if own_count is None else Limit(own_count, own_window_s)
    told = None if count is None else Limit(count, window_s)
    is_known = None if is_extended is None else bool(is_extended)
    until_ns, reason, failure, failure_ns = held
    found = Target(url, own, told, is_known, until_ns, reason, failure, failure_ns)
    return replace(found, told_limits=told_limits, succeeded_ns=succeeded_ns, failures=failures)


def all_of(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """Id and URL of each, the one that was used last at the end."""
    return connection.execute("select id, url from targets order by resumed_ns, id").fetchall()


def learn(connection: sqlite3.Connection, target_id: int, *, is_extended: bool) -> None:
    connection.execute("update targets set is_extended = ? where id = ?", (is_extended, target_id))


def learn_limits(connection: sqlite3.Connection, target_id: int, limits: Collection[Limit]) -> None:
    """These and no others."""
    connection.execute("delete from told_limits where target_id = ?", (target_id,))
    kept = [Limit(limit.count, min(limit.window_s, LONGEST_WINDOW_S)) for limit in limits]
    connection.executemany(
        "insert or replace into told_limits (target_id, window_s, count) values (?, ?, ?)",
        [(target_id, limit.window_s, limit.count) for limit in kept],
    )
    longest = max(kept, key=lambda limit: limit.window_s, default=None)
    sql = "update targets set limit_count = ?, limit_window_s = ? where id = ?"
    connection.execute(sql, (longest and longest.count, longest and longest.window_s, target_id))


def note_success(connection: sqlite3.Connection, target_id: int, now_ns: int) -> None:
    """A post was accepted."""
    sql = "update histories set succeeded_ns = ? where target_id = ?"
    connection.execute(sql, (now_ns, target_id))


def hold(
    connection: sqlite3.Connection, target_id: int, until_ns: int, reason: str, failure: str, now_ns: int
) -> None:
    sql = """update targets set hold_until_ns = ?, hold_reason = ?, failure = iif(? = '', failure, ?),
             failure_ns = iif(? = '', failure_ns, ?) where id = ?"""
    connection.execute(sql, (until_ns, reason, failure, failure, failure, now_ns, target_id))
    if failure:
        connection.execute("update histories set failures = failures + 1 where target_id = ?", (target_id,))


# -- what counts against the limit ---------------------------------------------------------------------


def has_unsettled_hits(connection: sqlite3.Connection, target_id: int) -> bool:
    """Tell whether there is something to `settle_hits`."""
    sql = f"select exists (select 1 from hits where target_id = ? and {_UNSETTLED})"  # noqa: S608 - a constant
    return bool(connection.execute(sql, (target_id,)).fetchone()[0])


def settle_hits(connection: sqlite3.Connection, target_id: int, now_ns: int) -> None:
    """What was in doubt and is not under way any more is never answered: it counts for a window from now."""
    sql = f"update hits set answered_ns = ? where target_id = ? and {_UNSETTLED}"  # noqa: S608 - a constant
    connection.execute(sql, (now_ns, target_id))


_UNSETTLED = "answered_ns is null and idempotency_key not in (select idempotency_key from outgoing)"


def drop_old_hits(connection: sqlite3.Connection, target_id: int, now_ns: int) -> None:
    since_ns = now_ns - LONGEST_WINDOW_S * NS_PER_S - HIT_MARGIN_NS
    connection.execute("delete from hits where target_id = ? and answered_ns <= ?", (target_id, since_ns))


def wait_ns(connection: sqlite3.Connection, target_id: int, limits: Collection[Limit], now_ns: int) -> int:
    """Until for every limit one of those that count does so no more; one without an answer counts from now on."""
    return max((_wait_ns(connection, target_id, limit, now_ns) for limit in limits), default=0)


def _wait_ns(connection: sqlite3.Connection, target_id: int, limit: Limit, now_ns: int) -> int:
    """The `count`-th newest of the hits is the one that must have left the window."""
    window_ns = limit.window_s * NS_PER_S + HIT_MARGIN_NS
    sql = "select count(*) from hits where target_id = ? and answered_ns is null"
    (unanswered,) = connection.execute(sql, (target_id,)).fetchone()
    rank = max(limit.count, 1) - unanswered
    if rank <= 0:
        return window_ns
    sql = """select answered_ns from hits where target_id = ? and answered_ns is not null
             order by answered_ns desc limit 1 offset ?"""
    row = connection.execute(sql, (target_id, rank - 1)).fetchone()
    return max(0, row[0] + window_ns - now_ns) if row else 0


# -- how it stands -------------------------------------------------------------------------------------


def standing(connection: sqlite3.Connection, target_id: int, now_ns: int) -> Standing:
    target = read(connection, target_id)
    since_ns = now_ns - target.strictest.window_s * NS_PER_S
    sql = "select count(*) from hits where target_id = ? and coalesce(answered_ns, ?) > ?"
    (recent,) = connection.execute(sql, (target_id, _UNANSWERED, since_ns)).fetchone()
    (posts,) = connection.execute("select delivered from targets where id = ?", (target_id,)).fetchone()
    sql = "select min(due_ns), min(first_ns) from deliveries where target_id = ? and state = 'waiting'"
    due_ns, oldest_ns = connection.execute(sql, (target_id,)).fetchone()
    wait = wait_ns(connection, target_id, target.limits, now_ns)
    counts, reasons = _counts(connection, target_id)
    troubled = _troubled(connection, target_id)
    return Standing(target, counts, reasons, posts, recent, due_ns, wait, oldest_ns, troubled)


def _counts(
    connection: sqlite3.Connection, target_id: int
) -> tuple[dict[DeliveryState, int], dict[tuple[DeliveryState, str], int]]:
    """Traces by state, and by state and reason, the most frequent first."""
    counts = dict.fromkeys(DeliveryState, 0)
    sql = "select state, count(*) from deliveries where target_id = ? group by state"
    for state, count in connection.execute(sql, (target_id,)):
        counts[DeliveryState(state)] = count
    sql = """select state, reason, count(*) from deliveries where target_id = ? and reason != ''
             group by state, reason order by 3 desc, 1, 2 limit ?"""
    rows = connection.execute(sql, (target_id, _MOST_REASONS)).fetchall()
    return counts, {(DeliveryState(state), reason): count for state, reason, count in rows}


def _troubled(connection: sqlite3.Connection, target_id: int) -> list[Troubled]:
    sql = """select state, account_id, otel_trace_id, reason from deliveries
             where target_id = ? and state in ('refused', 'late') order by id desc limit ?"""
    rows = connection.execute(sql, (target_id, MOST_TROUBLED)).fetchall()
    return [Troubled(DeliveryState(state), str(account), trace, why) for state, account, trace, why in rows]
