"""`tracen keys`: what programs send with each request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from bridge.console import account_named, db_option, on_store
from bridge.help import Commands

if TYPE_CHECKING:
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
    if "@" not in email.strip("@"):
        raise click.BadParameter(f"expected an email address, got {email!r}", param_hint="--account")
    address = account_named(email)

    async def work(store: Store) -> str:
        from viewer.keys import create_key

        return await create_key(store, address, time.time_ns(), label)

    click.echo(on_store(db, work, is_made=True))
