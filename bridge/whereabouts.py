"""Which Tracen a command asks: the one it was given, else that of the store's file, else what has the usual address.

The order keeps a key from going to whoever has the usual address while its own server is at another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from bridge import presence
from bridge.asking import Server, ServerError
from bridge.console import DEFAULT_BASE_URL, file_named, known_key
from bridge.endings import tidied
from bridge.own_key import own_key
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
        if doors is not None and start in (doors.http, doors.base_url.rstrip("/")):
            return Whereabouts(start, start, doors)
        return Whereabouts(start, start, other=doors)
    doors = doors_of(store_meant(db))
    if doors is None:
        return Whereabouts(DEFAULT_BASE_URL, DEFAULT_BASE_URL, is_usual=True)
    return Whereabouts(doors.http, doors.base_url.rstrip("/"), doors)


@contextmanager
def key_for(found: Whereabouts, key: str | None, db: str, label: str) -> Iterator[str]:
    """The key to ask a server with, for a `with` block: without one, one of the local account, if it is the store's.

    A key that is made for it has this label, and is revoked afterwards. Raises click.UsageError where it takes one that
    nobody gave, and click.ClickException where that is not even known, since nobody answers.
    """
    if not key and found.doors is not None:
        with tidied(), own_key(db, label) as own:
            yield own.secret
        return
    if not key:
        try:
            Server(found.endpoint).ask("GET", "/healthz")
        except ServerError as error:
            raise found.refusal(error) from None
    yield known_key(key)


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
