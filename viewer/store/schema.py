"""The SQLite schemas as migrations: functions, each applied once, in the transaction that records it.

FILE holds what is looked up and changed. FILE-bodies holds what was received: written once, in large pieces,
so in large pages. FILE-search holds the lists of traces, which are made from both: with a change of what is in it, a
migration that empties it is enough. FILE-forward holds what is delivered to another Tracen, and can not be made again.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("tracen")
bodies_migrations = Migrations("tracen-bodies")
search_migrations = Migrations("tracen-search")
forward_migrations = Migrations("tracen-forward")


@migrations()
def create_accounts_and_keys(db: Database) -> None:
    # An account's number stands in every row of the trace index: it is as short as can be.
    db.table("accounts").create({"id": int, "email": str, "created_ns": int}, pk="id", not_null={"email"})
    db.table("accounts").create_index(["email"], unique=True)
    db.table("keys").create(
        {"id": str, "account_id": int, "sha256": bytes, "label": str, "created_ns": int, "revoked_ns": int},
        pk="id",
        not_null={"account_id", "sha256"},
        foreign_keys=[("account_id", "accounts", "id")],
    )
    db.table("keys").create_index(["sha256"], unique=True)
    db.table("key_hits").create({"key_id": str, "at_ns": int}, not_null={"key_id", "at_ns"})
    db.table("key_hits").create_index(["key_id", "at_ns"])


@migrations()
def create_pages_and_posts(db: Database) -> None:
    db.table("pages").create(
        {
            "id": str,
            "account_id": int,
            "otel_trace_id": bytes,
            "created_ns": int,
            "opened_ns": int,
            "deleted_ns": int,
        },
        pk="id",
        not_null={"account_id", "otel_trace_id"},
    )
    db.table("pages").create_index(["otel_trace_id", "account_id"], unique=True)
    db.table("posts").create(
        {"id": int, "account_id": int, "otel_trace_id": bytes, "received_ns": int, "body": bytes},
        pk="id",
        not_null={"account_id", "otel_trace_id", "body"},
    )
    db.table("posts").create_index(["otel_trace_id", "account_id"])
    db.table("posts").create_index(["account_id", "received_ns"])
    db.table("documents").create(
        {"page_id": str, "version": int, "meaning": str, "body": bytes},
        pk="page_id",
        not_null={"version", "meaning", "body"},
    )
    db.table("idempotency_keys").create(
        {"account_id": int, "idempotency_key": str, "body_sha256": bytes, "page_id": str, "created_ns": int},
        pk=("account_id", "idempotency_key"),
        not_null={"body_sha256", "page_id"},
    )


@migrations()
def create_document_parts(db: Database) -> None:
    # A document is saved in parts, so that a page of a hundred thousand steps reads what it shows and no more.
    # `edition` names one saving of it: parts of another are leftovers, and are not seen.
    db.table("documents").drop()
    db.table("documents").create(
        {"page_id": str, "version": int, "meaning": str, "edition": str},
        pk="page_id",
        not_null={"version", "meaning", "edition"},
    )
    db.table("document_parts").create(
        {"id": int, "page_id": str, "edition": str, "name": str, "body": bytes},
        pk="id",
        not_null={"page_id", "edition", "name", "body"},
    )
    db.table("document_parts").create_index(["page_id", "edition", "name"], unique=True)


@migrations()
def create_trace_index(db: Database) -> None:
    # `trace` is `trace_index.key_of` the OTel trace id, a number; without a rowid a row costs one
    # B-tree entry of some 15 bytes. `marks` holds how far work over FILE-bodies has come, by batch id.
    db.execute(
        """create table trace_index (account_id integer, trace integer, batch_id integer,
           primary key (account_id, trace, batch_id)) without rowid"""
    )
    db.table("marks").create({"name": str, "batch_id": int}, pk="name")
    # The bodies that belong to this file, by the name they were given.
    db.table("bodies_file").create({"id": int, "name": str}, pk="id")
    # Written to by the readiness check: proves that the disk takes writes.
    db.table("heartbeat").create({"id": int, "beats": int}, pk="id", defaults={"beats": 1})


@migrations()
def add_reservations(db: Database) -> None:
    # When the URL of a page was asked for ahead of its trace; null for nearly all, which are in neither index.
    db.execute("alter table pages add column reserved_ns integer")
    for columns in ("account_id, reserved_ns", "reserved_ns"):
        name = f"idx_pages_{columns.replace(', ', '_')}"
        db.execute(f"create index {name} on pages ({columns}) where reserved_ns is not null")


@migrations()
def add_people(db: Database) -> None:
    # A password is kept as its argon2 hash, tokens as their SHA-256. `deleted_ns`: nobody sees the account any more.
    for column, kind in (
        ("password_hash", "text"),
        ("otlp_is_private", "integer not null default 0"),
        ("plan", "text not null default ''"),
        ("is_subscribed", "integer not null default 0"),
        ("subscribed_until_ns", "integer"),
        ("customer_id", "text not null default ''"),
        ("subscription_told_ns", "integer not null default 0"),
        ("deleted_ns", "integer"),
        ("purged_ns", "integer"),  # when nothing of a deleted account was left
    ):
        db.execute(f"alter table accounts add column {column} {kind}")
    db.execute(
        "create unique index idx_accounts_customer_id on accounts (customer_id) where customer_id != ''"
    )
    db.execute("create index idx_accounts_deleted_ns on accounts (deleted_ns) where deleted_ns is not null")
    for column, kind in (
        ("hint", "text not null default ''"),
        ("scopes", "text not null default 'read write'"),
        ("last_used_ns", "integer"),
        ("expires_ns", "integer"),
    ):
        db.execute(f"alter table keys add column {column} {kind}")
    db.table("keys").create_index(["account_id"])
    db.table("sessions").create(
        {"id": bytes, "account_id": int, "created_ns": int, "seen_ns": int},
        pk="id",
        not_null={"account_id", "created_ns", "seen_ns"},
    )
    db.table("sessions").create_index(["account_id"])
    db.table("tickets").create(
        {"sha256": bytes, "kind": str, "subject": str, "expires_ns": int},
        pk="sha256",
        not_null={"kind", "subject", "expires_ns"},
    )


@migrations()
def add_sharing(db: Database) -> None:
    # `is_private` is null where nobody has decided: public. `masks` is a JSON list of texts, in ASCII alone.
    # `documents_id` is the id under which the page's document is kept, where that is not its own: a page keeps its
    # document when it gets another id.
    for column, kind in (
        ("is_private", "integer"),
        ("shared_until_ns", "integer"),
        ("is_indexed", "integer not null default 0"),
        ("masks", "text"),
        ("documents_id", "text"),
    ):
        db.execute(f"alter table pages add column {column} {kind}")
    db.table("withdrawn").create(
        {"page_id": str, "account_id": int, "otel_trace_id": bytes, "withdrawn_ns": int},
        pk="page_id",
        not_null={"account_id", "otel_trace_id", "withdrawn_ns"},
    )


@migrations()
def add_ends_of_keys_and_links(db: Database) -> None:
    # What is looked for to be removed; whether a link was a private page's when it was withdrawn.
    db.execute("create index idx_keys_revoked_ns on keys (revoked_ns) where revoked_ns is not null")
    db.execute("alter table withdrawn add column is_private integer not null default 0")


@bodies_migrations()
def create_batches(db: Database) -> None:
    # id grows with arrival. `otel_trace_ids` are 16 bytes each; `body` is last, so that what stands before it
    # is read without it, and null once it was taken apart.
    db.table("batches").create(
        {
            "id": int,
            "account_id": int,
            "kind": str,
            "received_ns": int,
            "size": int,
            "otel_trace_ids": bytes,
            "body": bytes,
        },
        pk="id",
        not_null={"account_id", "kind", "received_ns", "size", "otel_trace_ids"},
    )
    db.table("batches").create_index(["account_id", "received_ns", "size"])
    db.table("pieces").create(
        {"id": int, "batch_id": int, "otel_trace_id": bytes, "body": bytes},
        pk="id",
        not_null={"batch_id", "otel_trace_id", "body"},
    )
    db.table("pieces").create_index(["batch_id", "otel_trace_id"], unique=True)
    db.table("bodies_file").create({"id": int, "name": str}, pk="id")
    db.table("heartbeat").create({"id": int, "beats": int}, pk="id", defaults={"beats": 1})


@search_migrations()
def create_summaries_and_choices(db: Database) -> None:
    # id is the place in the list, see `summaries.py`; `kept` (compressed) is what `shard` has of the trace, to the
    # letter: FTS5 must be told it again to forget it. It is last, so that what stands before it is read without it.
    db.table("summaries").create(
        {
            "id": int,
            "account_id": int,
            "otel_trace_id": bytes,
            "version": int,
            "received_ns": int,
            "rest_until_ns": int,
            "shard": int,
            "title": str,
            "outcome": str,
            "provider": str,
            "model": str,
            "kinds": str,
            "started_ns": int,
            "latency_ns": int,
            "input_tokens": int,
            "output_tokens": int,
            "step_count": int,
            "first_ns": int,
            "lacks_root": int,
            "meaning": str,
            "kept": bytes,
        },
        pk="id",
        not_null={"account_id", "otel_trace_id", "version", "shard", "meaning", "kept"},
    )
    db.table("summaries").create_index(["account_id"])
    db.table("summaries").create_index(["otel_trace_id", "account_id"], unique=True)
    # What there is to filter by, and how many traces have it; of all accounts, so without a rowid.
    db.execute(
        """create table choices (account_id integer, field text, value text, traces integer,
           primary key (account_id, field, value)) without rowid"""
    )
    db.table("choices").create_index(["account_id", "field", "traces"])


@search_migrations()
def create_shards_and_dues(db: Database) -> None:
    # The words themselves are in a table of FTS5 for each shard, see `shards.py`.
    db.table("shards").create(
        {"id": int, "traces": int, "characters": int, "least": int, "greatest": int, "is_dirty": int}, pk="id"
    )
    db.execute(
        """create table dues (otel_trace_id blob, account_id integer, version integer, received_ns integer,
           not_before_ns integer, primary key (otel_trace_id, account_id)) without rowid"""
    )
    db.table("dues").create_index(["received_ns"])
    # How far arrivals were looked at, see `arrivals.py`; `skipped` are ranges of ids, in JSON.
    db.table("arrivals").create({"name": str, "seen": int, "skipped": str}, pk="name")
    # The FILE that this one belongs to, by the name of its bodies.
    db.table("search_file").create({"id": int, "name": str}, pk="id")


@forward_migrations()
def create_what_targets_told(db: Database) -> None:
    # Every limit that a target told with its last answer, by window; and how it went with it. `past` are the accounts
    # whose past was looked for, as forwarding names them.
    db.execute(
        """create table told_limits (target_id integer, window_s integer, count integer not null,
           primary key (target_id, window_s)) without rowid"""
    )
    db.execute(
        """create table histories (target_id integer primary key, succeeded_ns integer not null default 0,
           failures integer not null default 0, past text)"""
    )


@forward_migrations()
def create_deliveries(db: Database) -> None:
    # A target is an endpoint; `batches` and `posts` are the newest ids that were looked at for it. `own_…` is the
    # operator's limit, `limit_…` what the target told.
    db.execute(
        """create table targets (id integer primary key, url text not null unique, began_ns integer not null,
           resumed_ns integer not null, batches integer not null, posts integer not null,
           has_past integer not null default 0, own_count integer, own_window_s integer,
           limit_count integer, limit_window_s integer, is_extended integer, hold_until_ns integer not null default 0,
           hold_reason text not null default '', failure text not null default '',
           failure_ns integer not null default 0, delivered integer not null default 0)"""
    )
    # `batch_id` and `post_id` are the newest that are known to have come of the trace; `delivered_version` is as in
    # Telling. `behind` puts a row at the end of the queue; `rounds` is how often the trace was delivered.
    db.execute(
        """create table deliveries (id integer primary key, target_id integer not null, account_id integer not null,
           otel_trace_id blob not null, state text not null, reason text not null default '',
           first_ns integer not null, last_ns integer not null, due_ns integer not null,
           rest_until_ns integer not null default 0, batch_id integer not null, post_id integer not null,
           delivered_version integer not null default 0, page_id text not null default '',
           is_extended integer not null default 0, digest blob not null default x'', behind integer not null default 0,
           tries integer not null default 0, rounds integer not null default 0, max_bytes integer,
           is_documented_only integer not null default 0, is_uncertain integer not null default 0)"""
    )
    db.execute("create unique index idx_of_trace on deliveries (otel_trace_id, account_id, target_id)")
    db.execute(
        "create index idx_waiting on deliveries (target_id, behind, first_ns, id, due_ns) where state = 'waiting'"
    )
    db.execute("create index idx_held on deliveries (target_id, due_ns) where state = 'held'")
    db.execute("create index idx_states on deliveries (target_id, state, reason)")
    # What is under way: the very bytes (compressed) and their Idempotency-Key, until there is an answer.
    db.execute(
        """create table outgoing (delivery_id integer primary key, idempotency_key text not null,
           version integer not null, is_extended integer not null, digest blob not null, masks text not null,
           in_doubt integer not null default 0, body blob not null)"""
    )
    # What counts against the limit of a target: from before it is sent (`answered_ns` null) until a window after
    # its answer.
    db.execute(
        """create table hits (id integer primary key, target_id integer not null, idempotency_key text not null unique,
           answered_ns integer)"""
    )
    db.execute("create index idx_hits on hits (target_id, answered_ns)")
    db.table("forward_file").create({"id": int, "name": str}, pk="id")


@forward_migrations()
def add_url_of_delivered_page(db: Database) -> None:
    # As the target told it: a guess may be wrong.
    db.execute("alter table deliveries add column page_url text not null default ''")


@forward_migrations()
def add_what_was_refused(db: Database) -> None:
    # The last version that the target refused after a page was removed for it, in which words and bytes; and how many
    # bytes it took last, so that the same can be made again.
    for column in (
        "delivered_bytes integer not null default 0",
        "refused_version integer not null default 0",
        "refused_digest blob not null default x''",
        "refusal text not null default ''",
    ):
        db.execute(f"alter table deliveries add column {column}")
