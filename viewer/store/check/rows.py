"""What the rows of a store say of each other, within a file and from one to the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from viewer.store.batches import each_id
from viewer.store.check.findings import Findings, Mend, Watch
from viewer.store.check.statements import watched
from viewer.store.durable import BODIES
from viewer.store.marks import mark
from viewer.store.trace_index import key_of

_Check = Callable[[sqlite3.Connection, Path, Findings], None]

_COUNTED = ("accounts", "pages", "batches", "posts")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What must not be: `name` of each row of `table` of which `where` is true."""

    table: str
    where: str
    what: str
    name: str = "id"
    in_bodies: bool = False

    def sql(self) -> str:
        return f"select {self.name} from {self.table} where {self.where.format(self.table)}"  # noqa: S608 - constants


_NO_ACCOUNT = "not exists (select 1 from accounts where accounts.id = {0}.account_id)"
_NO_PAGE = """not exists (select 1 from pages where pages.otel_trace_id = {0}.otel_trace_id
              and pages.account_id = {0}.account_id)"""
_NO_DOCUMENT = "page_id not in (select coalesce(documents_id, id) from pages where deleted_ns is null)"
_NO_TRACES = "length(otel_trace_ids) % 16 or length(otel_trace_ids) = 0"
_NO_BATCH = """not exists (select 1 from batches where batches.id = pieces.batch_id and batches.body is null
               and instr(batches.otel_trace_ids, pieces.otel_trace_id))"""
_RULES = (
    _Rule("pages", _NO_ACCOUNT, "page {0} belongs to no account"),
    _Rule("posts", _NO_ACCOUNT, "post {0} belongs to no account"),
    _Rule("posts", _NO_PAGE, "post {0} is on no page"),
    _Rule("sessions", _NO_ACCOUNT, "session {0}… belongs to no account", "hex(substr(id, 1, 4))"),
    _Rule("withdrawn", _NO_PAGE, "withdrawn link {0} was of no page", "page_id"),
    _Rule("documents", _NO_DOCUMENT, "document {0} is of a page that is deleted or not there", "page_id"),
    _Rule("batches", _NO_ACCOUNT, "batch {0} belongs to no account", in_bodies=True),
    _Rule("batches", "size != length(body)", "batch {0} is not as long as it was", in_bodies=True),
    _Rule("batches", _NO_TRACES, "batch {0} does not tell of which traces it is", in_bodies=True),
    _Rule("pieces", _NO_BATCH, "piece {0} belongs to no batch", in_bodies=True),
)


def counts(moment: sqlite3.Connection) -> dict[str, int]:
    """How many there are of what."""
    return {name: moment.execute(f"select count(*) from {name}").fetchone()[0] for name in _COUNTED}  # noqa: S608


def count_traces(moment: sqlite3.Connection) -> int:
    """How many there are, each once; in a table of its own, since they may be more than memory holds."""
    moment.execute(
        "create temp table told (account_id, trace, primary key (account_id, trace)) without rowid"
    )
    moment.execute("insert or ignore into told select account_id, otel_trace_id from posts")
    batches = moment.execute("select account_id, otel_trace_ids from batches")
    traces = ((account_id, trace) for account_id, ids in batches for trace in each_id(ids))
    moment.executemany("insert or ignore into told values (?, ?)", traces)
    count: int = moment.execute("select count(*) from told").fetchone()[0]
    moment.execute("drop table told")
    return count


def count_unindexed(moment: sqlite3.Connection) -> int:
    """The batches that are only in a server's memory in the index: there is nothing to check of them."""
    sql = "select count(*) from batches where id > ?"
    count: int = moment.execute(sql, (mark(moment, "indexed"),)).fetchone()[0]
    return count


def check_rows(moment: sqlite3.Connection, main: Path, findings: Findings, watch: Watch) -> None:
    """Rules over single tables, then the index, then pages that have lost what they show."""
    checks: list[_Check] = [partial(_check_rule, rule) for rule in _RULES]
    checks += [_check_indexed, _check_index, _check_pages]
    size = main.stat().st_size
    for number, one in enumerate(checks):
        look = partial(watch, f"{main.name}, rows", size * number // len(checks), size)
        look()
        with watched(moment, look):
            one(moment, main, findings)


def _check_rule(rule: _Rule, moment: sqlite3.Connection, main: Path, findings: Findings) -> None:
    path = BODIES.beside(main) if rule.in_bodies else main
    for (name,) in moment.execute(rule.sql()):
        findings.damaged(path, rule.what.format(name), rule.what.format("…"))


# -- index and batches ---------------------------------------------------------------------------------


def _check_indexed(moment: sqlite3.Connection, main: Path, findings: Findings) -> None:
    """Every batch up to the mark is found by each of its traces; later ones the server reads at its start."""
    sql = "select 1 from trace_index where account_id = ? and trace = ? and batch_id = ?"
    batches = "select id, account_id, otel_trace_ids from batches where id <= ? order by id"
    for batch_id, account_id, traces in moment.execute(batches, (mark(moment, "indexed"),)):
        keys = {key_of(trace) for trace in each_id(traces) if len(trace) == 16}
        missing = [key for key in keys if not moment.execute(sql, (account_id, key, batch_id)).fetchone()]
        if missing:
            what = f"{len(missing)} of {len(keys)} traces of batch {batch_id} are not in the index"
            findings.mendable(main, what, Mend.INDEX, "traces that are not in the index")


def _check_index(moment: sqlite3.Connection, main: Path, findings: Findings) -> None:
    """What the index leads to is there."""

    def tells(otel_trace_ids: bytes, trace: int) -> bool:
        return any(key_of(one) == trace for one in each_id(otel_trace_ids))

    moment.create_function("tells", 2, tells, deterministic=True)
    sql = """select trace_index.batch_id, count(*) from trace_index left join batches
             on batches.id = trace_index.batch_id and batches.account_id = trace_index.account_id
             where batches.id is null or not tells(batches.otel_trace_ids, trace) group by 1 order by 1"""
    for batch_id, count in moment.execute(sql):
        what = f"batch {batch_id} is gone, or has lost {count} of its traces, though {main.name} knows of it"
        _lost(findings, main, what, "batches that are gone")


def _check_pages(moment: sqlite3.Connection, main: Path, findings: Findings) -> None:
    """A page that was not deleted and waits for nothing has something to show."""
    recent = set(_recent(moment))
    sql = """select id, account_id, otel_trace_id from pages where deleted_ns is null and reserved_ns is null
             and not exists (select 1 from posts where posts.otel_trace_id = pages.otel_trace_id
             and posts.account_id = pages.account_id)"""
    indexed = """select 1 from trace_index join batches on batches.id = batch_id
                 where trace = ? and trace_index.account_id = ? and instr(otel_trace_ids, ?) limit 1"""
    for page_id, account_id, trace in moment.execute(sql):
        if (account_id, trace) in recent:
            continue
        if not moment.execute(indexed, (key_of(trace), account_id, trace)).fetchone():
            _lost(findings, main, f"what page {page_id} shows is gone", "pages whose content is gone")


def _recent(moment: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """The traces of batches that are not in the index yet."""
    sql = "select account_id, otel_trace_ids from batches where id > ?"
    for account_id, traces in moment.execute(sql, (mark(moment, "indexed"),)):
        for trace in each_id(traces):
            yield account_id, trace


def _lost(findings: Findings, main: Path, what: str, kind: str) -> None:
    path = BODIES.beside(main)
    repair = f"where a deletion was cut short, delete it again; where {path.name} is older than {main.name}, "
    findings.add(path, what, repair + findings.restoring, kind)
