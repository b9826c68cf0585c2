"""The queue of deliveries, statement by statement, on a connection to FILE-forward."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from typing import Any

from viewer.store.deliveries import Arrived, Delivery, DeliveryState, Outgoing, Waits

MOST_DOUBLINGS = 8
"""How often the wait after news is doubled by deliveries."""
_LEVEL = 1

_FIELDS = """d.id, d.account_id, d.otel_trace_id, d.first_ns, d.last_ns, d.batch_id + d.post_id, d.delivered_version,
    d.page_id, d.is_extended, d.digest, d.tries, d.max_bytes, d.is_documented_only, d.is_uncertain,
    d.behind, d.page_url, d.delivered_bytes, d.refused_version, d.refused_digest, d.refusal"""
_FIELD_COUNT = 20
_OUTGOING = "o.idempotency_key, o.body, o.version, o.is_extended, o.digest, o.masks, o.in_doubt"

_ENQUEUE = f"""insert into deliveries as d
    (target_id, account_id, otel_trace_id, state, first_ns, last_ns, due_ns, batch_id, post_id)
    values (:target, :account, :trace, 'waiting', :now, :now, :now + :quiet, :batch, :post)
    on conflict do update set
        first_ns = iif(state = 'waiting', first_ns, :now), last_ns = :now,
        due_ns = max(rest_until_ns, min(:now + :quiet * (1 << min(rounds, {MOST_DOUBLINGS})),
                                        iif(state = 'waiting', first_ns, :now) + :longest)),
        batch_id = max(batch_id, :batch), post_id = max(post_id, :post), state = 'waiting', reason = ''
    where :batch > batch_id or :post > post_id"""  # noqa: S608 - a constant


def enqueue(
    connection: sqlite3.Connection, target_id: int, wanted: Iterable[Arrived], waits: Waits, now_ns: int
) -> None:
    """Put traces in the queue, or note the news of those that are there."""
    common = {"target": target_id, "now": now_ns, "quiet": waits.quiet_ns, "longest": waits.longest_ns}
    connection.executemany(
        _ENQUEUE,
        [
            common
            | {
                "account": int(one.account_id),
                "trace": one.otel_trace_id,
                "batch": one.batch_id,
                "post": one.post_id,
            }
            for one in wanted
        ],
    )


# -- what is next --------------------------------------------------------------------------------------

Found = tuple[Delivery, Outgoing | None]


def next_in_doubt(
    connection: sqlite3.Connection, target_id: int, now_ns: int, counted_since_ns: int | None
) -> Found | None:
    """Those are few: each was under way when something broke. One that was put last waits as all others do.

    With `counted_since_ns` only what takes no more of a limit than it has: its last attempt ended after that. So
    does one that was cut short, wherever it stands: it counts until its end is known.
    """
    # The cross join keeps the order: there are few in `outgoing`, and many that wait.
    sql = f"""select {_FIELDS}, {_OUTGOING} from outgoing o cross join deliveries d
              left join hits h on h.idempotency_key = o.idempotency_key
              where d.id = o.delivery_id and d.target_id = ? and d.state = 'waiting' and d.due_ns <= ? and o.in_doubt
              and iif(? is null, d.behind = 0, h.id is not null and
                                               (h.answered_ns is null or (d.behind = 0 and h.answered_ns > ?)))
              order by d.behind, d.first_ns, d.id limit 1"""  # noqa: S608 - constants
    values = (target_id, now_ns, counted_since_ns, counted_since_ns)
    return _found(connection.execute(sql, values).fetchone())


def next_waiting(
    connection: sqlite3.Connection, target_id: int, now_ns: int, *, newest_first: bool
) -> Found | None:
    """What is due now. Few are not due that stand in front: of those, something came a moment ago."""
    way = "desc" if newest_first else "asc"
    sql = f"""select {_FIELDS}, {_OUTGOING} from deliveries d indexed by idx_waiting
              left join outgoing o on o.delivery_id = d.id
              where d.target_id = ? and d.state = 'waiting' and d.behind = ? and d.due_ns <= ?
              order by d.first_ns {way}, d.id {way} limit 1"""  # noqa: S608 - constants
    after = """select min(behind) from deliveries indexed by idx_waiting
               where target_id = ? and state = 'waiting' and behind > ?"""
    behind = -1
    while (behind := connection.execute(after, (target_id, behind)).fetchone()[0]) is not None:
        found = _found(connection.execute(sql, (target_id, behind, now_ns)).fetchone())
        if found is not None:
            return found
    return None


def held(connection: sqlite3.Connection, target_id: int, now_ns: int, limit: int) -> list[Delivery]:
    sql = f"""select {_FIELDS} from deliveries d where target_id = ? and state = 'held' and due_ns <= ?
              order by due_ns limit ?"""  # noqa: S608 - constants
    return [_delivery(row) for row in connection.execute(sql, (target_id, now_ns, limit)).fetchall()]


def _found(row: tuple[Any, ...] | None) -> Found | None:
    return None if row is None else (_delivery(row[:_FIELD_COUNT]), _outgoing(row[_FIELD_COUNT:]))


def _delivery(row: tuple[Any, ...]) -> Delivery:
    number, account_id, trace, first_ns, last_ns, arrived, version, page_id, is_extended, digest, *more = row
    tries, max_bytes, is_documented_only, is_uncertain, *rest = more
    return Delivery(
        number,
        str(account_id),
        trace,
        first_ns,
        last_ns,
        arrived,
        version,
        page_id,
        bool(is_extended),
        digest,
        tries,
        max_bytes,
        bool(is_documented_only),
        bool(is_uncertain),
        *rest,
    )


def _outgoing(row: tuple[Any, ...]) -> Outgoing | None:
    key, body, version, is_extended, digest, masks, in_doubt = row
    if key is None:
        return None
    return Outgoing(key, zlib.decompress(body), version, bool(is_extended), digest, masks, bool(in_doubt))


# -- what becomes of it --------------------------------------------------------------------------------


def put_off(connection: sqlite3.Connection, delivery: Delivery, due_ns: int, rest_until_ns: int) -> None:
    sql = """update deliveries set state = 'waiting', reason = '', rest_until_ns = max(rest_until_ns, ?),
             due_ns = iif(last_ns = ?, ?, due_ns) where id = ?"""
    due_ns = max(due_ns, rest_until_ns)
    connection.execute(sql, (rest_until_ns, delivery.last_ns, due_ns, delivery.id))


def put_last(connection: sqlite3.Connection, delivery: Delivery, due_ns: int, reason: str) -> None:
    sql = """update deliveries set behind = behind + 1, tries = 0, reason = :reason, due_ns = :due,
             rest_until_ns = max(rest_until_ns, :due) where id = :id"""
    connection.execute(sql, {"reason": reason, "due": due_ns, "id": delivery.id})


def hold_back(
    connection: sqlite3.Connection, deliveries: Iterable[Delivery], reason: str, due_ns: int
) -> None:
    for delivery in deliveries:
        set_aside(connection, delivery, DeliveryState.HELD, reason, due_ns)


def release(connection: sqlite3.Connection, deliveries: Iterable[Delivery], now_ns: int) -> None:
    for delivery in deliveries:
        put_off(connection, delivery, now_ns, 0)


def set_aside(
    connection: sqlite3.Connection,
    delivery: Delivery,
    state: DeliveryState,
    reason: str,
    due_ns: int,
) -> None:
    sql = """update deliveries set state = ?, reason = ?, due_ns = ?, tries = 0, behind = 0
             where id = ? and last_ns = ?"""
    connection.execute(sql, (state.value, reason, due_ns, delivery.id, delivery.last_ns))
    if state is DeliveryState.REFUSED:
        sql = "update deliveries set delivered_version = 0 where id = ? and page_id = ''"
        connection.execute(sql, (delivery.id,))
    if state is DeliveryState.HELD:
        sql = "delete from outgoing where delivery_id = ? and not in_doubt"
        connection.execute(sql, (delivery.id,))
    else:
        forget_outgoing(connection, delivery.id)


def refuse(connection: sqlite3.Connection, delivery: Delivery, version: int, refusal: str) -> Delivery | None:
    """See `viewer.store.deliveries.Deliveries.refuse`. Whether a page was removed is known by the row alone."""
    sql = "select digest from outgoing where delivery_id = ?"
    (digest,) = connection.execute(sql, (delivery.id,)).fetchone() or (b"",)
    forget_outgoing(connection, delivery.id)
    before = _read(connection, delivery.id)
    if before is None:
        return None
    has_lost_its_page = not before.page_id and 0 < before.delivered_version < version
    if before.is_uncertain or not has_lost_its_page:
        set_aside(connection, delivery, DeliveryState.REFUSED, refusal, 0)
        return None
    # Of an OTel trace id whose page was removed no other is ever shown: it is sent again without the id.
    sql = """update deliveries set refused_version = ?, refused_digest = ?, refusal = ?, reason = ?, tries = 0,
             behind = 0, max_bytes = null, is_documented_only = 1 where id = ?"""
    connection.execute(sql, (version, digest, refusal, refusal, delivery.id))
    return _read(connection, delivery.id)


def _read(connection: sqlite3.Connection, delivery_id: int) -> Delivery | None:
    sql = f"select {_FIELDS} from deliveries d where id = ?"  # noqa: S608 - a constant
    row = connection.execute(sql, (delivery_id,)).fetchone()
    return _delivery(row) if row else None


def settle(connection: sqlite3.Connection, delivery: Delivery, version: int) -> None:
    sql = f"""update deliveries set delivered_version = max(delivered_version, ?), tries = 0, behind = 0,
              {_STATE_AFTER} where id = ?"""  # noqa: S608 - a constant
    connection.execute(sql, (version, version, delivery.id))


_STATE_AFTER = "state = iif(batch_id + post_id > ?, 'waiting', 'delivered'), reason = ''"


def deliver(
    connection: sqlite3.Connection,
    target_id: int,
    delivery: Delivery,
    page: tuple[str, str],
    now_ns: int,
    rest_ns: int,
) -> None:
    row = connection.execute(
        "select version, is_extended, digest, idempotency_key, body from outgoing where delivery_id = ?",
        (delivery.id,),
    ).fetchone()
    version, is_extended, digest, key, body = row or (delivery.delivered_version, False, b"", "", None)
    size = len(zlib.decompress(body)) if body else 0
    sql = f"""update deliveries set delivered_version = ?, page_id = ?, page_url = ?, is_extended = ?, digest = ?,
        delivered_bytes = ?, tries = 0, behind = 0, rounds = rounds + 1, is_uncertain = 0, first_ns = last_ns,
        due_ns = max(due_ns, ?), rest_until_ns = ?, {_STATE_AFTER} where id = ?"""  # noqa: S608 - a constant
    rest_until_ns = now_ns + rest_ns
    values = (version, *page, is_extended, digest, size, rest_until_ns, rest_until_ns, version, delivery.id)
    connection.execute(sql, values)
    connection.execute("delete from outgoing where delivery_id = ?", (delivery.id,))
    connection.execute("update hits set answered_ns = ? where idempotency_key = ?", (now_ns, key))
    connection.execute("update targets set delivered = delivered + 1 where id = ?", (target_id,))


# -- under way -----------------------------------------------------------------------------------------


def begin(connection: sqlite3.Connection, delivery: Delivery, outgoing: Outgoing) -> None:
    connection.execute(
        "insert or replace into outgoing values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            delivery.id,
            outgoing.idempotency_key,
            outgoing.version,
            outgoing.is_extended,
            outgoing.digest,
            outgoing.masks,
            outgoing.in_doubt,
            zlib.compress(outgoing.body, _LEVEL),
        ),
    )


def attempt(connection: sqlite3.Connection, target_id: int, delivery: Delivery) -> bool:
    sql = "update outgoing set in_doubt = 1 where delivery_id = ?"
    if not connection.execute(sql, (delivery.id,)).rowcount:
        return False
    connection.execute("update deliveries set tries = tries + 1 where id = ?", (delivery.id,))
    sql = """insert into hits (target_id, idempotency_key)
             select ?, idempotency_key from outgoing where delivery_id = ?
             on conflict do update set answered_ns = null"""
    connection.execute(sql, (target_id, delivery.id))
    return True


def missed(connection: sqlite3.Connection, delivery: Delivery, at_ns: int) -> None:
    sql = """update hits set answered_ns = ?
             where idempotency_key = (select idempotency_key from outgoing where delivery_id = ?)"""
    connection.execute(sql, (at_ns, delivery.id))


def not_taken(connection: sqlite3.Connection, delivery: Delivery) -> None:
    connection.execute(
        "delete from hits where idempotency_key = (select idempotency_key from outgoing where delivery_id = ?)",
        (delivery.id,),
    )
    connection.execute("update outgoing set in_doubt = 0 where delivery_id = ?", (delivery.id,))


def withdraw(
    connection: sqlite3.Connection,
    delivery: Delivery,
    max_bytes: int | None,
    is_documented_only: bool | None,
) -> None:
    sql = """update deliveries set max_bytes = coalesce(?, max_bytes), tries = 0,
             is_documented_only = coalesce(?, is_documented_only) where id = ?"""
    connection.execute(sql, (max_bytes, is_documented_only, delivery.id))
    forget_outgoing(connection, delivery.id)


def forget_outgoing(connection: sqlite3.Connection, delivery_id: int) -> None:
    """What may have been taken stays among the hits, see `delivery_targets.settle_hits`."""
    sql = "delete from outgoing where delivery_id = ? returning in_doubt"
    row = connection.execute(sql, (delivery_id,)).fetchone()
    if row and row[0]:
        connection.execute("update deliveries set is_uncertain = 1 where id = ?", (delivery_id,))
