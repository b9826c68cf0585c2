"""`tracen keys`: what programs send with each request.

A pipe gets plain lines: what a command was called for on stdout, remarks on stderr.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from bridge.console import account_named, db_option, json_option, on_store
from bridge.help import Commands

if TYPE_CHECKING:
    from bridge.key_rows import KeyRow
    from viewer.store.base import Store


@click.group(cls=Commands)
def keys() -> None:
    """API keys: what programs send as X-Tracen-Key. Works beside a running server.

    Example: tracen keys create --account ada@team.example
    """


@keys.command("create")
@click.option("--account", "email", required=True, metavar="EMAIL", help="Whose; made if there is none.")
@click.option("--label", default="", help="What the key is for.")
@db_option
def keys_create(email: str, label: str, db: str) -> None:
    """Create a key and print it, alone, on stdout. It can not be shown again.

    Example: TRACEN_KEY=$(tracen keys create --account ada@team.example)
    """
    address = _address(email)

    async def work(store: Store) -> tuple[str, bool]:
        from viewer.keys import create_key

        is_new = await store.accounts.by_email(address) is None
        return await create_key(store, address, time.time_ns(), label), is_new

    secret, is_new = on_store(db, work, is_made=True)
    if is_new:
        click.echo(f"The account {address} was made: there was none.", err=True)
    click.echo(secret)


@keys.command("list")
@click.option("--account", "email", default="", metavar="EMAIL", help="Whose alone; default: all keys.")
@json_option
@db_option
def keys_list(email: str, as_json: bool, db: str) -> None:
    """List keys: account, first and last digits, label, scopes, made, last used, and whether they are valid.

    One that was revoked is listed for three days more.

    Example: tracen keys list --account ada@team.example
    """
    from bridge.key_rows import as_object, cells, rows_of

    address = _address(email) if email else ""
    rows = on_store(db, lambda store: rows_of(store, address, with_revoked=True))
    now_ns = time.time_ns()
    if as_json:
        for row in rows:
            click.echo(json.dumps(as_object(row, now_ns), ensure_ascii=False))
    elif sys.stdout.isatty():
        _print_table(rows, now_ns)
    else:
        for row in rows:
            click.echo("\t".join(cells(row, now_ns)))


@keys.command("revoke")
@click.argument("named", metavar="KEY…", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@db_option
def keys_revoke(named: tuple[str, ...], yes: bool, db: str) -> None:
    """Refuse keys from now on, for good; a running server does within a second.

    KEY is how a key begins, at least tracen_sk_ and 4 digits, or as `tracen keys list` shows it, or its id (--json).

    Example: tracen keys revoke tracen_sk_4Fq2 --yes
    """
    from bridge.key_rows import NotOne, hint_told, rows_of, the_one

    rows = on_store(db, lambda store: rows_of(store, ""))
    try:
        chosen = list(dict.fromkeys(the_one(rows, name) for name in named))
    except NotOne as error:
        raise click.ClickException(str(error)) from None
    told = ", ".join(hint_told(row) for row in chosen)
    if not yes:
        click.confirm(f"Revoke {told}, for good?", abort=True, err=True)

    async def work(store: Store) -> None:
        for row in chosen:
            await store.accounts.revoke_key(row.key.account_id, row.key.id, time.time_ns())

    on_store(db, work)
    click.echo(f"Revoked: {told}", err=True)


def _address(email: str) -> str:
    if "@" not in email.strip("@"):
        raise click.BadParameter(f"expected an email address, got {email!r}", param_hint="--account")
    return account_named(email)


def _print_table(rows: list[KeyRow], now_ns: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bridge.key_rows import TITLES, cells

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in TITLES:
        table.add_column(title, overflow="fold")
    for row in rows:
        told: list[Any] = [Text(cell) for cell in cells(row, now_ns)]
        table.add_row(*told)
    Console().print(table)
