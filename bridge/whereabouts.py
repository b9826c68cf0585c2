"""Which Tracen a command asks: the one it was given, else that of the store's file, else what has the usual address.

The order keeps a key from going to whoever has the usual address while its own server is at another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import click

from bridge import presence
from bridge.asking import ServerError
from bridge.console import DEFAULT_BASE_URL, file_named
from bridge.presence import Doors
from viewer.settings import default_db


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a server is asked, and how the URLs of its pages begin. `doors`: of the one on the file, if it is that.

    `other`: of the one on the file, where another one is asked.
    """

    endpoint: str
    base_url: str
    doors: Doors | None = None
    other: Doors | None = None
    is_usual: bool = False

    def refusal(self, error: ServerError) -> click.ClickException:
        """An error's words, with what may have been mistaken."""
        if error.status is None and self.is_usual:
            return click.ClickException(
                f"{error}; `tracen serve` starts a server, --endpoint names another one"
            )
        if error.status is None and self.doors is None:
            return click.ClickException(
                f"{error}; --endpoint names another server, `tracen doctor` looks for causes"
            )
        if error.status != 401:
            return click.ClickException(str(error))
        if self.other is not None:
            return click.ClickException(
                f"{error}; the server of this store is another one, at {self.other.http}"
            )
        if self.is_usual:
            return click.ClickException(f"{error}; that is the usual address: --endpoint names another")
        return click.ClickException(str(error))


def whereabouts(endpoint: str | None, db: str | None = None) -> Whereabouts:
    """Where a server is. `endpoint`: as given; `db`: the store's file, default: as TRACEN_DB says.

    Raises click.UsageError where a server has the file, and does not tell where it is.
    """
    if endpoint:
        start = endpoint.rstrip("/")
        doors = presence.find(store_meant(db))
        is_its_own = doors is not None and start in (doors.http, doors.base_url)
        return Whereabouts(start, start, other=None if is_its_own else doors)
    doors = doors_of(store_meant(db))
    if doors is None:
        return Whereabouts(DEFAULT_BASE_URL, DEFAULT_BASE_URL, is_usual=True)
    return Whereabouts(doors.http, doors.base_url.rstrip("/"), doors)


def store_meant(db: str | None) -> str:
    """The store that a command works with, where it has no --db."""
    return db or os.environ.get("TRACEN_DB") or default_db()


def doors_of(db: str) -> Doors | None:
    """The doors of the server that has a file. Raises click.UsageError where they can not be told, or for no file."""
    if "://" in db:
        return None
    try:
        file_named(db)
        return presence.look(db)
    except presence.Untold as untold:
        raise click.UsageError(f"{untold}; name it with --endpoint") from None
    except ValueError:
        raise click.BadParameter("expected the name of a file", param_hint="--db") from None
