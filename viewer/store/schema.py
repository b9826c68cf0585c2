"""The SQLite schema as migrations: functions, each applied once, in the transaction that records it."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("tracen")


@migrations()
def create_accounts_and_keys(db: Database) -> None:
    db.table("accounts").create({"id": str, "email": str, "created_ns": int}, pk="id", not_null={"email"})
    db.table("accounts").create_index(["email"], unique=True)
    db.table("keys").create(
        {"id": str, "account_id": str, "sha256": bytes, "label": str, "created_ns": int, "revoked_ns": int},
        pk="id",
        not_null={"account_id", "sha256"},
        foreign_keys=[("account_id", "accounts", "id")],
    )
    db.table("keys").create_index(["sha256"], unique=True)
    db.table("key_hits").create({"key_id": str, "at_ns": int}, not_null={"key_id", "at_ns"})
    db.table("key_hits").create_index(["key_id", "at_ns"])


@migrations()
def create_batches_and_pages(db: Database) -> None:
    # id grows with arrival: it is the version of a telling. `batch_traces` is the one index on the ingest
    # path; without a rowid a row costs one B-tree entry.
    db.table("batches").create(
        {"id": int, "account_id": str, "kind": str, "received_ns": int, "body": bytes},
        pk="id",
        not_null={"account_id", "kind", "body"},
    )
    db.execute(
        """create table batch_traces (otel_trace_id blob not null, account_id text not null,
           batch_id integer not null, primary key (otel_trace_id, account_id, batch_id)) without rowid"""
    )
    db.table("pages").create(
        {"id": str, "account_id": str, "otel_trace_id": bytes, "created_ns": int, "deleted_ns": int},
        pk="id",
        not_null={"account_id", "otel_trace_id"},
    )
    db.table("pages").create_index(["otel_trace_id", "account_id"], unique=True)
    db.table("documents").create(
        {"page_id": str, "version": int, "meaning": str, "body": bytes},
        pk="page_id",
        not_null={"version", "meaning", "body"},
    )
    db.table("idempotency_keys").create(
        {"account_id": str, "idempotency_key": str, "body_sha256": bytes, "page_id": str, "created_ns": int},
        pk=("account_id", "idempotency_key"),
        not_null={"body_sha256", "page_id"},
    )
    # Written to by the readiness check: proves that the disk takes writes.
    db.table("heartbeat").create({"id": int, "beats": int}, pk="id", defaults={"beats": 1})
