"""Which Tracen a command sends to: the one it was given, or the one that runs on a store's file here.

Where no key is given, the local account of that file gets one for as long as the command runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from bridge.asking import ServerError
from bridge.console import BaseUrl, db_option
from bridge.whereabouts import key_for, whereabouts

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Destination:
    """A server and the key it is asked with. `pages`: how the URLs begin that it hands out.

    `is_local`: it was found by its store's file, which is on this machine.
    """

    endpoint: str
    key: str
    pages: str
    is_local: bool = False


def destination_options(command: F) -> F:
    """Give a command --endpoint, --key and --db, from which `destination` finds where to send."""
    options = (
        click.option(
            "--endpoint",
            type=BaseUrl(),
            envvar="TRACEN_ENDPOINT",
            show_envvar=True,
            help="Where Tracen is; default: the server that runs on --db.",
        ),
        click.option(
            "--key",
            metavar="KEY",
            envvar="TRACEN_KEY",
            show_envvar=True,
            help="The API key; default: one of the local account of --db, for as long as this runs.",
        ),
        db_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextlib.contextmanager
def destination(endpoint: str | None, key: str | None, db: str, label: str) -> Iterator[Destination]:
    """Where to send, for a `with` block. A key that is made for it has this label, and is revoked afterwards.

    Raises click.UsageError and click.ClickException, also for a ServerError of the block.
    """
    found = whereabouts(endpoint, db)
    if found.doors is None and not endpoint:
        raise click.ClickException(
            f"no server runs on {db}; start one with `tracen serve`, or name one with --endpoint and --key"
        )
    with key_for(found, key, db, label) as known:
        try:
            yield Destination(found.endpoint, known, found.base_url, is_local=found.doors is not None)
        except ServerError as error:
            raise found.refusal(error) from None
